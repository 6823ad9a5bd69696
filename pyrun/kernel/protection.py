"""What the program may not see or change: masked and read-only paths, applied inside the new root.

Which paths these are is decided in `pyrun.plan.filesystem`.
"""

import os
import stat

from pyrun.errors import PyrunError
from pyrun.kernel import syscalls
from pyrun.kernel.files import quote
from pyrun.kernel.mounts import attach, attributes
from pyrun.kernel.trees import NO_LINKS, open_in_root, opened
from pyrun.typed import NamedTuple


class MaskPath(NamedTuple):
    """Nothing to see at *path*: a file shows /dev/null, a directory an empty read-only tmpfs."""

    path: str

    def apply(self) -> None:
        with opened("/") as root:
            try:
                target = open_in_root(root, self.path, os.O_PATH, NO_LINKS)
            except (FileNotFoundError, NotADirectoryError):
                return
            if stat.S_ISDIR(os.fstat(target).st_mode):
                attach(_empty_directory(), target)
            else:
                attach(_null_device(root), target)

    def inverse(self) -> None:
        return None

    def shell(self) -> str:
        path = quote(self.path)
        return (
            f"if [ -d {path} ]; then mount -t tmpfs -o ro,size=4k tmpfs {path}; "
            f"elif [ -e {path} ]; then mount --bind /dev/null {path}; fi"
        )

    def why(self) -> str:
        return "tells or does too much about the host"


class ReadOnlyPath(NamedTuple):
    """What is at *path* stays visible and cannot be written through it."""

    path: str

    def apply(self) -> None:
        with opened("/") as root:
            try:
                target = open_in_root(root, self.path, os.O_PATH, NO_LINKS)
            except (FileNotFoundError, NotADirectoryError):
                return
        fd = syscalls.open_tree(target, b"", syscalls.OPEN_TREE_CLONE | syscalls.AT_RECURSIVE | syscalls.AT_EMPTY_PATH)
        bits = attributes("ro,nosuid,nodev,noexec")
        syscalls.mount_setattr(fd, bits, 0, 0, recursive=True)
        attach(fd, target)

    def inverse(self) -> None:
        return None

    def shell(self) -> str:
        path = quote(self.path)
        remount = f"mount -o remount,bind,ro,nosuid,nodev,noexec {path}"
        return f"if [ -e {path} ]; then mount --rbind {path} {path} && {remount}; fi"

    def why(self) -> str:
        return "writing here would change the host"


def _null_device(root: int) -> int:
    """Give a detached copy of /dev/null, having seen that it is that device (CVE-2025-31133)."""
    fd = open_in_root(root, "/dev/null", os.O_PATH | os.O_NOFOLLOW, NO_LINKS)
    try:
        status = os.fstat(fd)
        if not stat.S_ISCHR(status.st_mode) or status.st_rdev != os.makedev(1, 3):
            raise PyrunError("rootfs: /dev/null: is not the null device")
        return syscalls.open_tree(fd, b"", syscalls.OPEN_TREE_CLONE | syscalls.AT_EMPTY_PATH)
    finally:
        os.close(fd)


def _empty_directory() -> int:
    context = syscalls.fsopen(b"tmpfs")
    try:
        syscalls.fsconfig(context, syscalls.FSCONFIG_SET_STRING, b"source", b"tmpfs")
        syscalls.fsconfig(context, syscalls.FSCONFIG_SET_STRING, b"size", b"4096")
        syscalls.fsconfig(context, syscalls.FSCONFIG_SET_FLAG, b"ro")
        syscalls.fsconfig(context, syscalls.FSCONFIG_CMD_CREATE)
        return syscalls.fsmount(context, attributes("ro"))
    finally:
        os.close(context)
