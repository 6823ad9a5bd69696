"""A container's log in Docker's json-file format, rotated; written only, reading is in `pyrun.runtime.logs`.

Imports stay lean: a monitor lives as long as its container. Bytes that are no
UTF-8 become U+FFFD in the log, as with Docker; attached clients get them as they are.
"""

import posix  # os costs a quarter of a megabyte more
import time
from _json import encode_basestring_ascii as _quoted  # json itself costs a megabyte of the monitor

FILES = 5
FILE_SIZE = 20 * 1024 * 1024  # bytes
EXTRAS = ".extras"  # behind the log's name: what each record says besides, as JSON; no argument, which all could read
_CHUNK = 16 * 1024  # a longer line is logged in parts, as Docker does
_PORTION = 2 * 1024  # of short lines, which grow fortyfold: more would not stay in the processor's cache
_BEGIN = '{"log":"'
_MARKS = "~^`|@#$%&+<>;QZXJ!?*=KVW_"  # none of them is escaped in JSON
_FLAGS = posix.O_RDWR | posix.O_APPEND | posix.O_CREAT | posix.O_CLOEXEC | posix.O_NOFOLLOW


def described(path: str, file_size: int = FILE_SIZE, files: int = FILES, extras: bool = False) -> str:
    """Give one word that tells a `LogWriter` all: *files* of *file_size* bytes are kept, of 0 files nothing."""
    return f"{path}\n{file_size}\n{files}\n{extras:d}"


class LogWriter:
    """Writes complete lines as JSON; what the disk has no room for is counted, never waited for."""

    __slots__ = ("_extras", "_fd", "_file_size", "_files", "_lost", "_partial", "_path", "_size")

    def __init__(self, description: str) -> None:
        """Open or create the log that *description* tells of: its path alone, or what `described` gives.

        Errors: OSError.
        """
        path, *limits = description.split("\n")
        self._path = path
        self._file_size, self._files, extras = map(int, limits or (FILE_SIZE, FILES, 0))
        self._extras = _read(path + EXTRAS) if extras else ""
        self._partial = {"stdout": b"", "stderr": b""}
        self._lost = self._size = 0
        self._fd = -1
        if self._files:
            self._open()

    def write(self, stream: str, content: bytes) -> None:
        """Log the complete lines of *content*, keeping the rest for the next call."""
        if not self._files:
            return
        size = len(content)
        portion = _CHUNK if content.count(b"\n") < size >> 4 else _PORTION
        for start in range(0, size, portion):
            self._write(stream, content[start : start + portion])

    def finish(self) -> None:
        """Log what did not end with a newline, as a part of a line."""
        for stream, rest in self._partial.items():
            if rest:
                self._partial[stream] = b""
                self._append([rest], b"", stream)

    def pending(self) -> bool:
        """Claim that part of a line is still held back."""
        return any(self._partial.values())

    def _open(self) -> None:
        self._fd = posix.open(self._path, _FLAGS, 0o600)
        self._size = posix.fstat(self._fd).st_size
        if self._size and posix.pread(self._fd, 1, self._size - 1) != b"\n":
            self._store(b"\n")  # a writer was killed: its torn record must not spoil our first

    def _write(self, stream: str, content: bytes) -> None:
        whole = self._partial[stream] + content
        parts = []
        while len(whole) > _CHUNK and whole.find(b"\n", 0, _CHUNK) < 0:  # the first line only can be too long
            end = _boundary(whole)
            parts.append(whole[:end])
            whole = whole[end:]
        end = whole.rfind(b"\n") + 1
        self._partial[stream] = whole[end:]
        if parts or end:
            self._append(parts, whole[:end], stream)

    def _append(self, parts: "list[bytes]", lines: bytes, stream: str) -> None:
        """Log *parts* of a line, then whole *lines*."""
        records = self._records(parts, lines, stream)
        if self._lost:
            note = f"[pyrun: {self._lost} bytes lost: no space left on device]\n"
            records = self._records([], note.encode(), "stderr") + records
        stored = self._spread(records)
        if self._lost or stored < len(records):
            whole = [*parts, *(line + b"\n" for line in lines.split(b"\n")[:-1])]
            self._count_lost(records.count(b"\n", 0, stored), whole)

    def _count_lost(self, stored: int, lines: "list[bytes]") -> None:
        """Count what was not *stored* of a note about earlier losses and of *lines*."""
        if stored and self._lost:
            self._lost, stored = 0, stored - 1
        self._lost += sum(map(len, lines[stored:]))

    def _spread(self, records: bytes) -> int:
        """Write *records*, in new files where one is full; give how many bytes were written, all of whole records."""
        at = 0
        while at < len(records):
            if self._size >= self._file_size:
                self._rotate()
            room = max(self._file_size - self._size, 1)
            end = records.find(b"\n", at + room - 1) + 1 or len(records)
            kept = self._store(records[at:end] if end - at < len(records) else records)
            if at + kept < end:
                return at + kept
            at = end
        return at

    def _store(self, records: bytes) -> int:
        """Write as many whole *records* as there is room for; give their length."""
        kept = 0
        try:
            written = posix.write(self._fd, records)
            kept = written if written == len(records) else records.rfind(b"\n", 0, written) + 1
            if kept < written:  # a torn record would make the next one unreadable as well
                posix.ftruncate(self._fd, posix.fstat(self._fd).st_size - written + kept)
        except OSError:
            pass
        self._size += kept
        return kept

    def _rotate(self) -> None:
        """Begin a new file; killed at any point, no file is lost and at most one number is unused."""
        fresh = f"{self._path}.new"
        try:
            fd = posix.open(fresh, _FLAGS | posix.O_TRUNC, 0o600)
        except OSError:
            return  # no room: the present file grows until there is
        names = [self._path, *(f"{self._path}.{number}" for number in range(1, self._files))]
        for number in range(self._files - 1, 0, -1):
            _rename(names[number - 1], names[number])
        _rename(fresh, self._path)
        posix.close(self._fd)
        self._fd, self._size = fd, 0

    def _records(self, parts: "list[bytes]", lines: bytes, stream: str) -> bytes:
        """Make records of *parts* of a line and of whole *lines*, all at once: a line by itself costs far more."""
        nanoseconds = time.time_ns()
        seconds = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(nanoseconds // 1_000_000_000))
        moment = f"{seconds}.{nanoseconds % 1_000_000_000:09d}Z"
        end = f'","stream":"{stream}",{self._extras}"time":"{moment}"}}\n'
        records = "".join([f"{_BEGIN}{_escaped(part)}{end}" for part in parts])
        if lines:
            records = f"{records}{_BEGIN}{_escaped_lines(lines, end + _BEGIN)}{end}"
        return records.encode()


def _escaped(content: bytes) -> str:
    return str(_quoted(content.decode("utf-8", "replace")))[1:-1]


def _escaped_lines(lines: bytes, between: str) -> str:
    """Escape *lines*, with *between* from the end of each to the beginning of the next.

    Newlines are marks of one letter meanwhile: in JSON they are two, which takes longer to look for, and a
    backslash before an n has to be told apart.
    """
    text = lines.decode("utf-8", "replace")
    mark = next((letter for letter in _MARKS if letter not in text), "")
    if mark:
        return str(_quoted(text[:-1].replace("\n", mark)))[1:-1].replace(mark, f"\\n{between}") + "\\n"
    return f"\\n{between}".join([str(_quoted(line))[1:-1] for line in text[:-1].split("\n")]) + "\\n"


def _boundary(line: bytes) -> int:
    """Give where to cut a long line: not within a character, so that its parts join to what it was."""
    for end in range(_CHUNK, _CHUNK - 4, -1):
        if line[end] & 0xC0 != 0x80:
            return end
    return _CHUNK


def _read(path: str) -> str:
    """Give what each record says besides, with a comma behind."""
    fd = posix.open(path, posix.O_RDONLY | posix.O_CLOEXEC | posix.O_NOFOLLOW)
    try:
        return posix.read(fd, posix.fstat(fd).st_size).decode().strip() + ","
    finally:
        posix.close(fd)


def _rename(source: str, target: str) -> None:
    try:
        posix.rename(source, target)
    except OSError:
        return
