"""Frames by which all on a bridge hear who has an address by now: gratuitous ARP, unsolicited neighbour advertisements.

They leave by the bridge itself, under the container's link-layer address: a cable that was plugged in
a moment ago passes none yet. What this host takes an address to be at is set in `pyrun.kernel.links`.
"""

import _socket  # socket itself imports enum and selectors
import errno
import struct

from pyrun.kernel import netlink
from pyrun.kernel.rtnetlink import address as packed
from pyrun.kernel.rtnetlink import mac as hardware
from pyrun.typed import NamedTuple

_PACKET = 17  # AF_PACKET
_ALL = packed("ff02::1")
_ADVERTISEMENT, _OVERRIDE = 136, 0x20000000  # RFC 4861, 4.4
_ICMPV6 = 58
_NOBODY = (errno.ENODEV, errno.ENXIO, errno.ENETDOWN)  # nobody is there who could have known another
_UNSUPPORTED = (errno.EAFNOSUPPORT, errno.EPROTONOSUPPORT)


class Announce(NamedTuple):
    """Tell all on a bridge by which link-layer address an address is reached; who has not known another ignores it."""

    bridge: str
    address: str
    mac: str
    later: str = ""  # by which it is to be reached when this is taken back, if that is known

    def apply(self) -> None:
        try:
            channel = _socket.socket(_PACKET, _socket.SOCK_RAW | _socket.SOCK_CLOEXEC, 0)
            netlink.put_away(channel, at_end=True)  # whoever closes it waits for all processors
            channel.bind((self.bridge, 0))
            channel.send(frame(self.address, self.mac))
        except OSError as problem:
            if problem.errno not in (*_NOBODY, *_UNSUPPORTED):
                raise

    def inverse(self) -> "Announce | None":
        return Announce(self.bridge, self.address, self.later) if self.later else None

    def shell(self) -> str:
        send = f's.bind(("{self.bridge}", 0)); s.send(bytes.fromhex("{frame(self.address, self.mac).hex()}"))'
        return f"python3 -c 'import socket; s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW); {send}'"

    def why(self) -> str:
        kind = "neighbour advertisement" if ":" in self.address else "ARP"
        return f"an unsolicited {kind}: who has known another by {self.address} finds this one at once"


def frame(address: str, mac: str) -> bytes:
    """Encode the frame that says *mac* has *address*: RFC 5227 (3), RFC 4861 (7.2.6)."""
    own, link = packed(address), hardware(mac)
    if ":" not in address:
        body = struct.pack("!HHBBH", 1, 0x800, 6, 4, 1) + link + own + bytes(6) + own
        return (b"\xff" * 6 + link + b"\x08\x06" + body).ljust(60, b"\0")
    body = struct.pack("!BBHI", _ADVERTISEMENT, 0, 0, _OVERRIDE) + own + b"\x02\x01" + link
    total = _checksum(own + _ALL + struct.pack("!II", len(body), _ICMPV6) + body)
    body = body[:2] + total.to_bytes(2, "big") + body[4:]
    head = struct.pack("!IHBB", 6 << 28, len(body), _ICMPV6, 255) + own + _ALL
    return b"\x33\x33\0\0\0\x01" + link + b"\x86\xdd" + head + body


def _checksum(content: bytes) -> int:
    """Sum up words of two bytes as RFC 1071 does."""
    total: int = sum(struct.unpack(f"!{len(content) // 2}H", content))
    total = (total & 0xFFFF) + (total >> 16)
    return ~(total + (total >> 16)) & 0xFFFF
