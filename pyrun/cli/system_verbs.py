"""Verbs about pyrun itself and this host."""

import os
import sys

from pyrun.cli.reader import Values
from pyrun.errors import PyrunError
from pyrun.typed import Any, Callable


def _version(_: Values) -> int:
    from pyrun import __version__

    sys.stdout.write(f"pyrun {__version__}, Python {sys.version.split()[0]}, Linux {os.uname().release}\n")
    return 0


def _events(values: Values) -> int:
    import time

    from pyrun import filters, moments
    from pyrun.cli import event_lines
    from pyrun.runtime import events

    v: Any = values
    now = time.time_ns()
    since, until = (moments.parse(key, v[key], now) if v[key] else None for key in ("since", "until"))
    if since is not None and until is not None and since > until:
        raise PyrunError(f"events: since {v['since']} is later than until {v['until']}", 1)
    is_wanted = event_lines.chosen(filters.read(v["filter"], event_lines.KEYS))
    write = event_lines.form(v["format"])
    for event in events.read(since, until):
        if event is None:
            sys.stdout.flush()
        elif is_wanted(event):
            sys.stdout.write(f"{write(event)}\n")
    return 0


VERBS: dict[str, Callable[[Values], int]] = {"version": _version, "events": _events}
