"""What the kernel remembers of UDP flows, which would go on to lead to where they led before.

A flow keeps the destination that its first packet was given, for as long as
packets come: rules that are made or removed later do not touch it (moby#8795).
Spoken over nfnetlink; see linux/netfilter/nfnetlink_conntrack.h.
"""

import _socket  # as in netlink
import errno
from collections.abc import Iterator
from contextlib import suppress

from pyrun.kernel import netlink
from pyrun.typed import NamedTuple

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
    """Have the kernel forget the UDP flows to a port of the host, before and after it leads somewhere else."""

    address: str  # of the host; 0.0.0.0 or :: for all of a family
    port: int

    def apply(self) -> None:
        family = _socket.AF_INET6 if ":" in self.address else _socket.AF_INET
        everywhere = self.address in ("0.0.0.0", "::")
        wanted = b"" if everywhere else _socket.inet_pton(family, self.address)
        for flow in list(_flows(family, self.port)):
            to = netlink.attributes_of(netlink.attributes_of(flow[_TUPLE])[_ADDRESSES])
            if everywhere or wanted in (to.get(_V4_TO), to.get(_V6_TO)):
                with suppress(FileNotFoundError):  # it has ended meanwhile
                    list(netlink.exchange(_PROTOCOL, _DELETE, deletion(family, flow), netlink.NLM_F_ACK))

    def inverse(self) -> "ForgetFlows":
        return self

    def shell(self) -> str:
        version = "ipv6" if ":" in self.address else "ipv4"
        where = "" if self.address in ("0.0.0.0", "::") else f" --orig-dst {self.address}"
        command = f"conntrack -D -f {version} -p udp{where} --orig-port-dst {self.port} >/dev/null 2>&1"
        return f"{{ {command} || :; }}"  # that there is none is a failure to it

    def why(self) -> str:
        return "flows that began before would go on to where they went"


def request(family: int, port: int) -> bytes:
    """Encode what asks for the UDP flows to *port*."""
    ports = netlink.attribute(_NUMBER, bytes([_UDP])) + netlink.attribute(_TO_PORT, port.to_bytes(2, "big"))
    to = _nested(_TUPLE, _nested(_PORTS, ports))
    flags = _nested(_FILTER, netlink.attribute(_WANTED, netlink.u32(_BY_NUMBER | _BY_TO_PORT)))
    return _header(family) + to + flags


def deletion(family: int, flow: "dict[int, bytes]") -> bytes:
    """Encode what deletes a flow as the kernel described it."""
    zone = netlink.attribute(_ZONE, flow[_ZONE]) if _ZONE in flow else b""
    return _header(family) + _nested(_TUPLE, flow[_TUPLE]) + zone


def _flows(family: int, port: int) -> "Iterator[dict[int, bytes]]":
    """Give the UDP flows to *port*; none where the kernel tracks none."""
    try:
        for reply in netlink.exchange(_PROTOCOL, _GET, request(family, port), netlink.NLM_F_DUMP):
            yield netlink.attributes_of(reply[4:])
    except OSError as problem:
        if problem.errno not in _ABSENT:
            raise


def _nested(kind: int, content: bytes) -> bytes:
    return netlink.attribute(kind | netlink.NLA_F_NESTED, content)


def _header(family: int) -> bytes:
    """Encode a struct nfgenmsg."""
    return bytes([family, 0, 0, 0])
