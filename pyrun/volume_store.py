"""Volumes of this host: a directory each with its record and its files, made, found, filled and removed.

A volume exists while its directory does, and it is in use while the record of a container names it. That record
comes first: a volume is made, or kept from being removed, for a container that is written down already.
"""

import os
import time

from pyrun import chronicle, documents, leftovers, near, paths, store
from pyrun.contexts import suppress
from pyrun.errors import Corrupt, NotFound, PyrunError
from pyrun.kernel import copies, files, processes, reading, syscalls, trees, volume_mounts
from pyrun.operation import Journal, Operation, perform
from pyrun.options.mounts import volume_name
from pyrun.spec import ContainerConfig, Mount, Volume
from pyrun.store import Container
from pyrun.typed import Any, NamedTuple

VERSION = 1
_NEW, _OLD = leftovers.NEW_VOLUME, ".removed."  # before what tells one such directory from another
_FILLING = ".filling"


class RemoveUnused(NamedTuple):
    """Remove a volume that was made for one container, unless another one uses it."""

    name: str
    owner: str  # the container's id

    def apply(self) -> None:
        with suppress(NotFound):
            _remove_unless_used(self.name, self.owner)

    def inverse(self) -> None:
        return None

    def shell(self) -> str:
        return f"rm -rf --one-file-system {files.quote(paths.volume(self.name))}"

    def why(self) -> str:
        return "nobody named it, and its container is gone"


class MakeVolume(NamedTuple):
    """A volume that was prepared at *path* takes its place, unless there is one; *owner* is the container it is for."""

    path: str
    name: str
    owner: str = ""

    def apply(self) -> None:
        try:
            os.rename(self.path, paths.volume(self.name))
        except OSError:
            if not os.path.isdir(paths.volume(self.name)):
                raise
            trees.remove_tree(self.path)  # somebody else was faster

    def inverse(self) -> "RemoveUnused | None":
        return RemoveUnused(self.name, self.owner) if self.owner else None

    def shell(self) -> str:
        return f"mv -T {files.quote(self.path)} {files.quote(paths.volume(self.name))}"

    def why(self) -> str:
        return "from here on the volume exists"


def creation(volume: Volume, owner: str = "") -> list[Operation]:
    """Make a volume: prepared beside its place, so that it exists as a whole or not at all. Pure."""
    new = f"{paths.VOLUMES}/{_NEW}{processes.signature()}"
    record = files.WriteFile(f"{new}/volume.json", encode(volume), 0o600, "the record of the volume", True)
    return [
        trees.MakeDirectory(new, 0o701, reason="where the volume is prepared"),
        trees.MakeDirectory(f"{new}/_data", 0o755, reason="what containers see of it"),
        record,
        MakeVolume(new, volume.name, owner),
    ]


def create(volume: Volume, owner: str = "", journal: "Journal | None" = None) -> None:
    """Make a volume, unless there is one of that name, which is left as it is. Errors: PyrunError."""
    if os.path.lexists(paths.volume(volume.name)):
        return
    for directory in (paths.STATE, paths.VOLUMES):
        with suppress(FileExistsError):
            os.mkdir(directory, 0o700)
    *prepared, made = creation(volume, owner)
    umask = os.umask(0)
    try:
        perform(prepared)
        perform([made], "host", journal)
        chronicle.volume(volume.name, "create")
    except BaseException:
        trees.remove_tree(f"{paths.VOLUMES}/{_NEW}{processes.signature()}")
        raise
    finally:
        os.umask(umask)


def planned(config: ContainerConfig) -> list[Operation]:
    """Give what `provide` and `attach` are to do for a container, for a preview."""
    plan: list[Operation] = []
    for mount in _of(config):
        new = not os.path.lexists(paths.volume(mount.source))
        if new:
            plan += creation(_wanted(mount), config.id if mount.anonymous else "")
        plan += _mounting(mount.source, _wanted(mount) if new else read(mount.source), config.id)
        if _is_filled(config, mount) and (new or not os.listdir(paths.volume_files(mount.source))):
            plan += _filling(config, mount)
    return plan


def provide(config: ContainerConfig, journal: Journal) -> None:
    """Make the volumes that a container's record names and that are missing, and fill the empty ones.

    What was made for this container alone goes with it: that is noted in *journal*. Errors: PyrunError.
    """
    for mount in _of(config):
        owner = config.id if mount.anonymous else ""
        while True:  # a volume may be removed until we have its lock, and has a user from then on
            create(_wanted(mount), owner, journal if owner else None)
            with volume_mounts.locked(paths.volume(mount.source)) as exists:
                if exists and not _is_elsewhere(mount.source):
                    _fill(config, mount)
            if exists:
                break


def attach(config: ContainerConfig, journal: Journal) -> None:
    """Mount what the volumes of a container lie on, for as long as it runs. Errors: PyrunError."""
    for mount in _of(config):
        chronicle.volume(mount.source, "mount", config.id, mount)
        if _is_elsewhere(mount.source):
            perform(_mounting(mount.source, read(mount.source), config.id), "host", journal)
            with volume_mounts.locked(paths.volume(mount.source)):
                _fill(config, mount)


def remove(name: str) -> None:
    """Remove a volume. Errors: NotFound; PyrunError when a container uses it, or may do so."""
    found = _remove_unless_used(name)
    if found:
        ids = ", ".join(container.id for container in found)
        raise PyrunError(f"volume {name}: is in use by {ids}", 1, _hint(found))


def remove_anonymous(config: ContainerConfig) -> None:
    """Remove the volumes that were made for a container which is gone, but for those that another one uses."""
    for mount in _of(config):
        if mount.anonymous:
            RemoveUnused(mount.source, config.id).apply()


def used() -> set[str]:
    """List the names of the volumes that containers use; of one whose record is damaged nobody knows."""
    return {mount.source for each in store.containers() if each.config for mount in _of(each.config)}


def users(name: str, but: str = "") -> list[Container]:
    """List the containers that use a volume, or whose record is damaged: they may do so."""
    return [
        container
        for container in store.containers()
        if container.id != but and (container.config is None or name in {each.source for each in _of(container.config)})
    ]


def exists(name: str) -> bool:
    """Claim that there is a volume of that name."""
    return bool(name) and not name.startswith(".") and "/" not in name and os.path.isdir(paths.volume(name))


def names() -> list[str]:
    """List the names of all volumes."""
    return sorted(name for name in reading.listed(paths.VOLUMES) if not name.startswith("."))


def find(name: str) -> Volume:
    """Read a volume. Errors: NotFound with a near name, Corrupt."""
    if not exists(name):
        raise NotFound(f"no such volume: {name}", hint=near.hint(name, names()))
    return read(name)


def discard(entry: str) -> list[Exception]:
    """Remove what somebody who was killed in making or removing a volume left. Errors: PyrunError, OSError."""
    trees.remove_tree(f"{paths.VOLUMES}/{entry}")
    return []


def read(name: str) -> Volume:
    """Read the record of a volume that exists. Errors: Corrupt."""
    path = f"{paths.volume(name)}/volume.json"
    try:
        fields: Any = documents.parse(reading.read_limited(path))
        version = fields.pop("version")
        if version != VERSION:
            raise Corrupt(f"volume: {path}: written by another version")
        make: Any = Volume
        volume: Volume = make(
            **{key: tuple(value) if isinstance(value, list) else value for key, value in fields.items()}
        )
    except FileNotFoundError:
        raise Corrupt(f"volume: {path}: is missing", hint=f"pyrun volume rm {name}") from None
    except (OSError, ValueError, TypeError, KeyError, AttributeError, RecursionError) as cause:
        raise Corrupt(f"volume: {path}: not readable", hint=f"pyrun volume rm {name}") from cause
    _check(path, name, volume)
    return volume


def encode(volume: Volume) -> str:
    """Write a volume as JSON."""
    return documents.printed({"version": VERSION, **volume._asdict()}) + "\n"


def _check(path: str, name: str, volume: Volume) -> None:
    words = (volume.labels, volume.settings)
    plain = all(isinstance(each, tuple) and all(isinstance(word, str) for word in each) for each in words)
    known = isinstance(volume.created, (int, float)) and not isinstance(volume.created, bool)
    if not plain or not known or not isinstance(volume.anonymous, bool) or volume.name != name:
        raise Corrupt(f"volume: {path}: not one of ours", hint=f"pyrun volume rm {name}")


def _of(config: ContainerConfig) -> list[Mount]:
    return [mount for mount in config.mounts if mount.kind == "volume"]


def _wanted(mount: Mount) -> Volume:
    return Volume(volume_name("volume", mount.source), time.time(), mount.labels, mount.settings, mount.anonymous)


def _is_elsewhere(name: str) -> bool:
    """Claim that a volume's files lie on something that has to be mounted."""
    return bool(read(name).settings)


def _mounting(name: str, volume: Volume, identity: str) -> list[Operation]:
    settings = {key: value for key, _, value in (each.partition("=") for each in volume.settings)}
    if not settings:
        return []
    target = paths.volume_files(name)
    return [
        volume_mounts.HoldVolume(f"{paths.HELD}/{name}/{identity}", target),
        volume_mounts.MountVolume(settings["type"], settings["device"], settings.get("o", ""), target),
    ]


def _is_filled(config: ContainerConfig, mount: Mount) -> bool:
    """Claim that the root file system has a directory where the volume will lie."""
    if mount.nocopy or mount.option == "volumes-from":
        return False
    with suppress(OSError), trees.opened(config.rootfs) as root:
        resolve = trees.IN_ROOT | syscalls.RESOLVE_NO_XDEV  # an overlay shows nothing that is mounted below
        os.close(trees.open_in_root(root, mount.target, os.O_PATH | os.O_DIRECTORY, resolve))
        return True
    return False


def _fill(config: ContainerConfig, mount: Mount) -> None:
    """Give an empty volume what the root file system has in its place; its lock is ours."""
    place = f"{paths.volume(mount.source)}/{_FILLING}"
    if os.path.lexists(place):  # somebody was killed in filling it
        trees.remove_tree(place)
    if _is_filled(config, mount) and not os.listdir(paths.volume_files(mount.source)):
        perform(_filling(config, mount))


def _filling(config: ContainerConfig, mount: Mount) -> list[Operation]:
    """Fill a volume at one moment; one that others see already, or that lies elsewhere, file by file."""
    place, target = f"{paths.volume(mount.source)}/{_FILLING}", paths.volume_files(mount.source)
    reason = f"the empty volume begins with what the root file system has at {mount.target}"
    seen = exists(mount.source) and (_is_elsewhere(mount.source) or users(mount.source, config.id))
    if seen:
        return [copies.CopyTree(config.rootfs, mount.target, target, reason)]
    return [
        copies.CopyTree(config.rootfs, mount.target, place, reason),
        copies.Rename(place, target, "all of it at one moment"),
    ]


def _remove_unless_used(name: str, owner: str = "") -> list[Container]:
    """Remove a volume that no container but *owner* uses; give those that do. Errors: NotFound, PyrunError."""
    place = f"{paths.VOLUMES}/{_OLD}{os.urandom(4).hex()}"
    if not exists(name):
        raise NotFound(f"no such volume: {name}")
    with volume_mounts.locked(paths.volume(name)) as there:
        if not there:
            raise NotFound(f"no such volume: {name}")
        found = users(name, owner)
        if found:
            return found
        trees.refuse_mounts_below(paths.volume(name))
        perform([copies.Rename(paths.volume(name), place, "from here on the volume does not exist")])
    chronicle.volume(name, "destroy")
    perform([trees.RemoveTree(place, "nobody uses the volume any more")])
    return []


def _hint(found: list[Container]) -> str:
    damaged = next((container for container in found if container.config is None), None)
    return f"the record of {damaged.id[:12]} is damaged" if damaged else ""
