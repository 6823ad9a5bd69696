"""Verbs that tell of this host: what there is, and what happens."""

import sys

from pyrun.cli.reader import Values
from pyrun.errors import PyrunError
from pyrun.typed import Any, Callable


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


def _info(values: Values) -> int:
    from pyrun.cli import facts_text
    from pyrun.runtime import facts

    v: Any = values
    told = facts.gathered()
    if not v["format"]:
        sys.stdout.write(facts_text.written(told))
        return 0
    from pyrun import documents
    from pyrun.cli import formats

    text, problems = formats.objects(v["format"], [("", told)])
    sys.stdout.write(documents.line(told) + "\n" if v["format"] == "json" else text)
    for problem in problems:
        raise problem
    return 0


VERBS: dict[str, Callable[[Values], int]] = {"events": _events, "info": _info}
