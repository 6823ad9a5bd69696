"""The client of `attach`: it connects to the monitor of a running container, and is one of several there."""

import os
import struct

from pyrun import chronicle, paths
from pyrun.contexts import suppress
from pyrun.errors import PyrunError
from pyrun.kernel import terminal
from pyrun.runtime import console
from pyrun.runtime.channel import ATTACHED, RESIZE, STDIO, Channel, connected
from pyrun.spec import ContainerConfig
from pyrun.store import Container
from pyrun.typed import NamedTuple

_REFUSED = {
    "paused": "cannot attach to a paused container, unpause it first",
    "restarting": "cannot attach to a restarting container, wait until it is running",
}


class Options(NamedTuple):
    """How the client behaves."""

    stdin: bool = True  # give the container our input, where it takes any
    sig_proxy: bool = True  # pass signals on
    detach_keys: str = "ctrl-p,ctrl-q"


def attach(container: Container, options: Options) -> int:
    """Connect our stdio to a container until it ends; give its exit code, or 0 after the detach keys.

    Errors: PyrunError when it does not run, or nobody keeps it any more.
    """
    state, config = container.status().state, container.config
    if config is None or state not in ("running", *_REFUSED):
        raise PyrunError("cannot attach to a stopped container, start it first", 1)
    if state in _REFUSED:
        raise PyrunError(_REFUSED[state], 1)
    stdin = config.interactive and options.stdin
    console.check_terminal(config.tty, stdin)
    control = _connected(container)
    ends = _handed_over(control, config, stdin)
    chronicle.container(container.id, config, "attach")
    if config.tty:
        _let_it_draw(control)
    attached = console.Console(control, config.tty, console.parse_keys(options.detach_keys), options.sig_proxy)
    return attached.run(console.Ends(*ends))


def _connected(container: Container) -> Channel:
    try:
        return connected(paths.monitor(container.id))
    except OSError:
        hint = "it goes on; pyrun exec, stop and rm work"
        raise PyrunError(f"container {container.name}: its monitor is gone, and its output with it", 1, hint) from None


def _let_it_draw(control: Channel) -> None:
    """Have the window another size for a moment, as Docker does: what the program drew before is not on our screen."""
    rows, columns, *rest = struct.unpack("4H", terminal.size(0 if terminal.is_terminal(0) else 1))
    if rows and columns:
        control.send(RESIZE, struct.pack("4H", rows + 1, columns + 1, *rest))


def _handed_over(control: Channel, config: ContainerConfig, stdin: bool) -> tuple[int, int, int]:
    """Give the monitor its ends of new pipes; give ours."""
    given: list[tuple[bytes, int]] = []
    ends = [-1, -1, -1]
    for number, wanted in ((0, stdin), (1, True), (2, not config.tty)):
        if wanted:
            reader, writer = os.pipe2(os.O_CLOEXEC)
            ends[number], theirs = (writer, reader) if number == 0 else (reader, writer)
            given.append((b"%d" % number, theirs))
    for name, fd in given:
        with suppress(OSError):  # it has ended meanwhile, which is told below
            control.send(STDIO, name, fd)
        os.close(fd)
    control.send(ATTACHED)
    return ends[0], ends[1], ends[2]
