"""What `run` was told to mount: values become mounts, also those of other containers; every complaint comes here."""

import os

from pyrun.errors import PyrunError, UsageError
from pyrun.options import mounts as options
from pyrun.options import show
from pyrun.spec import Mount
from pyrun.typed import Any


def chosen(v: Any) -> dict[str, Any]:
    """Give the mounts of a container, and of whom it took some. Errors: UsageError."""
    options.driver(v["volume_driver"] or "local")
    own = _own(v)
    taken = {mount.target for mount in own}
    inherited = {mount.target: mount for text in v["volumes_from"] for mount in _inherited(text)}
    found = (*own, *(mount for target, mount in inherited.items() if target not in taken))
    for mount in found:
        _check_propagation(mount)
    if not v["privileged"]:
        options.guarded(found)
        _guard_volumes(found)
    return {"mounts": found, "volumes_from": v["volumes_from"]}


def _check_propagation(mount: Mount) -> None:
    """Refuse what Docker refuses: only a shared mount can hand on what is mounted below it."""
    wanted = mount.propagation.removeprefix("r")
    if wanted not in ("shared", "slave"):
        return
    from pyrun.kernel import peers

    enough = {"shared"} if wanted == "shared" else {"shared", "slave"}
    if not enough & peers.find(mount.source):
        hint = f"mount --make-shared, or leave out {mount.propagation}"
        raise UsageError(f"volume: {show(mount.source)}: is not on a {' or '.join(sorted(enough))} mount", hint=hint)


def _own(v: Any) -> list[Mount]:
    found = [*map(options.volume, v["volume"]), *map(options.mount, v["mount"]), *map(options.tmpfs, v["tmpfs"])]
    chosen = {mount.target for mount in found if not _is_declared(mount)}
    declared = {mount.target: mount for mount in found if _is_declared(mount) and mount.target not in chosen}
    found = [mount for mount in found if not _is_declared(mount)]
    targets = [mount.target for mount in found]
    for target in targets:
        if targets.count(target) > 1:
            raise UsageError(f"mount: {show(target)}: given twice")
    named = (mount._replace(source=os.urandom(32).hex()) if mount.anonymous else mount for mount in found)
    return [*named, *(mount._replace(source=os.urandom(32).hex()) for mount in declared.values())]


def _is_declared(mount: Mount) -> bool:
    """Claim that it only says that there is to be a volume, as `VOLUME` of an image does: it gives way to any other."""
    return mount.anonymous and mount.option == "volume"


def _inherited(text: str) -> list[Mount]:
    """Give the mounts of another container, for --volumes-from."""
    from pyrun import store

    reference, read_only = options.volumes_from(text)
    try:
        config = store.find(reference).config
    except PyrunError as problem:
        raise UsageError(f"volumes-from: {problem.message}", hint=problem.hint) from problem
    if config is None:
        raise UsageError(f"volumes-from: {show(reference)}: its record is corrupt")
    return [
        mount._replace(option="volumes-from", read_only=mount.read_only or read_only, create_source=False)
        for mount in config.mounts
        if mount.option != "tmpfs"
    ]


def _guard_volumes(mounts: tuple[Mount, ...]) -> None:
    """Hold volumes that lie on a directory of the host to the rules for directories of the host."""
    from pyrun import volume_store

    for mount in (mount for mount in mounts if mount.kind == "volume"):
        given = volume_store.read(mount.source).settings if volume_store.exists(mount.source) else mount.settings
        fields = {key: value for key, _, value in (each.partition("=") for each in given)}
        words = fields.get("o", "").split(",")
        if {"bind", "rbind"} & set(words):
            options.guard(fields.get("device", ""), mount.read_only or "ro" in words)
