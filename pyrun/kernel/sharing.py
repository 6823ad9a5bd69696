"""What two containers share beyond namespaces: the shared memory of one, also in another."""

import os

from pyrun.kernel import mounts, syscalls
from pyrun.kernel.files import quote
from pyrun.typed import NamedTuple

_NO_LINKS = syscalls.RESOLVE_NO_SYMLINKS


class ShareMemory(NamedTuple):
    """The /dev/shm of the container whose mount namespace *path* names, also inside *root*."""

    path: str  # /proc/PID/ns/mnt
    root: str

    def apply(self) -> None:
        own = os.open("/proc/self/ns/mnt", os.O_RDONLY | os.O_CLOEXEC)
        other = os.open(self.path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            syscalls.setns(other, syscalls.CLONE_NEWNS)
            try:  # a mount can be cloned where it is only
                at = syscalls.openat2(syscalls.AT_FDCWD, b"/dev/shm", os.O_PATH | os.O_DIRECTORY, _NO_LINKS)
                memory = syscalls.open_tree(at, b"", syscalls.OPEN_TREE_CLONE | syscalls.AT_EMPTY_PATH)
                os.close(at)
            finally:
                syscalls.setns(own, syscalls.CLONE_NEWNS)
        finally:
            os.close(own)
            os.close(other)
        mounts.attach(memory, mounts.ordinary_directory(self.root, "/dev/shm", make=True))

    def inverse(self) -> None:
        return None

    def shell(self) -> str:
        target = quote(f"{self.root.rstrip('/')}/dev/shm")
        return f"mkdir -p {target} && : open_tree {quote(self.path)} /dev/shm, move_mount {target}"

    def why(self) -> str:
        return "shared memory of the other container (no command takes a mount out of another namespace)"
