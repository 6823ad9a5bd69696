"""How far something is, on a terminal and only when it takes longer than a second."""

import os
import time

from pyrun.cli import ages

_PATIENCE, _EVERY = 1.0, 0.1  # seconds
_WIDTH = 80  # of a terminal that does not say


class Progress:
    """A line on standard error that is written over and at last taken away."""

    def __init__(self, what: str, total: int = 0) -> None:
        self._what, self._total = what, total
        self._next = time.monotonic() + _PATIENCE if os.isatty(2) else float("inf")
        self._shown = False

    def seen(self, done: int, total: int = 0) -> None:
        """Show how many bytes there are so far, and of how many if that is known."""
        if time.monotonic() >= self._next:
            total = total or self._total
            whole = f" of {ages.size(total, 3)} ({100 * done // total} %)" if total else ""
            self.tell(f"{ages.size(done, 3)}{whole}")

    def tell(self, text: str) -> None:
        """Show what is done just now."""
        if time.monotonic() >= self._next:
            width = (os.get_terminal_size(2).columns or _WIDTH) - 1
            os.write(2, b"\r\x1b[K" + f"{self._what}: {text}"[:width].encode(errors="backslashreplace"))
            self._next, self._shown = time.monotonic() + _EVERY, True

    def clear(self) -> None:
        """Take the line away."""
        if self._shown:
            os.write(2, b"\r\x1b[K")
            self._shown = False
