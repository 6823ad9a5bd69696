"""Reads a container's log back: from any point on, and on request what is still to come.

How the records of its files are to be understood is in `pyrun.runtime.logrecords`.
"""

import os
import time

from pyrun import paths
from pyrun.contexts import suppress
from pyrun.errors import PyrunError
from pyrun.kernel import files, locks
from pyrun.runtime.logrecords import PLAIN, Piece, View, shown
from pyrun.store import Container
from pyrun.typed import Callable, Iterator

MYPY = False
if MYPY:
    from pyrun.kernel import watches

ALL = -1  # as many lines as there are
_PATIENCE = 1.0  # seconds after which a follower looks without being woken: whoever should do that may have been killed
_PORTION = 1 << 18  # bytes, more than the longest record
_BLOCK = 1 << 16  # bytes, in which the last lines are looked for


def print_log(container: Container, follow: bool, view: View = PLAIN, tail: int = ALL) -> int:
    """Write the log to standard output and error, as it was written; give the exit code.

    141 when the reader of our output has gone, as if by SIGPIPE. Errors: PyrunError where nothing is kept.
    """
    try:
        for stream, content in recorded(container, follow, view, tail):
            files.write_output(2 if stream == "stderr" else 1, content)
    except BrokenPipeError:
        return 141
    return 0


def recorded(container: Container, follow: bool, view: View = PLAIN, tail: int = ALL) -> Iterator[Piece]:
    """Give what a container said, in pieces of whole lines. Errors: PyrunError where nothing is kept."""
    if container.config and container.config.log_driver == "none":
        raise PyrunError(f"container {container.name}: the log driver none keeps nothing that could be read", 1)
    path = f"{paths.container(container.id)}/container.log"
    return read(path, follow, lambda: _goes_on(container), view, tail)


def _goes_on(container: Container) -> bool:
    """Claim that the container may write more: it runs, or somebody or its policy is about to start it again."""
    restarted = locks.is_held(paths.again(container.id))
    return restarted or container.status().state in ("running", "paused", "restarting")


def read(
    path: str, follow: bool, still_running: Callable[[], bool], view: View = PLAIN, tail: int = ALL
) -> Iterator[Piece]:
    """Give what the log at *path* says, oldest first, from the last *tail* records on; torn ones are left out.

    With *follow*, go on across rotations until the container is no longer
    running and all that it wrote was given, or the time *view*.until has come.
    """
    present = _last(_present(path), tail)
    watch = _watch(path) if follow else None
    try:
        while True:
            going_on = follow and still_running() and not _has_come(view.until)
            for portion in _unread(present):
                pieces, over = shown(portion, view)
                yield from pieces
                if over:
                    return
            newer = _newer(path, present) if follow else []
            if newer:
                yield from _rest(present, view)  # what came between our end and the rotation
                _close(present)
                present = newer
            elif going_on:
                _wait(watch, view.until)
            else:
                return
    finally:
        _close(present)
        if watch:
            watch.close()


class _File:
    """One file of a log, and how far it was read."""

    def __init__(self, path: str) -> None:
        self._fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
        self.inode = os.fstat(self._fd).st_ino
        self._offset = 0

    def portions(self) -> Iterator[bytes]:
        """Give the whole lines not given yet; from the start again when somebody emptied the file."""
        if os.fstat(self._fd).st_size < self._offset:
            self._offset = 0
        while content := os.pread(self._fd, _PORTION, self._offset):
            end = content.rfind(b"\n") + 1
            if not end and len(content) < _PORTION:
                return
            self._offset += end or len(content)
            yield content[:end]

    def go_back(self, lines: int) -> int:
        """Begin with the last *lines* of the file; give how many it does not have."""
        end = os.fstat(self._fd).st_size
        missing = lines + 1  # newlines: the one before the first line as well
        while end > 0:
            start = max(0, end - _BLOCK)
            block = os.pread(self._fd, end - start, start)
            found = block.count(b"\n")
            if found >= missing:
                self._offset = start + _nth_last(block, missing) + 1
                return 0
            missing, end = missing - found, start
        self._offset = 0
        return missing - 1

    def close(self) -> None:
        """Close the file."""
        os.close(self._fd)


def _nth_last(block: bytes, number: int) -> int:
    """Give where the newline stands that is the *number*-th from the end."""
    at = len(block)
    for _ in range(number):
        at = block.rfind(b"\n", 0, at)
    return at


def _unread(present: list[_File]) -> Iterator[bytes]:
    for file in present:
        yield from file.portions()


def _rest(present: list[_File], view: View) -> Iterator[Piece]:
    for portion in _unread(present):
        yield from shown(portion, view)[0]


def _last(present: list[_File], lines: int) -> list[_File]:
    """Keep those files that the last *lines* are in, and begin with these."""
    missing, at = lines, len(present)
    while at and missing >= 0 and lines != ALL:
        at -= 1
        missing = present[at].go_back(missing) or -1
    _close(present[:at] if lines != ALL else [])
    return present[at:] if lines != ALL else present


def _watch(path: str) -> "watches.Watch | None":
    """Be woken by what happens to the log; None where that cannot be, and one has to look."""
    from pyrun.kernel import watches

    with suppress(OSError):
        return watches.Watch(path.rpartition("/")[0])
    return None


def _wait(watch: "watches.Watch | None", until: str) -> None:
    seconds = _PATIENCE if watch else 0.1
    if until:
        seconds = min(seconds, 0.1)
    if watch:
        watch.wait(seconds)
    else:
        time.sleep(seconds)


def _has_come(moment: str) -> bool:
    if not moment:
        return False
    from pyrun import moments  # with what reads times, which few need

    return moments.stamp(time.time_ns()) > moment


def _close(present: list[_File]) -> None:
    for file in present:
        file.close()


def _newer(path: str, present: list[_File]) -> list[_File]:
    """Open what was begun after the last of *present*; nothing is missed, however often it was rotated."""
    last = present[-1].inode if present else -1
    with suppress(FileNotFoundError):
        if os.stat(path).st_ino == last:
            return []
    opened = _present(path)
    inodes = [file.inode for file in opened]
    known = inodes.index(last) + 1 if last in inodes else 0
    _close(opened[:known])
    return opened[known:]


def _present(path: str) -> list[_File]:
    """Open the files of a log, oldest first, as they were at one moment."""
    while True:
        before = _names(path)
        opened: list[_File] = []
        for name, _ in before:
            with suppress(FileNotFoundError):
                opened.append(_File(name))
        if [inode for _, inode in before] == [file.inode for file in opened] and before == _names(path):
            return opened
        _close(opened)


def _names(path: str) -> list[tuple[str, int]]:
    """Give the log's files, oldest first, with their inodes."""
    directory, _, own = path.rpartition("/")
    found = []
    with suppress(FileNotFoundError):
        for name in os.listdir(directory):
            number = name.removeprefix(f"{own}.")
            if name == own or (number != name and number.isdigit()):
                found.append((-int(number) if number != name else 0, f"{directory}/{name}"))
    return [(name, inode) for _, name in sorted(found) if (inode := _inode(name))]


def _inode(path: str) -> int:
    try:
        return os.stat(path).st_ino
    except FileNotFoundError:
        return 0
