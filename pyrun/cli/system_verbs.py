"""Verbs about pyrun itself and this host."""

import os
import sys

from pyrun.cli.reader import Values
from pyrun.typed import Any, Callable


def _version(values: Values) -> int:
    from pyrun import __version__

    form: Any = values["format"]
    if form:
        return _formatted(form, __version__)
    sys.stdout.write(f"pyrun {__version__}, Python {sys.version.split()[0]}, Linux {os.uname().release}\n")
    return 0


def _formatted(form: str, version: str) -> int:
    """Write the version as Docker's clients ask for it; client and server are one program here."""
    from pyrun import documents
    from pyrun.cli import formats

    name = os.uname()
    machine = {"x86_64": "amd64", "aarch64": "arm64"}.get(name.machine, name.machine)
    both = {"Platform": {"Name": "pyrun"}, "Version": version, "PythonVersion": sys.version.split()[0]}
    both |= {"Os": name.sysname.lower(), "Arch": machine}
    told = {"Client": {**both, "Context": "default"}, "Server": {**both, "KernelVersion": name.release}}
    text, problems = formats.objects(form, [("", told)])
    sys.stdout.write(documents.line(told) + "\n" if form == "json" else text)
    for problem in problems:
        raise problem
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
