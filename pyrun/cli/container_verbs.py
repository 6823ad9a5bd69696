"""Verbs about containers that are there: what was read becomes calls, their results output and exit codes."""

import sys

from pyrun.cli.complaints import arguments, complain, each
from pyrun.cli.reader import Values
from pyrun.errors import PyrunError, UsageError
from pyrun.typed import Any, Callable


def _ps(values: Values) -> int:
    import time

    from pyrun import options, store
    from pyrun.cli import tables

    v: Any = values
    form = v["format"] or "table"
    if form not in ("table", "json"):
        raise UsageError(f"format: {options.show(form)}: use table or json", hint="templates come later")
    now = time.time()
    found = [(container, container.status()) for container in store.containers()]
    last = 1 if v["latest"] else options.whole("last", v["last"], -1) if v["last"] is not None else -1
    if last >= 0:
        found = found[:last]
    elif not v["all"]:
        found = [pair for pair in found if pair[1].state in ("running", "paused")]
    if v["quiet"]:
        text = "".join(f"{c.id if v['no_trunc'] else c.id[:12]}\n" for c, _ in found)
    elif form == "json":
        text = "".join(tables.as_json(c, status, now, v["no_trunc"]) + "\n" for c, status in found)
    else:
        text = tables.table([tables.row(c, status, now, v["no_trunc"]) for c, status in found])
    sys.stdout.write(text)
    return 0


def _stop(values: Values) -> int:
    from pyrun import options
    from pyrun.runtime import lifecycle

    given = values["time"]
    seconds = options.whole("time", given, -1, 1 << 31) if isinstance(given, str) else None
    return each(values, lambda container: lifecycle.stop(container, seconds))


def _kill(values: Values) -> int:
    from pyrun import options
    from pyrun.runtime import lifecycle

    given = values["signal"]
    number = options.signal_number(given) if isinstance(given, str) else 9
    return each(values, lambda container: lifecycle.kill(container, number))


def _rm(values: Values) -> int:
    from pyrun.runtime import lifecycle

    force = bool(values["force"])
    return each(values, lambda container: lifecycle.remove(container, force), missing=0 if force else 1)


def _inspect(values: Values) -> int:
    from pyrun import documents, store
    from pyrun.runtime import inspection

    found, failures = [], 0
    for reference in arguments(values):
        try:
            found.append(inspection.describe(store.find(reference)))
        except PyrunError as problem:
            failures += 1
            complain(problem)
    sys.stdout.write(documents.printed(found) + "\n")
    return 1 if failures else 0


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
