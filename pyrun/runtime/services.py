"""What serves a container beside its program, in one process of its own: its published ports and its names.

Started by the monitor as an operation; from then on it is a bare interpreter
that ends with the container's first process. Ports are in `pyrun.runtime.proxy`,
names in `pyrun.runtime.resolver`.
"""

import _socket  # socket itself imports enum and selectors
import os
import sys

from pyrun import paths
from pyrun.contexts import suppress
from pyrun.firewall.rules import is_loopback
from pyrun.kernel import holders, locks
from pyrun.spec import ContainerConfig, Endpoint, Published
from pyrun.typed import Any, NamedTuple

_PROGRAM = (
    "import sys; sys.path[:] = sys.argv[1].split(':'); from pyrun.runtime.services import main; main(sys.argv[2:])"
)
_PORT, _PLUG, _NAMES = "port=", "plug=", "names="  # what the words of its command line begin with
_NOWHERE = ",,,"


class StartServices(NamedTuple):
    """A process that holds the host's ports and answers for names, as far as the container needs any of it."""

    config: ContainerConfig
    ends: tuple[Endpoint, ...]
    pid: int  # the container's first process
    sockets: tuple[tuple[Published, int], ...]  # bound on the host, listening where that makes sense
    names: int = 0  # the port in the sandbox at which names are answered for; 0 for none

    def apply(self) -> None:
        path = holders.of(self.config.id)
        lock = locks.take_abandoned(path)  # after one who has died
        if lock is None:
            lock = locks.create_locked(path)
        try:
            _spawn(self, lock)
        finally:
            os.close(lock)

    def inverse(self) -> holders.EndHolder:
        return holders.EndHolder(holders.of(self.config.id))

    def shell(self) -> str:
        lines = [_socat(port, end) for end in self.ends for port in end.published]
        lines += [_dnsmasq(self)] if self.names else []
        return " ".join(lines) or ":"

    def why(self) -> str:
        return "serves published ports on loopback and to neighbours, and the container's names"


def are_needed(ends: list[Endpoint]) -> bool:
    """Claim that a container with these plugs needs somebody who serves."""
    return any(end.published for end in ends) or has_names(ends)


def has_names(ends: list[Endpoint]) -> bool:
    """Claim that a container with these plugs asks us for names: only on `bridge` nobody has any."""
    from pyrun.network.definitions import DEFAULT

    return any(end.network.name != DEFAULT for end in ends)


def suffice(identity: str, ends: list[Endpoint]) -> bool:
    """Claim that who serves a container has the ports of these plugs and no others, and the names if they have any.

    It is told so when it is started.
    """
    process, words = holders.holder(holders.of(identity)), list[str]()
    with suppress(OSError), open(f"/proc/{process.pid if process else 0}/cmdline", "rb") as file:
        words = file.read().decode(errors="replace").split("\0")
    held = {word.rpartition(",")[0] for word in words if word.startswith(_PORT)}
    wanted = {_port(port) for end in ends for port in end.published}
    return held == wanted and (any(word.startswith(_NAMES) for word in words) or not has_names(ends))


def _spawn(job: StartServices, lock: int) -> None:
    """Start the process, which holds *lock* from now on. Errors: OSError.

    posix_spawn returns when the interpreter has been executed, without copying
    our memory first; what is already bound waits in the kernel until it serves.
    """
    pidfd = os.pidfd_open(job.pid)
    inside = _inside(job.pid, job.names) if job.names else ()
    words = [f"{_port(port)},{fd}" for port, fd in job.sockets]
    words += [_plug(end) for end in job.ends if end.published]
    words += [_names(job, *inside)] if inside else []
    arguments = [":".join(sys.path), job.config.id, str(pidfd), *words]
    command = [sys.executable, "-I", "-S", "-c", _PROGRAM, *arguments]
    log = f"{paths.runtime(job.config.id)}/services.log"
    actions: list[tuple[Any, ...]] = [(os.POSIX_SPAWN_OPEN, fd, "/dev/null", os.O_RDWR, 0) for fd in (0, 1)]
    actions.append((os.POSIX_SPAWN_OPEN, 2, log, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600))
    kept = (lock, pidfd, *(fd for _, fd in job.sockets), *inside)
    actions += [(os.POSIX_SPAWN_DUP2, fd, fd) for fd in kept]  # to itself: it is kept over execve
    try:
        child = os.posix_spawn(sys.executable, command, {}, file_actions=actions, setsid=True, setsigmask=())
        holders.declare(lock, child)
    finally:
        for fd in (pidfd, *inside):
            os.close(fd)


def _port(port: Published) -> str:
    """Tell what is held; the socket follows."""
    return f"{_PORT}{port.protocol},{port.address},{port.port},{port.target}"


def _plug(end: Endpoint) -> str:
    """Tell where the container is, and by which state of the record we know."""
    from pyrun.runtime import whereabouts

    seen = whereabouts.signature(whereabouts.record(end.network.name, end.container))
    return f"{_PLUG}{end.network.name},{seen},{end.address},{end.address6}"


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


def _names(job: StartServices, udp: int, tcp: int, namespace: int) -> str:
    """Tell what names are answered for with, and how questions are passed on."""
    from pyrun.network import hostfiles
    from pyrun.runtime import resolver

    drops = hostfiles.has_ndots(hostfiles.host_text(past_stub=False), job.config.dns_options)
    return _NAMES + resolver.word_for(udp, tcp, namespace, drops, job.config.dns)


def _dnsmasq(job: StartServices) -> str:
    """Give a program that answers the same questions, about those that are there now."""
    from pyrun.network import names
    from pyrun.network.hostfiles import RESOLVER

    pid = str(job.pid) if job.pid else "$PID"
    own = [end for end in job.ends if has_names([end])]
    records = [",".join([*sorted(names.names_of(end)), end.address]) for end in own]
    words = [f"--port={job.names}", f"--listen-address={RESOLVER}", "--bind-interfaces", "--no-hosts", "--no-resolv"]
    words += [f"--host-record={record}" for record in records] + ["--pid-file", "--local-ttl=600"]
    inside = f"nsenter --net=/proc/{pid}/ns/net"  # unlike our sockets, its own need a loopback address
    return f"{inside} ip link set lo up && {inside} dnsmasq {' '.join(words)}"


def _socat(port: Published, end: Endpoint) -> str:
    """Give the command that relays a port as the proxy does."""
    six = ":" in port.address
    kind = port.protocol.upper()
    where = f"[{port.address}]" if six else port.address
    listen = f"{kind}{'6' if six else '4'}-LISTEN:{port.port},bind={where},reuseaddr,fork"
    listen += ",ipv6only=1" if six else ""
    listen += ",so-bindtodevice=lo" if is_loopback(port.address) else ""
    target = f"{kind}6:[{end.address6}]" if six and end.address6 else f"{kind}4:{end.address}"
    return f"socat {listen} {target}:{port.target} &"


def _give_up_power(named: bool) -> None:
    """Keep no more of root's power than is used: what is served here is whatever a container, or the world, sends.

    Questions are passed on by sockets of the container's namespace, which only who may enter it can make. A package
    in somebody's own directory has to be read later, too. Errors: OSError.
    """
    from pyrun.kernel import capabilities

    kept = {"SYS_ADMIN"} if named else set[str]()
    if os.stat(__file__).st_uid:
        kept.add("DAC_READ_SEARCH")
    capabilities.limit_bounding(frozenset(kept))
    capabilities.set_no_new_privileges()
    capabilities.set_process(frozenset(kept))


def main(arguments: list[str]) -> None:
    """Serve: the container's id, its pidfd, and a word for each socket and what else is to be known."""
    from pyrun.runtime.loop import Loop

    identity, pidfd, *words = arguments
    _give_up_power(any(word.startswith(_NAMES) for word in words))
    loop = Loop()
    ports = [word.removeprefix(_PORT) for word in words if word.startswith(_PORT)]
    if ports:
        from pyrun.runtime import proxy

        plug = next((word.removeprefix(_PLUG) for word in words if word.startswith(_PLUG)), _NOWHERE)
        proxy.serve(loop, identity, plug, ports)
    for word in words:
        if word.startswith(_NAMES):
            from pyrun.runtime import resolver

            resolver.serve(loop, identity, word.removeprefix(_NAMES))
    loop.run(int(pidfd))
