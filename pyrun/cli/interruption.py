"""What a verb does that takes long and cleans up behind itself: a signal that ends it lets it do so first."""

import _signal as signal  # type: ignore[import-not-found]  # signal itself imports enum

from pyrun.typed import NoReturn

_ENDS = (signal.SIGHUP, signal.SIGINT, signal.SIGTERM)


def clean_up_when_ended() -> None:
    """Let the signals that end us end the block that is on its way, so that it leaves nothing; once."""

    def end(number: int, _: object) -> NoReturn:
        for each in _ENDS:
            signal.signal(each, signal.SIG_IGN)
        raise SystemExit(128 + number)

    for each in _ENDS:
        if signal.getsignal(each) != signal.SIG_IGN:
            signal.signal(each, end)
