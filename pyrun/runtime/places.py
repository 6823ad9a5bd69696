"""Where `cp` reads and writes: a path as it was typed, resolved in a root by the rules of `docker cp`.

The same rules hold for this host and for a container, whose root is then the root of the process that asks. What is
found is a descriptor; names that are put in later are single ones. A path that ends in ``/`` or ``/.`` says that it
is a directory, and ``/.`` as a source that only what is in it is meant.
"""

import errno
import os
import stat

from pyrun.archive.tar import Member
from pyrun.errors import PyrunError
from pyrun.kernel import trees
from pyrun.typed import Iterable, Iterator, NamedTuple

_LINKS_MAX = 40
_SHOWN_MAX = 200
_UNCOPIED = {stat.S_IFCHR: "a device file", stat.S_IFBLK: "a device file", stat.S_IFSOCK: "a socket"}
_SEARCH = os.O_PATH | os.O_DIRECTORY


class Root(NamedTuple):
    """Where paths are resolved, and as what they are told to people."""

    fd: int
    resolve: int  # RESOLVE_…
    label: str = ""  # before a path, as it was typed: "NAME:"

    def refusal(self, path: str, reason: str) -> PyrunError:
        """Make the error that names a path."""
        shown = path if len(path) <= _SHOWN_MAX else f"…{path[-_SHOWN_MAX:]}"
        return PyrunError(f"cp: {self.label}{shown}: {reason}", 1)


class Source(NamedTuple):
    """What is to be copied."""

    fd: int  # O_PATH; a link itself, unless it was to be followed
    name: bytes  # under which it is copied; "." for what is in it


class Destination(NamedTuple):
    """Where it goes: into the directory *fd*, under *name* unless that is empty."""

    fd: int
    name: bytes = b""


def cleaned(path: str, start: str = "/") -> str:
    """Give *path* as an absolute one without ``..``, its last ``/`` or ``/.`` kept."""
    whole = os.path.normpath(os.path.join(start, path)).replace("//", "/", 1)
    if os.path.basename(path.rstrip("/")) == ".":
        return whole.rstrip("/") + "/."
    return whole + "/" if path.endswith("/") and whole != "/" else whole


def source(root: Root, path: str, follow: bool) -> Source:
    """Open what a cleaned *path* names; the last name is followed only when asked for, or said to be a directory.

    Errors: PyrunError.
    """
    is_directory = path.endswith(("/", "/."))
    try:
        flags = os.O_PATH if follow or is_directory else os.O_PATH | os.O_NOFOLLOW
        fd = trees.open_in_root(root.fd, path, flags | (os.O_DIRECTORY if is_directory else 0), root.resolve)
    except OSError as cause:
        raise root.refusal(path, os.strerror(cause.errno or 0).lower()) from cause
    what = _UNCOPIED.get(stat.S_IFMT(os.fstat(fd).st_mode))
    if what:
        raise root.refusal(path, f"{what} is not copied")
    name = os.path.basename(path.rstrip("/"))
    return Source(fd, os.fsencode(name or "."))


def followed(root: Root, path: str) -> Source:
    """Open what a cleaned *path* leads to, under the name that it has there. Errors: PyrunError."""
    found = source(root, path, True)
    if path.endswith(("/", "/.")):
        return found
    parent, name = _landing(root, path)
    os.close(parent)
    return found._replace(name=os.fsencode(name if name != ".." else "."))


def directory(root: Root, path: str) -> Destination:
    """Open the directory that a stream goes into. Errors: PyrunError."""
    try:
        return Destination(trees.open_in_root(root.fd, path, _SEARCH, root.resolve))
    except OSError as cause:
        raise root.refusal(path, "must be a directory") from cause


def destination(root: Root, path: str, copies_directory: bool) -> Destination:
    """Decide where a copy goes; *copies_directory* says what it is a copy of. Errors: PyrunError."""
    try:
        fd = trees.open_in_root(root.fd, path, os.O_PATH, root.resolve)
    except FileNotFoundError:
        return _new(root, path, copies_directory)
    except OSError as cause:
        raise root.refusal(path, os.strerror(cause.errno or 0).lower()) from cause
    mode = os.fstat(fd).st_mode
    if stat.S_ISDIR(mode):
        return Destination(fd)
    os.close(fd)
    if stat.S_ISCHR(mode) or stat.S_ISBLK(mode):
        raise root.refusal(path, "must be a directory or a regular file: is a device")
    if copies_directory:
        raise root.refusal(path, "cannot copy a directory over a file")
    return _at(root, path)


def _new(root: Root, path: str, copies_directory: bool) -> Destination:
    if path.endswith("/.") or (path.endswith("/") and not copies_directory):
        raise root.refusal(path, "no such directory")
    return _at(root, path)


def _at(root: Root, path: str) -> Destination:
    fd, name = _landing(root, path)
    return Destination(fd, os.fsencode(name))


def _landing(root: Root, path: str) -> tuple[int, str]:
    """Open the directory that *path* ends up in when links are followed, and give the last name, of no link."""
    for _ in range(_LINKS_MAX):
        parent, _, name = path.rstrip("/").rpartition("/")
        try:
            fd = trees.open_in_root(root.fd, parent, _SEARCH, root.resolve)
        except OSError as cause:
            raise root.refusal(parent or "/", os.strerror(cause.errno or 0).lower()) from cause
        try:
            target = os.readlink(name, dir_fd=fd)
        except OSError as cause:
            if cause.errno in (errno.ENOENT, errno.EINVAL):
                return fd, name
            os.close(fd)
            raise root.refusal(path, os.strerror(cause.errno or 0).lower()) from cause
        os.close(fd)
        path = target if target.startswith("/") else f"{parent}/{target}"
    raise root.refusal(path, os.strerror(errno.ELOOP).lower())


def renamed(members: Iterable[Member], name: bytes) -> Iterator[Member]:
    """Call what is copied *name*: the first member, and with it all that lies below it."""
    for member in members:
        changed = member._replace(name=_under(name, member.name))
        yield changed._replace(target=_under(name, member.target)) if member.kind == "hardlink" else changed


def _under(top: bytes, name: bytes) -> bytes:
    _, slash, rest = name.partition(b"/")
    return top + slash + rest
