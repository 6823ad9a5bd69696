"""How much a container has written, and how much it sees in all."""

import os
import stat

from pyrun import paths
from pyrun.contexts import suppress
from pyrun.kernel import syscalls
from pyrun.spec import ContainerConfig

_MOUNTS = "/proc/mounts"  # where /etc/mtab leads
_measured: dict[str, int] = {}  # a root file system that many containers share is looked through once


def of(config: ContainerConfig) -> "tuple[int, int]":
    """Give the bytes of a container's own files, and of those and its root file system's; @host's are not counted."""
    upper = f"{paths.container(config.id)}/upper"
    own = tree(upper) - _ours(upper)
    if config.rootfs == "/":
        return own, 0
    if config.rootfs not in _measured:
        _measured[config.rootfs] = tree(config.rootfs)
    return own, own + _measured[config.rootfs]


def _ours(upper: str) -> int:
    """Give the length of the link that pyrun itself makes in each container."""
    try:
        link = os.readlink(f"{upper}/etc/mtab")
    except OSError:
        return 0
    return len(_MOUNTS) if link == _MOUNTS else 0


def tree(path: str) -> int:
    """Sum up the lengths of all files below *path*, each once however many names it has.

    What containers write is walked by descriptor: it crosses no mount, follows no link, and a directory that is
    gone or too deep to be named is left out.
    """
    resolve = syscalls.RESOLVE_BENEATH | syscalls.RESOLVE_NO_XDEV | syscalls.RESOLVE_NO_SYMLINKS
    try:
        top = os.open(path, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError:
        return 0
    total, seen, left = 0, set[int](), [b"."]
    try:
        while left:
            below = left.pop()
            with suppress(OSError):
                fd = syscalls.openat2(top, below, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, resolve)
                try:
                    total += _files(fd, below, seen, left)
                finally:
                    os.close(fd)
    finally:
        os.close(top)
    return total


def _files(fd: int, below: bytes, seen: "set[int]", left: "list[bytes]") -> int:
    """Sum up the files of one directory, and note the directories in it."""
    total = 0
    with os.scandir(fd) as entries:
        for entry in entries:
            found = entry.stat(follow_symlinks=False)
            if stat.S_ISDIR(found.st_mode):
                left.append(below + b"/" + os.fsencode(entry.name))
            elif found.st_nlink == 1 or found.st_ino not in seen:
                seen.add(found.st_ino)
                total += found.st_size
    return total
