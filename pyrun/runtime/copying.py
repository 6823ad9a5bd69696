"""`cp`: files between a container, running or not, and this host, or as a tar stream.

One side reads and makes a stream, the other one takes it apart; the container's side is a child inside of it. Where
things go is decided in `pyrun.runtime.places`.
"""

import os

from pyrun.archive import tar, unpack, walk, write
from pyrun.archive.compression import plain
from pyrun.archive.source import BLOCK, Stream
from pyrun.errors import PyrunError
from pyrun.kernel import files, trees
from pyrun.runtime import inside, places
from pyrun.runtime.inside import Place
from pyrun.runtime.places import Root
from pyrun.store import Container
from pyrun.typed import Callable, Iterator, NamedTuple

_NO_LIMIT = 1 << 62
_PORTION = 1 << 20
_NAMES = 10_000  # of a directory that are listed
_AS_MADE = (-1, -1)  # nothing is changed of what a new file has from who makes it, and from its directory
_HOST = 0  # as any program: here also the links of /proc lead somewhere


class Options(NamedTuple):
    """How it is copied."""

    archive: bool = False  # out: keep owners, and the power that files give whoever executes them
    follow: bool = False  # copy what the source leads to, if it is a link
    progress: "Callable[[int], None] | None" = None  # is told how many bytes there have been


def copy_out(container: Container, path: str, target: str, options: Options = Options()) -> list[str]:  # noqa: B008
    """Copy *path* of a container to *target* on this host; give what was left out.

    Owner is who asks, and no file gives power to whoever executes it, unless *options* say archive. Errors:
    PyrunError for a path that is not there or of the wrong kind; what was made before stays. OSError.
    """
    wanted, here = places.cleaned(path), places.cleaned(target, os.getcwd())
    policy = _policy(None if options.archive else _AS_MADE, options.archive)

    def send(place: Place, fd: int) -> None:
        _send(_container(container, place), wanted, options.follow, False, place, fd)

    def take(fd: int) -> None:
        with trees.opened("/") as root:
            _put(_Counted(fd, options.progress), Root(root, _HOST), here, policy)

    return inside.read_from(container, send, take)


def copy_in(container: Container, source: str, path: str, options: Options = Options()) -> list[str]:  # noqa: B008
    """Copy *source* of this host to *path* in a container, with owners and permissions; give what was left out.

    Errors: as `copy_out`.
    """
    wanted, here = places.cleaned(path), places.cleaned(source, os.getcwd())
    left_out: list[str] = []

    def note(name: bytes, reason: str) -> None:
        left_out.append(f"{name.decode(errors='backslashreplace')}: {reason}")

    def receive(place: Place, fd: int) -> None:
        _put(_Counted(fd), _container(container, place), wanted, _policy(None, True))

    with trees.opened("/") as root, trees.opened(walk.OWN_DESCRIPTORS) as descriptors:
        found = places.source(Root(root, _HOST), here, options.follow)
        if options.follow:
            found = found._replace(name=os.fsencode(os.path.basename(here.rstrip("/")) or "."))
        members = walk.members(found.fd, found.name, walk.Reading(descriptors, note))

        def give(fd: int) -> None:
            write.write(_counting(members, options.progress), fd)

        return inside.write_to(container, receive, give) + left_out


def read_archive(container: Container, path: str, fd: int, options: Options = Options()) -> list[str]:  # noqa: B008
    """Write *path* of a container to the descriptor *fd* as a tar stream; give what was left out.

    Errors: PyrunError, BrokenPipeError.
    """
    wanted = places.cleaned(path)

    def send(place: Place) -> None:
        _send(_container(container, place), wanted, options.follow, True, place, fd)

    return inside.perform_inside(container, inside.Visit(send, lambda _: None, fd))


def write_archive(container: Container, stream: Stream, path: str, options: Options = Options()) -> list[str]:  # noqa: B008
    """Put what a tar stream holds, compressed or not, into the directory *path* of a container; give what was left out.

    Errors: PyrunError; what was made before stays.
    """
    wanted = places.cleaned(path)

    def receive(place: Place, fd: int) -> None:
        root = _container(container, place)
        where = places.directory(root, wanted)
        left_out = _unpack(tar.members(_Counted(fd)), root, wanted, where.fd, _policy(None, True))
        if left_out:
            place.note(b"left out", f"{left_out} device file{'s' if left_out > 1 else ''}")

    def give(fd: int) -> None:
        source, count = plain(stream), 0
        if not (portion := source.read(_PORTION)):
            portion = bytes(2 * BLOCK)  # nothing at all is an archive of nothing, as in Docker
        while portion:
            files.write_all(fd, portion)
            count += len(portion)
            if options.progress:
                options.progress(count)
            portion = source.read(_PORTION)

    return inside.write_to(container, receive, give)


def names(container: Container, directory: str) -> list[str]:
    """List what a *directory* of a container has, directories with a / behind them. Errors: PyrunError, OSError."""
    found: list[bytes] = []

    def send(place: Place, fd: int) -> None:
        opened = trees.open_in_root(place.root, directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        with os.scandir(opened) as entries:  # where a link leads is looked for inside
            told = [os.fsencode(entry.name) + b"/" * entry.is_dir() for entry, _ in zip(entries, range(_NAMES))]  # noqa: B905
        files.write_all(fd, b"\0".join(told))

    def take(fd: int) -> None:
        with os.fdopen(os.dup(fd), "rb") as stream:
            found.extend(stream.read().split(b"\0"))

    inside.read_from(container, send, take)
    return sorted(os.fsdecode(name) for name in found if name)


def _container(container: Container, place: Place) -> Root:
    return Root(place.root, trees.IN_ROOT, f"{container.name}:")


def _policy(owner: "tuple[int, int] | None", power: bool) -> unpack.Policy:
    return unpack.Policy(owner, power, True, _NO_LIMIT, _NO_LIMIT, _NO_LIMIT)


def _send(root: Root, path: str, follow: bool, streamed: bool, place: Place, fd: int) -> None:
    """Write what is at *path* to *fd*; *streamed* for somebody who reads the stream as it is."""
    found = places.followed(root, path) if follow and streamed else places.source(root, path, follow)
    reading = walk.Reading(place.descriptors, place.note, devices=streamed)
    write.write(walk.members(found.fd, found.name, reading), fd)


def _put(stream: Stream, root: Root, path: str, policy: unpack.Policy) -> None:
    """Make what *stream* holds, one thing with all that is below it, at *path*. Errors: PyrunError."""
    members = tar.members(stream)
    first = next(members, None)
    if first is None:  # it has gone meanwhile
        raise root.refusal(path, "nothing to copy")
    where = places.destination(root, path, first.kind == "directory")
    whole = _together(first, members)
    _unpack(places.renamed(whole, where.name) if where.name else whole, root, path, where.fd, policy)


def _together(first: tar.Member, rest: "Iterator[tar.Member]") -> "Iterator[tar.Member]":
    yield first
    yield from rest


def _unpack(members: "Iterator[tar.Member]", root: Root, path: str, directory: int, policy: unpack.Policy) -> int:
    """Make *members* in a directory; give how many device files were left out. Errors: PyrunError."""
    if os.statvfs(directory).f_flag & os.ST_RDONLY:
        raise root.refusal(path, "is in a place that is mounted read-only")
    try:
        return unpack.unpack(members, directory, policy).left_out
    except PyrunError as problem:
        raise PyrunError(f"cp: {problem.message.removeprefix('archive: ')}", 1, problem.hint) from problem


class _Counted:
    """A descriptor as a stream, whose bytes somebody is told of."""

    def __init__(self, fd: int, progress: "Callable[[int], None] | None" = None) -> None:
        self._fd, self._progress, self._count = fd, progress, 0

    def read(self, count: int, /) -> bytes:
        """Read at most *count* bytes."""
        content = os.read(self._fd, min(count, _PORTION))
        if self._progress:
            self._count += len(content)
            self._progress(self._count)
        return content


def _counting(members: "Iterator[tar.Member]", progress: "Callable[[int], None] | None") -> "Iterator[tar.Member]":
    """Tell how many bytes have been taken of all files."""
    total = 0

    def told(member: tar.Member) -> "Iterator[tuple[int, bytes]]":
        nonlocal total
        for offset, piece in member.pieces():
            total += len(piece)
            if progress:
                progress(total)
            yield offset, piece

    for member in members:
        yield _told(member, told) if progress else member


def _told(member: tar.Member, pieces: "Callable[[tar.Member], Iterator[tuple[int, bytes]]]") -> tar.Member:
    return member._replace(pieces=lambda: pieces(member))
