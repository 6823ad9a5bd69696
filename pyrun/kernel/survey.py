"""What a network namespace has now: links, addresses, default routes, neighbours, by pyroute2. The only module with it.

Its import takes longer than most verbs, so each function imports it when called.
For the start path and for lists there is `pyrun.kernel.rtnetlink`.
"""

import errno
import os

from pyrun.contexts import contextmanager
from pyrun.kernel import syscalls
from pyrun.typed import Any, Iterator, NamedTuple

_STATES = ("disabled", "listening", "learning", "forwarding", "blocking")  # linux/if_bridge.h
_NEIGHBOURS = {0x01: "incomplete", 0x02: "reachable", 0x04: "stale", 0x08: "delay", 0x10: "probe", 0x20: "failed"}
_NEIGHBOURS |= {0x40: "noarp", 0x80: "permanent"}
IFF_UP, IFF_RUNNING = 0x1, 0x40


class Port(NamedTuple):
    """A link as a port of a bridge."""

    state: str  # forwarding, or why it does not
    isolated: bool
    hairpin: bool
    floods: bool  # gets what is sent to addresses that the bridge does not know


class Link(NamedTuple):
    """A link of the namespace that was asked."""

    number: int  # its index
    name: str
    kind: str  # veth, bridge, …; empty for hardware
    up: bool
    running: bool  # has a carrier
    mac: str
    mtu: int
    master: int = 0  # index of the bridge it is a port of
    peer: int = 0  # index of the other end, in its own namespace
    peer_ns: int = -1  # which that is, as `ip netns list-id` counts here; -1 for this one
    alias: str = ""
    port: "Port | None" = None
    addresses: tuple[tuple[str, int], ...] = ()  # address and prefix length, link-local ones last


class Route(NamedTuple):
    """The kernel's answer to the question which way a packet goes."""

    kind: str  # unicast, local, … or none; unknown where that depends on what cannot be known
    link: int = 0
    gateway: str = ""
    source: str = ""
    error: int = 0  # errno, where there is no way
    doubt: str = ""  # why it is unknown


@contextmanager
def inside(pidfd: int) -> Iterator[None]:
    """Be in the network namespace of a process, or in an opened one, for a while; -1 stays here. Errors: OSError.

    /proc/sys/net and /proc/net are the namespace's as well while this lasts.
    """
    if pidfd < 0:
        yield
        return
    own = os.open("/proc/self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
    try:
        syscalls.setns(pidfd, syscalls.CLONE_NEWNET)
        try:
            yield
        finally:
            syscalls.setns(own, syscalls.CLONE_NEWNET)
    finally:
        os.close(own)


def links() -> list[Link]:
    """List all links of this namespace with their addresses. Errors: OSError."""
    with _socket() as kernel:
        found = [_link(message) for message in kernel.link("dump")]
        own: dict[int, list[tuple[str, int]]] = {}
        for message in kernel.addr("dump"):
            address = message.get_attr("IFA_LOCAL") or message.get_attr("IFA_ADDRESS")
            own.setdefault(message["index"], []).append((address, message["prefixlen"]))
    order = {link.number: sorted(own.get(link.number, ()), key=_is_link_local) for link in found}
    return [link._replace(addresses=tuple(order[link.number])) for link in found]


def namespace_number(pid: int = 0, fd: int = -1) -> int:
    """Give the number by which links here name the namespace of a process, or one opened; -1 for none.

    Errors: OSError.
    """
    with _socket() as kernel:
        answer = kernel.get_netnsid(pid=pid) if pid else kernel.get_netnsid(fd=fd)
    number = int(answer["nsid"])
    return -1 if number == 0xFFFFFFFF else number


def default_routes() -> list[tuple[int, str, int]]:
    """List the default routes: family, gateway (empty without one) and link. Errors: OSError."""
    found = []
    with _socket() as kernel:
        for number, family in ((2, 4), (10, 6)):
            for message in kernel.get_default_routes(family=number):
                hops = message.get_attr("RTA_MULTIPATH") or [message]
                for hop in hops:
                    link = hop["oif"] if hop is not message else message.get_attr("RTA_OIF")
                    found.append((family, hop.get_attr("RTA_GATEWAY") or "", link or 0))
    return found


def neighbour(link: int, address: str) -> tuple[str, str]:
    """Give link-layer address and state of a neighbour; both empty when it is not known. Errors: OSError."""
    with _socket() as kernel:
        for message in kernel.get_neighbours(10 if ":" in address else 2, ifindex=link):
            if message.get_attr("NDA_DST") == address:
                return message.get_attr("NDA_LLADDR") or "", _NEIGHBOURS.get(message["state"], "")
    return "", ""


def forwarding(bridge: int) -> dict[str, int]:
    """Give the port behind which the bridge knows each link-layer address. Errors: OSError."""
    found = {}
    with _socket() as kernel:
        for message in kernel.fdb("dump"):
            if message.get_attr("NDA_MASTER") == bridge:
                found[message.get_attr("NDA_LLADDR")] = message["ifindex"]
    return found


def words(error: int) -> str:
    """Say what an error of a route look-up means."""
    told = {
        errno.ENETUNREACH: "no route",
        errno.EHOSTUNREACH: "no route: unreachable, or packets are not passed on",
        errno.EACCES: "prohibited by a route",
        errno.EINVAL: "refused: a blackhole, or an address that cannot be there",
        errno.EXDEV: "refused: the way back to the source is another one (rp_filter)",
    }
    return told.get(error, os.strerror(error).lower())


@contextmanager
def _socket() -> "Iterator[Any]":
    """Ask the kernel; what it refuses is an OSError here as everywhere else."""
    from pyroute2 import IPRoute
    from pyroute2.netlink.exceptions import NetlinkError

    try:
        with IPRoute() as kernel:
            yield kernel
    except NetlinkError as problem:
        raise OSError(problem.code, os.strerror(problem.code)) from problem


def _link(message: "Any") -> Link:
    info = message.get_attr("IFLA_LINKINFO")
    elsewhere = message.get_attr("IFLA_LINK_NETNSID")
    return Link(
        message["index"],
        message.get_attr("IFLA_IFNAME"),
        info.get_attr("IFLA_INFO_KIND") or "" if info else "",
        bool(message["flags"] & IFF_UP),
        bool(message["flags"] & IFF_RUNNING),
        message.get_attr("IFLA_ADDRESS") or "",
        message.get_attr("IFLA_MTU") or 0,
        message.get_attr("IFLA_MASTER") or 0,
        message.get_attr("IFLA_LINK") or 0,
        -1 if elsewhere is None else elsewhere,
        message.get_attr("IFLA_IFALIAS") or "",
        _port(info) if info else None,
    )


def _port(info: "Any") -> "Port | None":
    inside_it = info.get_attr("IFLA_INFO_SLAVE_DATA")
    if info.get_attr("IFLA_INFO_SLAVE_KIND") != "bridge" or not inside_it:
        return None
    state = inside_it.get_attr("IFLA_BRPORT_STATE") or 0
    claims = (inside_it.get_attr(f"IFLA_BRPORT_{name}") for name in ("ISOLATED", "MODE", "UNICAST_FLOOD"))
    return Port(_STATES[state] if state < len(_STATES) else str(state), *map(bool, claims))


def _is_link_local(entry: tuple[str, int]) -> bool:
    return entry[0].startswith(("fe80:", "169.254."))
