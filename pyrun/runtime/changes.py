"""`diff`: what a container has changed of its root file system, told as Docker tells it.

The overlay's upper layer is compared with the tree below it, by descriptor and without following any link: names
and attributes only, no file is opened for what is in it. What every container is given (see `_PLACES`) is no change,
as in Docker, which puts it into its own layer. Directories differ by mode and owner, all else by size and time too.
"""

import os
import stat

from pyrun import paths, records
from pyrun.contexts import contextmanager, suppress
from pyrun.errors import PyrunError
from pyrun.kernel import syscalls, trees
from pyrun.store import Container
from pyrun.typed import Iterator, NamedTuple

ADDED, CHANGED, DELETED = "A", "C", "D"
_PLACES = {  # what Docker has there, and pyrun either makes or finds a place for
    **dict.fromkeys((b"/.dockerenv", b"/etc/hostname", b"/etc/hosts", b"/etc/resolv.conf"), stat.S_IFREG | 0o755),
    **dict.fromkeys((b"/dev", b"/dev/pts", b"/dev/shm", b"/etc", b"/proc", b"/sys"), stat.S_IFDIR | 0o755),
    b"/dev/console": stat.S_IFREG | 0o755,
    b"/etc/mtab": stat.S_IFLNK | 0o777,
}
_MADE = (b"/.dockerenv", b"/etc/mtab")  # there, once it has started, unless the program deleted them
_SIZES = {b"/etc/mtab": len("/proc/mounts")}
_LINKS_MAX = 40
_TRUSTED = "trusted.overlay."
_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


class Change(NamedTuple):
    """One line of `diff`."""

    kind: str  # A, C or D
    path: bytes  # absolute, in the container


def changes(container: Container) -> Iterator[Change]:
    """Give what was added, changed and deleted: parents first, names in order; running or not.

    Errors: PyrunError when the container's record is corrupt, OSError.
    """
    config = container.config
    if config is None:
        raise PyrunError(f"container {container.name}: {container.problem}", 1)
    own = paths.container(container.id)
    started = records.read_start(f"{own}/start.json") is not None
    with _layers(f"{own}/upper", config.rootfs) as (upper, lower):
        comparison = _Comparison(lower, _places(lower), started)
        yield from comparison.run(upper)


@contextmanager
def _layers(upper: str, lower: str) -> "Iterator[tuple[int, int]]":
    """Open both layers, the lower one without what is mounted below it, as an overlay shows it."""
    top = os.open(upper, _DIRECTORY)
    try:
        flags = syscalls.OPEN_TREE_CLONE
        bottom = syscalls.open_tree(syscalls.AT_FDCWD, os.fsencode(lower), flags)
        try:
            yield top, bottom
        finally:
            os.close(bottom)
    finally:
        os.close(top)


def _places(lower: int) -> "dict[bytes, int]":
    """Give the places by path, with their modes; where a link of the tree leads elsewhere, that place is ours too."""
    found = dict(_PLACES)
    for path in (b"/etc/hostname", b"/etc/hosts", b"/etc/resolv.conf"):
        landed = _landed(lower, path)
        if landed != path:
            parts = landed.split(b"/")
            found.update({b"/".join(parts[:depth]): stat.S_IFDIR | 0o755 for depth in range(2, len(parts))})
            found[landed] = stat.S_IFREG | 0o755
    return found


def _landed(lower: int, path: bytes) -> bytes:
    """Give where *path* leads when the links of the tree are followed; what is missing is no link."""
    ahead, behind, links = path.strip(b"/").split(b"/")[::-1], list[bytes](), 0
    while ahead and links <= _LINKS_MAX:
        name = ahead.pop()
        target = _link(lower, b"/".join([*behind, name])) if name != b".." else b""
        if target:
            links += 1
            behind = [] if target.startswith(b"/") else behind
            ahead += [part for part in target.split(b"/")[::-1] if part not in (b"", b".")]
        else:
            behind = behind[:-1] if name == b".." else [*behind, name]
    return b"/" + b"/".join(behind)


def _link(lower: int, path: bytes) -> bytes:
    with suppress(OSError), trees.in_root(lower, os.fsdecode(path), os.O_PATH | os.O_NOFOLLOW) as fd:
        return os.readlink(b"", dir_fd=fd)
    return b""


class _Level:
    """A directory on the way: its descriptors, the names still to be compared, and whether it was told of."""

    __slots__ = ("below", "names", "old", "path", "told", "upper")

    def __init__(self, path: bytes, upper: int, below: int, old: int, told: bool) -> None:
        self.path, self.upper, self.below, self.old, self.told = path, upper, below, old, told
        self.names: Iterator[bytes] = iter(())

    def close(self) -> None:
        for fd in {self.upper, self.below, self.old} - {-1}:
            os.close(fd)


class _Comparison:
    """The layers compared, level by level, without recursion: a tree may be deeper than any stack.

    At each level *upper* is the overlay's own directory, *below* the lower one that shows through it, *old* what the
    lower tree has at this path: the same one, unless a directory was replaced or moved here. -1 is none.
    """

    def __init__(self, lower: int, places: "dict[bytes, int]", started: bool) -> None:
        self._lower, self._places, self._started = lower, places, started
        self._levels: list[_Level] = []

    def run(self, upper: int) -> Iterator[Change]:
        """Compare everything below the root."""
        root = os.dup(self._lower)
        self._enter(_Level(b"", os.dup(upper), root, root, True))
        try:
            while self._levels:
                level = self._levels[-1]
                name = next(level.names, None)
                if name is None:
                    self._levels.pop().close()
                else:
                    yield from self._compare(level, name)
        finally:
            for level in self._levels:
                level.close()

    def _enter(self, level: _Level) -> None:
        names = set(_listed(level.upper))
        if level.below != level.old:
            names |= {*_listed(level.below), *_listed(level.old)}
        if self._started:
            made = (path.rpartition(b"/") for path in _MADE)
            names |= {name for parent, _, name in made if parent == level.path}
        level.names = iter(sorted(names))
        self._levels.append(level)

    def _compare(self, level: _Level, name: bytes) -> Iterator[Change]:
        path = level.path + b"/" + name
        old = _status(level.old, name) or self._place(path)
        new = _status(level.upper, name)
        if new is None:
            new = _status(level.below, name)
        elif _is_whiteout(level.upper, name, new):
            new = None
        kind = _difference(old, new) or (_capability(level, name, new) if new else "")
        if kind:
            for each in self._levels:
                if not each.told:
                    each.told = True
                    yield Change(CHANGED, each.path)
            yield Change(kind, path)
        if new and stat.S_ISDIR(new.st_mode):
            with suppress(FileNotFoundError, NotADirectoryError):  # the program goes on meanwhile
                self._enter(self._below(level, name, path, bool(kind)))

    def _place(self, path: bytes) -> "os.stat_result | None":
        mode = self._places.get(path)
        if mode is None:
            return None
        return os.stat_result((mode, 0, 0, 1, 0, 0, _SIZES.get(path, 0), 0, 0, 0))

    def _below(self, level: _Level, name: bytes, path: bytes, told: bool) -> _Level:
        """Open a directory for comparison."""
        upper = _opened(level.upper, name)
        old = _opened(level.old, name)
        below = -1 if level.below < 0 else old if level.below == level.old else _opened(level.below, name)
        if upper >= 0:
            replaced, moved = _attribute(upper, "opaque"), _attribute(upper, "redirect")
            if replaced == b"y" or moved:
                if below not in (-1, old):
                    os.close(below)
                below = self._moved(level, moved) if moved else -1
        return _Level(path, upper, below, old, told)

    def _moved(self, level: _Level, target: bytes) -> int:
        """Open where a directory was moved from: a name in the same directory, or a path in the lower tree."""
        at = self._lower if target.startswith(b"/") else level.below
        if at < 0:
            return -1
        with suppress(OSError):
            return trees.open_in_root(at, os.fsdecode(target), os.O_RDONLY | os.O_DIRECTORY, trees.NO_LINKS)
        return -1


def _difference(old: "os.stat_result | None", new: "os.stat_result | None") -> str:
    """Give the kind of change, empty for none."""
    if old is None or new is None:
        return DELETED if old else ADDED if new else ""
    same = _kind(old) == _kind(new)
    if same and not stat.S_ISDIR(new.st_mode):
        placed = old.st_ino == 0  # one of our places, with no time to be compared
        same = old.st_size == new.st_size and (placed or _same_time(old.st_mtime_ns, new.st_mtime_ns))
    return "" if same else CHANGED


def _kind(status: os.stat_result) -> "tuple[int, int, int, int]":
    return status.st_mode, status.st_uid, status.st_gid, status.st_rdev or 0  # a place of ours has none


def _same_time(one: int, other: int) -> bool:
    """Claim that two times are the same, as far as both are told in nanoseconds."""
    seconds = one // 10**9 == other // 10**9
    return seconds and (one == other or not one % 10**9 or not other % 10**9)


def _capability(level: _Level, name: bytes, new: os.stat_result) -> str:
    """Tell a file whose attributes are all the same from one that was given other capabilities."""
    if not stat.S_ISREG(new.st_mode) or _status(level.upper, name) is None:
        return ""
    return CHANGED if _read(level.upper, name) != _read(level.old, name) else ""


def _read(directory: int, name: bytes, attribute: str = "security.capability") -> bytes:
    """Read an extended attribute of an entry without opening what it is; nothing where there is none."""
    if directory < 0:
        return b""
    with suppress(OSError):
        fd = os.open(name, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=directory)
        try:
            return os.getxattr(f"/proc/self/fd/{fd}", attribute)
        finally:
            os.close(fd)
    return b""


def _is_whiteout(upper: int, name: bytes, status: os.stat_result) -> bool:
    """Claim that the entry stands for one that was deleted; in a directory marked so, an empty file may as well."""
    if stat.S_ISCHR(status.st_mode):
        return status.st_rdev == 0
    empty = stat.S_ISREG(status.st_mode) and status.st_size == 0
    return empty and _attribute(upper, "opaque") == b"x" and _has(upper, name, f"{_TRUSTED}whiteout")


def _has(directory: int, name: bytes, attribute: str) -> bool:
    with suppress(OSError):
        fd = os.open(name, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=directory)
        try:
            return attribute in os.listxattr(f"/proc/self/fd/{fd}")
        finally:
            os.close(fd)
    return False


def _attribute(directory: int, name: str) -> bytes:
    with suppress(OSError):
        return os.getxattr(directory, _TRUSTED + name)
    return b""


def _status(directory: int, name: bytes) -> "os.stat_result | None":
    if directory >= 0:
        with suppress(FileNotFoundError, NotADirectoryError):
            return os.stat(name, dir_fd=directory, follow_symlinks=False)
    return None


def _opened(directory: int, name: bytes) -> int:
    if directory >= 0:
        with suppress(FileNotFoundError, NotADirectoryError):
            return os.open(name, _DIRECTORY, dir_fd=directory)
    return -1


def _listed(directory: int) -> list[bytes]:
    """List a directory; what cannot be listed has nothing in it."""
    if directory < 0:
        return []
    return [os.fsencode(name) for name in os.listdir(directory)]
