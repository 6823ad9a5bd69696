"""Who asks a container from time to time whether it is healthy: started by its monitor, and again where it has died.

The process itself is `pyrun.runtime.checker`, what it does each time `pyrun.runtime.checkup`.
"""

import os
import sys
import time

from pyrun import health, keeping, leftovers, paths, store
from pyrun.contexts import suppress
from pyrun.errors import PyrunError
from pyrun.kernel import holders, locks
from pyrun.kernel.files import quote
from pyrun.operation import Operation, perform
from pyrun.spec import ContainerConfig
from pyrun.typed import Any, NamedTuple

INTERVAL = TIMEOUT = 30 * 10**9  # nanoseconds: Docker's defaults
_PROGRAM = (
    "import sys; sys.path[:] = sys.argv[1].split(':'); from pyrun.runtime.checker import main; main(sys.argv[2:])"
)


class StartChecks(NamedTuple):
    """A process that runs the health check every so often, and ends with the container's first process."""

    config: ContainerConfig
    pid: int  # the container's first process
    again: bool = False  # after one who has died: what is known stays

    def apply(self) -> None:
        lock = _locked(paths.checks(self.config.id))
        try:
            if not self.again:
                health.begin(self.config.id)
            _spawn(self, lock)
        finally:
            os.close(lock)

    def inverse(self) -> holders.EndHolder:
        return holders.EndHolder(paths.checks(self.config.id))

    def shell(self) -> str:
        check = self.config.health
        interval, timeout = ((each or INTERVAL) / 10**9 for each in (check.interval, check.timeout))
        inside = f"nsenter --all -t {self.pid or '$PID'} -- {' '.join(map(quote, check.command))}"
        return f"while sleep {interval:g}; do timeout -s KILL {timeout:g} {inside} && echo healthy; done &"

    def why(self) -> str:
        return "asks from time to time whether it is healthy"


def planned(config: ContainerConfig, pid: int) -> list[Operation]:
    """Give the operation that starts the checks of the container whose first process is *pid*, if it has any."""
    return [StartChecks(config, pid)] if config.health.is_wanted else []


def begin(config: ContainerConfig, pid: int) -> None:
    """Start the checks of a container whose program runs. Errors: PyrunError."""
    perform(planned(config, pid), "host", keeping.journal(config.id))


def reconcile() -> list[Exception]:
    """Start again who checked a container that still runs, and has died. Its monitor may be dead as well."""
    failures: list[Exception] = []
    for identity in leftovers.unchecked():
        try:
            container = store.load(identity)
            if container.config and container.status().is_up:
                perform([StartChecks(container.config, container.process().pid, again=True)])
        except (PyrunError, OSError) as failure:
            if holders.is_gone(paths.checks(identity)) and store.load(identity).living():  # else somebody was faster
                failures.append(failure)
    return failures


def _locked(path: str) -> int:
    """Take the lock of who checks a container; somebody may tidy the directory away meanwhile. Errors: OSError."""
    while True:
        with suppress(FileExistsError):
            os.mkdir(paths.CHECKS, 0o700)
        lock = locks.take_abandoned(path)
        if lock is not None:
            return lock
        with suppress(FileNotFoundError):
            return locks.create_locked(path)


def _spawn(job: StartChecks, lock: int) -> None:
    """Start the process, which holds *lock* from now on. Errors: OSError."""
    check, identity = job.config.health, job.config.id
    pidfd = os.pidfd_open(job.pid)
    words = [identity, *map(str, (lock, pidfd, check.interval or INTERVAL, check.timeout or TIMEOUT))]
    if check.start_interval and check.start_period:
        lived = time.time_ns() - int(store.load(identity).status().started * 10**9) if job.again else 0
        until = time.monotonic_ns() + check.start_period - lived
        words += [str(check.start_interval), str(until), paths.health(identity)]
    command = [sys.executable, "-I", "-S", "-c", _PROGRAM, ":".join(sys.path), *words]
    log = f"{paths.runtime(identity)}/checks.log"
    actions: list[tuple[Any, ...]] = [(os.POSIX_SPAWN_OPEN, fd, "/dev/null", os.O_RDWR, 0) for fd in (0, 1)]
    actions.append((os.POSIX_SPAWN_OPEN, 2, log, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600))
    actions += [(os.POSIX_SPAWN_DUP2, fd, fd) for fd in (lock, pidfd)]  # to itself: it is kept over execve
    try:
        holders.declare(
            lock,
            os.posix_spawn(sys.executable, command, {}, file_actions=actions, setsid=True, setsigmask=()),
        )
    finally:
        os.close(pidfd)
