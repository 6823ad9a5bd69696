"""Verbs that change containers: their names, limits and policies, whether they go on, whether they are there."""

import sys

from pyrun import options
from pyrun.cli.complaints import arguments, complain, each
from pyrun.cli.reader import Values
from pyrun.errors import PyrunError, UsageError
from pyrun.typed import Any, Callable


def _rename(values: Values) -> int:
    from pyrun import store
    from pyrun.runtime import alterations

    container, name = arguments(values)
    alterations.rename(store.find(container), options.container_name(name))
    return 0


def _pause(values: Values) -> int:
    from pyrun.runtime import alterations

    return each(values, alterations.pause)


def _unpause(values: Values) -> int:
    from pyrun.runtime import alterations

    return each(values, alterations.unpause)


def _update(values: Values) -> int:
    from pyrun.cli import limits
    from pyrun.runtime import alterations

    v: Any = values
    restart = options.restart_policy(v["restart"]) if v["restart"] is not None else None
    given = limits.changed(v)
    if not given and restart is None:
        raise UsageError("update: nothing to change", hint="see pyrun update --help")
    return each(values, lambda container: alterations.update(container, alterations.Update(given, restart)))


def _prune(values: Values) -> int:
    from pyrun.cli import pruning
    from pyrun.runtime import lifecycle

    v: Any = values
    wanted = pruning.filters(v["filter"])
    if not v["force"] and not pruning.agreed("This will remove all stopped containers."):
        return 0
    removed, code = [], 0
    for container in _idle():
        if not pruning.is_meant(wanted, container.config.created, container.config.labels):
            continue
        try:
            lifecycle.remove(container, force=False)
            removed.append(container.id)
        except PyrunError as problem:
            code = 1
            complain(problem)
    if removed:
        sys.stdout.write("Deleted Containers:\n" + "".join(f"{identity}\n" for identity in removed) + "\n")
    return code


def _idle() -> list[Any]:
    from pyrun import store

    found = []
    for container in store.containers():
        status = container.status()
        if status.state in ("created", "exited") and not status.monitored:
            found.append(container)
    return found


VERBS: dict[str, Callable[[Values], int]] = {
    "rename": _rename,
    "pause": _pause,
    "unpause": _unpause,
    "update": _update,
    "prune": _prune,
}
