"""A directory read as an archive is, for a copy that keeps owners, times, links and holes.

What is mounted below is left out, as by ``tar --one-file-system``; the directory may change meanwhile, and what is
in it is trusted as little as an archive: files are opened by descriptor, never through a link.
"""

import errno
import os
import stat

from pyrun.archive.source import PIECE
from pyrun.archive.sparse import Pieces
from pyrun.archive.tar import Member, no_pieces, refusal
from pyrun.contexts import suppress
from pyrun.typed import Callable, Iterator

_KINDS = {
    stat.S_IFREG: "file",
    stat.S_IFDIR: "directory",
    stat.S_IFLNK: "symlink",
    stat.S_IFIFO: "fifo",
}
_ENTER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
_Level = tuple[int, bytes, list[bytes]]  # a directory: its descriptor, its path, the names in it that are to come


def members(root: int) -> Iterator[Member]:
    """Give all that is below the directory descriptor *root*, each directory before what is in it.

    Errors: OSError, PyrunError naming what cannot be read.
    """
    device = os.fstat(root).st_dev
    seen: dict[tuple[int, int], bytes] = {}  # by inode, the first name of what has several
    levels: list[_Level] = [(os.dup(root), b"", _names(root))]
    try:
        while levels:
            at, path, names = levels[-1]
            if not names:
                os.close(levels.pop()[0])
                continue
            name = names.pop()
            with suppress(FileNotFoundError):  # gone meanwhile
                member = _member(at, name, os.path.join(path, name), seen)
                yield member
                if member.kind == "directory":
                    fd = os.open(name, _ENTER, dir_fd=at)
                    levels.append((fd, member.name, _names(fd) if os.fstat(fd).st_dev == device else []))
    finally:
        for fd, _, _ in levels:
            os.close(fd)


def _names(fd: int) -> list[bytes]:
    return sorted(map(os.fsencode, os.listdir(fd)), reverse=True)


def _member(at: int, name: bytes, path: bytes, seen: "dict[tuple[int, int], bytes]") -> Member:
    status = os.stat(name, dir_fd=at, follow_symlinks=False)
    kind = _KINDS.get(stat.S_IFMT(status.st_mode), "device")
    first = seen.setdefault((status.st_dev, status.st_ino), path) if status.st_nlink > 1 and kind == "file" else path
    member = Member(path, kind, stat.S_IMODE(status.st_mode), status.st_uid, status.st_gid, status.st_mtime_ns)
    if first != path:
        return member._replace(kind="hardlink", target=first)
    if kind == "symlink":
        return member._replace(target=os.readlink(name, dir_fd=at))
    if kind not in ("file", "directory"):
        return member
    fd = os.open(name, _ENTER if kind == "directory" else _READ, dir_fd=at)
    try:
        xattrs = tuple(_xattrs(fd))
    finally:
        os.close(fd)
    size = status.st_size if kind == "file" else 0
    return member._replace(size=size, xattrs=xattrs, pieces=_reader(at, name, path, size) if size else no_pieces)


def _xattrs(fd: int) -> "Iterator[tuple[bytes, bytes]]":
    with suppress(OSError):  # a file system without them
        for name in os.listxattr(fd):
            yield os.fsencode(name), os.getxattr(fd, name)


def _reader(at: int, name: bytes, path: bytes, size: int) -> "Callable[[], Pieces]":
    def pieces() -> Pieces:
        fd = os.open(name, _READ, dir_fd=at)
        try:
            if not stat.S_ISREG(os.fstat(fd).st_mode):
                raise refusal(path, "changes while it is read")
            yield from _pieces(fd, size)
        finally:
            os.close(fd)

    return pieces


def _pieces(fd: int, size: int) -> Pieces:
    """Give what a file holds up to *size*, without its holes; see lseek(2), SEEK_DATA."""
    offset = 0
    while offset < size:
        try:
            offset = os.lseek(fd, offset, os.SEEK_DATA)
        except OSError as cause:
            if cause.errno == errno.ENXIO:  # nothing but a hole is left
                return
            raise
        end = min(os.lseek(fd, offset, os.SEEK_HOLE), size)
        while offset < end and (content := os.pread(fd, min(PIECE, end - offset), offset)):
            yield offset, content
            offset += len(content)
