"""What is asked of a host as a whole: what happens, what there is, and what nobody needs any more."""

import time
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any, NamedTuple

from pyrun import filters
from pyrun.api import arguments, calls, places
from pyrun.api.option_types import Moment, Pairs
from pyrun.cli import event_lines
from pyrun.errors import UsageError


class Event(NamedTuple):
    """Something that happened to a container, network, volume or root file system."""

    time: datetime  # in UTC
    type: str  # "container", "network", "volume" or "rootfs"
    action: str  # "start", "die", …: Docker's words
    id: str  # a volume's and a root file system's is its name
    attributes: dict[str, str]  # "name", "exitCode", labels, …


def events(
    *, since: "Moment | None" = None, until: "Moment | None" = None, filter: "Pairs | None" = None
) -> Iterator[Event]:
    """Give what happens from now on, or since a moment, oldest first; without *until* this goes on for ever.

    Moments are as those of `Container.logs`; *filter* is as `pyrun events` takes it, ``{"event": "die"}``. What
    happens after the call is given, whenever it is asked for. Errors: PyrunError, UsageError.
    """
    from pyrun.runtime import events as chronicled

    calls.need_root()
    place = places.current()
    begin, end = arguments.moment("since", since), arguments.moment("until", until)
    if begin is not None and end is not None and begin > end:
        raise UsageError(f"events: since {since} is later than until {until}")
    wanted = event_lines.chosen(filters.read(tuple(arguments.texts("events", "filter", filter)), event_lines.KEYS))
    if begin is None and end is None:
        begin = time.time_ns()
    found = places.stepwise(place, chronicled.read(begin, end))
    return (_event(*each) for each in found if each and wanted(each))


def prune(filter: "Pairs | None" = None) -> list[str]:
    """Remove all containers that do not run; give their ids. *filter* is as `pyrun prune` takes it.

    Errors: UsageError, PyrunError when one could not be removed.
    """
    return calls.pruned(arguments.words("prune", {"filter": filter, "force": True}))


def info() -> dict[str, Any]:
    """Give what there is on this host, and what it can, in the shape of `docker info`. Errors: PyrunError."""
    found: dict[str, Any] = calls.document(places.current(), ["info", "--format", "json"])
    return found


def version() -> dict[str, Any]:
    """Give the version, in the shape of `docker version`. Errors: PyrunError."""
    found: dict[str, Any] = calls.document(places.current(), ["version", "--format", "json"])
    return found


def _event(at: int, kind: str, action: str, actor: str, attributes: dict[str, str]) -> Event:
    return Event(datetime.fromtimestamp(at / 1e9, UTC), kind, action, actor, attributes)
