"""Root file systems, as Python objects: taken in, made, looked at, removed."""

import os
from typing import Any

from pyrun.api import arguments, calls, places
from pyrun.api.option_types import Number, Path, Words
from pyrun.api.places import Place
from pyrun.api.things import Thing
from pyrun.rootfs import library


class Rootfs(Thing):
    """A root file system of this host, by its name. As a context manager it is removed at the end.

    It stands for its directory wherever a path is expected. Errors of every method: NotFound when it is gone,
    PyrunError with the cause.
    """

    def __init__(self, name: str, place: Place) -> None:
        """Not for callers: see `import_rootfs`, `build_rootfs`, `rootfs_named` and `every_rootfs`."""
        super().__init__(name, place)

    @property
    def name(self) -> str:
        """Give the name, which `run` takes."""
        return self._id

    @property
    def path(self) -> str:
        """Give the directory."""
        with self._place.entered():
            return library.find(self._id).directory

    def inspect(self) -> dict[str, Any]:
        """Give all that `pyrun rootfs inspect` tells: size, number of files, release, the containers that have it."""
        found: list[dict[str, Any]] = calls.document(self._place, ["rootfs", "inspect", self._id])
        return found[0]

    def remove(self) -> None:
        """Remove it. Errors: PyrunError while a container has it."""
        calls.perform(self._place, ["rootfs", "rm", self._id])

    def __str__(self) -> str:
        return self._id

    def __fspath__(self) -> str:
        return self.path

    def __repr__(self) -> str:
        return f"<Rootfs {self._id}>"


def import_rootfs(source: Path, name: "str | None" = None, *, max_size: "Number | None" = None) -> Rootfs:
    """Make a root file system of an archive or a directory; without a *name* it has the source's.

    Errors: PyrunError, and nothing is left, for an archive that is broken or means harm; a name that is taken.
    """
    words = [os.fspath(source), *([name] if name is not None else [])]
    return _made(arguments.words("rootfs import", {"max_size": max_size}, words))


def build_rootfs(
    recipe: str,
    name: "str | None" = None,
    *,
    suite: "str | None" = None,
    include: "Words | None" = None,
    max_size: "Number | None" = None,
) -> Rootfs:
    """Make a root file system by a *recipe*: ``ubuntu``, ``debian`` or ``busybox``. Errors: PyrunError."""
    given = {"suite": suite, "include": include, "max_size": max_size}
    return _made(arguments.words("rootfs build", given, [recipe, *([name] if name is not None else [])]))


def every_rootfs() -> list[Rootfs]:
    """List the root file systems that have a name. Errors: PyrunError."""
    calls.need_root()
    place = places.current()
    with place.entered():
        return [Rootfs(tree.name, place) for tree in library.every()]


def rootfs_named(name: str) -> Rootfs:
    """Find a root file system by name. Errors: NotFound."""
    calls.need_root()
    place = places.current()
    with place.entered():
        return Rootfs(library.find(name).name, place)


def _made(line: list[str]) -> Rootfs:
    place = places.current()
    return Rootfs(calls.perform(place, line).stdout.decode().strip(), place)
