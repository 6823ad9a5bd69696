"""From an archive, a directory or a recipe to a root file system: all of it under its name, or nothing."""

import os
import stat

from pyrun import options, paths
from pyrun.archive import tar, unpack
from pyrun.archive.source import Stream
from pyrun.archive.tar import Member
from pyrun.archive.unpack import Policy, Report
from pyrun.contexts import contextmanager
from pyrun.errors import PyrunError, UsageError
from pyrun.rootfs import unfinished
from pyrun.typed import Callable, Iterable, Iterator

Seen = Callable[[int], None]  # is told how many bytes have been read
STDIN = "-"
LIMIT = 32 << 30  # bytes of all files
_ENDINGS = ("tar", "gz", "tgz", "xz", "txz", "bz2", "tbz", "tbz2", "zst", "tzst")
_IMAGE = ("manifest.json", "oci-layout", "index.json")  # of docker save, beside its layers
_LETTERS = set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789")


@contextmanager
def opened(source: str) -> Iterator[tuple[int, int]]:
    """Open a file, a directory or, by the name -, standard input; give descriptor and size, 0 when nobody knows.

    Errors: UsageError.
    """
    if "://" in source:
        hint = "curl -fsSL ADDRESS | pyrun rootfs import - NAME"
        raise UsageError(f"rootfs: {options.show(source)}: addresses are not fetched", 1, hint)
    try:
        fd = os.dup(0) if source == STDIN else os.open(source, os.O_RDONLY | os.O_NOCTTY | os.O_CLOEXEC)
    except (OSError, ValueError) as cause:
        reason = getattr(cause, "strerror", None) or "not a path"
        raise UsageError(f"rootfs: {options.show(source)}: {reason.lower()}", 1) from cause
    try:
        status = os.fstat(fd)
        if stat.S_ISCHR(status.st_mode):
            hint = "an archive comes from a file or a pipe"
            raise UsageError(f"rootfs: {options.show(source)}: is a device", 1, hint)
        yield fd, status.st_size if stat.S_ISREG(status.st_mode) else 0
    finally:
        os.close(fd)


def name_of(source: str) -> str:
    """Make a name of a source's: without its directory and its endings."""
    name = os.path.basename(os.path.abspath(source))
    for _ in range(2):
        body, _, ending = name.rpartition(".")
        name = body if body and ending.lower() in _ENDINGS else name
    return name


def path_of(name: str) -> str:
    """Give the place of a root file system, of which the directory is made. Errors: UsageError for what is no name."""
    if not 0 < len(name) <= 128 or name[0] not in _LETTERS or set(name) - _LETTERS - set("_.-"):
        rule = "must be 1 to 128 of [a-zA-Z0-9_.-], beginning with a letter or digit"
        raise UsageError(f"rootfs: {options.show(name)}: {rule}", 1)
    for directory in (paths.STATE, paths.ROOTFS):
        os.makedirs(directory, 0o700, exist_ok=True)
    os.chmod(paths.ROOTFS, 0o700)  # else anybody on the host could run the set-user-ID programs in there
    return f"{paths.ROOTFS}/{name}"


def members(fd: int, seen: Seen) -> Iterator[Member]:
    """Read what an open archive or directory holds. Errors: PyrunError, OSError."""
    if not stat.S_ISDIR(os.fstat(fd).st_mode):
        from pyrun.archive import compression

        yield from tar.members(compression.plain(_Watched(open(fd, "rb", closefd=False), seen)))  # noqa: SIM115
        return
    from pyrun.archive import directory

    path = os.path.realpath(f"/proc/self/fd/{fd}").rstrip("/")
    if f"{paths.ROOTFS}/".startswith(f"{path}/"):
        raise PyrunError(f"rootfs: {path or '/'}: holds pyrun's own files", 1, "@host needs no import")
    size = 0
    for member in directory.members(fd):
        yield member
        size += member.size
        seen(size)


def build(path: str, found: Iterable[Member], limit: int = LIMIT) -> Report:
    """Make the root file system *path* of members. Errors: PyrunError; nothing is left then."""
    try:
        with unfinished.made(path) as fd:
            report = unpack.unpack(found, fd, Policy(setuid=True, size=limit))
            _check(set(os.listdir(fd)))
    except OSError as cause:
        raise PyrunError(f"rootfs: {path.rpartition('/')[2]}: {os.strerror(cause.errno or 0).lower()}", 1) from cause
    return report


def _check(names: set[str]) -> None:
    if not names:
        raise PyrunError("archive: holds nothing", 1)
    if names & set(_IMAGE) and not names & {"bin", "usr", "etc", "sbin", "lib"}:
        hint = "docker create IMAGE, then docker export CONTAINER | pyrun rootfs import - NAME"
        raise PyrunError("archive: holds an image in layers, as docker save writes it, not its files", 1, hint)


class _Watched:
    """A stream of which somebody sees how much has been read."""

    def __init__(self, stream: Stream, seen: Seen) -> None:
        self._stream, self._seen, self._count = stream, seen, 0

    def read(self, count: int, /) -> bytes:
        content = self._stream.read(count)
        self._count += len(content)
        self._seen(self._count)
        return content
