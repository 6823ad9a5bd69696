"""What is plugged into what, now: a description of the host's network as the kernel has it. Drawing it is the CLI's.

Names of networks and containers come from pyrun's records, everything else is
looked up; a record that the kernel does not agree with shows nothing.
"""

import os

from pyrun import paths, store
from pyrun.contexts import contextmanager, suppress
from pyrun.errors import PyrunError
from pyrun.firewall import present, trace
from pyrun.firewall.packets import Packet
from pyrun.kernel import processes, survey
from pyrun.kernel.survey import Link
from pyrun.network import addresses, standing
from pyrun.network.definitions import DEFAULT
from pyrun.spec import Network, Published
from pyrun.typed import Iterator, NamedTuple

_NEIGHBOURS = {
    "docker0": "Docker's",
    "virbr": "libvirt's",
    "lxdbr": "LXD's",
    "lxcbr": "LXC's",
    "podman": "Podman's",
    "cni-podman": "Podman's",
    "nerdctl": "nerdctl's",
    "cni": "CNI's",
}


class Sandbox(NamedTuple):
    """A network namespace with the containers in it, or one that somebody has given a name."""

    names: tuple[str, ...]
    identity: str  # of the first container; empty for no container
    pid: int  # 0 for no container
    inode: int
    links: tuple[Link, ...]


class Cable(NamedTuple):
    """A port of a bridge, and where the other end is: in a sandbox, or unknown to us."""

    outside: Link
    inside: "Link | None" = None
    sandbox: "Sandbox | None" = None
    published: tuple[Published, ...] = ()


class Bridge(NamedTuple):
    """A bridge with its cables; *network* is None for those of others."""

    link: Link
    network: "Network | None"
    owner: str  # "pyrun's", "Docker's", …
    cables: tuple[Cable, ...]
    masqueraded: tuple[str, ...]  # the subnets whose packets leave under the host's address
    gateways: tuple[str, ...] = ()  # where a default route leads over it


class Uplink(NamedTuple):
    """A link that leads away from this host."""

    link: Link
    gateways: tuple[str, ...]


class Topology(NamedTuple):
    """The whole: from outside to inside."""

    uplinks: tuple[Uplink, ...]
    forwarding: tuple[bool, bool]  # IPv4, IPv6
    bridges: tuple[Bridge, ...]
    loose: tuple[Sandbox, ...]  # sandboxes that no cable of a bridge leads into
    on_host: tuple[str, ...]  # containers without a namespace of their own
    direct: tuple[Cable, ...] = ()  # from the host itself into a sandbox, by no bridge

    @property
    def sandboxes(self) -> tuple[Sandbox, ...]:
        """List all sandboxes once, in the order of the drawing."""
        plugged = [cable.sandbox for bridge in self.bridges for cable in bridge.cables if cable.sandbox]
        return tuple({sandbox.inode: sandbox for sandbox in [*plugged, *self.loose]}.values())


def look(others: bool = False) -> Topology:
    """Describe the network of this host, with *others* also namespaces that `ip netns` knows. Errors: OSError."""
    links = survey.links()
    routes = survey.default_routes()
    sandboxes, on_host = _sandboxes()
    numbers = _numbered(sandboxes)
    named = _named({sandbox.inode for sandbox in sandboxes}) if others else {}
    bridges = _bridges(links, numbers | named, routes)
    uplinks = tuple(_uplinks(links, routes, numbers, named))
    away = {uplink.link.peer_ns for uplink in uplinks}
    near = {number: sandbox for number, sandbox in (numbers | named).items() if number not in away}
    plugged = {cable.sandbox.inode for bridge in bridges for cable in bridge.cables if cable.sandbox}
    far = [sandbox for number, sandbox in named.items() if number in away]
    return Topology(
        uplinks,
        (standing.is_forwarding(), standing.is_forwarding(ipv6=True)),
        tuple(bridges),
        tuple(each for each in [*sandboxes, *named.values()] if each.inode not in plugged and each not in far),
        tuple(on_host),
        tuple(_cable(link, None, near) for link in links if link.peer_ns in near and not link.master),
    )


@contextmanager
def opened(container: store.Container) -> Iterator[tuple[int, int]]:
    """Hold a running container's process for a while: its number and a pidfd. Errors: PyrunError."""
    process = container.process()
    try:
        pidfd = processes.open_process(process)
    except ProcessLookupError:
        raise PyrunError(f"container {container.name} is not running", 1) from None
    try:
        yield process.pid, pidfd
    finally:
        os.close(pidfd)


def _sandboxes() -> tuple[list[Sandbox], list[str]]:
    """List the namespaces of all running containers; one that ends meanwhile is left out."""
    own = os.stat("/proc/self/ns/net").st_ino
    found: dict[int, Sandbox] = {}
    on_host: list[str] = []
    for container in sorted(store.containers(), key=lambda each: each.name):
        with suppress(PyrunError, OSError), opened(container) as (pid, pidfd):
            inode = os.stat(f"/proc/{pid}/ns/net").st_ino
            if inode == own:
                on_host.append(container.name)
            elif inode in found:
                found[inode] = _together(found[inode], container, pid)
            else:
                with survey.inside(pidfd):
                    links = survey.links()
                found[inode] = Sandbox((container.name,), container.id, pid, inode, tuple(links))
    return list(found.values()), on_host


def _numbered(sandboxes: list[Sandbox]) -> dict[int, Sandbox]:
    """Find each sandbox by its number here; one that ended meanwhile has none."""
    found = {}
    for sandbox in sandboxes:
        with suppress(ProcessLookupError):
            found[survey.namespace_number(sandbox.pid)] = sandbox
    return found


def _named(known: set[int]) -> dict[int, Sandbox]:
    """Find namespaces with a name but no container, by their numbers here, or by less than -1 where they have none."""
    found: dict[int, Sandbox] = {}
    seen = known | {os.stat("/proc/self/ns/net").st_ino}
    for name in sorted(os.listdir(paths.NETNS)) if os.path.isdir(paths.NETNS) else ():
        with suppress(OSError):  # removed just now, or no namespace
            place = os.open(f"{paths.NETNS}/{name}", os.O_RDONLY | os.O_CLOEXEC)
            try:
                inode = os.fstat(place).st_ino
                if inode in seen:
                    continue
                with survey.inside(place):
                    links = survey.links()
                number = survey.namespace_number(fd=place)
            finally:
                os.close(place)
            seen.add(inode)
            found[number if number >= 0 else -inode] = Sandbox((name,), "", 0, inode, tuple(links))
    return found


def _together(sandbox: Sandbox, other: store.Container, pid: int) -> Sandbox:
    """Name the one first that has the plugs, whoever was found first."""
    if other.config and other.config.attachments:
        return sandbox._replace(names=(other.name, *sandbox.names), identity=other.id, pid=pid)
    return sandbox._replace(names=(*sandbox.names, other.name))


def _bridges(links: list[Link], numbers: dict[int, Sandbox], routes: list[tuple[int, str, int]]) -> list[Bridge]:
    nets = {net.bridge: net for net in map(standing.read, standing.names()) if net}
    leaving = next((link.name for link in links if link.number in {number for _, _, number in routes}), "uplink")
    rules = present.read().tables
    found = []
    for link in links:
        if link.kind != "bridge":
            continue
        net = nets.get(link.name)
        net = net if net and net.mac == link.mac else None
        cables = [_cable(port, net, numbers) for port in links if port.master == link.number]
        cables.sort(key=lambda cable: (cable.sandbox is None, cable.outside.number))
        gateways = tuple(gateway for _, gateway, number in routes if number == link.number)
        found.append(Bridge(link, net, _owner(link, net), tuple(cables), _masqueraded(link, leaving, rules), gateways))
    return sorted(found, key=_order)


def _order(bridge: Bridge) -> tuple[bool, bool, int]:
    return not bridge.network, not bridge.network or bridge.network.name != DEFAULT, bridge.link.number


def _cable(port: Link, net: "Network | None", numbers: dict[int, Sandbox]) -> Cable:
    sandbox = numbers.get(port.peer_ns) if port.kind == "veth" and port.peer_ns >= 0 else None
    if sandbox is None:
        return Cable(port)
    inner = next((link for link in sandbox.links if link.number == port.peer), None)
    end = standing.endpoint(net.name, sandbox.identity, net) if net and sandbox.identity else None
    return Cable(port, inner, sandbox, end.published if end and end.host_link == port.name else ())


def _uplinks(
    links: list[Link], routes: list[tuple[int, str, int]], numbers: dict[int, Sandbox], named: dict[int, Sandbox]
) -> Iterator[Uplink]:
    """Find what leads away: not into containers, and into another namespace only if that is the way to everywhere."""
    for link in links:
        gateways = tuple(gateway for _, gateway, number in routes if number == link.number)
        addressed = any(not address.startswith("fe80:") for address, _ in link.addresses)
        within = link.peer_ns in numbers or (link.peer_ns in named and not gateways)
        plain = link.name != "lo" and link.kind != "bridge" and not link.master and not within
        if plain and link.up and (addressed or link.number in {number for _, _, number in routes}):
            yield Uplink(link, gateways)


def _masqueraded(bridge: Link, leaving: str, rules: "list[trace.Table]") -> tuple[str, ...]:
    """Ask the rules that stand what happens to a packet that leaves each subnet for far away."""
    found = []
    local = frozenset(address for address, _ in bridge.addresses)
    for address, prefix in bridge.addresses:
        subnet = addresses.subnet(f"{address}/{prefix}")
        if address.startswith("fe80:") or prefix == subnet.bits:
            continue
        first = addresses.written(subnet.last - 1, subnet.bits)
        family, far = (6, "2001:db8::1") if subnet.bits == 128 else (4, "192.0.2.1")
        packet = Packet(family, first, far, "tcp", 443, bridge.name, leaving)
        if trace.walk(rules, "postrouting", packet, local).packet.snat:
            found.append(str(subnet))
    return tuple(found)


def _owner(link: Link, net: "Network | None") -> str:
    if net:
        return "pyrun's"
    name = link.name
    if name.startswith("br-") and len(name) == 15 and not set(name[3:]) - set("0123456789abcdef"):
        return "Docker's"
    return next((owner for prefix, owner in _NEIGHBOURS.items() if name.startswith(prefix)), "")
