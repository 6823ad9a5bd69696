"""Verbs about containers that are there: what was read becomes calls, their results output and exit codes."""

import sys

from pyrun.cli.complaints import arguments, each
from pyrun.cli.reader import Values
from pyrun.contexts import suppress
from pyrun.errors import PyrunError
from pyrun.typed import Any, Callable


def _ps(values: Values) -> int:
    import time

    from pyrun import store
    from pyrun.cli import listing

    v: Any = values
    now = time.time()
    found = _chosen(v, [(container, container.status()) for container in store.containers()])
    rows = [listing.Row(container, status, now, v["no_trunc"], v["size"]) for container, status in found]
    sys.stdout.write(_listed(v, rows))
    return 0


def _chosen(v: Any, found: Any) -> Any:
    """Leave out what was not asked for: states first, unless filters name them, then all but the newest."""
    from pyrun import options

    last = options.whole("last", v["last"], -(1 << 31)) if v["last"] is not None else -1
    last = 1 if v["latest"] and last == -1 else last
    wanted: Any = {}
    if v["filter"]:
        from pyrun import filters
        from pyrun.cli import selection

        wanted = filters.read(v["filter"], selection.KEYS)
        found = selection.chosen(found, wanted)
    if last > 0:
        return found[:last]
    if v["all"] or "status" in wanted:
        return found
    return [pair for pair in found if pair[1].state in ("running", "paused", "restarting")]


def _listed(v: Any, rows: Any) -> str:
    """Write containers as --format wants it; only what is a template needs what templates need."""
    from pyrun.cli import listing

    form = v["format"] or "table"
    if v["quiet"] and form in ("table", "json"):
        return "".join(f"{row.cells()['ID']()}\n" for row in rows)
    if form == "table":
        from pyrun.cli import tables

        sized = v["size"]
        columns = (*listing.COLUMNS, listing.SIZE) if sized else listing.COLUMNS
        cells = [(*row.plain(), row.cells()["Size"]()) if sized else row.plain() for row in rows]
        return tables.shown(columns, cells, v["no_trunc"])
    if form == "json":
        from pyrun import documents

        objects = [{name: cell() for name, cell in row.cells().items()} for row in rows]
        return "".join(documents.line(each, escaped=True) + "\n" for each in objects)
    from pyrun.cli import formats

    if form == "raw":
        form = "container_id: {{.ID}}" if v["quiet"] else listing.RAW + ("size: {{.Size}}\n" if v["size"] else "")
    sized = v["size"] or ".Size" in form
    return formats.rows(
        form, "container", listing.HEADINGS, rows, lambda row: row._replace(sized=sized).cells(), listing.Row.labels
    )


def _stop(values: Values) -> int:
    from pyrun.runtime import lifecycle

    seconds, number = ending(values)
    asked = _asked(values, number)
    return each(values, lambda container: lifecycle.stop(container, seconds, asked.get(container.id), number))


def ending(values: Values) -> "tuple[int | None, int]":
    """Give how long a program that is to end has, None for its own time, and the signal, 0 for its own.

    Errors: UsageError.
    """
    from pyrun import options

    time, signal = values["time"], values["signal"]
    seconds = options.whole("time", time, -1, 1 << 31) if isinstance(time, str) else None
    return seconds, options.signal_number(signal) if isinstance(signal, str) else 0


def _asked(values: Values, number: int) -> dict[str, float]:
    """Ask several containers to end before the first is waited for; who cannot be is complained of later."""
    from pyrun import store
    from pyrun.runtime import lifecycle

    found: dict[str, float] = {}
    for reference in arguments(values)[1:] and arguments(values):
        with suppress(PyrunError, OSError):
            container = store.find(reference)
            if container.status().state in ("running", "paused", "restarting"):
                found[container.id] = lifecycle.ask(container, number)
    return found


def _kill(values: Values) -> int:
    from pyrun import options
    from pyrun.runtime import lifecycle

    given = values["signal"]
    number = options.signal_number(given) if isinstance(given, str) else 9
    return each(values, lambda container: lifecycle.kill(container, number))


def _rm(values: Values) -> int:
    from pyrun.runtime import lifecycle

    force, volumes = bool(values["force"]), bool(values["volumes"])
    return each(values, lambda container: lifecycle.remove(container, force, volumes), missing=0 if force else 1)


def _inspect(values: Values) -> int:
    from pyrun.cli import inspecting

    v: Any = values
    return inspecting.perform(v, inspecting.places(v["type"], bool(v["size"])))


def _port(values: Values) -> int:
    from pyrun import store
    from pyrun.cli import port_tables
    from pyrun.network import standing

    reference, *wanted = arguments(values)
    container = store.find(reference)
    sys.stdout.write(port_tables.lines(container.name, standing.plugs(container.id), "".join(wanted)))
    return 0


def _wait(values: Values) -> int:
    from pyrun.runtime import lifecycle

    return each(values, lambda container: print(lifecycle.wait(container), flush=True), announce=False)


VERBS: dict[str, Callable[[Values], int]] = {
    "ps": _ps,
    "stop": _stop,
    "kill": _kill,
    "rm": _rm,
    "inspect": _inspect,
    "port": _port,
    "wait": _wait,
}
