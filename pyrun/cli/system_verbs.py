"""Verbs about pyrun itself and this host."""

import os
import sys

from pyrun.cli.reader import Values
from pyrun.typed import Callable


def _version(_: Values) -> int:
    from pyrun import __version__

    sys.stdout.write(f"pyrun {__version__}, Python {sys.version.split()[0]}, Linux {os.uname().release}\n")
    return 0


def _boot(_: Values) -> int:
    from pyrun.cli.complaints import complain
    from pyrun.cli.running_verbs import started
    from pyrun.errors import PyrunError
    from pyrun.runtime import boot

    code = 0
    for container in boot.wanted():
        try:
            started(container)
            sys.stdout.write(f"{container.name}\n")
        except PyrunError as problem:
            code = 1
            complain(problem)
    return code


VERBS: dict[str, Callable[[Values], int]] = {"version": _version, "system boot": _boot}
