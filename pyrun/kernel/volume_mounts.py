"""Volumes that lie on something else: mounted on the host as long as a container runs on them.

A mark, a file for each container, says who does; the last one to go takes the mount away. Marks and mounts are of
one boot.
"""

import errno
import fcntl
import os

from pyrun.contexts import contextmanager, suppress
from pyrun.errors import PyrunError
from pyrun.kernel import mounts, syscalls
from pyrun.kernel.files import quote
from pyrun.kernel.trees import mount_points
from pyrun.typed import Iterator, NamedTuple

_FLAGS = {"ro": 1, "nosuid": 2, "nodev": 4, "noexec": 8, "sync": 16, "dirsync": 128, "noatime": 1024}
_FLAGS |= {"nodiratime": 2048, "relatime": 1 << 21, "strictatime": 1 << 24}
_PLAIN = ("defaults", "rw", "suid", "dev", "exec", "async", "atime", "diratime", "bind", "rbind", "private", "rprivate")


class HoldVolume(NamedTuple):
    """A mark, the file *mark*, that a container runs on the volume that is mounted at *target*."""

    mark: str
    target: str

    def apply(self) -> None:
        for _ in range(64):  # the last container's end may remove the directories just now
            with suppress(FileExistsError):
                os.mkdir(os.path.dirname(os.path.dirname(self.mark)), 0o700)
            with suppress(FileExistsError, FileNotFoundError):
                os.mkdir(os.path.dirname(self.mark), 0o700)
            with suppress(FileNotFoundError):
                os.close(os.open(self.mark, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600))
                return
        raise OSError(errno.EBUSY, os.strerror(errno.EBUSY))

    def inverse(self) -> "ReleaseVolume":
        return ReleaseVolume(self.mark, self.target)

    def shell(self) -> str:
        return f"install -D /dev/null {quote(self.mark)}"

    def why(self) -> str:
        return "the volume stays mounted as long as this is here"


class ReleaseVolume(NamedTuple):
    """Take a mark away, and with the last one the mount."""

    mark: str
    target: str

    def apply(self) -> None:
        with locked(os.path.dirname(self.target)):
            with suppress(FileNotFoundError):
                os.unlink(self.mark)
            try:
                os.rmdir(os.path.dirname(self.mark))
            except FileNotFoundError:
                pass
            except OSError:
                return  # somebody else runs on it
            if self.target in mount_points():
                syscalls.umount(self.target, syscalls.MNT_DETACH)

    def inverse(self) -> None:
        return None

    def shell(self) -> str:
        directory = quote(os.path.dirname(self.mark))
        return f"rm -f {quote(self.mark)}; ! rmdir {directory} || umount -l {quote(self.target)}"

    def why(self) -> str:
        return "nobody runs on the volume any more"


class MountVolume(NamedTuple):
    """What a volume lies on, at its place, unless it is there already. *options* as mount(8) takes them."""

    fstype: str
    device: str
    options: str
    target: str

    def apply(self) -> None:
        with locked(os.path.dirname(self.target)):
            if self.target in mount_points():
                return
            words = [word for word in self.options.split(",") if word]
            if "bind" in words or "rbind" in words:
                self._bind(words)
            else:
                flags = sum(_FLAGS.get(word, 0) for word in words)
                data = ",".join(_resolved(word) for word in words if word not in _FLAGS and word not in _PLAIN)
                syscalls.mount(self.device, self.target, self.fstype, flags, data)

    def _bind(self, words: list[str]) -> None:
        unknown = next((word for word in words if word not in _FLAGS and word not in _PLAIN), "")
        if unknown:
            raise PyrunError(f"volume: {self.device}: {unknown} is no option of a bind mount")
        flags = syscalls.OPEN_TREE_CLONE | (syscalls.AT_RECURSIVE if "rbind" in words else 0)
        fd = syscalls.open_tree(syscalls.AT_FDCWD, os.fsencode(self.device), flags)
        kept = ",".join(word for word in words if word in ("ro", "nosuid", "nodev", "noexec"))
        syscalls.mount_setattr(fd, mounts.attributes(kept), 0, syscalls.MS_PRIVATE, recursive="rbind" in words)
        mounts.attach(fd, os.open(self.target, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC))

    def inverse(self) -> None:
        return None  # whoever takes the last mark away takes it away

    def shell(self) -> str:
        options = f" -o {quote(self.options)}" if self.options else ""
        target = quote(self.target)
        mount = f"mount -t {quote(self.fstype)}{options} {quote(self.device)} {target}"
        return f"mountpoint -q {target} || {mount}"

    def why(self) -> str:
        return "what the volume lies on"


@contextmanager
def locked(directory: str) -> Iterator[bool]:
    """Be the only one who changes the volume in *directory*; yield whether it is there."""
    while True:
        try:
            fd = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
        except FileNotFoundError:
            yield False
            return
        try:
            fcntl.flock(fd, fcntl.LOCK_EX)
            if _is_same(fd, directory):
                yield True
                return
        finally:
            os.close(fd)


def _is_same(fd: int, directory: str) -> bool:
    """Claim that the directory has not been replaced while we waited."""
    try:
        return os.path.samestat(os.fstat(fd), os.stat(directory, follow_symlinks=False))
    except FileNotFoundError:
        return False


def _resolved(word: str) -> str:
    """Give addr=NAME as addr=ADDRESS: the kernel looks up no names. Errors: PyrunError."""
    key, _, name = word.partition("=")
    if key != "addr" or not name:
        return word
    import socket

    try:
        return f"addr={socket.getaddrinfo(name, None)[0][4][0]}"
    except (OSError, UnicodeError) as cause:
        raise PyrunError(f"volume: {name}: no such host") from cause
