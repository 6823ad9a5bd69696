"""What the kernel remembers of UDP flows, which would go on to lead to where they led before.

A flow keeps the destination that its first packet was given, for as long as
packets come: rules that are made or removed later do not touch it (moby#8795).
Spoken over nfnetlink; see linux/netfilter/nfnetlink_conntrack.h.
"""

import _socket  # as in netlink
import errno

from pyrun.contexts import suppress
from pyrun.kernel import netlink
from pyrun.typed import Iterator, NamedTuple

_PROTOCOL = 12  # NETLINK_NETFILTER
_GET, _DELETE = 1 << 8 | 1, 1 << 8 | 2  # NFNL_SUBSYS_CTNETLINK, IPCTNL_MSG_CT_GET and _DELETE
_TUPLE, _ZONE, _FILTER = 1, 18, 25  # CTA_TUPLE_ORIG, CTA_ZONE, CTA_FILTER
_ADDRESSES, _PORTS = 1, 2  # CTA_TUPLE_IP, CTA_TUPLE_PROTO
_V4_TO, _V6_TO = 2, 4  # CTA_IP_V4_DST, CTA_IP_V6_DST
_NUMBER, _TO_PORT = 1, 3  # CTA_PROTO_NUM, CTA_PROTO_DST_PORT
_WANTED = 1  # CTA_FILTER_ORIG_FLAGS
_BY_NUMBER, _BY_TO_PORT = 1 << 3, 1 << 5  # CTA_FILTER_F_CTA_PROTO_NUM and _DST_PORT
_UDP = 17
_ABSENT = (errno.EINVAL, errno.EOPNOTSUPP, errno.EPROTONOSUPPORT)


class ForgetFlows(NamedTuple):
    """Have the kernel forget the UDP flows to ports of the host, which lead somewhere else from now on."""

    ports: tuple[tuple[str, int], ...]  # addresses, 0.0.0.0 or :: for all of a family, and numbers

    def apply(self) -> None:
        for family in (_socket.AF_INET, _socket.AF_INET6):
            wanted = {(packed(address), port) for address, port in self.ports if family_of(address) == family}
            numbers = {port for _, port in wanted}
            for flow in list(_flows(family, numbers.pop() if len(numbers) == 1 else 0)) if wanted else ():
                to = destination(flow)
                if to in wanted or (bytes(len(to[0])), to[1]) in wanted:
                    _forget(family, flow)

    def inverse(self) -> None:
        return None

    def shell(self) -> str:
        commands = [_command(address, port) for address, port in self.ports]
        return f"{{ {'; '.join(commands)}; :; }}"  # that there is none is a failure to it

    def why(self) -> str:
        return "flows that began before would go on to where they went"


class OweForgetting(NamedTuple):
    """Nothing now; but when what comes after this is taken back, flows to the ports are to be forgotten."""

    ports: tuple[tuple[str, int], ...]

    def apply(self) -> None:
        return None

    def inverse(self) -> ForgetFlows:
        return ForgetFlows(tuple((address, port) for address, port in self.ports))

    def shell(self) -> str:
        return ":"

    def why(self) -> str:
        return "flows to these ports are forgotten when the rules are gone"


def request(family: int, port: int) -> bytes:
    """Encode what asks for the UDP flows of a family to *port*, or to any for 0."""
    ports = netlink.attribute(_NUMBER, bytes([_UDP]))
    if port:
        ports += netlink.attribute(_TO_PORT, port.to_bytes(2, "big"))
    flags = _BY_NUMBER | (_BY_TO_PORT if port else 0)
    body = _nested(_TUPLE, _nested(_PORTS, ports))
    return _header(family) + body + _nested(_FILTER, netlink.attribute(_WANTED, netlink.u32(flags)))


def destination(flow: "dict[int, bytes]") -> "tuple[bytes, int]":
    """Give the address and the port that a flow was sent to."""
    both = netlink.attributes_of(flow[_TUPLE])
    to = netlink.attributes_of(both[_ADDRESSES])
    return to.get(_V4_TO) or to.get(_V6_TO, b""), int.from_bytes(netlink.attributes_of(both[_PORTS])[_TO_PORT], "big")


def deletion(family: int, flow: "dict[int, bytes]") -> bytes:
    """Encode what deletes a flow as the kernel described it."""
    zone = netlink.attribute(_ZONE, flow[_ZONE]) if _ZONE in flow else b""
    return _header(family) + _nested(_TUPLE, flow[_TUPLE]) + zone


def packed(address: str) -> bytes:
    """Give an address as the kernel has it."""
    return _socket.inet_pton(family_of(address), address)


def family_of(address: str) -> int:
    """Give the number of the family that an address is of."""
    return _socket.AF_INET6 if ":" in address else _socket.AF_INET


def _forget(family: int, flow: "dict[int, bytes]") -> None:
    with suppress(FileNotFoundError):  # it has ended meanwhile
        list(netlink.exchange(_PROTOCOL, _DELETE, deletion(family, flow), netlink.NLM_F_ACK))


def _flows(family: int, port: int) -> "Iterator[dict[int, bytes]]":
    """Give the UDP flows to *port*, 0 for any; none where the kernel tracks none."""
    try:
        for reply in netlink.exchange(_PROTOCOL, _GET, request(family, port), netlink.NLM_F_DUMP):
            yield netlink.attributes_of(reply[4:])
    except OSError as problem:
        if problem.errno not in _ABSENT:
            raise


def _command(address: str, port: int) -> str:
    version = "ipv6" if ":" in address else "ipv4"
    where = "" if address in ("0.0.0.0", "::") else f" --orig-dst {address}"
    return f"conntrack -D -f {version} -p udp{where} --orig-port-dst {port} >/dev/null 2>&1"


def _nested(kind: int, content: bytes) -> bytes:
    return netlink.attribute(kind | netlink.NLA_F_NESTED, content)


def _header(family: int) -> bytes:
    """Encode a struct nfgenmsg."""
    return bytes([family, 0, 0, 0])
