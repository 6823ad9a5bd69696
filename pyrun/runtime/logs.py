"""Reads a container's json-file log back: all of it, and on request what is still to come."""

import os
import time

from pyrun import documents, paths
from pyrun.contexts import suppress
from pyrun.kernel import files
from pyrun.runtime.logwriter import FILES
from pyrun.store import Container
from pyrun.typed import Callable, Iterator

_POLL = 0.1  # seconds
_PORTION = 1 << 18  # bytes, more than the longest record


def print_log(container: Container, follow: bool) -> int:
    """Write the log to standard output and error, as it was written; give the exit code.

    141 when the reader of our output has gone, as if by SIGPIPE.
    """
    path = f"{paths.container(container.id)}/container.log"
    try:
        for stream, content in read(path, follow, lambda: container.status().state == "running"):
            files.write_output(2 if stream == "stderr" else 1, content)
    except BrokenPipeError:
        return 141
    return 0


def read(path: str, follow: bool, still_running: Callable[[], bool]) -> Iterator[tuple[str, bytes]]:
    """Give (stream, content) for each record, oldest first; a torn record is left out.

    With *follow*, go on across rotations until the container is no longer
    running and all that it wrote was given.
    """
    files = _present(path)
    try:
        while True:
            running = follow and still_running()
            for file in files:
                yield from file.records()
            newer = _newer(path, files) if follow else []
            if newer:
                for file in files:  # what came between our end and the rotation
                    yield from file.records()
                    file.close()
                files = newer
            elif running:
                time.sleep(_POLL)
            else:
                return
    finally:
        for file in files:
            file.close()


class _File:
    """One file of a log, and how far it was read."""

    def __init__(self, path: str) -> None:
        self._fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
        self.inode = os.fstat(self._fd).st_ino
        self._offset = 0

    def records(self) -> Iterator[tuple[str, bytes]]:
        """Give the complete records not given yet; from the start again when somebody emptied the file."""
        if os.fstat(self._fd).st_size < self._offset:
            self._offset = 0
        while content := os.pread(self._fd, _PORTION, self._offset):
            end = content.rfind(b"\n") + 1
            if not end and len(content) < _PORTION:
                return
            self._offset += end or len(content)
            yield from filter(None, map(_record, content[:end].splitlines()))

    def close(self) -> None:
        """Close the file."""
        os.close(self._fd)


def _newer(path: str, files: list[_File]) -> list[_File]:
    """Open what was begun after the last of *files*; nothing is missed, however often it was rotated."""
    last = files[-1].inode if files else -1
    with suppress(FileNotFoundError):
        if os.stat(path).st_ino == last:
            return []
    present = _present(path)
    inodes = [file.inode for file in present]
    known = inodes.index(last) + 1 if last in inodes else 0
    for file in present[:known]:
        file.close()
    return present[known:]


def _present(path: str) -> list[_File]:
    """Open the files of a log, oldest first, as they were at one moment."""
    names = [*(f"{path}.{number}" for number in range(FILES - 1, 0, -1)), path]
    while True:
        before = [_inode(name) for name in names]
        files: list[_File] = []
        for name in names:
            with suppress(FileNotFoundError):
                files.append(_File(name))
        expected = [inode for inode in before if inode]
        if expected == [file.inode for file in files] and before == [_inode(name) for name in names]:
            return files
        for file in files:
            file.close()


def _inode(path: str) -> int:
    try:
        return os.stat(path).st_ino
    except FileNotFoundError:
        return 0


def _record(line: bytes) -> "tuple[str, bytes] | None":
    try:
        record = documents.parse(line)
        return str(record["stream"]), str(record["log"]).encode("utf-8", "surrogatepass")
    except (ValueError, TypeError, KeyError, RecursionError):
        return None
