"""A small rtnetlink encoder for the start path: links, addresses and routes, one message at a time.

It exists because importing pyroute2 takes longer than starting a container;
the tests compare its messages with pyroute2's. Everything else uses pyroute2.
See rtnetlink(7), linux/if_link.h.
"""

import struct

from pyrun.kernel.netlink import NLM_F_ACK, NLM_F_DUMP, Attributes, attribute, attributes_of, encode, exchange, u32

RTM_NEWLINK, RTM_DELLINK, RTM_GETLINK = 16, 17, 18
RTM_NEWADDR, RTM_GETADDR = 20, 22
RTM_NEWROUTE, RTM_GETROUTE = 24, 26

NLM_F_CREATE, NLM_F_EXCL = 0x400, 0x200

IFLA_ADDRESS, IFLA_IFNAME, IFLA_MTU, IFLA_MASTER, IFLA_LINKINFO = 1, 3, 4, 10, 18
IFLA_NET_NS_PID, IFLA_IFALIAS = 19, 20
IFLA_INFO_KIND, IFLA_INFO_DATA, VETH_INFO_PEER = 1, 2, 1
IFA_ADDRESS, IFA_LOCAL, IFA_BROADCAST = 1, 2, 4
RTA_DST, RTA_OIF, RTA_GATEWAY, RTA_TABLE = 1, 4, 5, 15
IFF_UP = 1
AF_INET = 2

_LINK = struct.Struct("=BxHiII")  # struct ifinfomsg
_ADDRESS = struct.Struct("=BBBBI")  # struct ifaddrmsg
_ROUTE = struct.Struct("=BBBBBBBBI")  # struct rtmsg
_PROTOCOL = 0  # NETLINK_ROUTE
_MAIN, _BOOT, _UNIVERSE, _LINK_SCOPE, _UNICAST = 254, 3, 0, 253, 1


def text(value: str) -> bytes:
    """Encode a name as the kernel wants it: terminated by NUL."""
    return value.encode() + b"\0"


def mac(value: str) -> bytes:
    """Encode a link-layer address written as six hexadecimal pairs."""
    return bytes.fromhex(value.replace(":", ""))


def address(value: str) -> bytes:
    """Encode a dotted IPv4 address."""
    return bytes(int(part) for part in value.split("."))


def link(attributes: Attributes, index: int = 0, flags: int = 0, change: int = 0) -> bytes:
    """Give the body of a link message."""
    return _LINK.pack(0, 0, index, flags, change) + encode(attributes)


def veth(host: str, host_mac: str, peer: str, peer_pid: int, peer_mac: str, master: int) -> bytes:
    """Give the body that makes a pair: *host* here, a port of *master*, *peer* inside the netns of a process."""
    inside: Attributes = [(IFLA_IFNAME, text(peer)), (IFLA_ADDRESS, mac(peer_mac))]
    pair = attribute(VETH_INFO_PEER, link([*inside, (IFLA_NET_NS_PID, u32(peer_pid))]))
    kind = encode([(IFLA_INFO_KIND, b"veth"), (IFLA_INFO_DATA, pair)])
    outside: Attributes = [(IFLA_IFNAME, text(host)), (IFLA_ADDRESS, mac(host_mac))]
    return link([*outside, (IFLA_MASTER, u32(master)), (IFLA_LINKINFO, kind)])


def bridge(name: str, hardware: str) -> bytes:
    """Give the body that makes a bridge with a fixed link-layer address."""
    kind = encode([(IFLA_INFO_KIND, b"bridge")])
    return link([(IFLA_IFNAME, text(name)), (IFLA_ADDRESS, mac(hardware)), (IFLA_LINKINFO, kind)])


def interface_address(index: int, local: str, prefix: int, broadcast: str) -> bytes:
    """Give the body that adds an IPv4 address; see linux/if_addr.h."""
    attributes: Attributes = [(IFA_LOCAL, address(local)), (IFA_ADDRESS, address(local))]
    return _ADDRESS.pack(AF_INET, prefix, 0, 0, index) + encode([*attributes, (IFA_BROADCAST, address(broadcast))])


def default_route(gateway: str, index: int) -> bytes:
    """Give the body that adds the IPv4 default route by *gateway* over the link *index*."""
    header = _ROUTE.pack(AF_INET, 0, 0, 0, _MAIN, _BOOT, _UNIVERSE, _UNICAST, 0)
    return header + encode([(RTA_GATEWAY, address(gateway)), (RTA_OIF, u32(index))])


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
        if cause.errno == 19:  # ENODEV
            return None
        raise
    return None


def on_link_routes() -> list[tuple[int, int]]:
    """List the IPv4 routes of link scope in the main table, as (network, prefix length)."""
    body = _ROUTE.pack(AF_INET, 0, 0, 0, 0, 0, 0, 0, 0)
    found = []
    for reply in exchange(_PROTOCOL, RTM_GETROUTE, body, NLM_F_DUMP):
        _, prefix, _, _, table, _, scope, _, _ = _ROUTE.unpack_from(reply)
        if table == _MAIN and scope == _LINK_SCOPE:
            network = attributes_of(reply[_ROUTE.size :]).get(RTA_DST, bytes(4))
            found.append((int.from_bytes(network, "big"), prefix))
    return found


def addresses(index: int) -> list[tuple[str, int]]:
    """List the IPv4 addresses of a link, as (address, prefix length)."""
    found = []
    for reply in exchange(_PROTOCOL, RTM_GETADDR, _ADDRESS.pack(AF_INET, 0, 0, 0, 0), NLM_F_DUMP):
        _, prefix, _, _, owner = _ADDRESS.unpack_from(reply)
        local = attributes_of(reply[_ADDRESS.size :]).get(IFA_LOCAL)
        if owner == index and local:
            found.append((".".join(str(byte) for byte in local), prefix))
    return found


def find_link(name: str) -> "tuple[int, int, dict[int, bytes]] | None":
    """Find a link by name: its index, its flags and its attributes; None when there is none."""
    reply = query(RTM_GETLINK, link([(IFLA_IFNAME, text(name))]))
    if reply is None:
        return None
    _, _, index, flags, _ = _LINK.unpack_from(reply)
    return index, flags, attributes_of(reply[_LINK.size :])
