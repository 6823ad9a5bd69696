"""Verbs that watch what runs."""

import sys
import time

from pyrun.cli.complaints import arguments
from pyrun.cli.reader import Values
from pyrun.errors import PyrunError
from pyrun.typed import Any, Callable

_MOMENT, _TURN = 0.5, 1.0  # seconds between the first two measurements, and all later ones


def _stats(values: Values) -> int:
    from pyrun import store
    from pyrun.cli import load_tables
    from pyrun.runtime import load

    v: Any = values
    form, chosen = v["format"] or "table", _chosen(values)
    load_tables.written(form, [], False, {})  # what is no template is refused before anybody waits
    meter, first = load.Meter(), True
    while True:
        if chosen:
            present = load.known(list(chosen))
        else:
            present = store.containers() if v["all"] else load.running(store.containers())
        if first:
            meter.measure(present)
            time.sleep(_MOMENT)
        text = load_tables.written(form, meter.measure(present), v["no_trunc"], chosen)
        sys.stdout.write(text if v["no_stream"] else load_tables.frame(text, first))
        sys.stdout.flush()
        first = False
        if v["no_stream"] or (chosen and not present):
            return 0
        time.sleep(_TURN)


def _chosen(values: Values) -> "dict[str, str]":
    """Give the ids of the containers that were named, and how. Errors: PyrunError (1) for one that does not exist."""
    from pyrun import store

    try:
        return {store.find(reference).id: reference for reference in arguments(values)}
    except PyrunError as problem:
        problem.code = 1
        raise


def _top(values: Values) -> int:
    from pyrun import chronicle, store
    from pyrun.runtime import processes_within

    reference, *options = arguments(values)
    container = store.find(reference)
    sys.stdout.write(processes_within.listed(container, options))
    chronicle.container(container.id, container.config, "top")
    return 0


VERBS: dict[str, Callable[[Values], int]] = {"stats": _stats, "top": _top}
