"""One attempt to reach an address, from wherever the socket was made, and how it ended."""

import os
import socket
import struct
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import NamedTuple

from pyrun.errors import UsageError

REACHED, REFUSED, SILENT, NO_WAY = "reached", "refused", "silent", "no way"
PROTOCOLS = ("tcp", "udp", "icmp")
_ECHO = {socket.AF_INET: (8, 0), socket.AF_INET6: (128, 129)}  # request and reply, RFC 792 and RFC 4443
_CONTENT = b"pyrun"


class Attempt(NamedTuple):
    """How it ended: reached, refused (something answered no), silent, or no way."""

    end: str
    text: str


def attempt(
    place: "Callable[[], AbstractContextManager[None]]", protocol: str, address: str, port: int, seconds: float
) -> Attempt:
    """Try with a socket that is made at *place*, for *seconds* at most. Errors: UsageError for another protocol.

    UDP is reached when anything comes back: what listens has to answer.
    """
    if protocol not in PROTOCOLS or (protocol == "icmp") == bool(port):
        raise UsageError(f"protocol: {protocol}, port {port}: expected tcp or udp with a port, or icmp without one")
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    kinds = {"tcp": (socket.SOCK_STREAM, 0), "udp": (socket.SOCK_DGRAM, 0), "icmp": (socket.SOCK_RAW, _icmp(family))}
    try:
        with place():
            channel = socket.socket(family, *kinds[protocol])
        with channel:
            channel.settimeout(max(seconds, 0.001))
            return {"tcp": _connect, "udp": _exchange, "icmp": _ping}[protocol](channel, address, port)
    except ConnectionRefusedError:
        return Attempt(REFUSED, "it was refused")
    except TimeoutError:
        return Attempt(SILENT, f"no answer in {seconds:.1f} s")
    except OSError as problem:
        return Attempt(NO_WAY, os.strerror(problem.errno or 0).lower())


def _connect(channel: socket.socket, address: str, port: int) -> Attempt:
    channel.connect((address, port))
    return Attempt(REACHED, "connected")


def _exchange(channel: socket.socket, address: str, port: int) -> Attempt:
    channel.connect((address, port))
    channel.send(_CONTENT)
    channel.recv(1)
    return Attempt(REACHED, "an answer came")


def _ping(channel: socket.socket, address: str, _: int) -> Attempt:
    request, reply = _ECHO[channel.family]
    own = os.urandom(2)
    head, body = bytes([request, 0]), own + b"\0\1" + _CONTENT
    total = 0 if channel.family == socket.AF_INET6 else _checksum(head + b"\0\0" + body)  # the kernel sums up IPv6's
    channel.connect((address, 0))
    channel.send(head + struct.pack("!H", total) + body)
    deadline = time.monotonic() + (channel.gettimeout() or 0.0)
    while (left := deadline - time.monotonic()) > 0:
        channel.settimeout(left)
        packet = channel.recv(2048)
        message = packet if channel.family == socket.AF_INET6 else packet[(packet[0] & 15) * 4 :]
        if message[:1] == bytes([reply]) and message[4:6] == own:
            return Attempt(REACHED, "an echo reply came")
    raise TimeoutError


def _icmp(family: int) -> int:
    return socket.IPPROTO_ICMPV6 if family == socket.AF_INET6 else socket.IPPROTO_ICMP


def _checksum(content: bytes) -> int:
    """Give the checksum of RFC 1071."""
    padded = content + bytes(len(content) % 2)
    total: int = sum(struct.unpack(f"!{len(padded) // 2}H", padded))
    total = (total >> 16) + (total & 0xFFFF)
    return ~(total + (total >> 16)) & 0xFFFF
