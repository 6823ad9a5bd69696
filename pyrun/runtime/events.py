"""The chronicle read back: what has happened, and on request what is still to come, across rotations.

It is written by `pyrun.chronicle`. A line that was torn off is left out.
"""

import os
import stat
import time

from pyrun import documents, paths
from pyrun.contexts import suppress
from pyrun.kernel.watches import Watch
from pyrun.typed import Any, Iterator, NamedTuple

_LONGEST = 5.0  # seconds until we look though nobody has told us of anything
_POLL = 0.1  # where the kernel cannot tell us
_PORTION = 1 << 18  # bytes
_MOST = 3  # files: who opened the chronicle before its rotation may write to it a moment later


class Event(NamedTuple):
    """Something that happened; *at* in nanoseconds since the epoch."""

    at: int
    kind: str
    action: str
    actor: str
    attributes: "dict[str, str]"


def read(since: "int | None", until: "int | None") -> Iterator["Event | None"]:
    """Give the events between two moments, oldest first; None when all that there is has been given, before waiting.

    Without *until* this goes on for ever. What has happened before is left out if neither is given.
    """
    told = _watch()
    reader = _Reader(past=since is not None or until is not None)
    try:
        found = sorted(reader.new(), key=lambda event: event.at)
        while True:
            for event in found:
                if (since is None or event.at >= since) and (until is None or event.at <= until):
                    yield event
            if until is not None and time.time_ns() > until:
                return
            yield None
            left = _LONGEST if until is None else min(_LONGEST, max(0, until - time.time_ns()) / 1e9 + 0.001)
            if told:
                told.wait(left)
            else:
                time.sleep(min(_POLL, left))
            over = until is not None and time.time_ns() > until
            found = list(reader.new())
            if over and not found:
                return
    finally:
        reader.close()
        if told:
            told.close()


def _watch() -> "Watch | None":
    """Have the kernel tell us when something is written; None where it cannot, or nothing has been written yet."""
    with suppress(OSError):
        return Watch(os.path.dirname(paths.EVENTS))
    return None


class _File:
    """The chronicle, or what it was before its rotation, and how far it was read."""

    def __init__(self, path: str) -> None:
        self.fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
        self.inode = os.fstat(self.fd).st_ino
        self.offset = 0

    def events(self) -> Iterator[Event]:
        """Give what is new in it; from the start again when somebody emptied it."""
        if os.fstat(self.fd).st_size < self.offset:
            self.offset = 0
        while content := os.pread(self.fd, _PORTION, self.offset):
            end = content.rfind(b"\n") + 1
            if not end and len(content) < _PORTION:
                return
            self.offset += end or len(content)
            yield from filter(None, map(_event, content[:end].split(b"\n")))


class _Reader:
    """The files of the chronicle, oldest first, as they come and go."""

    def __init__(self, past: bool) -> None:
        self._files = [file for path in _places() if (file := _opened(path))]
        for file in () if past else self._files:
            file.offset = os.fstat(file.fd).st_size

    def new(self) -> Iterator[Event]:
        """Give what was written since the last call."""
        for file in self._files:
            yield from file.events()
        for file in self._fresh():
            yield from file.events()

    def _fresh(self) -> list[_File]:
        """Open what was begun since; let go of what is too old to be written to."""
        known = {file.inode for file in self._files}
        if {_inode(path) for path in _places()} - {0} <= known:
            return []
        fresh = []
        for file in filter(None, map(_opened, _places())):
            if file.inode in known:
                os.close(file.fd)
            else:
                fresh.append(file)
        self._files += fresh
        while len(self._files) > _MOST:
            os.close(self._files.pop(0).fd)
        return fresh

    def close(self) -> None:
        """Close the files."""
        for file in self._files:
            os.close(file.fd)


def _places() -> tuple[str, str]:
    return paths.EVENTS_FORMER, paths.EVENTS


def _opened(path: str) -> "_File | None":
    with suppress(OSError):
        file = _File(path)
        if stat.S_ISREG(os.fstat(file.fd).st_mode):
            return file
        os.close(file.fd)
    return None


def _inode(path: str) -> int:
    with suppress(OSError):
        return os.stat(path).st_ino
    return 0


def _event(line: bytes) -> "Event | None":
    if not line:
        return None
    try:
        at, kind, action, actor, attributes = documents.parse(line)
        found: dict[Any, Any] = attributes
        if isinstance(at, int) and all(isinstance(word, str) for word in (kind, action, actor, *found.values())):
            return Event(at, kind, action, actor, found)
    except (ValueError, TypeError, AttributeError, RecursionError):
        pass
    return None
