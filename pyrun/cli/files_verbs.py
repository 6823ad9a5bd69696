"""Verbs about a container's files: what was typed becomes a call of the runtime."""

import os
import sys

from pyrun.cli.complaints import arguments
from pyrun.cli.reader import Values
from pyrun.typed import Callable


def _diff(values: Values) -> int:
    from pyrun import store
    from pyrun.runtime import changes

    plain = not os.isatty(1)
    for change in changes.changes(store.find(arguments(values)[0])):
        path = os.fsdecode(change.path)
        shown = path if plain or path.isprintable() else "".join(c if c.isprintable() else repr(c)[1:-1] for c in path)
        sys.stdout.buffer.write(f"{change.kind} {shown}\n".encode(errors="surrogateescape"))
    return 0


VERBS: dict[str, Callable[[Values], int]] = {"diff": _diff}
