"""Verbs about pyrun itself and this host."""

import os
import sys

from pyrun.cli.reader import Values
from pyrun.typed import Callable


def _version(_: Values) -> int:
    from pyrun import __version__

    sys.stdout.write(f"pyrun {__version__}, Python {sys.version.split()[0]}, Linux {os.uname().release}\n")
    return 0


VERBS: dict[str, Callable[[Values], int]] = {"version": _version}
