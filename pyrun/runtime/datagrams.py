"""Relays the datagrams of a published UDP port to the container, and answers back to each client.

Runs in the services process, so imports stay lean. See udp(7), ip(7) on IP_PKTINFO, ipv6(7).
"""

import _socket  # socket itself imports enum and selectors
import time

from pyrun.contexts import suppress
from pyrun.runtime.loop import READ, Loop
from pyrun.runtime.whereabouts import Container, opened

MYPY = False
if MYPY:
    from typing import Any

IDLE = 90.0  # seconds after which a client without traffic is forgotten, as in Docker
_SWEEP = 10.0
_LARGEST = 1 << 16
_BATCH = 64  # datagrams at a time
_IP_PKTINFO = 8  # which Python does not name


class Datagrams:
    """A UDP port: for each client a socket of its own, so that answers find back."""

    __slots__ = ("_clients", "_container", "_held", "_loop", "_most", "_six", "_target")

    def __init__(
        self, loop: Loop, held: _socket.socket, container: Container, six: bool, target: int, most: int
    ) -> None:
        self._loop, self._held, self._container, self._six, self._target = loop, held, container, six, target
        self._most = most  # clients at a time; then the one goes that has been silent longest
        self._clients: dict[tuple[Any, bytes], Client] = {}  # by peer, and the address that it sent to
        self._discard()
        loop.watch(held.fileno(), READ, self._receive)

    def _discard(self) -> None:
        """Lose what came before the rules stood: an answer of ours would keep the sender's flow from following them."""
        with suppress(OSError):
            while True:
                self._held.recv(1)

    def _receive(self, _: int) -> None:
        now = time.monotonic()
        for _ in range(_BATCH):
            try:
                content, extra, _, peer = self._held.recvmsg(_LARGEST, 64)
            except OSError:
                return
            own = next((self._own(level, kind, value) for level, kind, value in extra), b"")
            client = self._clients.get((peer, own)) or self._admit(peer, own)
            if client and not client.send(content, now):
                self._dismiss(client)  # its container has moved

    def _own(self, level: int, kind: int, value: bytes) -> bytes:
        """Give the control message that makes an answer come from where the question went to."""
        if (level, kind) == (_socket.IPPROTO_IP, _IP_PKTINFO):
            return bytes(4) + value[4:8] + bytes(4)  # struct in_pktinfo: by whichever link
        if (level, kind) == (_socket.IPPROTO_IPV6, _socket.IPV6_PKTINFO):
            is_local = value[:2] == b"\xfe\x80"  # only then is the link part of the address
            return value if is_local else value[:16] + bytes(4)
        return b""

    def _admit(self, peer: "Any", own: bytes) -> "Client | None":
        if not self._clients:
            self._loop.later(_SWEEP, self._sweep)
        if len(self._clients) >= self._most:
            self._dismiss(min(self._clients.values(), key=lambda each: each.used))
        address = self._container.reached_at(self._six)
        try:
            socket = opened(_socket.SOCK_DGRAM, address, _socket.IPPROTO_UDP)
            socket.connect((address, self._target))
        except OSError:
            return None
        client = Client(self._held, socket, peer, own, address)
        self._clients[peer, own] = client
        self._loop.watch(socket.fileno(), READ, client.answer)
        return client

    def _sweep(self) -> None:
        """Forget who has been silent, and whose container has moved."""
        oldest, address = time.monotonic() - IDLE, self._container.reached_at(self._six)
        for client in list(self._clients.values()):
            if client.used < oldest or client.address != address:
                self._dismiss(client)
        if self._clients:
            self._loop.later(_SWEEP, self._sweep)

    def _dismiss(self, client: "Client") -> None:
        del self._clients[client.peer, client.own]
        self._loop.forget(client.socket.fileno())
        client.socket.close()


class Client:
    """Somebody who sends datagrams to a port."""

    __slots__ = ("_held", "address", "own", "peer", "socket", "used")

    def __init__(self, held: _socket.socket, socket: _socket.socket, peer: "Any", own: bytes, address: str) -> None:
        self._held, self.socket, self.peer, self.own, self.address = held, socket, peer, own, address
        self.used = time.monotonic()

    def send(self, content: bytes, now: float) -> bool:
        """Pass a datagram on; that nobody listens inside yet, or the queue is full, loses it, as UDP may."""
        self.used = now
        try:
            self.socket.send(content)
        except (BlockingIOError, ConnectionRefusedError):
            return True
        except OSError:
            return False
        return True

    def answer(self, _: int) -> None:
        """Pass answers back, from the address that the client knows."""
        level, kind = (_socket.IPPROTO_IP, _IP_PKTINFO)
        if len(self.own) == 20:
            level, kind = (_socket.IPPROTO_IPV6, _socket.IPV6_PKTINFO)
        extra = [(level, kind, self.own)] if self.own else []
        for _ in range(_BATCH):
            try:
                content = self.socket.recv(_LARGEST)
            except OSError:
                return
            self.used = time.monotonic()
            with suppress(OSError):
                self._held.sendmsg([content], extra, 0, self.peer)
