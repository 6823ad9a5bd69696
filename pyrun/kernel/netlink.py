"""netlink(7) messages: attributes encoded and decoded, one request sent and its replies read.

What the messages say to rtnetlink is in `pyrun.kernel.rtnetlink`.
"""

import _socket  # socket itself imports enum and selectors, 7 ms on the start path
import os
import struct

from pyrun.contexts import suppress
from pyrun.typed import Iterable, Iterator, NamedTuple

NLM_F_REQUEST, NLM_F_ACK, NLM_F_DUMP = 0x1, 0x4, 0x300
NLMSG_ERROR, NLMSG_DONE = 2, 3
NLA_F_NESTED = 0x8000

_HEADER = struct.Struct("=IHHII")  # struct nlmsghdr
_ATTRIBUTE = struct.Struct("=HH")  # struct nlattr
_NETLINK = 16  # AF_NETLINK
_SOL_NETLINK, _GET_STRICT_CHECK = 270, 12  # linux/netlink.h

Attributes = list[tuple[int, bytes]]


def attribute(kind: int, value: bytes) -> bytes:
    """Encode one attribute, padded to four bytes. Errors: struct.error above 65,531 bytes."""
    return _ATTRIBUTE.pack(4 + len(value), kind) + value + bytes(-len(value) % 4)


def encode(attributes: Attributes) -> bytes:
    """Encode *attributes* in order."""
    return b"".join(attribute(kind, value) for kind, value in attributes)


def u32(value: int) -> bytes:
    """Encode an unsigned number in the host's byte order."""
    return struct.pack("=I", value)


def attributes_of(content: bytes) -> dict[int, bytes]:
    """Decode attributes, of which each kind appears once."""
    return dict(_decoded(content))


class _Layout(NamedTuple):
    """Where the attributes of a message are."""

    headers: struct.Struct
    expected: "tuple[int, ...]"  # what it finds in a message that is laid out so
    places: "tuple[tuple[int, slice], ...]"  # of the values that are wanted, by kind


def alike(messages: Iterable[bytes], kinds: "frozenset[int]", at: int = 0) -> "Iterator[dict[int, bytes]]":
    """Decode the attributes of these *kinds*, from *at* on, of many messages that are mostly laid out alike.

    A bridge tells forty things of each of its hundreds of ports, of which three are wanted: one message is decoded,
    and of the others all headers are compared at once.
    """
    known: dict[int, _Layout] = {}
    for message in messages:
        layout = known.get(len(message))
        if layout is None or layout.headers.unpack_from(message, at) != layout.expected:
            layout = known[len(message)] = _layout(message, kinds, at)
        yield {kind: message[place] for kind, place in layout.places}


def _layout(message: bytes, kinds: "frozenset[int]", at: int) -> _Layout:
    """See where the attributes are, no further than to the last of these *kinds*."""
    start, end, form, gap, places = at, len(message), "=", 0, dict[int, slice]()
    while len(places) < len(kinds) and end - at >= 4:
        length, kind = _ATTRIBUTE.unpack_from(message, at)
        if length < 4 or length > end - at:
            form += f"{gap}xHH"
            break
        form, gap = f"{form}{gap}xHH{length - 4}x", -length % 4
        if (kind := kind & 0x3FFF) in kinds:
            places[kind] = slice(at + 4, at + length)
        at += (length + 3) & ~3
    headers = struct.Struct(form)
    return _Layout(headers, headers.unpack_from(message, start), tuple(places.items()))


def _decoded(content: bytes) -> Iterator[tuple[int, bytes]]:
    """Decode attributes, strictly by their lengths."""
    at, end = 0, len(content)
    while end - at >= 4:
        length, kind = _ATTRIBUTE.unpack_from(content, at)
        if length < 4 or length > end - at:
            return
        yield kind & 0x3FFF, content[at + 4 : at + length]
        at += (length + 3) & ~3


_LEFT_MOST = 100
_left: "list[_socket.socket]" = []


def put_away(channel: "_socket.socket", at_end: bool) -> None:
    """Close a socket, or leave that to the end of this process.

    Whoever closes one of netfilter's waits until the kernel has forgotten all that anybody has deleted a moment ago,
    some 10 ms: who has just deleted something, or holds a lock, has better things to do. Who cleans up after a hundred
    dead containers waits now and then, before no more files can be opened.
    """
    if at_end:
        if len(_left) >= _LEFT_MOST:
            while _left:
                _left.pop().close()
        _left.append(channel)
    else:
        channel.close()


def exchange(
    protocol: int, kind: int, body: bytes, flags: int, at_end: bool = False, strict: bool = False
) -> Iterator[bytes]:
    """Send one message on a socket of its own and give the replies up to the end or the acknowledgement.

    The socket is put away *at_end* or at once. *strict* has the kernel take what stands in a dump's header as a
    filter; before Linux 4.20 it leaves nothing out all the same. Errors: OSError with the kernel's number.
    """
    channel = _socket.socket(_NETLINK, _socket.SOCK_RAW | _socket.SOCK_CLOEXEC, protocol)
    try:
        if strict:
            with suppress(OSError):
                channel.setsockopt(_SOL_NETLINK, _GET_STRICT_CHECK, 1)
        channel.send(_HEADER.pack(16 + len(body), kind, flags | NLM_F_REQUEST, 1, 0) + body)
        while True:
            packet, at = channel.recv(1 << 17), 0
            while at < len(packet):
                length, reply, _, _, _ = _HEADER.unpack_from(packet, at)
                content = packet[at + 16 : at + length]
                at += (length + 3) & ~3
                if reply in (NLMSG_DONE, NLMSG_ERROR):
                    number = -struct.unpack_from("=i", content)[0] if content else 0
                    if number:
                        raise OSError(number, os.strerror(number))
                    return
                yield content
    finally:
        put_away(channel, at_end)
