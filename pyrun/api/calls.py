"""A verb performed in a process of its own, and what came of it as a value or an exception.

What forks a container's monitor has to be alone in its process, and knows nothing of threads, event loops, signal
handlers and open files that a program has. So it is: a bare interpreter, started by execve.
"""

import json
import logging
import os
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from typing import Any, NamedTuple

from pyrun import errors
from pyrun.__main__ import isolated
from pyrun.api import places
from pyrun.api.places import Place
from pyrun.errors import PyrunError, TimedOut

_log = logging.getLogger("pyrun")


class Said(NamedTuple):
    """What a verb left: its exit code, and what it wrote to standard output and error."""

    code: int
    stdout: bytes
    stderr: bytes


class Call:
    """A verb that is being performed at a place, in a session of its own: a terminal's ctrl-C reaches us alone."""

    def __init__(self, place: Place, words: Sequence[str], stdin: int = subprocess.DEVNULL) -> None:
        """Start it. Errors: PyrunError when nobody but root can, or the words cannot be passed on."""
        need_root()
        self.verb = words[0]
        self._report = os.memfd_create("pyrun-report", os.MFD_CLOEXEC)
        main = f"from pyrun.api.entry import main; main('/proc/{os.getpid()}/fd/{self._report}')"
        try:
            with place.entered():
                self.process = subprocess.Popen(
                    isolated(main, list(words)),
                    stdin=stdin,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.PIPE,
                    start_new_session=True,
                )
        except BaseException as problem:
            os.close(self._report)
            if isinstance(problem, OSError | ValueError):  # no more processes, too long, or with NUL
                reason = os.strerror(problem.errno or 0) if isinstance(problem, OSError) else str(problem)
                raise PyrunError(f"{self.verb}: cannot be started: {reason.lower()}") from problem
            raise

    def code(self, stderr: bytes = b"") -> int:
        """Wait for the end; give the exit code. Errors: what the verb raised, of the same class."""
        self.process.wait()
        content = os.pread(self._report, 1 << 20, 0)
        self.close()
        if not content:
            told = stderr.decode(errors="replace").strip().removeprefix("pyrun: ")
            raise PyrunError(told or f"{self.verb}: its process was killed")
        outcome = json.loads(content)
        if outcome["error"]:
            raise _raised(outcome["error"])
        for line in outcome["notes"].splitlines():
            _log.warning("%s", line.removeprefix("pyrun: ").removeprefix("warning: "))
        complaints = [_raised(told) for told in outcome["complaints"]]
        if complaints and outcome["code"] and self.verb not in ("run", "exec"):  # those end with a program's code
            raise complaints[-1]
        for complaint in complaints:
            _log.warning("%s", complaint)
        return int(outcome["code"])

    def close(self) -> None:
        """Let go of the report."""
        if self._report >= 0:
            os.close(self._report)
            self._report = -1

    def kill(self) -> None:
        """End the process, not the container that it may have started."""
        self.process.kill()
        self.process.wait()
        for stream in (self.process.stdin, self.process.stdout, self.process.stderr):
            with suppress(OSError):
                if stream:
                    stream.close()
        self.close()


def perform(place: Place, words: Sequence[str], timeout: "float | None" = None) -> Said:
    """Perform a verb that starts no program. Errors: PyrunError, TimedOut after *timeout* seconds."""
    call = Call(place, words)
    try:
        stdout, stderr = call.process.communicate(timeout=timeout)
    except BaseException as problem:
        call.kill()
        if isinstance(problem, subprocess.TimeoutExpired):
            raise TimedOut(f"{call.verb}: not done after {timeout} seconds", 1) from None
        raise
    return Said(call.code(stderr), stdout, stderr)


def document(place: Place, words: Sequence[str]) -> Any:
    """Perform a verb that prints JSON. Errors: PyrunError."""
    return json.loads(perform(place, words).stdout)


def pruned(words: Sequence[str]) -> list[str]:
    """Perform a verb that prints what it has removed, between a heading and an empty line. Errors: PyrunError."""
    lines = perform(places.current(), words).stdout.decode().splitlines()
    return lines[1 : lines.index("")] if "" in lines else []


def need_root() -> None:
    """Refuse where nothing could work. Errors: PyrunError."""
    if os.geteuid() != 0:
        raise PyrunError("needs root: namespaces, mounts, links and control groups", hint="run this program with sudo")
    if not sys.executable:
        raise PyrunError("python: sys.executable is not set: no interpreter to start a container with")


def _raised(told: dict[str, Any]) -> PyrunError:
    kind = getattr(errors, told["kind"], PyrunError)
    problem: PyrunError = kind.__new__(kind)
    PyrunError.__init__(problem, told["message"], told["code"], told["hint"])
    return problem
