"""The lab that stands: its record, whether it lives, its end, and what is cleaned when somebody killed it.

A lab is process 1 of a PID namespace, which holds a lock in `/run/pyrun/lab`: with it the kernel ends all that
runs there, and all links and rules go with their namespaces. Only that directory, which the lab sees as well, and
control groups are left to be removed.
"""

import _signal as signal  # type: ignore[import-not-found]  # signal itself imports enum
import os
import time

from pyrun import documents, paths
from pyrun.contexts import suppress
from pyrun.errors import PyrunError
from pyrun.kernel import files, locks, processes, reading
from pyrun.typed import Any, NamedTuple

KINDS = {
    "bridge": "nine stages from an empty host to a container that opens a page on the internet",
    "broken": "a network of containers with one fault in it, to be found and mended",
}
LOCK, RECORD, PROGRESS = f"{paths.LAB}/lock", f"{paths.LAB}/lab.json", f"{paths.LAB}/progress.json"
PROMPT, SHELL = f"{paths.LAB}/prompt", f"{paths.LAB}/bashrc"
_AGAIN = 10
_PATIENCE = 10.0  # seconds for what was killed to be gone


class Standing(NamedTuple):
    """A lab: *pid* is its first process as the machine counts, *inode* names its PID namespace."""

    kind: str
    pid: int
    inode: int
    started: float  # seconds since 1970
    ready: bool = False
    seed: int = 0  # 0: none was chosen
    fault: str = ""

    @property
    def inside(self) -> bool:
        """Claim that we run in it."""
        return os.stat("/proc/self/ns/pid").st_ino == self.inode


def find() -> Standing:
    """Give the lab that stands. Errors: PyrunError when there is none."""
    found = look()
    if found is None:
        raise PyrunError("lab: none is running", 1, hint="pyrun lab start bridge")
    if not found.ready:
        raise PyrunError("lab: it is just being started", 1)
    return found


def look() -> "Standing | None":
    """Give the lab that stands, if any does. Errors: PyrunError when its record cannot be read."""
    if not locks.is_held(LOCK):
        return None
    try:
        found: Any = documents.parse(reading.read_limited(RECORD))
        lab = Standing(**found)
        return lab if lab.inside or os.path.exists(f"/proc/{lab.pid}") else None  # just being swept
    except FileNotFoundError:
        raise PyrunError("lab: it is just being started", 1) from None
    except (ValueError, TypeError):
        raise PyrunError(f"lab: {RECORD}: not a record of a lab") from None


def write(lab: Standing) -> None:
    """Write the record."""
    files.write_atomically(RECORD, documents.written(lab._asdict()).encode())


def claim() -> int:
    """Make sure that no other lab is made meanwhile; give the descriptor of the lock. Errors: PyrunError."""
    for _ in range(_AGAIN):
        with suppress(FileNotFoundError):  # somebody has just removed what we made
            os.makedirs(paths.LAB, 0o700, exist_ok=True)
            try:
                return locks.create_locked(LOCK)
            except FileExistsError:
                _refuse(look())
                sweep()
                locks.wait_released(LOCK)  # by another who sweeps
    raise PyrunError("lab: others are being started and ended", 1)


def _refuse(other: "Standing | None") -> None:
    if other is not None:
        where = "this is it" if other.inside else "pyrun lab shell leads there"
        raise PyrunError(f"lab: {other.kind} is running already", 1, hint=f"{where}; pyrun lab stop ends it")


def opened(lab: Standing) -> int:
    """Give a pidfd of the lab's first process. Errors: PyrunError when it has ended."""
    with suppress(ProcessLookupError):
        pidfd = os.pidfd_open(1 if lab.inside else lab.pid)
        if locks.is_held(LOCK):
            return pidfd
        os.close(pidfd)
    raise PyrunError("lab: it has just ended", 1)


def stop(lab: Standing) -> None:
    """End the lab and all that runs in it; from inside that is our own end, too. Errors: PyrunError."""
    pidfd = opened(lab)
    if lab.inside:  # where the first process is deaf to SIGKILL
        signal.pidfd_send_signal(pidfd, signal.SIGTERM)
        time.sleep(_PATIENCE)
        raise PyrunError("lab: does not end", 1)
    signal.pidfd_send_signal(pidfd, signal.SIGKILL)
    if not processes.wait_end(pidfd, _PATIENCE):
        raise PyrunError(f"lab: process {lab.pid} does not end", 1)
    os.close(pidfd)
    for problem in sweep():
        raise problem


def sweep() -> list[PyrunError]:
    """Remove what a lab has left that lives no more; give what stays."""
    with suppress(FileNotFoundError, NotADirectoryError):
        fd = locks.take_abandoned(LOCK)
        if fd is None:
            return []
        try:
            return _swept()
        finally:
            os.close(fd)
    return []


def _swept() -> list[PyrunError]:
    from pyrun.testing import warden

    pid = 0
    with suppress(FileNotFoundError, ValueError, TypeError, KeyError):
        found: Any = documents.parse(reading.read_limited(RECORD))
        pid = int(found["pid"])
    deadline = time.monotonic() + _PATIENCE
    groups = [f"{top}/{warden.GROUP}{pid}" for top in warden.hierarchies()] if pid else []
    left = [line for group in groups if os.path.isdir(group) for line in warden.removed(group, deadline)]
    if left:
        return [PyrunError(f"lab: {line}") for line in left]
    for name in os.listdir(paths.LAB):
        if f"{paths.LAB}/{name}" != LOCK:
            os.unlink(f"{paths.LAB}/{name}")
    os.unlink(LOCK)  # the last: until now nobody makes another
    with suppress(OSError):  # somebody does just now
        os.rmdir(paths.LAB)
        os.rmdir(paths.RUN)
    return []
