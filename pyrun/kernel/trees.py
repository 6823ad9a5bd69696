"""Trees of files: ours, made and removed by descriptor, and foreign ones, in which paths are resolved.

Whatever lies below a container's root is hostile: such paths are resolved by
openat2(2) with RESOLVE_IN_ROOT, component by component, and used by
descriptor. Mounting is in `pyrun.kernel.mounts`.
"""

import errno
import os
import stat

from pyrun.contexts import contextmanager, suppress
from pyrun.errors import PyrunError
from pyrun.kernel import syscalls
from pyrun.kernel.files import quote
from pyrun.typed import Iterator, NamedTuple

IN_ROOT = syscalls.RESOLVE_IN_ROOT | syscalls.RESOLVE_NO_MAGICLINKS
NO_LINKS = IN_ROOT | syscalls.RESOLVE_NO_SYMLINKS
_SYMLINKS_MAX = 40  # as the kernel's own limit, path_resolution(7)
_ATTEMPTS = 64  # EAGAIN: the tree was renamed under openat2


class MakeDirectory(NamedTuple):
    """A directory of ours, with everything in it, until undone."""

    path: str
    mode: int = 0o700
    owner: int = 0
    group: int = 0
    reason: str = "the container's own place"

    def apply(self) -> None:
        os.mkdir(self.path, self.mode)
        if self.owner or self.group:
            os.chown(self.path, self.owner, self.group)

    def inverse(self) -> "RemoveTree":
        return RemoveTree(self.path)

    def shell(self) -> str:
        owned = f" && chown {self.owner}:{self.group} {quote(self.path)}" if self.owner or self.group else ""
        return f"mkdir -m {self.mode:o} {quote(self.path)}{owned}"

    def why(self) -> str:
        return self.reason


class RemoveTree(NamedTuple):
    """Remove a directory of ours, never entering what is mounted below it."""

    path: str
    reason: str = "the container is gone"

    def apply(self) -> None:
        remove_tree(self.path)

    def inverse(self) -> None:
        return None

    def shell(self) -> str:
        return f"rm -rf --one-file-system {quote(self.path)}"

    def why(self) -> str:
        return self.reason


def remove_tree(path: str) -> None:
    """Remove *path* and all below it by descriptor, crossing no mount and following no link.

    That it is gone, or somebody else removes it as well, is no error.
    Something mounted below stops the removal (a crash may leave such a mount,
    and what it shows is not ours). Errors: PyrunError naming the mount, OSError.
    """
    refuse_mounts_below(path)
    parent, _, name = path.rpartition("/")
    try:
        directory = os.open(parent or "/", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    except FileNotFoundError:
        return
    try:
        _remove_entry(directory, os.fsencode(name))
    finally:
        os.close(directory)


def refuse_mounts_below(path: str) -> None:
    """Raise PyrunError when something is mounted at or below *path* in our mount namespace."""
    for mounted in mount_points():
        if mounted == path or mounted.startswith(path + "/"):
            raise PyrunError(f"remove: {path}: something is mounted at {mounted}", hint=f"umount {quote(mounted)}")


def mount_points() -> list[str]:
    """List where something is mounted in our mount namespace; see proc_pid_mountinfo(5)."""
    with open("/proc/self/mountinfo", "rb") as file:
        return [os.fsdecode(_unescape(row.split(b" ")[4])) for row in file]


def _unescape(field: bytes) -> bytes:
    parts = field.split(b"\\")
    return parts[0] + b"".join(bytes([int(part[:3], 8)]) + part[3:] for part in parts[1:])


def _remove_entry(directory: int, name: bytes) -> None:
    """Remove one entry, walking down without recursion: a tree may be deeper than any stack."""
    resolve = syscalls.RESOLVE_BENEATH | syscalls.RESOLVE_NO_XDEV | syscalls.RESOLVE_NO_SYMLINKS
    levels: list[tuple[int, list[bytes]]] = [(directory, [name])]
    while levels:
        at, names = levels[-1]
        if not names:
            levels.pop()
            if levels:
                os.close(at)
                with suppress(FileNotFoundError):
                    os.rmdir(levels[-1][1].pop(), dir_fd=levels[-1][0])
            continue
        try:
            if not stat.S_ISDIR(os.stat(names[-1], dir_fd=at, follow_symlinks=False).st_mode):
                os.unlink(names[-1], dir_fd=at)
                names.pop()
                continue
            fd = syscalls.openat2(at, names[-1], os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, resolve)
        except FileNotFoundError:
            names.pop()
            continue
        levels.append((fd, _remove_files(fd)))


def _remove_files(fd: int) -> list[bytes]:
    """Unlink all that is not a directory in *fd*; give the names of the directories."""
    directories = []
    with os.scandir(fd) as entries:
        for entry in entries:
            name = os.fsencode(entry.name)
            if entry.is_dir(follow_symlinks=False):
                directories.append(name)
            else:
                with suppress(FileNotFoundError):
                    os.unlink(name, dir_fd=fd)
    return directories


class opened:
    """A directory descriptor for the length of a with statement."""

    def __init__(self, path: str) -> None:
        self.path = path

    def __enter__(self) -> int:
        self.fd = os.open(self.path, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        return self.fd

    def __exit__(self, *_: object) -> None:
        os.close(self.fd)


@contextmanager
def in_root(root: int, path: str, flags: int = os.O_PATH) -> Iterator[int]:
    """Open *path* inside the tree of descriptor *root*, symbolic links resolved within it.

    Errors: OSError; ELOOP too many links or a magic link, EAGAIN when the tree
    keeps changing under us.
    """
    fd = open_in_root(root, path, flags)
    try:
        yield fd
    finally:
        os.close(fd)


def open_in_root(root: int, path: str, flags: int = os.O_PATH, resolve: int = IN_ROOT) -> int:
    """As `in_root`, giving the descriptor itself."""
    relative = os.fsencode(path.lstrip("/") or ".")
    for attempt in range(_ATTEMPTS):
        try:
            return syscalls.openat2(root, relative, flags, resolve)
        except OSError as cause:
            if cause.errno != errno.EAGAIN or attempt == _ATTEMPTS - 1:
                raise
    raise AssertionError("unreachable")


def ensure_in_root(root: int, path: str, directory: bool) -> int:
    """Open *path* inside *root* (O_PATH), making it and its parents where they are missing.

    A dangling link is followed inside the root, so that the file it names is
    made there. Errors: OSError; ENOTDIR or EISDIR when something of the other
    kind is in the way.
    """
    for _ in range(_SYMLINKS_MAX):
        try:
            fd = open_in_root(root, path)
        except FileNotFoundError:
            path = _make_or_follow(root, path, directory)
            continue
        is_directory = stat.S_ISDIR(os.fstat(fd).st_mode)
        if is_directory != directory:
            os.close(fd)
            number = errno.ENOTDIR if directory else errno.EISDIR
            raise OSError(number, os.strerror(number))
        return fd
    raise OSError(errno.ELOOP, os.strerror(errno.ELOOP))


def _make_or_follow(root: int, path: str, directory: bool) -> str:
    """Make the last component of *path*; give the path to open next (a link leads elsewhere)."""
    parent_path, _, name = path.rstrip("/").rpartition("/")
    parent = ensure_in_root(root, parent_path, directory=True) if parent_path else os.dup(root)
    try:
        try:
            target = os.readlink(name, dir_fd=parent)
        except FileNotFoundError:
            with suppress(FileExistsError):
                if directory:
                    os.mkdir(name, 0o755, dir_fd=parent)
                else:
                    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
                    os.close(os.open(name, flags, 0o755, dir_fd=parent))
            return path
        except OSError as cause:
            if cause.errno != errno.EINVAL:
                raise
            return path  # not a link: somebody made it meanwhile
        return target if target.startswith("/") else f"{parent_path}/{target}"
    finally:
        os.close(parent)
