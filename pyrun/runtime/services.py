"""What serves a container beside its program, in one process of its own: its published ports and its names.

Started by the monitor as an operation; from then on it is a bare interpreter
that ends with the container's first process. Ports are in `pyrun.runtime.proxy`,
names in `pyrun.runtime.resolver`.
"""

import os
import sys

from pyrun import paths
from pyrun.errors import PyrunError
from pyrun.kernel import holders, locks
from pyrun.spec import ContainerConfig, Endpoint, Published
from pyrun.typed import NamedTuple, NoReturn

_PROGRAM = (
    "import sys; sys.path[:] = sys.argv[1].split(':'); from pyrun.runtime.services import main; main(sys.argv[2:])"
)


class StartServices(NamedTuple):
    """A process that holds the host's ports and answers for names, as far as the container needs any of it."""

    config: ContainerConfig
    ends: tuple[Endpoint, ...]
    pid: int  # the container's first process
    sockets: tuple[tuple[Published, int], ...]  # bound on the host, listening where that makes sense

    def apply(self) -> None:
        path = lock_path(self.config.id)
        lock = locks.create_locked(path)
        report, reported = os.pipe2(os.O_CLOEXEC)
        pidfd = os.pidfd_open(self.pid)
        child = os.fork()
        if child == 0:
            _become(self, lock, pidfd, reported)
        os.close(reported)
        holders.declare(lock, child)
        os.close(lock)
        os.close(pidfd)
        problem = os.read(report, 4096)
        os.close(report)
        if problem:
            os.waitpid(child, 0)
            raise PyrunError(problem.decode(errors="replace"))

    def inverse(self) -> holders.EndHolder:
        return holders.EndHolder(lock_path(self.config.id))

    def shell(self) -> str:
        lines = [_socat(port, end) for end in self.ends for port in end.published]
        return " ".join(lines) or ":"

    def why(self) -> str:
        return "serves published ports on loopback and to neighbours, and the container's names"


def lock_path(identity: str) -> str:
    """Give the lock that the process holds as long as it serves."""
    return f"{paths.runtime(identity)}/services"


def are_needed(ends: list[Endpoint]) -> bool:
    """Claim that a container with these plugs needs somebody who serves."""
    return any(end.published for end in ends)


def _socat(port: Published, end: Endpoint) -> str:
    target = f"[{end.address6}]" if ":" in port.address else end.address
    kind = port.protocol.upper()
    version = "6" if ":" in port.address else "4"
    listen = f"{kind}{version}-LISTEN:{port.port},bind={port.address},reuseaddr,fork"
    return f"socat {listen} {kind}:{target}:{port.target} &"


def _become(job: StartServices, lock: int, pidfd: int, reported: int) -> NoReturn:
    """Execute a bare interpreter that serves; a failure is written to *reported*."""
    try:
        os.setsid()
        null = os.open("/dev/null", os.O_RDWR | os.O_CLOEXEC)
        for fd in (0, 1, 2):  # whoever started us is not kept waiting for the end of what we write
            os.dup2(null, fd)
        kept = [lock, pidfd, *(fd for _, fd in job.sockets)]
        for fd in kept:
            os.set_inheritable(fd, True)
        ports = [f"{p.protocol},{p.address},{p.port},{p.target},{fd}" for p, fd in job.sockets]
        path = ":".join(sys.path)
        arguments = [path, job.config.id, str(pidfd), *ports]
        os.execv(sys.executable, [sys.executable, "-I", "-S", "-c", _PROGRAM, *arguments])
    except BaseException as problem:
        os.write(reported, f"services: {problem}".encode(errors="replace"))
    os._exit(125)


def main(arguments: list[str]) -> None:
    """Serve: the container's id, its pidfd, and a word for each socket."""
    from pyrun.runtime.loop import Loop

    identity, pidfd, *ports = arguments
    del identity, ports
    Loop().run(int(pidfd))
