"""A container's log in Docker's json-file format, rotated; written only, reading is in `pyrun.runtime.logs`.

Imports stay lean: a monitor lives as long as its container. Bytes that are no
UTF-8 become U+FFFD in the log, as with Docker; attached clients get them as they are.
"""

import posix  # os costs a quarter of a megabyte more
import time
from _json import encode_basestring_ascii as _quoted  # json itself costs a megabyte of the monitor

FILES = 5
FILE_SIZE = 20 * 1024 * 1024  # bytes
_CHUNK = 16 * 1024  # a longer line is logged in parts, as Docker does
_FLAGS = posix.O_RDWR | posix.O_APPEND | posix.O_CREAT | posix.O_CLOEXEC | posix.O_NOFOLLOW


class LogWriter:
    """Writes complete lines as JSON; what the disk has no room for is counted, never waited for."""

    __slots__ = ("_fd", "_file_size", "_lost", "_partial", "_path", "_size")

    def __init__(self, path: str, file_size: int = FILE_SIZE) -> None:
        """Open or create the log at *path*. Errors: OSError."""
        self._path, self._file_size = path, file_size
        self._partial = {"stdout": b"", "stderr": b""}
        self._lost = 0
        self._fd = posix.open(path, _FLAGS, 0o600)
        self._size = posix.fstat(self._fd).st_size
        if self._size and posix.pread(self._fd, 1, self._size - 1) != b"\n":
            self._store(b"\n")  # a writer was killed: its torn record must not spoil our first

    def write(self, stream: str, content: bytes) -> None:
        """Log the complete lines of *content*, keeping the rest for the next call."""
        for start in range(0, len(content), _CHUNK):  # short lines grow fortyfold: a bound for memory
            self._write(stream, content[start : start + _CHUNK])

    def finish(self) -> None:
        """Log what did not end with a newline, as a part of a line."""
        for stream, rest in self._partial.items():
            if rest:
                self._partial[stream] = b""
                self._append([rest], stream)

    def pending(self) -> bool:
        """Claim that part of a line is still held back."""
        return any(self._partial.values())

    def _write(self, stream: str, content: bytes) -> None:
        lines = _split(self._partial[stream] + content)
        self._partial[stream] = lines.pop()
        if lines:
            self._append(lines, stream)

    def _append(self, lines: "list[bytes]", stream: str) -> None:
        if self._size >= self._file_size:
            self._rotate()
        records = _records(lines, stream)
        if self._lost:
            note = f"[pyrun: {self._lost} bytes lost: no space left on device]\n"
            records = _records([note.encode()], "stderr") + records
        stored = self._store(records)
        if stored and self._lost:
            self._lost, stored = 0, stored - 1
        self._lost += sum(map(len, lines[stored:]))

    def _store(self, records: bytes) -> int:
        """Write as many whole *records* as there is room for; give their number."""
        kept = 0
        try:
            written = posix.write(self._fd, records)
            kept = records.rfind(b"\n", 0, written) + 1
            if kept < written:  # a torn record would make the next one unreadable as well
                posix.ftruncate(self._fd, posix.fstat(self._fd).st_size - written + kept)
        except OSError:
            pass
        self._size += kept
        return records.count(b"\n", 0, kept)

    def _rotate(self) -> None:
        """Begin a new file; killed at any point, no file is lost and at most one number is unused."""
        fresh = f"{self._path}.new"
        try:
            fd = posix.open(fresh, _FLAGS | posix.O_TRUNC, 0o600)
        except OSError:
            return  # no room: the present file grows until there is
        names = [self._path, *(f"{self._path}.{number}" for number in range(1, FILES))]
        for number in range(FILES - 1, 0, -1):
            _rename(names[number - 1], names[number])
        _rename(fresh, self._path)
        posix.close(self._fd)
        self._fd, self._size = fd, 0


def _split(content: bytes) -> "list[bytes]":
    """Cut into lines with their newlines, none longer than a chunk; the last is what remains, or empty."""
    lines = content.split(b"\n")
    last = len(lines) - 1
    parts: list[bytes] = []
    for index, line in enumerate(lines):
        whole = line if index == last else line + b"\n"
        while len(whole) > _CHUNK:
            end = _boundary(whole)
            parts.append(whole[:end])
            whole = whole[end:]
        parts.append(whole)
    return parts


def _boundary(line: bytes) -> int:
    """Give where to cut a long line: not within a character, so that its parts join to what it was."""
    for end in range(_CHUNK, _CHUNK - 4, -1):
        if line[end] & 0xC0 != 0x80:
            return end
    return _CHUNK


def _records(lines: "list[bytes]", stream: str) -> bytes:
    nanoseconds = time.time_ns()
    seconds = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(nanoseconds // 1_000_000_000))
    end = f',"stream":"{stream}","time":"{seconds}.{nanoseconds % 1_000_000_000:09d}Z"}}\n'
    return "".join([f'{{"log":{_quoted(line.decode("utf-8", "replace"))}{end}' for line in lines]).encode()


def _rename(source: str, target: str) -> None:
    try:
        posix.rename(source, target)
    except OSError:
        return
