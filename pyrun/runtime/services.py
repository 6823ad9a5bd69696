"""What serves a container beside its program, in one process of its own: its published ports and its names.

Started by the monitor as an operation; from then on it is a bare interpreter
that ends with the container's first process. Ports are in `pyrun.runtime.proxy`,
names in `pyrun.runtime.resolver`.
"""

import _socket  # socket itself imports enum and selectors
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
    names: int = 0  # the port in the sandbox at which names are answered for; 0 for none

    def apply(self) -> None:
        path = lock_path(self.config.id)
        lock = locks.create_locked(path)
        report, reported = os.pipe2(os.O_CLOEXEC)
        pidfd = os.pidfd_open(self.pid)
        inside = _inside(self.pid, self.names) if self.names else ()
        child = os.fork()
        if child == 0:
            _become(self, lock, pidfd, reported, inside)
        for fd in (reported, *inside):
            os.close(fd)
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
        lines += [_dnsmasq(self)] if self.names else []
        return " ".join(lines) or ":"

    def why(self) -> str:
        return "serves published ports on loopback and to neighbours, and the container's names"


def lock_path(identity: str) -> str:
    """Give the lock that the process holds as long as it serves."""
    return f"{paths.runtime(identity)}/services"


def are_needed(ends: list[Endpoint]) -> bool:
    """Claim that a container with these plugs needs somebody who serves."""
    return any(end.published for end in ends) or has_names(ends)


def has_names(ends: list[Endpoint]) -> bool:
    """Claim that a container with these plugs asks us for names: only on `bridge` nobody has any."""
    from pyrun.network.definitions import DEFAULT

    return any(end.network.name != DEFAULT for end in ends)


def _socat(port: Published, end: Endpoint) -> str:
    target = f"[{end.address6}]" if ":" in port.address else end.address
    kind = port.protocol.upper()
    version = "6" if ":" in port.address else "4"
    listen = f"{kind}{version}-LISTEN:{port.port},bind={port.address},reuseaddr,fork"
    return f"socat {listen} {kind}:{target}:{port.target} &"


def _dnsmasq(job: StartServices) -> str:
    """Give a program that answers the same questions, about those that are there now."""
    from pyrun.network import names
    from pyrun.network.hostfiles import RESOLVER

    pid = str(job.pid) if job.pid else "$PID"
    own = [end for end in job.ends if has_names([end])]
    records = [",".join([*sorted(names.names_of(end)), end.address]) for end in own]
    words = [f"--port={job.names}", f"--listen-address={RESOLVER}", "--bind-interfaces", "--no-hosts", "--no-resolv"]
    words += [f"--host-record={record}" for record in records] + ["--pid-file", "--local-ttl=600"]
    return f"nsenter --net=/proc/{pid}/ns/net dnsmasq {' '.join(words)}"


def _inside(pid: int, port: int) -> tuple[int, int, int]:
    """Make the sockets for names where *pid* is; give them and its network namespace. Errors: OSError."""
    from pyrun.kernel import sandboxes
    from pyrun.network.hostfiles import RESOLVER

    namespace = os.open(f"/proc/{pid}/ns/net", os.O_RDONLY | os.O_CLOEXEC)
    kinds = (_socket.SOCK_DGRAM, _socket.SOCK_STREAM)
    wanted = [sandboxes.Wanted(_socket.AF_INET, kind, RESOLVER, port) for kind in kinds]
    try:
        udp, tcp = sandboxes.opened(namespace, wanted)
    except BaseException:
        os.close(namespace)
        raise
    return udp, tcp, namespace


def _words(job: StartServices, inside: "tuple[int, ...]") -> list[str]:
    """Say what is served by which descriptor; read by `main`."""
    words = [f"{p.protocol},{p.address},{p.port},{p.target},{fd}" for p, fd in job.sockets]
    if inside:
        from pyrun.network import hostfiles
        from pyrun.runtime import resolver

        udp, tcp, namespace = inside
        drops = hostfiles.has_ndots(hostfiles.host_text(past_stub=False), job.config.dns_options)
        words.append(resolver.word_for(udp, tcp, namespace, drops, job.config.dns))
    return words


def _become(job: StartServices, lock: int, pidfd: int, reported: int, inside: "tuple[int, ...]") -> NoReturn:
    """Execute a bare interpreter that serves; a failure is written to *reported*."""
    try:
        os.setsid()
        null = os.open("/dev/null", os.O_RDWR)
        for fd in (0, 1, 2):  # whoever reads what our maker writes sees its end
            os.dup2(null, fd)
        kept = [lock, pidfd, *(fd for _, fd in job.sockets), *inside]
        for fd in kept:
            os.set_inheritable(fd, True)
        path = ":".join(sys.path)
        arguments = [path, job.config.id, str(pidfd), *_words(job, inside)]
        os.execv(sys.executable, [sys.executable, "-I", "-S", "-c", _PROGRAM, *arguments])
    except BaseException as problem:
        os.write(reported, f"services: {problem}".encode(errors="replace"))
    os._exit(125)


def main(arguments: list[str]) -> None:
    """Serve: the container's id, its pidfd, and a word for each thing that is served."""
    from pyrun.runtime.loop import Loop

    identity, pidfd, *words = arguments
    loop = Loop()
    for word in words:
        if word.startswith("names,"):
            from pyrun.runtime import resolver

            resolver.serve(loop, identity, word)
    loop.run(int(pidfd))
