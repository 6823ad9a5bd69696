"""A live tree read as the members of an archive, while somebody hostile changes it.

Each entry is opened by its name alone, without following it, and without doing anything to what it is (O_PATH); what
was looked at is then what is read, whatever has the name by now. A file gives as many bytes as it had at that moment.
"""

import os
import stat

from pyrun.archive.source import PIECE
from pyrun.archive.tar import Member, no_pieces, refusal
from pyrun.contexts import suppress
from pyrun.typed import Callable, Iterator, NamedTuple

_CAPABILITY = "security.capability"
_ENTRY = os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC
_FILE = os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
_NAMES_MAX = 32 << 20  # bytes of the names that are kept of files that have several
_KINDS = {stat.S_IFREG: "file", stat.S_IFDIR: "directory", stat.S_IFLNK: "symlink", stat.S_IFIFO: "fifo"}
_KINDS |= {stat.S_IFCHR: "device", stat.S_IFBLK: "device"}
OWN_DESCRIPTORS = "/proc/self/fd"


class Reading(NamedTuple):
    """How a tree is read."""

    descriptors: int  # `OWN_DESCRIPTORS` of this process: /proc may be somebody else's where the tree is
    note: "Callable[[bytes, str], None]"  # told what is not in the archive as it is, and why
    devices: bool = False  # device files are in the archive


def members(entry: int, name: bytes, reading: Reading) -> Iterator[Member]:
    """Give what the descriptor *entry* (O_PATH) is, called *name*, and all below it: parents first, names in order.

    What a file holds has to be taken before the next member is asked for. *entry* stays open.
    Errors: PyrunError naming what cannot be read.
    """
    return _Walk(reading).run(entry, name)


class _Level(NamedTuple):
    """A directory on the way."""

    fd: int
    name: bytes
    left: "Iterator[bytes]"


class _Walk:
    """The way through a tree, without recursion: it may be deeper than any stack."""

    def __init__(self, reading: Reading) -> None:
        self._reading = reading
        self._first: dict[tuple[int, int], tuple[bytes, int]] = {}  # name, and how many names are still to come
        self._names_left = _NAMES_MAX

    def run(self, entry: int, name: bytes) -> Iterator[Member]:
        """Walk."""
        levels: list[_Level] = []
        try:
            yield from self._visit(entry, name, levels)
            while levels:
                level = levels[-1]
                child = next(level.left, None)
                if child is None:
                    os.close(levels.pop().fd)
                    continue
                yield from self._child(level, child, levels)
        finally:
            for level in levels:
                os.close(level.fd)

    def _child(self, level: _Level, child: bytes, levels: list[_Level]) -> Iterator[Member]:
        name = level.name + b"/" + child if level.name else child
        try:
            fd = os.open(child, _ENTRY, dir_fd=level.fd)
            try:
                yield from self._visit(fd, name, levels)
            finally:
                os.close(fd)
        except FileNotFoundError:  # gone meanwhile
            return
        except OSError as cause:
            raise refusal(name, os.strerror(cause.errno or 0).lower()) from cause

    def _visit(self, fd: int, name: bytes, levels: list[_Level]) -> Iterator[Member]:
        status = os.fstat(fd)
        kind = _KINDS.get(stat.S_IFMT(status.st_mode), "socket")
        if kind == "socket" or (kind == "device" and not self._reading.devices):
            self._reading.note(name, f"left out: a {'socket' if kind == 'socket' else 'device file'}")
            return
        first = self._known(status, name) if kind != "directory" and status.st_nlink > 1 else b""
        if first:
            yield _member(name, "hardlink", status)._replace(target=first)
        elif kind == "file":
            yield from self._file(fd, name, status)
        elif name:
            target = os.readlink(b"", dir_fd=fd) if kind == "symlink" else b""
            yield _member(name, kind, status)._replace(target=target, device=_device(status))
        if kind == "directory":
            opened = os.open(".", _DIRECTORY, dir_fd=fd)
            levels.append(_Level(opened, name, iter(sorted(map(os.fsencode, os.listdir(opened))))))

    def _file(self, entry: int, name: bytes, status: os.stat_result) -> Iterator[Member]:
        fd = os.open(str(entry), _FILE, dir_fd=self._reading.descriptors)
        try:
            capability = b""
            with suppress(OSError):
                capability = os.getxattr(fd, _CAPABILITY)
            attributes = ((_CAPABILITY.encode(), capability),) if capability else ()

            def pieces() -> Iterator[tuple[int, bytes]]:
                at = 0
                while at < status.st_size and (piece := os.read(fd, min(PIECE, status.st_size - at))):
                    yield at, piece
                    at += len(piece)
                if at < status.st_size:
                    self._reading.note(name, "became shorter while it was read: zeros in place of the rest")

            content = pieces if status.st_size else no_pieces
            yield _member(name, "file", status)._replace(xattrs=attributes, pieces=content, size=status.st_size)
        finally:
            os.close(fd)

    def _known(self, status: os.stat_result, name: bytes) -> bytes:
        """Give the name under which the same file has been given already; else remember this one."""
        key = (status.st_dev, status.st_ino)
        first, left = self._first.pop(key, (b"", status.st_nlink))
        self._names_left += len(first)
        if left > 1 and self._names_left > 0:
            self._first[key] = (first or name, left - 1)
            self._names_left -= len(first or name)
        return first


def _device(status: os.stat_result) -> "tuple[bytes, int, int] | None":
    kind = {stat.S_IFCHR: b"3", stat.S_IFBLK: b"4"}.get(stat.S_IFMT(status.st_mode))
    return (kind, os.major(status.st_rdev), os.minor(status.st_rdev)) if kind else None


def _member(name: bytes, kind: str, status: os.stat_result) -> Member:
    moment = status.st_mtime_ns // 10**9 * 10**9
    return Member(name, kind, stat.S_IMODE(status.st_mode), status.st_uid, status.st_gid, moment)
