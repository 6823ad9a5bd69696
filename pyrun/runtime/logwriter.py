"""A container's log in Docker's json-file format, rotated; written only, reading is in `pyrun.runtime.logs`.

Imports stay lean: a monitor lives as long as its container. Bytes that are no
UTF-8 become U+FFFD in the log, as with Docker; attached clients get them as they are.
"""

import os
import time
from _json import encode_basestring_ascii as _quoted  # json itself costs a megabyte of the monitor

FILES = 5
FILE_SIZE = 20 * 1024 * 1024  # bytes
_CHUNK = 16 * 1024  # a longer line is logged in parts, as Docker does


class LogWriter:
    """Writes complete lines as JSON; what the disk has no room for is counted, never waited for."""

    __slots__ = ("_fd", "_lost", "_partial", "_path", "_size")

    def __init__(self, path: str) -> None:
        self._path = path
        self._partial = {"stdout": b"", "stderr": b""}
        self._lost = 0
        self._open()

    def write(self, stream: str, content: bytes) -> None:
        """Log the complete lines of *content*, keeping the rest for the next call."""
        lines = (self._partial[stream] + content).split(b"\n")
        self._partial[stream] = lines.pop()
        records: "list[str]" = []
        for line in lines:
            self._split(stream, line + b"\n", records)
        while len(self._partial[stream]) >= _CHUNK:
            records.append(_record(stream, self._partial[stream][:_CHUNK]))
            self._partial[stream] = self._partial[stream][_CHUNK:]
        if records:
            self._append("".join(records).encode())

    def finish(self) -> None:
        """Log what did not end with a newline."""
        for stream, rest in self._partial.items():
            if rest:
                self._append(_record(stream, rest).encode())
                self._partial[stream] = b""

    def pending(self) -> bool:
        """Claim that part of a line is still held back."""
        return any(self._partial.values())

    def _split(self, stream: str, line: bytes, records: "list[str]") -> None:
        while len(line) > _CHUNK:
            records.append(_record(stream, line[:_CHUNK]))
            line = line[_CHUNK:]
        records.append(_record(stream, line))

    def _append(self, content: bytes) -> None:
        if self._size >= FILE_SIZE:
            self._rotate()
        if self._lost:
            note = f"[pyrun: {self._lost} bytes lost: no space left on device]\n".encode()
            content = _record("stderr", note).encode() + content
        try:
            written = os.write(self._fd, content)
        except OSError:
            written = 0
        if written < len(content):  # a torn record would make the next one unreadable as well
            os.ftruncate(self._fd, self._size)
            self._lost += len(content)
            return
        self._lost = 0
        self._size += written

    def _rotate(self) -> None:
        for number in range(FILES - 1, 0, -1):
            source = f"{self._path}.{number - 1}" if number > 1 else self._path
            try:
                os.rename(source, f"{self._path}.{number}")
            except OSError:
                continue
        os.close(self._fd)
        self._open()

    def _open(self) -> None:
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
        self._fd = os.open(self._path, flags, 0o600)
        self._size = os.fstat(self._fd).st_size


def _record(stream: str, content: bytes) -> str:
    nanoseconds = time.time_ns()
    seconds = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(nanoseconds // 1_000_000_000))
    text = _quoted(content.decode("utf-8", "replace"))
    return f'{{"log":{text},"stream":"{stream}","time":"{seconds}.{nanoseconds % 1_000_000_000:09d}Z"}}\n'
