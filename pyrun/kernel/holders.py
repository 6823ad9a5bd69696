"""Processes that serve beside a container, known by a lock that they hold: one that is gone holds none.

The lock's file says who holds it. What they do is in `pyrun.runtime.services`.
"""

import _signal as signal  # type: ignore[import-not-found]  # signal itself imports enum
import os
import time

from pyrun import paths
from pyrun.contexts import suppress
from pyrun.kernel import locks, processes
from pyrun.kernel.files import quote
from pyrun.typed import NamedTuple

_PATIENCE = 2.0  # seconds that a process gets to end by itself


class EndHolder(NamedTuple):
    """End the process that holds the lock *path*, if there is one, and remove the file."""

    path: str

    def apply(self) -> None:
        process = _found(self.path)
        if process is not None:
            with suppress(ProcessLookupError):
                pidfd = processes.open_process(process)
                processes.send_signal(pidfd, signal.SIGTERM)
                if not processes.wait_end(pidfd, _PATIENCE):
                    processes.send_signal(pidfd, signal.SIGKILL)
                    processes.wait_end(pidfd)
                os.close(pidfd)
        with suppress(FileNotFoundError):
            os.unlink(self.path)

    def inverse(self) -> None:
        return None

    def shell(self) -> str:
        return f"kill $(cut -d' ' -f1 {quote(self.path)})"

    def why(self) -> str:
        return "nobody is served any more"


def _found(path: str) -> "processes.Process | None":
    """Name who holds the lock; one who was started a moment ago is not written down yet, or never will be.

    Then it ends by itself, with the container.
    """
    end = time.monotonic() + _PATIENCE
    while locks.is_held(path):
        process = holder(path)
        if process is not None or time.monotonic() > end:
            return process
        time.sleep(0.01)
    return None


def of(identity: str) -> str:
    """Give the lock of who serves a container."""
    return paths.runtime(identity) + paths.SERVICES


def is_gone(path: str) -> bool:
    """Claim that somebody held the lock, and has died."""
    return os.path.exists(path) and not locks.is_held(path)


def holder(path: str) -> "processes.Process | None":
    """Name the process that holds the lock *path*; None when nobody does."""
    if not locks.is_held(path):
        return None
    with suppress(OSError, ValueError), open(path) as file:
        pid, started, boot = file.read().split()
        return processes.Process(int(pid), int(started), boot)
    return None


def declare(lock: int, pid: int) -> None:
    """Write into the locked file who holds it from now on. Errors: ProcessLookupError when it has ended."""
    process = processes.identify(pid)
    os.pwrite(lock, f"{process.pid} {process.started} {process.boot}".encode(), 0)
