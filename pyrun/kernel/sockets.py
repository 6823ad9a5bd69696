"""Sockets on ports of this host: bound and held, and who holds one that is not to be had.

Nothing here knows about containers; which ports they get is decided in `pyrun.network.ports`.
"""

import _socket  # socket itself imports enum and selectors, 7 ms on the start path
import errno
import os
import struct

from pyrun.contexts import suppress
from pyrun.kernel import netlink

TRANSPORTS = {
    "tcp": (_socket.SOCK_STREAM, _socket.IPPROTO_TCP),
    "udp": (_socket.SOCK_DGRAM, _socket.IPPROTO_UDP),
    "sctp": (_socket.SOCK_STREAM, 132),  # IPPROTO_SCTP, which Python does not name
}
_BACKLOG = 4096  # as much as the kernel gives, net.core.somaxconn
_IP_PKTINFO = 8  # which Python does not name
_LISTEN = "0A"  # state of a TCP socket in /proc/net/tcp
_SOCK_DIAG, _SOCK_DIAG_BY_FAMILY = 4, 20  # netlink's protocol, and its message
_BOUND_INACTIVE = 13  # linux/tcp.h: TCP_BOUND_INACTIVE, since Linux 6.8
_REQUEST = struct.Struct("=BBxxI48x")  # struct inet_diag_req_v2: family, protocol, states
_REPLY = struct.Struct("=4x2s62xI")  # struct inet_diag_msg: port, inode
_EPHEMERAL = (49153, 65535)  # where the kernel does not tell, as Docker has it


def hold(protocol: str, address: str, port: int, link: str = "") -> int:
    """Bind a socket, listening where that makes sense; give its descriptor.

    With *link* it takes nothing that comes by another one. Errors: OSError;
    EADDRINUSE somebody has it, EADDRNOTAVAIL no link has the address,
    EPROTONOSUPPORT or EAFNOSUPPORT the kernel lacks the protocol.
    """
    family = _socket.AF_INET6 if ":" in address else _socket.AF_INET
    kind, number = TRANSPORTS[protocol]
    held = _socket.socket(family, kind | _socket.SOCK_CLOEXEC | _socket.SOCK_NONBLOCK, number)
    try:
        if family == _socket.AF_INET6:
            held.setsockopt(_socket.IPPROTO_IPV6, _socket.IPV6_V6ONLY, 1)
        if link:
            held.setsockopt(_socket.SOL_SOCKET, _socket.SO_BINDTODEVICE, link.encode())
        if protocol == "udp":
            _tell_destination(held, family)
        else:  # else connections of the last one who had the port keep it; two may not listen all the same
            held.setsockopt(_socket.SOL_SOCKET, _socket.SO_REUSEADDR, 1)
        held.bind((address, port))
        if protocol != "udp":
            held.listen(_BACKLOG)
        return held.detach()
    finally:
        held.close()


def ephemeral() -> tuple[range, "set[int]"]:
    """Give the ports that nobody asks for by number, and those of them that are kept back."""
    first, last = _EPHEMERAL
    kept: set[int] = set()
    with suppress(OSError, ValueError), open("/proc/sys/net/ipv4/ip_local_port_range") as file:
        first, last = map(int, file.read().split())
    with suppress(OSError, ValueError), open("/proc/sys/net/ipv4/ip_local_reserved_ports") as file:
        for part in filter(None, file.read().strip().split(",")):
            low, _, high = part.partition("-")
            kept.update(range(int(low), int(high or low) + 1))
    return range(first, last + 1), kept


def holder(protocol: str, port: int) -> tuple[int, str]:
    """Give the number and the command of a process that holds the port; 0 where none is found."""
    found = {inode for suffix in ("", "6") for inode in _inodes(f"/proc/net/{protocol}{suffix}", port)}
    inodes = {f"socket:[{inode}]" for inode in found or (_bound(port) if protocol == "tcp" else ())}
    for pid in filter(str.isdigit, os.listdir("/proc")) if inodes else ():
        with suppress(OSError):  # it has ended
            for fd in os.listdir(f"/proc/{pid}/fd"):
                if os.readlink(f"/proc/{pid}/fd/{fd}") in inodes:
                    return int(pid), _command(pid)
    return 0, ""


def is_missing(problem: OSError) -> bool:
    """Claim that the kernel has not the protocol or the family."""
    return problem.errno in (errno.EPROTONOSUPPORT, errno.EAFNOSUPPORT, errno.ESOCKTNOSUPPORT)


def _tell_destination(held: "_socket.socket", family: int) -> None:
    """Have each datagram say which address it was sent to: the answer has to come from there."""
    if family == _socket.AF_INET6:
        held.setsockopt(_socket.IPPROTO_IPV6, _socket.IPV6_RECVPKTINFO, 1)
    else:
        held.setsockopt(_socket.IPPROTO_IP, _IP_PKTINFO, 1)


def _inodes(path: str, port: int) -> list[str]:
    found = []
    with suppress(OSError), open(path) as file:
        for line in file.readlines()[1:]:
            fields = line.split()
            if int(fields[1].rpartition(":")[2], 16) == port and ("udp" in path or fields[3] == _LISTEN):
                found.append(fields[9])
    return found


def _bound(port: int) -> set[str]:
    """Find TCP sockets that are bound and do not listen; older kernels tell of none. See sock_diag(7)."""
    found = set()
    with suppress(OSError):
        for family in (_socket.AF_INET, _socket.AF_INET6):
            wanted = _REQUEST.pack(family, _socket.IPPROTO_TCP, 1 << _BOUND_INACTIVE)
            for reply in netlink.exchange(_SOCK_DIAG, _SOCK_DIAG_BY_FAMILY, wanted, netlink.NLM_F_DUMP):
                source, inode = _REPLY.unpack_from(reply)
                if int.from_bytes(source, "big") == port:
                    found.add(str(inode))
    return found


def _command(pid: str) -> str:
    with open(f"/proc/{pid}/cmdline", "rb") as file:
        words = file.read(400).decode(errors="replace").rstrip("\0").split("\0")
    return " ".join(words)[:120]
