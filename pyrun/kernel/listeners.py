"""Who waits for packets in this network namespace, as the kernel tells of its sockets: see sock_diag(7).

/proc/net/tcp does not say which link a socket is bound to, nor whether it takes IPv6 alone.
"""

import _socket
import struct

from pyrun.kernel.netlink import NLM_F_DUMP, attributes_of, exchange
from pyrun.typed import NamedTuple

_PROTOCOL, _BY_FAMILY = 4, 20  # NETLINK_SOCK_DIAG, SOCK_DIAG_BY_FAMILY
_STATES = {"tcp": (6, 10), "udp": (17, 7)}  # IPPROTO_…, and the state of one that waits: TCP_LISTEN, TCP_CLOSE
_QUESTION = struct.Struct("=BBBxI48x")  # struct inet_diag_req_v2
_ANSWER = struct.Struct("=BBBB2s2s16s16sI")  # struct inet_diag_msg up to idiag_if
_SIZE = 72
_ONLY_IPV6 = 11  # INET_DIAG_SKV6ONLY


class Listener(NamedTuple):
    """A socket that waits: its address, one of the wildcards for all; *link* is the only one it hears, 0 for all."""

    address: str
    port: int
    link: int
    only_ipv6: bool


def listeners(protocol: str) -> list[Listener]:
    """List those of tcp or udp. Errors: OSError; ENOENT the kernel does not tell of the protocol's sockets."""
    number, state = _STATES[protocol]
    found = []
    for family in (_socket.AF_INET, _socket.AF_INET6):
        for reply in exchange(_PROTOCOL, _BY_FAMILY, _QUESTION.pack(family, number, 0, 1 << state), NLM_F_DUMP):
            _, _, _, _, port, _, own, _, link = _ANSWER.unpack_from(reply)
            address = _socket.inet_ntop(family, own[: 4 if family == _socket.AF_INET else 16])
            only = attributes_of(reply[_SIZE:]).get(_ONLY_IPV6, b"\0") != b"\0"
            found.append(Listener(address, int.from_bytes(port, "big"), link, only))
    return found
