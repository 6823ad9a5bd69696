"""How far something has come that takes longer than a second, told on a terminal and taken away at the end."""

import os
import time

from pyrun.contexts import contextmanager, suppress
from pyrun.typed import Callable, Iterator

Progress = Callable[[int], None]

_PATIENCE, _INTERVAL = 1.0, 0.2  # seconds
_ERASE = "\r\033[K"


@contextmanager
def meter(what: str, quiet: bool, clock: "Callable[[], float]" = time.monotonic) -> "Iterator[Progress | None]":
    """Give what takes the number of bytes so far, or None where nobody would see it."""
    if quiet or not os.isatty(2):
        yield None
        return
    shown = _Meter(what, clock)
    try:
        yield shown.update
    finally:
        shown.erase()


def growing(fd: int, progress: "Progress | None") -> "Callable[[int], None] | None":
    """Give what watches the file *fd* grow until the process of a pidfd has ended."""
    if progress is None:
        return None

    def watch(pidfd: int) -> None:
        from pyrun.kernel import processes

        while not processes.wait_end(pidfd, _INTERVAL):
            progress(os.fstat(fd).st_size)

    return watch


def size(count: int) -> str:
    """Give a number of bytes in Docker's words: 2B, 1.5kB, 12.3MB."""
    amount, unit = float(count), 0
    while amount >= 1000 and unit < len(_UNITS) - 1:
        amount, unit = amount / 1000, unit + 1
    return f"{amount:.4g}{_UNITS[unit]}"


_UNITS = ("B", "kB", "MB", "GB", "TB", "PB")


class _Meter:
    def __init__(self, what: str, clock: "Callable[[], float]") -> None:
        self._what, self._clock = what, clock
        self._next = clock() + _PATIENCE
        self._visible = False

    def update(self, count: int) -> None:
        """Show how many bytes there have been, now and then."""
        now = self._clock()
        if now < self._next:
            return
        self._next, self._visible = now + _INTERVAL, True
        self._write(f"\r{self._what}: {size(count)}\033[K")

    def erase(self) -> None:
        """Take away what was shown."""
        if self._visible:
            self._write(_ERASE)

    def _write(self, text: str) -> None:
        with suppress(OSError):
            os.write(2, text.encode(errors="backslashreplace"))
