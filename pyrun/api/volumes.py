"""Volumes, as Python objects: created, looked at, removed."""

from typing import Any, Unpack

from pyrun import paths, volume_store
from pyrun.api import arguments, calls, places
from pyrun.api.option_types import Pairs, VolumeOptions
from pyrun.api.places import Place
from pyrun.api.things import Thing


class Volume(Thing):
    """A volume of this host, by its name. As a context manager it is removed at the end.

    Errors of every method: NotFound when it is gone, PyrunError with the cause.
    """

    def __init__(self, name: str, place: Place) -> None:
        """Not for callers: see `create_volume`, `volumes` and `volume`."""
        super().__init__(name, place)

    @property
    def name(self) -> str:
        """Give the name, which a volume keeps for life."""
        return self._id

    @property
    def mountpoint(self) -> str:
        """Give the directory of the host that has its files."""
        return paths.volume_files(self._id)

    @property
    def labels(self) -> dict[str, str]:
        """Give the labels."""
        return dict(self.inspect()["Labels"])

    def inspect(self) -> dict[str, Any]:
        """Give all that is known, in the shape of `docker volume inspect`."""
        found: list[dict[str, Any]] = calls.document(self._place, ["volume", "inspect", self._id])
        return found[0]

    def remove(self) -> None:
        """Remove the volume and its files. Errors: PyrunError while a container uses it."""
        calls.perform(self._place, ["volume", "rm", self._id])

    def __repr__(self) -> str:
        return f"<Volume {self._id}>"

    def _as_option(self) -> str:
        return self._id


def create_volume(name: "str | None" = None, **options: Unpack[VolumeOptions]) -> Volume:
    """Create a volume, unless there is one of that name; without a *name* it gets one that nobody has.

    The other arguments are the options of `pyrun volume create`. Errors: UsageError, PyrunError.
    """
    place = places.current()
    given: dict[str, Any] = dict(options)
    said = calls.perform(place, arguments.words("volume create", given, [name] if name is not None else []))
    return Volume(said.stdout.decode().strip(), place)


def volumes() -> list[Volume]:
    """List all volumes by name. Errors: PyrunError."""
    calls.need_root()
    place = places.current()
    with place.entered():
        return [Volume(name, place) for name in volume_store.names()]


def volume(name: str) -> Volume:
    """Find a volume by name. Errors: NotFound."""
    calls.need_root()
    place = places.current()
    with place.entered():
        return Volume(volume_store.find(name).name, place)


def prune_volumes(all: bool = False, filter: "Pairs | None" = None) -> list[str]:
    """Remove the volumes that no container uses, with *all* also those that somebody named; give their names.

    *filter* is as `pyrun volume prune` takes it. Errors: UsageError, PyrunError.
    """
    return calls.pruned(arguments.words("volume prune", {"all": all, "filter": filter, "force": True}))
