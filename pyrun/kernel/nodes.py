"""What fills the container's root besides mounts: device nodes, links and places that have to exist.

Every path is resolved inside the root by descriptor; mounts are in `pyrun.kernel.mounts`.
"""

import os
import stat

from pyrun.contexts import suppress
from pyrun.errors import PyrunError
from pyrun.kernel.files import quote
from pyrun.kernel.trees import NO_LINKS, ensure_in_root, in_root, open_in_root, opened
from pyrun.typed import NamedTuple


class MakeNode(NamedTuple):
    """A device node inside *root*; ``kind`` is c or b, *mode* the permissions."""

    root: str
    path: str
    kind: str
    major: int
    minor: int
    mode: int = 0o666
    owner: int = 0
    group: int = 0
    reason: str = "a device every program may use"

    def apply(self) -> None:
        kind = stat.S_IFCHR if self.kind == "c" else stat.S_IFBLK
        parent, _, name = self.path.rpartition("/")
        with opened(self.root) as root:
            directory = open_in_root(root, parent, os.O_PATH | os.O_DIRECTORY, NO_LINKS)
        try:
            os.mknod(name, kind | self.mode, os.makedev(self.major, self.minor), dir_fd=directory)
            os.chown(name, self.owner, self.group, dir_fd=directory, follow_symlinks=False)
        finally:
            os.close(directory)

    def inverse(self) -> None:
        return None

    def shell(self) -> str:
        target = quote(self.root.rstrip("/") + self.path)
        return f"mknod -m {self.mode:o} {target} {self.kind} {self.major} {self.minor}"

    def why(self) -> str:
        return self.reason


class MakeDeviceDirectory(NamedTuple):
    """A directory below /dev of the container."""

    root: str
    path: str

    def apply(self) -> None:
        parent, _, name = self.path.rpartition("/")
        with opened(self.root) as root:
            directory = open_in_root(root, parent, os.O_PATH | os.O_DIRECTORY, NO_LINKS)
        try:
            with suppress(FileExistsError):
                os.mkdir(name, 0o755, dir_fd=directory)
        finally:
            os.close(directory)

    def inverse(self) -> None:
        return None

    def shell(self) -> str:
        return f"mkdir -p {quote(self.root.rstrip('/') + self.path)}"

    def why(self) -> str:
        return "where devices of one kind live"


class MakeSymlink(NamedTuple):
    """A symbolic link inside *root*, unless the tree already has something of that name."""

    root: str
    path: str
    target: str

    def apply(self) -> None:
        parent, _, name = self.path.rpartition("/")
        flags = os.O_PATH | os.O_DIRECTORY
        with opened(self.root) as root, in_root(root, parent, flags) as at, suppress(FileExistsError):
            os.symlink(self.target, name, dir_fd=at)

    def inverse(self) -> None:
        return None

    def shell(self) -> str:
        return f"ln -s {self.target} {quote(self.root.rstrip('/') + self.path)} 2>/dev/null || :"

    def why(self) -> str:
        return "a name programs expect"


class MakePlaceholder(NamedTuple):
    """An empty file or directory inside *root*, unless it is there."""

    root: str
    path: str
    directory: bool = False

    def apply(self) -> None:
        try:
            with opened(self.root) as root, suppress(IsADirectoryError):
                os.close(ensure_in_root(root, self.path, self.directory))
        except NotADirectoryError as cause:
            raise PyrunError(f"rootfs: {self.path}: must be a directory, or missing") from cause

    def inverse(self) -> None:
        return None

    def shell(self) -> str:
        target = quote(self.root.rstrip("/") + self.path)
        make = "mkdir -p" if self.directory else "install -m 755 /dev/null"
        return f"[ -e {target} ] || {make} {target}"

    def why(self) -> str:
        return "a place that has to exist"
