"""Ports of this host that lead to a container: reserved by really binding them, so that a conflict shows.

It shows before anything is made, whoever has the port: a container or any other
process. Who serves what is bound is in `pyrun.runtime.services`, which rules lead to the
container in `pyrun.firewall.rules`.
"""

import errno
import os

from pyrun import paths
from pyrun.contexts import suppress
from pyrun.errors import PyrunError
from pyrun.firewall.rules import is_loopback
from pyrun.kernel import sockets
from pyrun.network import standing
from pyrun.spec import ContainerConfig, PortBinding, Published
from pyrun.typed import Iterable

Held = tuple[Published, int]
_LAST = f"{paths.RUN}/last-port"
_ALL = ("0.0.0.0", "::")


class Unreachable(PyrunError):
    """No link has the address yet; a network that is about to be made may."""


class _Refused(Exception):
    """The kernel does not give one of the ports."""

    def __init__(self, port: Published, cause: OSError) -> None:
        super().__init__(port, cause)
        self.port, self.cause = port, cause
        self.is_taken = cause.errno == errno.EADDRINUSE


def wanted(config: ContainerConfig) -> list[PortBinding]:
    """List what is to be published, with -P all that is exposed too: first what has to be a certain port."""
    given = {f"{each.target}/{each.protocol}" for each in config.ports}
    rest = [each.partition("/") for each in config.exposed if config.publish_all and each not in given]
    found = [*config.ports, *(PortBinding(protocol, int(port)) for port, _, protocol in rest)]
    return sorted(found, key=lambda each: (not each.first, each.first != each.last))


def reserve(bindings: list[PortBinding], default: str) -> list[Held]:
    """Bind what is wanted; *default* is the address where none is given, empty for all.

    Errors: PyrunError naming who has a port, Unreachable; nothing is held then.
    """
    held: list[Held] = []
    try:
        for each in bindings:
            held += _reserve(each, default)
    except BaseException:
        release(held)
        raise
    return held


def hold(port: Published) -> int:
    """Bind a port that was reserved before, by somebody who has died. Errors: PyrunError."""
    try:
        return _hold(port)
    except OSError as problem:
        raise _explained(port, problem) from problem


def release(held: Iterable[Held]) -> None:
    """Let go of what is held."""
    for _, fd in held:
        os.close(fd)


def preview(bindings: list[PortBinding], default: str) -> tuple[Published, ...]:
    """Give what `reserve` would try first, touching nothing."""
    following = iter(sockets.ephemeral()[0])
    found = []
    for each in bindings:
        port = each.first or next(following)
        found += [Published(each.protocol, at, port, each.target) for at in _addresses(each, default)]
    return tuple(found)


def forget() -> None:
    """Forget which port was given last."""
    with suppress(FileNotFoundError):
        os.unlink(_LAST)


def _reserve(each: PortBinding, default: str) -> list[Held]:
    """Bind one port, the same of all addresses: the first of its range that is free."""
    if not each.first:
        return _reserve_any(each, default)
    for port in range(each.first, each.last + 1):
        try:
            return _attempt(each, default, port)
        except _Refused as refused:
            if not refused.is_taken or each.first == each.last:
                raise _explained(refused.port, refused.cause) from refused
    address = _addresses(each, default)[0]
    raise PyrunError(f"publish: {address}:{each.first}-{each.last}/{each.protocol}: all ports are allocated")


def _reserve_any(each: PortBinding, default: str) -> list[Held]:
    """Bind the port after the one that was given last, or the next that is free: none is given again soon."""
    ports, kept = sockets.ephemeral()
    start = max(0, _last_given() + 1 - ports.start) % len(ports)
    for at in range(len(ports)):
        port = ports[(start + at) % len(ports)]
        if port in kept:
            continue
        try:
            held = _attempt(each, default, port)
        except _Refused as refused:
            if not refused.is_taken:
                raise _explained(refused.port, refused.cause) from refused
            continue
        _note_given(port)
        return held
    raise PyrunError(f"publish: {each.target}/{each.protocol}: all ports are allocated")


def _attempt(each: PortBinding, default: str, port: int) -> list[Held]:
    """Bind a port of all addresses, or of none. Errors: _Refused."""
    held: list[Held] = []
    for address in _addresses(each, default):
        published = Published(each.protocol, address, port, each.target)
        try:
            held.append((published, _hold(published)))
        except OSError as problem:
            if held and _is_without_ipv6(problem):
                continue
            release(held)
            raise _Refused(published, problem) from problem
    return held


def _addresses(each: PortBinding, default: str) -> tuple[str, ...]:
    """Give the addresses to bind: all, IPv6's too where the host has it, unless told otherwise."""
    chosen = each.address or default
    return (chosen,) if chosen else _ALL if os.path.exists("/proc/net/if_inet6") else _ALL[:1]


def _is_without_ipv6(problem: OSError) -> bool:
    return problem.errno in (errno.EAFNOSUPPORT, errno.EADDRNOTAVAIL)


def _hold(port: Published) -> int:
    """Bind: a loopback port takes nothing from other links, also where such packets are let in (route_localnet)."""
    return sockets.hold(port.protocol, port.address, port.port, "lo" if is_loopback(port.address) else "")


def _explained(port: Published, problem: OSError) -> PyrunError:
    """Say in Docker's words what is wrong, and who it is that has the port."""
    where = f"[{port.address}]" if ":" in port.address else port.address
    what = f"publish: {where}:{port.port}/{port.protocol}"
    if problem.errno == errno.EADDRINUSE:
        message = f"{what}: Bind for {where}:{port.port} failed: port is already allocated"
        return PyrunError(message, hint=_holder(port))
    if sockets.is_missing(problem):
        option = {"sctp": "CONFIG_IP_SCTP"}.get(port.protocol, "CONFIG_IPV6")
        return PyrunError(f"{what}: protocol not supported", hint=f"the running kernel lacks {option}")
    kind = Unreachable if problem.errno == errno.EADDRNOTAVAIL else PyrunError
    return kind(f"{what}: {os.strerror(problem.errno or 0).lower()}")


def _holder(port: Published) -> str:
    for name in standing.names():
        for end in standing.endpoints(name):
            if any(_collide(port, other) for other in end.published):
                return f"container {end.name} has it"
    pid, command = sockets.holder(port.protocol, port.port)
    if pid == os.getpid():
        return "it is asked for twice"
    return f"process {pid} has it: {command}" if pid else ""


def _collide(port: Published, other: Published) -> bool:
    alike = (port.protocol, port.port) == (other.protocol, other.port)
    return alike and (port.address == other.address or bool({port.address, other.address} & set(_ALL)))


def _last_given() -> int:
    with suppress(OSError, ValueError), open(_LAST) as file:
        return int(file.read())
    return 0


def _note_given(port: int) -> None:
    """Note it; that two who do so at once may overwrite each other costs only another attempt."""
    with suppress(OSError):
        fd = os.open(_LAST, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        os.write(fd, str(port).encode())
        os.close(fd)
