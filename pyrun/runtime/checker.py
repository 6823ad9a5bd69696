"""The process that waits between health checks, and starts one when it is time; nothing else stays in memory.

It ends with the container's first process, and holds a lock for as long as it lives, by which it is known.
"""

import posix
import select
import sys
import time

_PATIENCE = 10_000  # milliseconds that a check has beyond its time-out, in which it ends what it started
_PROGRAM = (
    "import sys; sys.path[:] = sys.argv[1].split(':'); from pyrun.runtime.checkup import main; main(sys.argv[2:])"
)
_KILL = 9
_RECORD = 1 << 20  # bytes


def main(arguments: "list[str]") -> None:
    """Check until the container ends: its id, our lock, its pidfd, the interval and the time-out in nanoseconds.

    Then may follow another interval, the moment (monotonic) until which it counts, and the record in which the
    container has to be starting for that.
    """
    identity, lock, pidfd, interval, timeout, *early = arguments
    for fd in (lock, pidfd):
        posix.set_inheritable(int(fd), False)
    longest = int(timeout) // 10**6 + _PATIENCE
    while not _ends(int(pidfd), (_early(*early) if early else 0) or int(interval) / 10**6):
        _check(identity, int(pidfd), longest)


def _early(interval: str, until: str, record: str) -> float:
    """Give the milliseconds to the next check of a container that is starting; 0 when it is not."""
    if time.monotonic_ns() >= int(until):
        return 0
    try:
        fd = posix.open(record, posix.O_RDONLY | posix.O_CLOEXEC)
    except OSError:
        return 0
    content = posix.read(fd, _RECORD)
    posix.close(fd)
    return int(interval) / 10**6 if b'"starting"' in content else 0  # what a check said has its quotes escaped


def _check(identity: str, pidfd: int, longest: float) -> None:
    """Run one check to its end; it does not outlive the container."""
    command = [sys.executable, "-I", "-S", "-c", _PROGRAM, ":".join(sys.path), identity, str(posix.getpid())]
    child = posix.posix_spawn(sys.executable, command, {})
    poll = select.poll()
    for fd in (pidfd, childfd := posix.pidfd_open(child)):
        poll.register(fd, select.POLLIN)
    if childfd not in dict(poll.poll(longest)):
        posix.kill(child, _KILL)
    posix.waitpid(child, 0)
    posix.close(childfd)


def _ends(pidfd: int, milliseconds: float) -> bool:
    """Wait; claim that the container has ended meanwhile."""
    poll = select.poll()
    poll.register(pidfd, select.POLLIN)
    return bool(poll.poll(milliseconds))
