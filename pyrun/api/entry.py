"""The command line's verbs in a process of their own, for a program: what came of it is written to a report, not told.

Nothing of the program is here: `pyrun.api.calls` starts this, in a bare interpreter.
"""

import _signal as signal  # type: ignore[import-not-found]  # signal itself imports enum
import os
import sys
from _io import StringIO

from pyrun import __main__ as command_line
from pyrun import documents
from pyrun.cli import complaints
from pyrun.errors import PyrunError
from pyrun.typed import Any, NoReturn

_DEFAULT = (signal.SIGHUP, signal.SIGINT, signal.SIGQUIT, signal.SIGPIPE, signal.SIGTERM, signal.SIGCHLD)


def main(report: str) -> NoReturn:
    """Perform the verb in this process's arguments, write a document to the file *report*, and end."""
    for number in _DEFAULT:  # a thread may have blocked, and a server ignored, what a container and its monitor live by
        signal.signal(number, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_SETMASK, ())
    command_line.program = f"from pyrun.api.entry import main; main({report!r})"
    umask = command_line.begin()
    sys.stderr = notes = StringIO()
    complaints.heard = heard = list[PyrunError]()
    code, error = _performed(umask)
    code = command_line.flushed(code)
    outcome = {
        "code": code,
        "error": _told(error) if error else None,
        "complaints": [_told(problem) for problem in heard],
        "notes": notes.getvalue(),
    }
    _write(report, documents.written(outcome).encode())
    os._exit(code)


def _performed(umask: int) -> "tuple[int, PyrunError | None]":
    """Give the exit code, and the error that it stands for if it is not a program's own."""
    from pyrun.cli import verbs

    try:
        found = command_line.parsed(sys.argv[1:])
        return (verbs.perform(*found, umask) if found else 0), None
    except PyrunError as problem:
        return problem.code, problem
    except SystemExit as end:
        return int(end.code or 0), None
    except Exception as problem:
        return 125, command_line.unexpected(problem)


def _told(problem: PyrunError) -> dict[str, Any]:
    return {
        "kind": type(problem).__name__,
        "message": problem.message,
        "code": problem.code,
        "hint": problem.hint,
    }


def _write(report: str, content: bytes) -> None:
    fd = os.open(report, os.O_WRONLY | os.O_CLOEXEC)
    os.write(fd, content)
    os.close(fd)
