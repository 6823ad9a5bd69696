"""`ps --filter`: which containers are wanted, by Docker's keys and rules."""

import os

from pyrun import filters, store
from pyrun.cli import listing
from pyrun.filters import Filters
from pyrun.store import Container, Status
from pyrun.typed import Callable

KEYS = (
    *("ancestor", "before", "exited", "expose", "health", "id", "label", "name", "network", "publish", "since"),
    *("status", "volume"),
)
_STATES = ("created", "dead", "exited", "paused", "removing", "restarting", "running")
_HEALTH = ("healthy", "none", "starting", "unhealthy")


def chosen(found: "list[tuple[Container, Status]]", wanted: Filters) -> "list[tuple[Container, Status]]":
    """Give those that match all keys, of each key any value; of labels all. *found* is sorted, the newest first.

    Errors: PyrunError for a value that a key cannot have, NotFound for a container that is not there.
    """
    _check(wanted)
    first, last = _range(found, wanted)
    tests = [(_TESTS[key], values) for key, values in wanted.items() if key in _TESTS]
    ports = (_ports("publish", wanted), _ports("expose", wanted)) if {"publish", "expose"} & wanted.keys() else None
    kept = [pair for pair in found[first:last] if all(test(*pair, values) for test, values in tests)]
    return [pair for pair in kept if ports is None or _has_port(*pair, *ports)]


def _check(wanted: Filters) -> None:
    for key, known in (("status", _STATES), ("health", _HEALTH)):
        for value in wanted.get(key, ()):
            if value not in known:
                raise filters.refuse(key, value, f"one of {', '.join(known)}")
    for value in wanted.get("exited", ()):
        if not value.removeprefix("-").isdecimal():
            raise filters.refuse("exited", value, "a number")


def _range(found: "list[tuple[Container, Status]]", wanted: Filters) -> "tuple[int, int]":
    """Give which part of the list was made before one container and since another."""
    ids = [container.id for container, _ in found]
    first, last = 0, len(found)
    for reference in wanted.get("before", ()):
        first = max(first, ids.index(store.find(reference).id) + 1)
    for reference in wanted.get("since", ()):
        last = min(last, ids.index(store.find(reference).id))
    return first, last


def _named(container: Container, _: Status, values: "tuple[str, ...]") -> bool:
    return filters.matches(values, container.name) or filters.matches(values, f"/{container.name}")


def _identified(container: Container, _: Status, values: "tuple[str, ...]") -> bool:
    return filters.matches(values, container.id)


def _labelled(container: Container, _: Status, values: "tuple[str, ...]") -> bool:
    return container.config is not None and filters.has_labels(values, container.config.labels)


def _ended(_: Container, status: Status, values: "tuple[str, ...]") -> bool:
    return status.state == "exited" and status.exit_code in map(int, values)


def _in_state(_: Container, status: Status, values: "tuple[str, ...]") -> bool:
    return status.state in values


def _in_health(_: Container, status: Status, values: "tuple[str, ...]") -> bool:
    return (status.health or "none") in values


def _descends(container: Container, _: Status, values: "tuple[str, ...]") -> bool:
    """Claim that a container was made from a root file system, by what was typed then, its name or its directory."""
    config = container.config
    if config is None:
        return False
    names = {config.image, config.rootfs, listing.of_directory(config)}
    return any(value in names or ("/" in value and os.path.realpath(value) == config.rootfs) for value in values)


def _mounts(container: Container, _: Status, values: "tuple[str, ...]") -> bool:
    mounts = container.config.mounts if container.config else ()
    there = {word for m in mounts if m.source for word in (m.source, m.target)}
    return not there.isdisjoint(values)


def _networked(container: Container, _: Status, values: "tuple[str, ...]") -> bool:
    """Claim that a container is on a network, by its name or the beginning of its id."""
    if container.config is None:
        return False
    names = listing.networks(container.config)
    if not set(names).isdisjoint(values):
        return True
    from pyrun.network import standing

    ids = [end.network.id for end in standing.plugs(container.id)]
    return any(value and identity.startswith(value) for identity in ids for value in values)


_TESTS: "dict[str, Callable[[Container, Status, tuple[str, ...]], bool]]" = {
    "name": _named,
    "id": _identified,
    "label": _labelled,
    "exited": _ended,
    "status": _in_state,
    "health": _in_health,
    "ancestor": _descends,
    "volume": _mounts,
    "network": _networked,
}


def _ports(key: str, wanted: Filters) -> "set[str]":
    """Give all ports that the values of a key mean: PORT[-PORT][/PROTOCOL]."""
    found: set[str] = set()
    for value in wanted.get(key, ()):
        numbers, _, protocol = value.partition("/")
        first, dash, last = numbers.partition("-")
        ends = (first, last if dash else first)
        if not all(end.isdecimal() and int(end) < 65536 for end in ends) or int(ends[0]) > int(ends[1]):
            raise filters.refuse(key, value, "PORT[-PORT][/PROTOCOL]")
        found |= {f"{port}/{protocol or 'tcp'}" for port in range(int(ends[0]), int(ends[1]) + 1)}
    return found


def _has_port(container: Container, status: Status, published: "set[str]", exposed: "set[str]") -> bool:
    config = container.config
    if config is None or status.state not in ("running", "paused"):
        return False
    from pyrun.network import standing

    ports = [port for end in standing.plugs(container.id) for port in end.published]
    inside = {*config.exposed, *(f"{port.target}/{port.protocol}" for port in ports)}
    return not published.isdisjoint(f"{port.port}/{port.protocol}" for port in ports) or not exposed.isdisjoint(inside)
