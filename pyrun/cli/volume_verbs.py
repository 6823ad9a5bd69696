"""The verbs about volumes: what was read becomes calls, and their results become Docker's output."""

import os
import sys
import time

from pyrun import documents, options, paths, volume_store
from pyrun.cli.complaints import complain, performed
from pyrun.cli.reader import Values
from pyrun.errors import Corrupt, NotFound, PyrunError, UsageError
from pyrun.options import mounts
from pyrun.spec import Volume
from pyrun.typed import Any, Callable

_HEADINGS = {
    "Driver": "DRIVER",
    "Name": "VOLUME NAME",
    "Labels": "LABELS",
    "Links": "LINKS",
    "Mountpoint": "MOUNTPOINT",
    "Scope": "SCOPE",
    "Size": "SIZE",
}
_FILTERS = ("dangling", "driver", "label", "name")
_PRUNE_FILTERS = ("all", "label", "label!")
ANONYMOUS = "com.docker.volume.anonymous"  # the label by which Docker knows them


def _create(values: Values) -> int:
    v: Any = values
    mounts.driver(v["driver"] or "local")
    name = v["arguments"][0] if v["arguments"] else ""
    chosen = mounts.volume_name("volume", name) if name else os.urandom(32).hex()
    settings = mounts.driver_options("opt", v["opt"])
    volume_store.create(Volume(chosen, time.time(), options.pairs("label", v["label"]), settings, not name))
    sys.stdout.write(f"{chosen}\n")
    return 0


def _ls(values: Values) -> int:
    v: Any = values
    found = _matching(_filters(v["filter"], _FILTERS))
    sys.stdout.write(_listed(v, found))
    return 0


def _listed(v: Any, found: list[Volume]) -> str:
    """Write volumes as --format wants it; only what is a template needs what templates need."""
    form = v["format"] or "table"
    if v["quiet"] and form in ("table", "json"):
        return "".join(f"{volume.name}\n" for volume in found)
    if form == "table":
        from pyrun.cli import tables

        columns = [tables.Column(_HEADINGS["Driver"]), tables.Column(_HEADINGS["Name"], 20)]
        return tables.shown(columns, [("local", volume.name) for volume in found])
    if form == "json":
        return "".join(documents.line(_row(volume), escaped=True) + "\n" for volume in found)
    from pyrun.cli import formats

    if form == "raw":
        form = "name: {{.Name}}" + ("" if v["quiet"] else "\ndriver: {{.Driver}}\n")
    return formats.rows(form, "volume", _HEADINGS, found, lambda volume: formats.constant(_row(volume)), _label_words)


def _row(volume: Volume) -> dict[str, str]:
    """Give Docker's JSON object of a volume in a list."""
    return {
        "Driver": "local",
        "Labels": ",".join(_label_words(volume)),
        "Links": "N/A",
        "Mountpoint": paths.volume_files(volume.name),
        "Name": volume.name,
        "Scope": "local",
        "Size": "N/A",
    }


def _label_words(volume: Volume) -> list[str]:
    return [f"{key}={value}" for key, value in labels(volume).items()]


def _inspect(values: Values) -> int:
    from pyrun.cli import inspecting

    return inspecting.perform(values, [inspecting.VOLUME])


def described(volume: Volume) -> dict[str, Any]:
    """Give Docker's JSON object of a volume."""
    return {
        "CreatedAt": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(volume.created)),
        "Driver": "local",
        "Labels": labels(volume),
        "Mountpoint": paths.volume_files(volume.name),
        "Name": volume.name,
        "Options": _pairs(volume.settings),
        "Scope": "local",
    }


def labels(volume: Volume) -> dict[str, str]:
    """Give the labels of a volume, and the one by which Docker knows that nobody chose its name."""
    return {**({ANONYMOUS: ""} if volume.anonymous else {}), **_pairs(volume.labels)}


def _pairs(given: tuple[str, ...]) -> dict[str, str]:
    return {key: value for key, _, value in (each.partition("=") for each in given)}


def _rm(values: Values) -> int:
    v: Any = values
    code = 0
    for name in v["arguments"]:
        try:
            volume_store.remove(name)
        except PyrunError as problem:
            if not (v["force"] and isinstance(problem, NotFound)):
                code = 1
                complain(problem)
                continue
        sys.stdout.write(f"{name}\n")
    return code


def _prune(values: Values) -> int:
    from pyrun.cli import pruning

    v: Any = values
    filters = _filters(v["filter"], _PRUNE_FILTERS)
    named = v["all"] or any(key == "all" and _is_true(key, value) for key, value in filters)
    what = "volumes" if named else "anonymous volumes"
    if not v["force"] and not pruning.agreed(f"This will remove all local {what} not used by at least one container."):
        return 0
    from pyrun.cli import ages

    removed, size, used = [], 0, volume_store.used()
    for volume in _matching([pair for pair in filters if pair[0] != "all"]):
        if volume.settings or not (named or volume.anonymous) or volume.name in used:
            continue  # what lies elsewhere is nothing to reclaim, as in Docker
        occupied = _size(paths.volume_files(volume.name))
        try:
            volume_store.remove(volume.name)
        except PyrunError:
            continue  # it is in use
        removed.append(volume.name)
        size += occupied
    if removed:
        sys.stdout.write("Deleted Volumes:\n" + "".join(f"{name}\n" for name in removed) + "\n")
    sys.stdout.write(f"Total reclaimed space: {ages.size(size)}\n")
    return 0


def _matching(filters: list[tuple[str, str]]) -> list[Volume]:
    """Give the volumes that match; of one key any value will do. One that cannot be read is told."""
    found = []
    used = volume_store.used() if any(key == "dangling" for key, _ in filters) else set()
    for name in volume_store.names():
        try:
            volume = volume_store.find(name)
        except NotFound:  # it was removed meanwhile
            continue
        except Corrupt as problem:
            complain(problem)
            continue
        keys = {key for key, _ in filters if not key.startswith("label")}
        plain = all(any(_matches(volume, key, value, used) for k, value in filters if k == key) for key in keys)
        if plain and all(_matches(volume, key, value, used) for key, value in filters if key.startswith("label")):
            found.append(volume)
    return found


def _matches(volume: Volume, key: str, value: str, used: set[str]) -> bool:
    if key == "dangling":
        return _is_true(key, value) != (volume.name in used)
    if key == "driver":
        return value == "local"
    if key == "name":
        return value in volume.name
    name, equals, wanted = value.partition("=")
    known = labels(volume)
    return (name in known and (not equals or known[name] == wanted)) != key.endswith("!")


def _is_true(key: str, value: str) -> bool:
    if value.lower() not in ("true", "false", "1", "0"):
        raise UsageError(f"filter: {key}={options.show(value)}: is true or false")
    return value.lower() in ("true", "1")


def _filters(given: tuple[str, ...], known: tuple[str, ...]) -> list[tuple[str, str]]:
    found = []
    for text in given:
        key, equals, value = text.partition("=")
        if not equals or key not in known:
            raise UsageError(f"filter: {options.show(text)}: not known", hint=f"KEY=VALUE with {', '.join(known)}")
        if key in ("dangling", "all"):
            _is_true(key, value)
        found.append((key, value))
    return found


def _size(directory: str) -> int:
    total = 0
    for at, below, names in os.walk(directory):
        del below
        for name in names:
            try:
                total += os.lstat(f"{at}/{name}").st_size
            except FileNotFoundError:
                continue
    return total


_BODIES: dict[str, Callable[[Values], int]] = {
    "volume create": _create,
    "volume ls": _ls,
    "volume inspect": _inspect,
    "volume rm": _rm,
    "volume prune": _prune,
}
VERBS = {verb: performed(body) for verb, body in _BODIES.items()}
