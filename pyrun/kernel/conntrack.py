"""What the kernel remembers of flows, which would go on to lead to where they led before.

A flow keeps the destination that its first packet was given, for as long as
packets come: rules that are made or removed later do not touch it (moby#8795),
nor does it matter to it who has an address by now.
Spoken over nfnetlink; see linux/netfilter/nfnetlink_conntrack.h.
"""

import _socket  # as in netlink
import errno

from pyrun.contexts import suppress
from pyrun.kernel import netlink
from pyrun.typed import Iterator, NamedTuple

_PROTOCOL = 12  # NETLINK_NETFILTER
_GET, _DELETE = 1 << 8 | 1, 1 << 8 | 2  # NFNL_SUBSYS_CTNETLINK, IPCTNL_MSG_CT_GET and _DELETE
_TUPLE, _REPLY, _ZONE, _FILTER = 1, 2, 18, 25  # CTA_TUPLE_ORIG, CTA_TUPLE_REPLY, CTA_ZONE, CTA_FILTER
_ADDRESSES, _PORTS = 1, 2  # CTA_TUPLE_IP, CTA_TUPLE_PROTO
_V4_FROM, _V4_TO, _V6_FROM, _V6_TO = 1, 2, 3, 4  # CTA_IP_V4_SRC, _V4_DST, _V6_SRC, _V6_DST
_NUMBER, _TO_PORT = 1, 3  # CTA_PROTO_NUM, CTA_PROTO_DST_PORT
_WANTED, _WANTED_REPLY = 1, 2  # CTA_FILTER_ORIG_FLAGS, CTA_FILTER_REPLY_FLAGS
_BY_FROM, _BY_NUMBER, _BY_TO_PORT = 1, 1 << 3, 1 << 5  # CTA_FILTER_F_CTA_IP_SRC, _PROTO_NUM and _PROTO_DST_PORT
_UDP = 17
_ABSENT = (errno.EINVAL, errno.EOPNOTSUPP, errno.EPROTONOSUPPORT)


class ForgetFlows(NamedTuple):
    """Have the kernel forget the UDP flows to ports of the host, which lead somewhere else from now on."""

    ports: tuple[tuple[str, int], ...]  # addresses, 0.0.0.0 or :: for all of a family, and numbers

    def apply(self) -> None:
        for family in (_socket.AF_INET, _socket.AF_INET6):
            wanted = {(packed(address), port) for address, port in self.ports if family_of(address) == family}
            numbers = {port for _, port in wanted}
            number = numbers.pop() if len(numbers) == 1 else 0
            for flow in list(_flows(request(family, number))) if wanted else ():
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


class ForgetHolder(NamedTuple):
    """Have the kernel forget all flows from and to addresses: who has them next gets none of it."""

    addresses: tuple[str, ...]

    def apply(self) -> None:
        for address in self.addresses:
            own = packed(address)
            for wanted in _by_source(own):
                if (":" in address or not _forget_at_once(wanted)) and _has_flows():
                    _forget_listed(family_of(address), wanted, own)

    def inverse(self) -> None:
        return None

    def shell(self) -> str:
        return f"{{ {'; '.join(map(_holder_command, self.addresses))}; :; }}"

    def why(self) -> str:
        return "who has its address next gets only what is meant for them"


class OweForgetting(NamedTuple):
    """Nothing now; but when what stands beside this is taken back, flows are to be forgotten."""

    later: "ForgetFlows | ForgetHolder"
    reason: str

    def apply(self) -> None:
        return None

    def inverse(self) -> "ForgetFlows | ForgetHolder":
        return self.later

    def shell(self) -> str:
        return ":"

    def why(self) -> str:
        return self.reason


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


def _source(flow: "dict[int, bytes]", side: int) -> bytes:
    """Give the address that the packets of one side come from."""
    own = netlink.attributes_of(netlink.attributes_of(flow[side])[_ADDRESSES])
    return own.get(_V4_FROM) or own.get(_V6_FROM, b"")


def _by_source(own: bytes) -> list[bytes]:
    """Encode what chooses the flows whose packets come from an address, as they were begun or as they are answered.

    Those of IPv6 have to be looked through: asked for an address, the kernel chooses all flows but that one's (6.18).
    """
    if len(own) > 4:
        return [_header(_socket.AF_INET6)]
    found = []
    for side, flags in ((_TUPLE, _WANTED), (_REPLY, _WANTED_REPLY)):
        body = _nested(side, _nested(_ADDRESSES, netlink.attribute(_V4_FROM, own)))
        wanted = _nested(_FILTER, netlink.attribute(flags, netlink.u32(_BY_FROM)))
        found.append(_header(_socket.AF_INET, 1) + body + wanted)
    return found


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


def _forget_at_once(wanted: bytes) -> bool:
    """Have the kernel choose and forget flows, and claim that it could: since Linux 6.12.

    Half a millisecond, where listing takes thirty times as long: it locks each slot of the table, also of an empty one.
    """
    try:
        list(netlink.exchange(_PROTOCOL, _DELETE, wanted, netlink.NLM_F_ACK, at_end=True))
    except OSError as problem:
        if problem.errno not in _ABSENT:
            raise
        return False
    return True


def _has_flows() -> bool:
    """Claim that there is any flow: looking for one costs 10 ms and more, however few there are."""
    with suppress(FileNotFoundError), open("/proc/sys/net/netfilter/nf_conntrack_count") as file:
        return file.read() != "0\n"
    return False


def _forget_listed(family: int, wanted: bytes, own: bytes) -> None:
    found = _flows(wanted, own)
    for flow in [each for each in found if own in (_source(each, _TUPLE), _source(each, _REPLY))]:
        _forget(family, flow)


def _flows(wanted: bytes, content: bytes = b"") -> "Iterator[dict[int, bytes]]":
    """Give the flows that are *wanted* and contain an address; none where the kernel tracks none."""
    try:
        for reply in netlink.exchange(_PROTOCOL, _GET, wanted, netlink.NLM_F_DUMP):
            if content in reply:  # one of many thousands is to be decoded
                yield netlink.attributes_of(reply[4:])
    except OSError as problem:
        if problem.errno not in _ABSENT:
            raise


def _command(address: str, port: int) -> str:
    version = "ipv6" if ":" in address else "ipv4"
    where = "" if address in ("0.0.0.0", "::") else f" --orig-dst {address}"
    return f"conntrack -D -f {version} -p udp{where} --orig-port-dst {port} >/dev/null 2>&1"


def _holder_command(address: str) -> str:
    version = "ipv6" if ":" in address else "ipv4"
    sides = [f"conntrack -D -f {version} --{side}-src {address} >/dev/null 2>&1" for side in ("orig", "reply")]
    return "; ".join(sides)


def _nested(kind: int, content: bytes) -> bytes:
    return netlink.attribute(kind | netlink.NLA_F_NESTED, content)


def _header(family: int, version: int = 0) -> bytes:
    """Encode a struct nfgenmsg; without a version the family does not count where flows are chosen to be forgotten."""
    return bytes([family, version, 0, 0])
