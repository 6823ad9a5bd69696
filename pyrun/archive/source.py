"""A stream read in blocks, and how much of the current member is left in it."""

from pyrun.errors import PyrunError
from pyrun.typed import Protocol

BLOCK = 512
PIECE = 1 << 20  # bytes of a file that are in memory at once
_TRAILING = 1 << 20  # bytes of padding behind the end that are read


class Stream(Protocol):
    """What is read from: as of a pipe, fewer bytes than asked for are no end, none are."""

    def read(self, count: int, /) -> bytes:
        """Read at most *count* bytes."""


def broken(reason: str) -> PyrunError:
    """Make the error for an archive that cannot be read."""
    return PyrunError(f"archive: broken: {reason}", 1)


class Source:
    """Gives headers and contents out of a stream, never more in memory than was asked for."""

    def __init__(self, stream: Stream) -> None:
        self._stream = stream
        self._padding = 0
        self.left = 0
        self.begun = False  # there was something

    def block(self) -> bytes:
        """Read a block that is of no content; empty at the stream's end. Errors: PyrunError."""
        block = self._stream.read(BLOCK)
        self.begun = self.begun or bool(block)
        return block and self._completed(block, BLOCK)

    def begin(self, size: int) -> None:
        """Know that *size* bytes of content follow."""
        self.left, self._padding = size, -size % BLOCK

    def take(self, count: int) -> bytes:
        """Read *count* bytes of the content. Errors: PyrunError when there are fewer."""
        if count > self.left:
            raise broken("a member is shorter than it says")
        self.left -= count
        return self._completed(b"", count)

    def skip(self) -> None:
        """Read past what is left of the content. Errors: PyrunError."""
        while self.left:
            self.take(min(PIECE, self.left))
        self._completed(b"", self._padding)
        self._padding = 0

    def drain(self) -> None:
        """Read what pads the end: so a compressed stream's checksum is seen, and who writes into a pipe can finish."""
        left = _TRAILING
        while left > 0 and (rest := self._stream.read(min(left, PIECE))):
            left -= len(rest)

    def _completed(self, content: bytes, count: int) -> bytes:
        parts, missing = [content], count - len(content)
        while missing:
            part = self._stream.read(missing)
            if not part:
                raise PyrunError("archive: ends too soon", 1)
            parts.append(part)
            missing -= len(part)
        return b"".join(parts)
