"""Mounts that go on hearing of the host's: taken while they still are its peers, used when the others are private.

See mount_namespaces(7), SHARED SUBTREES.
"""

import os

from pyrun.kernel import syscalls
from pyrun.kernel.files import quote
from pyrun.typed import NamedTuple

_kept: dict[str, int] = {}  # descriptors of detached mounts, by their source


class KeepPeer(NamedTuple):
    """Take *source* as it is mounted on the host, before everything here becomes private."""

    source: str
    recursive: bool

    def apply(self) -> None:
        _kept[self.source] = cloned(self.source, self.recursive)

    def inverse(self) -> None:
        return None

    def shell(self) -> str:
        return f": open_tree {quote(self.source)}"

    def why(self) -> str:
        return "it stays a peer of the host's mount (no command keeps a mount detached)"


def cloned(source: str, recursive: bool) -> int:
    """Give a detached copy of what is mounted at *source*. Errors: OSError."""
    flags = syscalls.OPEN_TREE_CLONE | (syscalls.AT_RECURSIVE if recursive else 0)
    return syscalls.open_tree(syscalls.AT_FDCWD, os.fsencode(source), flags)


def taken(source: str) -> int:
    """Give a copy of what was kept of *source*."""
    flags = syscalls.OPEN_TREE_CLONE | syscalls.AT_RECURSIVE | syscalls.AT_EMPTY_PATH
    return syscalls.open_tree(_kept[source], b"", flags)


def find(path: str) -> set[str]:
    """Tell of the mount that *path* is on whether it is shared, slave, or neither; see proc_pid_mountinfo(5)."""
    real, best, kinds = os.path.realpath(path), "", set()
    with open("/proc/self/mountinfo", errors="surrogateescape") as file:
        for row in file:
            head = row.partition(" - ")[0].split(" ")
            point = head[4]
            if len(point) >= len(best) and (real == point or real.startswith(point.rstrip("/") + "/")):
                best, kinds = point, {field.partition(":")[0] for field in head[6:]}
    return {"slave" if kind == "master" else kind for kind in kinds}
