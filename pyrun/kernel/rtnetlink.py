"""A small rtnetlink encoder for the start path: links, addresses and routes, one message at a time.

It exists because importing pyroute2 takes longer than starting a container;
the tests compare its messages with pyroute2's. Everything else uses pyroute2.
See rtnetlink(7), linux/if_link.h.
"""

import _socket  # socket itself imports enum and selectors
import struct
from sys import byteorder

from pyrun.kernel.netlink import (
    NLA_F_NESTED,
    NLM_F_ACK,
    NLM_F_DUMP,
    Attributes,
    alike,
    attribute,
    attributes_of,
    encode,
    exchange,
    u32,
)

RTM_NEWLINK, RTM_DELLINK, RTM_GETLINK, RTM_SETLINK = 16, 17, 18, 19
RTM_NEWADDR, RTM_GETADDR = 20, 22
RTM_NEWNEIGH = 28
RTM_NEWROUTE, RTM_DELROUTE, RTM_GETROUTE = 24, 25, 26

NLM_F_REPLACE, NLM_F_EXCL, NLM_F_CREATE, NLM_F_APPEND = 0x100, 0x200, 0x400, 0x800

IFLA_ADDRESS, IFLA_IFNAME, IFLA_MTU, IFLA_LINK, IFLA_MASTER, IFLA_LINKINFO = 1, 3, 4, 5, 10, 18
IFLA_PROTINFO, IFLA_NET_NS_PID, IFLA_IFALIAS = 12, 19, 20
IFLA_BRPORT_STATE, IFLA_BRPORT_ISOLATED = 1, 33
IFLA_INFO_KIND, IFLA_INFO_DATA, VETH_INFO_PEER = 1, 2, 1
IFA_ADDRESS, IFA_LOCAL, IFA_BROADCAST = 1, 2, 4
IFA_F_NODAD = 2
RTA_DST, RTA_OIF, RTA_GATEWAY, RTA_PRIORITY, RTA_PREFSRC, RTA_METRICS, RTA_MULTIPATH = 1, 4, 5, 6, 7, 8, 9
RTAX_MTU = 2
NDA_DST, NDA_LLADDR, NUD_STALE = 1, 2, 4
IFF_UP = 1
AF_INET, AF_BRIDGE, AF_INET6 = 2, 7, 10

_LINK = struct.Struct("=BxHiII")  # struct ifinfomsg
_ADDRESS = struct.Struct("=BBBBI")  # struct ifaddrmsg
_ROUTE = struct.Struct("=BBBBBBBBI")  # struct rtmsg
_HOP = struct.Struct("=HBBi")  # struct rtnexthop
_NEIGHBOUR = struct.Struct("=BxxxiHBB")  # struct ndmsg
_PROTOCOL = 0  # NETLINK_ROUTE
_OF_LINK = frozenset((IFLA_IFNAME, IFLA_LINK, IFLA_MASTER, IFLA_PROTINFO))
_OF_PORT = frozenset((IFLA_BRPORT_STATE, IFLA_BRPORT_ISOLATED))
_MAIN, _BOOT, _UNIVERSE, _LINK_SCOPE, _UNICAST = 254, 3, 0, 253, 1
_BY_KERNEL = 2  # RTPROT_KERNEL: an address of the link brought it
_MATCHED = 0x2000  # RTM_F_FIB_MATCH: whether some route says so, not what becomes of a packet
_NO_DEVICE = 19  # ENODEV
_NO_ROUTE = (101, 113)  # ENETUNREACH, EHOSTUNREACH
_PRIORITY6 = 256  # IP6_RT_PRIO_ADDRCONF


def text(value: str) -> bytes:
    """Encode a name as the kernel wants it: terminated by NUL."""
    return value.encode() + b"\0"


def mac(value: str) -> bytes:
    """Encode a link-layer address written as six hexadecimal pairs."""
    return bytes.fromhex(value.replace(":", ""))


def address(value: str) -> bytes:
    """Encode an IPv4 or IPv6 address. Errors: OSError for anything else."""
    return _socket.inet_pton(family(value), value)


def family(value: str) -> int:
    """Tell the address family by the writing."""
    return AF_INET6 if ":" in value else AF_INET


def link(attributes: Attributes, index: int = 0, flags: int = 0, change: int = 0) -> bytes:
    """Give the body of a link message."""
    return _LINK.pack(0, 0, index, flags, change) + encode(attributes)


def isolated_port(index: int) -> bytes:
    """Give the body that keeps a bridge's port from other ports that are so kept; see bridge(8)."""
    return bridge_port(index, [(IFLA_BRPORT_ISOLATED, b"\1")])


def bridge_port(index: int, attributes: Attributes) -> bytes:
    """Give the body that says how a bridge treats one of its ports."""
    return _LINK.pack(AF_BRIDGE, 0, index, 0, 0) + attribute(IFLA_PROTINFO | NLA_F_NESTED, encode(attributes))


def veth(host: str, host_mac: str, peer: str, peer_pid: int, peer_mac: str, master: int, mtu: int = 0) -> bytes:
    """Give the body that makes a pair: *host* here, a port of *master*, *peer* inside the netns of a process.

    Both get the *mtu*, unless it is 0.
    """
    size: Attributes = [(IFLA_MTU, u32(mtu))] if mtu else []
    inside: Attributes = [(IFLA_IFNAME, text(peer)), (IFLA_ADDRESS, mac(peer_mac)), *size]
    pair = attribute(VETH_INFO_PEER, link([*inside, (IFLA_NET_NS_PID, u32(peer_pid))]))
    kind = encode([(IFLA_INFO_KIND, b"veth"), (IFLA_INFO_DATA, pair)])
    outside: Attributes = [(IFLA_IFNAME, text(host)), (IFLA_ADDRESS, mac(host_mac)), *size]
    return link([*outside, (IFLA_MASTER, u32(master)), (IFLA_LINKINFO, kind)])


def bridge(name: str, hardware: str, mtu: int = 0) -> bytes:
    """Give the body that makes a bridge with a fixed link-layer address, and with the *mtu* unless that is 0."""
    kind = encode([(IFLA_INFO_KIND, b"bridge")])
    size: Attributes = [(IFLA_MTU, u32(mtu))] if mtu else []
    return link([(IFLA_IFNAME, text(name)), (IFLA_ADDRESS, mac(hardware)), *size, (IFLA_LINKINFO, kind)])


def interface_address(index: int, local: str, prefix: int, broadcast: str = "") -> bytes:
    """Give the body that adds an address; IPv6's at once, nobody asked whether it is taken. See linux/if_addr.h."""
    attributes: Attributes = [(IFA_LOCAL, address(local)), (IFA_ADDRESS, address(local))]
    attributes += [(IFA_BROADCAST, address(broadcast))] if broadcast else []
    flags = IFA_F_NODAD if ":" in local else 0
    return _ADDRESS.pack(family(local), prefix, flags, 0, index) + encode(attributes)


def default_route(gateway: str, index: int) -> bytes:
    """Give the body that adds the default route by *gateway* over the link *index*."""
    header = _ROUTE.pack(family(gateway), 0, 0, 0, _MAIN, _BOOT, _UNIVERSE, _UNICAST, 0)
    return header + encode([(RTA_GATEWAY, address(gateway)), (RTA_OIF, u32(index))])


def subnet_route(network: str, prefix: int, source: str, index: int) -> bytes:
    """Give the body that adds the route to a subnet on the link *index*, as the kernel adds it with an address."""
    version = family(network)
    more: Attributes = [(RTA_PREFSRC, address(source))]
    if version == AF_INET6:
        more = [(RTA_PRIORITY, u32(_PRIORITY6))]
    header = _ROUTE.pack(version, prefix, 0, 0, _MAIN, _BY_KERNEL, _LINK_SCOPE, _UNICAST, 0)
    return header + encode([(RTA_DST, address(network)), *more, (RTA_OIF, u32(index))])


def leads_to(target: bytes, index: int) -> bool:
    """Claim that some route leads to an address over the link *index*, whichever way packets really take.

    One message, however many routes there are. What forbids the way, or a link without a cable, may hide the route.
    """
    header = _ROUTE.pack(AF_INET if len(target) == 4 else AF_INET6, 8 * len(target), 0, 0, 0, 0, 0, 0, _MATCHED)
    try:
        query(RTM_GETROUTE, header + encode([(RTA_DST, target), (RTA_OIF, u32(index))]))
    except OSError as cause:
        return cause.errno not in _NO_ROUTE
    return True


def neighbour(index: int, local: str, hardware: str) -> bytes:
    """Give the body that says by which link-layer address *local* is reached, until there is a doubt."""
    header = _NEIGHBOUR.pack(family(local), index, NUD_STALE, 0, 0)
    return header + encode([(NDA_DST, address(local)), (NDA_LLADDR, mac(hardware))])


def request(kind: int, body: bytes, flags: int = 0) -> None:
    """Send one message and wait for its acknowledgement. Errors: OSError with the kernel's number."""
    for _ in exchange(_PROTOCOL, kind, body, flags | NLM_F_ACK):
        pass


def query(kind: int, body: bytes) -> "bytes | None":
    """Ask for one object; give its message body or None when there is no such thing."""
    try:
        for reply in exchange(_PROTOCOL, kind, body, NLM_F_ACK):
            return reply
    except OSError as cause:
        if cause.errno == _NO_DEVICE:
            return None
        raise
    return None


def on_link_routes() -> list[tuple[bytes, int]]:
    """List the routes without a gateway in the main table, as (network address, prefix length); IPv6's too."""
    found = []
    for version in (AF_INET, AF_INET6):
        body = _ROUTE.pack(version, 0, 0, 0, 0, 0, 0, 0, 0)
        for reply in exchange(_PROTOCOL, RTM_GETROUTE, body, NLM_F_DUMP):
            reply_family, prefix, _, _, table, _, scope, kind, _ = _ROUTE.unpack_from(reply)
            attributes = attributes_of(reply[_ROUTE.size :])
            direct = scope == _LINK_SCOPE if version == AF_INET else RTA_GATEWAY not in attributes
            if table == _MAIN and direct and kind == _UNICAST and reply_family == version:
                found.append((attributes.get(RTA_DST, bytes(4 if version == AF_INET else 16)), prefix))
    return found


def default_routes() -> list[tuple[str, int]]:
    """List the default routes of the main table as (gateway, index of the link), IPv4's and IPv6's."""
    found = []
    for version in (AF_INET, AF_INET6):
        for reply in exchange(_PROTOCOL, RTM_GETROUTE, _ROUTE.pack(version, 0, 0, 0, 0, 0, 0, 0, 0), NLM_F_DUMP):
            reply_family, prefix, _, _, table, _, _, kind, _ = _ROUTE.unpack_from(reply)
            attributes = attributes_of(reply[_ROUTE.size :])
            whole = {RTA_GATEWAY, RTA_OIF} <= attributes.keys()
            if (reply_family, prefix, table, kind) == (version, 0, _MAIN, _UNICAST) and whole:
                index = struct.unpack("=I", attributes[RTA_OIF])[0]
                found.append((_socket.inet_ntop(version, attributes[RTA_GATEWAY]), index))
    return found


def way_out() -> tuple[list[int], int]:
    """Give the links, by index, that the first IPv4 default route leads to, and the MTU that it says itself.

    No links and 0 when there is no such route, 0 when it says none. See ip-route(8): nexthop, mtu.
    """
    for reply in exchange(_PROTOCOL, RTM_GETROUTE, _ROUTE.pack(AF_INET, 0, 0, 0, 0, 0, 0, 0, 0), NLM_F_DUMP):
        _, prefix, _, _, table, _, _, kind, _ = _ROUTE.unpack_from(reply)
        if (prefix, table, kind) == (0, _MAIN, _UNICAST):
            found = attributes_of(reply[_ROUTE.size :])
            mtu = attributes_of(found.get(RTA_METRICS, b"")).get(RTAX_MTU, b"")
            several = _hops(found.get(RTA_MULTIPATH, b""))
            index = int.from_bytes(found.get(RTA_OIF, b""), byteorder)
            return several or ([index] if index else []), int.from_bytes(mtu, byteorder)
    return [], 0


def ways_out() -> set[int]:
    """Give all links, by index, that default routes of the main table lead to, IPv4's and IPv6's."""
    found: set[int] = set()
    for version in (AF_INET, AF_INET6):
        for reply in exchange(_PROTOCOL, RTM_GETROUTE, _ROUTE.pack(version, 0, 0, 0, 0, 0, 0, 0, 0), NLM_F_DUMP):
            reply_family, prefix, _, _, table, _, _, kind, _ = _ROUTE.unpack_from(reply)
            if (reply_family, prefix, table, kind) == (version, 0, _MAIN, _UNICAST):
                told = attributes_of(reply[_ROUTE.size :])
                found.update(_hops(told.get(RTA_MULTIPATH, b"")))
                found.add(int.from_bytes(told.get(RTA_OIF, b""), byteorder))
    return found - {0}


def has_route(network: str, prefix: int, index: int) -> bool:
    """Claim that the main table has the route to a subnet on a link, by looking through all of them."""
    version, wanted = family(network), address(network)
    for reply in exchange(_PROTOCOL, RTM_GETROUTE, _ROUTE.pack(version, 0, 0, 0, 0, 0, 0, 0, 0), NLM_F_DUMP):
        reply_family, length, _, _, table, _, _, kind, _ = _ROUTE.unpack_from(reply)
        if (reply_family, length, table, kind) == (version, prefix, _MAIN, _UNICAST):
            told = attributes_of(reply[_ROUTE.size :])
            if told.get(RTA_DST) == wanted and told.get(RTA_OIF) == u32(index):
                return True
    return False


def _hops(content: bytes) -> list[int]:
    """Give the links of a route that has several ways."""
    found, at = [], 0
    while len(content) - at >= _HOP.size:
        length, _, _, index = _HOP.unpack_from(content, at)
        found.append(index)
        at += max(length + 3 & ~3, _HOP.size)
    return found


def addresses(index: int) -> list[tuple[str, int]]:
    """List the addresses of a link, as (address, prefix length); none where it is gone."""
    found = []
    try:
        for reply in exchange(_PROTOCOL, RTM_GETADDR, _ADDRESS.pack(0, 0, 0, 0, index), NLM_F_DUMP, strict=True):
            version, prefix, _, _, owner = _ADDRESS.unpack_from(reply)
            told = attributes_of(reply[_ADDRESS.size :])
            local = told.get(IFA_LOCAL) or told.get(IFA_ADDRESS)
            if owner == index and local:
                found.append((_socket.inet_ntop(version, local), prefix))
    except OSError as cause:
        if cause.errno != _NO_DEVICE:
            raise
    return found


def links() -> list[tuple[int, int, dict[int, bytes]]]:
    """List all links: index, flags and attributes of each."""
    found = []
    for reply in exchange(_PROTOCOL, RTM_GETLINK, link([]), NLM_F_DUMP):
        _, _, index, flags, _ = _LINK.unpack_from(reply)
        found.append((index, flags, attributes_of(reply[_LINK.size :])))
    return found


def names_and_peers() -> dict[str, tuple[int, int]]:
    """Give each link by its name: its index, and that of its other end, in its own namespace; 0 where it has none."""
    found = {}
    for index, _, attributes in links():
        peer = struct.unpack("=I", attributes.get(IFLA_LINK, bytes(4)))[0]
        found[attributes[IFLA_IFNAME].rstrip(b"\0").decode(errors="replace")] = index, peer
    return found


def bridge_ports(bridge: int) -> "dict[str, tuple[int, int, int, bool]]":
    """Give each port of a bridge by its name: index, index of its other end, state and whether it is isolated.

    The state is as linux/if_bridge.h has it: 3 forwards.
    """
    found, ours, master = {}, list[tuple[int, dict[int, bytes]]](), u32(bridge)
    replies = list(exchange(_PROTOCOL, RTM_GETLINK, _LINK.pack(AF_BRIDGE, 0, 0, 0, 0), NLM_F_DUMP))
    for reply, told in zip(replies, alike(replies, _OF_LINK, _LINK.size), strict=True):
        if told.get(IFLA_MASTER) == master:
            ours.append((_LINK.unpack_from(reply)[2], told))
    ports = alike((told.get(IFLA_PROTINFO, b"") for _, told in ours), _OF_PORT)
    for (index, told), port in zip(ours, ports, strict=True):
        name = told[IFLA_IFNAME].rstrip(b"\0").decode(errors="replace")
        peer = int.from_bytes(told.get(IFLA_LINK, b""), byteorder)
        state = port.get(IFLA_BRPORT_STATE, b"\0")[0]
        found[name] = index, peer, state, port.get(IFLA_BRPORT_ISOLATED, b"\0") == b"\1"
    return found


def find_link(name: str) -> "tuple[int, int, dict[int, bytes]] | None":
    """Find a link by name: its index, its flags and its attributes; None when there is none."""
    return _found(query(RTM_GETLINK, link([(IFLA_IFNAME, text(name))])))


def find_numbered_link(index: int) -> "tuple[int, int, dict[int, bytes]] | None":
    """Find a link by its index, whatever it is called; None when there is none."""
    return _found(query(RTM_GETLINK, link([], index)))


def _found(reply: "bytes | None") -> "tuple[int, int, dict[int, bytes]] | None":
    if reply is None:
        return None
    _, _, index, flags, _ = _LINK.unpack_from(reply)
    return index, flags, attributes_of(reply[_LINK.size :])
