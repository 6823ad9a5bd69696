"""Trees copied with all that belongs to a file: owner, mode, times, extended attributes, holes and hard links.

The source may be hostile and change meanwhile: everything is opened by descriptor, no link is followed and no mount
crossed. Making and removing trees is in `pyrun.kernel.trees`.
"""

import os
import stat

from pyrun.contexts import suppress
from pyrun.kernel import syscalls
from pyrun.kernel.files import quote
from pyrun.kernel.trees import IN_ROOT, RemoveTree, open_in_root, opened
from pyrun.typed import NamedTuple

_BELOW = syscalls.RESOLVE_BENEATH | syscalls.RESOLVE_NO_XDEV | syscalls.RESOLVE_NO_SYMLINKS
_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW
_PORTION = 1 << 20


class CopyTree(NamedTuple):
    """What the tree *root* has at *path*, also as the directory *target* of ours, which is made if it is missing."""

    root: str
    path: str
    target: str
    reason: str

    def apply(self) -> None:
        with opened(self.root) as root:
            source = open_in_root(root, self.path, os.O_RDONLY | os.O_DIRECTORY, IN_ROOT | syscalls.RESOLVE_NO_XDEV)
        umask = os.umask(0)
        try:
            with suppress(FileExistsError):
                os.mkdir(self.target, 0o700)
            target = os.open(self.target, _DIRECTORY | os.O_CLOEXEC)
            try:
                _Copy(source, target).run()
            finally:
                os.close(target)
        finally:
            os.umask(umask)
            os.close(source)

    def inverse(self) -> RemoveTree:
        return RemoveTree(self.target)

    def shell(self) -> str:
        target = quote(self.target)
        return f"mkdir -p {target} && cp -a {quote(self.root.rstrip('/') + self.path)}/. {target}"

    def why(self) -> str:
        return self.reason


class Rename(NamedTuple):
    """Put a directory of ours into its place at one moment; an empty one may be there."""

    path: str
    target: str
    reason: str

    def apply(self) -> None:
        os.rename(self.path, self.target)

    def inverse(self) -> None:
        return None

    def shell(self) -> str:
        return f"mv -T {quote(self.path)} {quote(self.target)}"

    def why(self) -> str:
        return self.reason


class _Copy:
    """One copying, directory by directory: a tree may be deeper than any stack."""

    def __init__(self, source: int, target: int) -> None:
        self.source, self.target = source, target
        self.linked: dict[tuple[int, int], tuple[bytes, bytes]] = {}  # (directory, name) of the first of several names

    def run(self) -> None:
        waiting, done = [b"."], []
        while waiting:
            path = waiting.pop()
            done.append(path)
            source = syscalls.openat2(self.source, path, _DIRECTORY, _BELOW)
            try:
                target = syscalls.openat2(self.target, path, _DIRECTORY, _BELOW)
                try:
                    waiting += [path + b"/" + name for name in self._entries(path, source, target)]
                finally:
                    os.close(target)
            finally:
                os.close(source)
        for path in reversed(done):  # last: what is made in a directory changes its times
            self._describe(path)

    def _entries(self, path: bytes, source: int, target: int) -> list[bytes]:
        """Copy what is in one directory; give the names of the directories among it, yet to be filled."""
        found = []
        for text in os.listdir(source):
            name = os.fsencode(text)
            with suppress(FileNotFoundError):  # it was removed meanwhile
                if self._entry(path, name, source, target):
                    found.append(name)
        return found

    def _entry(self, path: bytes, name: bytes, source: int, target: int) -> bool:
        status = os.stat(name, dir_fd=source, follow_symlinks=False)
        if stat.S_ISDIR(status.st_mode):
            within = status.st_dev == os.fstat(source).st_dev
            os.mkdir(name, 0o700 if within else 0o755, dir_fd=target)  # of what is mounted there only the place
            return within
        known = self.linked.get((status.st_dev, status.st_ino)) if status.st_nlink > 1 else None
        if known:
            first = syscalls.openat2(self.target, known[0], os.O_PATH | os.O_DIRECTORY, _BELOW)
            try:
                os.link(known[1], name, src_dir_fd=first, dst_dir_fd=target, follow_symlinks=False)
            finally:
                os.close(first)
            return False
        if stat.S_ISREG(status.st_mode):
            _copy_file(name, source, target)
        elif not _copy_special(name, status, source, target):
            return False
        if status.st_nlink > 1:
            self.linked[status.st_dev, status.st_ino] = (path, name)
        return False

    def _describe(self, path: bytes) -> None:
        source = syscalls.openat2(self.source, path, _DIRECTORY, _BELOW)
        try:
            target = syscalls.openat2(self.target, path, _DIRECTORY, _BELOW)
            try:
                _describe(source, target)
            finally:
                os.close(target)
        finally:
            os.close(source)


def _copy_file(name: bytes, source: int, target: int) -> None:
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
    given = os.open(name, flags, dir_fd=source)
    try:
        if not stat.S_ISREG(os.fstat(given).st_mode):
            return  # it was replaced meanwhile
        taken = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600, dir_fd=target)
        try:
            _copy_content(given, taken)
            _describe(given, taken)
        finally:
            os.close(taken)
    finally:
        os.close(given)


def _copy_content(given: int, taken: int) -> None:
    """Copy the data of a file and leave its holes; see lseek(2)."""
    size, at = os.fstat(given).st_size, 0
    os.ftruncate(taken, size)
    while at < size:
        try:
            at = os.lseek(given, at, os.SEEK_DATA)
        except OSError:  # ENXIO: nothing but a hole is left
            return
        end = os.lseek(given, at, os.SEEK_HOLE)
        while at < end:
            portion = os.pread(given, min(_PORTION, end - at), at)
            if not portion:
                return  # it was cut meanwhile
            at += os.pwrite(taken, portion, at)


def _copy_special(name: bytes, status: os.stat_result, source: int, target: int) -> bool:
    """Copy a link, a device, a pipe or a socket; tell whether it was made."""
    if stat.S_ISLNK(status.st_mode):
        os.symlink(os.readlink(name, dir_fd=source), name, dir_fd=target)
    elif stat.S_ISCHR(status.st_mode) and status.st_rdev == 0:
        return False  # to an overlay, that is something which was removed
    else:
        os.mknod(name, status.st_mode, status.st_rdev, dir_fd=target)  # chmod(2) would follow whoever takes its place
    os.chown(name, status.st_uid, status.st_gid, dir_fd=target, follow_symlinks=False)
    os.utime(name, ns=(status.st_atime_ns, status.st_mtime_ns), dir_fd=target, follow_symlinks=False)
    return True


def _describe(given: int, taken: int) -> None:
    """Give a file or directory the owner, mode, attributes and times of another."""
    status = os.fstat(given)
    os.fchown(taken, status.st_uid, status.st_gid)
    os.fchmod(taken, stat.S_IMODE(status.st_mode))
    for name in os.listxattr(given):
        if name.startswith(("user.", "security.capability", "system.posix_acl_")):
            with suppress(OSError):  # a file system that has none
                os.setxattr(taken, name, os.getxattr(given, name))
    os.utime(taken, ns=(status.st_atime_ns, status.st_mtime_ns))
