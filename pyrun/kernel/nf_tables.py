"""The few nf_tables messages that a container's start sends by itself: elements of sets, in one transaction.

It exists because starting nft takes several times as long. What the elements
mean is said in `pyrun.firewall`. See linux/netfilter/nf_tables.h, nfnetlink.h.
"""

import _socket  # socket itself imports enum and selectors
import os
import struct

from pyrun.kernel import netlink
from pyrun.kernel.netlink import NLA_F_NESTED, NLM_F_ACK, NLM_F_REQUEST, attribute, encode
from pyrun.typed import NamedTuple

FAMILIES = {"inet": 1, "ip": 2, "bridge": 7, "ip6": 10}  # NFPROTO_…
_PROTOCOL = 12  # NETLINK_NETFILTER
_SUBSYSTEM = 10  # NFNL_SUBSYS_NFTABLES
_BEGIN, _END = 0x10, 0x11  # NFNL_MSG_BATCH_…
_NEW_TABLE, _GET_CHAIN, _NEW_ELEMENT, _DELETE_ELEMENT = 0, 4, 12, 14  # NFT_MSG_…
_CREATE = 0x400  # NLM_F_CREATE
_FORWARD = 2  # NF_INET_FORWARD
_DROP = 0  # NF_DROP

Element = tuple[str, ...]  # the name of its set, and the fields of its key, as people write them


class Chain(NamedTuple):
    """A chain that packets come through by itself."""

    family: str
    table: str
    name: str
    drops: bool  # by its policy


def change(family: str, table: str, added: "list[Element]", deleted: "list[Element]") -> None:
    """Add elements, whether or not they are there, and delete others, all at once or not at all.

    Errors: OSError; ENOENT there is no such table or set, or no such element to delete.
    """
    parts = [(_NEW_ELEMENT, _CREATE, _elements(table, each)) for each in added]
    parts += [(_DELETE_ELEMENT, 0, _elements(table, each)) for each in deleted]
    _transact(FAMILIES[family], parts)


def is_supported(family: str) -> bool:
    """Claim that the kernel filters in a family; a table is tried, in a transaction that is never completed."""
    try:
        body = attribute(1, b"pyrun-tried\0")  # NFTA_TABLE_NAME
        _transact(FAMILIES[family], [(_NEW_TABLE, _CREATE, body)], complete=False)
    except OSError:
        return False
    return True


def forwarding_chains() -> list[Chain]:
    """List the chains that see forwarded packets, those of iptables' nft variant as well; none without nf_tables."""
    names = {number: name for name, number in FAMILIES.items()}
    found = []
    try:
        for reply in netlink.exchange(_PROTOCOL, _SUBSYSTEM << 8 | _GET_CHAIN, bytes(4), netlink.NLM_F_DUMP):
            told = netlink.attributes_of(reply[4:])
            hook = netlink.attributes_of(told.get(4, b"")).get(1, b"")  # NFTA_CHAIN_HOOK, NFTA_HOOK_HOOKNUM
            if reply[0] in names and reply[0] != FAMILIES["bridge"] and _number(hook) == _FORWARD:
                table, name = (told[at].rstrip(b"\0").decode(errors="replace") for at in (1, 3))
                drops = _number(told.get(5, b"")) == _DROP  # NFTA_CHAIN_POLICY
                found.append(Chain(names[reply[0]], table, name, drops))
    except OSError:
        return []
    return found


def _number(value: bytes) -> int:
    return int.from_bytes(value, "big") if value else -1


def _elements(table: str, element: Element) -> bytes:
    name, *fields = element
    key = attribute(1 | NLA_F_NESTED, attribute(1, b"".join(map(_field, fields))))  # KEY, NFTA_DATA_VALUE
    listed = attribute(3 | NLA_F_NESTED, attribute(1 | NLA_F_NESTED, key))  # ELEMENTS, NFTA_LIST_ELEM
    return encode([(1, table.encode() + b"\0"), (2, name.encode() + b"\0")]) + listed


def _field(text: str) -> bytes:
    """Encode a part of a key, padded to four bytes: an address by its writing, anything else is a link's name."""
    if text.count(":") == 5 and len(text) == 17:
        return bytes.fromhex(text.replace(":", "")) + bytes(2)
    if ":" in text:
        return _socket.inet_pton(_socket.AF_INET6, text)
    if text.count(".") == 3 and text.replace(".", "").isdigit():
        return _socket.inet_pton(_socket.AF_INET, text)
    return text.encode().ljust(16, b"\0")


def _transact(family: int, parts: "list[tuple[int, int, bytes]]", complete: bool = True) -> None:
    """Send a transaction and wait until all of it is answered. Errors: OSError, the first that the kernel tells."""
    border = struct.pack(">BBH", 0, 0, _SUBSYSTEM)
    messages = [_message(_BEGIN, 0, 0, border)]
    for at, (kind, flags, body) in enumerate(parts, 1):
        messages.append(
            _message(_SUBSYSTEM << 8 | kind, flags | NLM_F_ACK, at, struct.pack(">BBH", family, 0, 0) + body)
        )
    messages += [_message(_END, 0, 0, border)] if complete else []
    channel = _socket.socket(_socket.AF_NETLINK, _socket.SOCK_RAW | _socket.SOCK_CLOEXEC, _PROTOCOL)
    try:
        channel.send(b"".join(messages))
        left = len(parts)
        while left > 0:
            packet = channel.recv(1 << 16)
            while packet:
                length, kind, _, _, _ = struct.unpack_from("=IHHII", packet)
                number = -struct.unpack_from("=i", packet, 16)[0] if kind == netlink.NLMSG_ERROR else 0
                if number:
                    raise OSError(number, os.strerror(number))
                packet, left = packet[(length + 3) & ~3 :], left - 1
    finally:
        netlink.put_away(channel, at_end=any(kind == _DELETE_ELEMENT for kind, _, _ in parts))


def _message(kind: int, flags: int, at: int, body: bytes) -> bytes:
    return struct.pack("=IHHII", 16 + len(body), kind, flags | NLM_F_REQUEST, at, 0) + body
