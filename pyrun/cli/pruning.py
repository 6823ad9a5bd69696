"""What verbs that prune have in common: which idle things are meant, and whether the person agrees.

What is idle, and how it is removed, is each verb's own.
"""

import sys
import time

from pyrun import moments, options
from pyrun.errors import UsageError
from pyrun.typed import Iterable

Filters = list[tuple[str, str]]


def filters(given: Iterable[str]) -> Filters:
    """Read the filters, `until` as nanoseconds since the epoch. Errors: UsageError, PyrunError for no moment."""
    found = []
    for text in given:
        key, equals, value = text.partition("=")
        if not equals or key not in ("until", "label", "label!"):
            raise UsageError(f"filter: {options.show(text)}: use until=TIME, label=KEY[=VALUE] or label!=KEY[=VALUE]")
        found.append((key, str(moments.parse("filter", value, time.time_ns())) if key == "until" else value))
    return found


def is_meant(wanted: Filters, created: float, labels: Iterable[str]) -> bool:
    """Claim that all filters mean a thing that was *created* then, in seconds, and has these labels."""
    known = dict(entry.partition("=")[::2] for entry in labels)
    for key, value in wanted:
        if key == "until" and created * 1e9 >= int(value):
            return False
        name, equals, content = value.partition("=")
        has = name in known and (not equals or known[name] == content)
        if key != "until" and has != (key == "label"):
            return False
    return True


def agreed(warning: str) -> bool:
    """Ask the person. No terminal, no answer, no agreement."""
    sys.stdout.write(f"WARNING! {warning}\nAre you sure you want to continue? [y/N] ")
    sys.stdout.flush()
    return sys.stdin is not None and sys.stdin.readline().strip().lower() in ("y", "yes")
