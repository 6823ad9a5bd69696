"""Verbs that change containers: their names, limits and policies, whether they go on, whether they are there."""

import sys
import time

from pyrun import moments, options
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
    from pyrun.runtime import lifecycle

    v: Any = values
    wanted = _filters(v["filter"])
    if not v["force"] and not _agreed("This will remove all stopped containers.\nAre you sure you want to continue?"):
        return 0
    removed, code = [], 0
    for container in _idle(wanted):
        try:
            lifecycle.remove(container, force=False)
            removed.append(container.id)
        except PyrunError as problem:
            code = 1
            complain(problem)
    if removed:
        sys.stdout.write("Deleted Containers:\n" + "".join(f"{identity}\n" for identity in removed) + "\n")
    return code


def _idle(wanted: list[tuple[str, str]]) -> list[Any]:
    from pyrun import store

    found = []
    for container in store.containers():
        status = container.status()
        if status.state in ("created", "exited") and not status.monitored and _matches(container, wanted):
            found.append(container)
    return found


def _filters(given: tuple[str, ...]) -> list[tuple[str, str]]:
    found = []
    for text in given:
        key, equals, value = text.partition("=")
        if not equals or key not in ("until", "label", "label!"):
            raise UsageError(f"filter: {options.show(text)}: use until=TIME, label=KEY[=VALUE] or label!=KEY[=VALUE]")
        found.append((key, str(moments.parse("filter", value, time.time_ns())) if key == "until" else value))
    return found


def _matches(container: Any, wanted: list[tuple[str, str]]) -> bool:
    labels = dict(entry.partition("=")[::2] for entry in container.config.labels)
    for key, value in wanted:
        if key == "until" and container.config.created * 1e9 >= int(value):
            return False
        name, equals, content = value.partition("=")
        has = name in labels and (not equals or labels[name] == content)
        if key != "until" and has != (key == "label"):
            return False
    return True


def _agreed(question: str) -> bool:
    """Ask as Docker does; no answer is no."""
    sys.stdout.write(f"WARNING! {question} [y/N] ")
    sys.stdout.flush()
    return sys.stdin.readline().strip().lower() in ("y", "yes")


VERBS: dict[str, Callable[[Values], int]] = {
    "rename": _rename,
    "pause": _pause,
    "unpause": _unpause,
    "update": _update,
    "prune": _prune,
}
