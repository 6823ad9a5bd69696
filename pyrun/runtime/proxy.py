"""Relays published ports to the container for whoever no rule leads there: this host by loopback, and neighbours.

Bytes of TCP stay in the kernel, spliced through pipes that are lent only while
something is under way; an idle connection is two sockets. Runs in the services
process, so imports stay lean. See splice(2), udp(7), ip(7) on IP_PKTINFO.
"""

import _socket  # socket itself imports enum and selectors
import os
import sys
import time
from contextlib import suppress

from pyrun import paths
from pyrun.runtime.loop import BROKEN, READ, WRITE, Loop

MYPY = False
if MYPY:
    from typing import Any

IDLE = 90.0  # seconds after which a UDP client without traffic is forgotten, as in Docker
_SWEEP = 10.0
_CHUNK = 1 << 16  # what a pipe holds
_ROUNDS = 16  # chunks of one flow at a time, then others have their turn
_BATCH = 64  # connections, or datagrams, at a time
_PAUSE = 0.1  # seconds without new connections when there are no descriptors left
_SPARE = 16  # pipes kept for the next flow
_FLAGS = os.SPLICE_F_NONBLOCK | os.SPLICE_F_MOVE
_ABORT = (1).to_bytes(4, sys.byteorder) + bytes(4)  # struct linger: reset instead of an orderly end
_IP_PKTINFO = 8  # which Python does not name
_SCTP = 132
_PIPES: list[tuple[int, int]] = []


def serve(loop: Loop, identity: str, plug: str, ports: list[str]) -> None:
    """Serve *ports*, as `pyrun.runtime.services` writes them, to the container that *plug* tells of."""
    most = _raise_limit()
    container = Container(identity, plug)
    for word in ports:
        protocol, address, _, target, fd = word.split(",")
        held = _socket.socket(fileno=int(fd))
        if protocol == "udp":
            Datagrams(loop, held, container, ":" in address, int(target), most // 2)
        else:
            Listener(loop, held, container, ":" in address, int(target))


class Container:
    """Where the container is now: its addresses on the network that its ports belong to.

    They are asked for again only when the record of its plug has changed.
    """

    __slots__ = ("_identity", "_path", "_seen", "address", "address6")

    def __init__(self, identity: str, plug: str) -> None:
        network, self._seen, self.address, self.address6 = plug.split(",")
        self._identity = identity
        self._path = record(network, identity)

    def reached_at(self, six: bool) -> str:
        """Give the address; IPv4's for an IPv6 port when it has no other. Empty when it is on no network."""
        if not self.address or signature(self._path) != self._seen:
            self._look_up()
        return self.address6 if six and self.address6 else self.address

    def _look_up(self) -> None:
        from pyrun.network import standing

        self.address, self.address6 = "", ""
        for end in standing.plugs(self._identity):
            path = record(end.network.name, self._identity)
            seen = signature(path)
            now = standing.endpoint(end.network.name, self._identity)
            if now and now.published:
                self._path, self._seen, self.address, self.address6 = path, seen, now.address, now.address6
                return


def record(network: str, identity: str) -> str:
    """Give the path of the record of a container's plug."""
    return f"{paths.network(network)}/endpoints/{identity}"


def signature(path: str) -> str:
    """Give what changes when the file is written anew."""
    try:
        status = os.stat(path)
    except OSError:
        return ""
    return f"{status.st_ino}.{status.st_mtime_ns}"


class Listener:
    """A port on which connections are taken."""

    __slots__ = ("_container", "_held", "_loop", "_protocol", "_six", "_target")

    def __init__(self, loop: Loop, held: _socket.socket, container: Container, six: bool, target: int) -> None:
        self._loop, self._held, self._container, self._six, self._target = loop, held, container, six, target
        self._protocol = held.proto
        _settle(held)
        self._resume()

    def _resume(self) -> None:
        self._loop.watch(self._held.fileno(), READ, self._accept)

    def _accept(self, _: int) -> None:
        for _ in range(_BATCH):
            try:
                fd, _ = self._held._accept()  # type: ignore[attr-defined]
            except (BlockingIOError, ConnectionError):
                return
            except OSError:  # no descriptors or no memory left: those who wait are served when some are
                self._loop.forget(self._held.fileno())
                self._loop.later(_PAUSE, self._resume)
                return
            os.set_blocking(fd, False)
            self._relay(_socket.socket(fileno=fd))

    def _relay(self, client: _socket.socket) -> None:
        address = self._container.reached_at(self._six)
        try:
            server = _open(_socket.SOCK_STREAM, address, self._protocol)
            _settle(server)
            with suppress(BlockingIOError):
                server.connect((address, self._target))
        except OSError:
            _reset(client)
            return
        Connection(self._loop, client, server)


class Connection:
    """A client and the container, each of which may end its half first."""

    __slots__ = ("_client", "_down", "_loop", "_server", "_up", "_watched")

    def __init__(self, loop: Loop, client: _socket.socket, server: _socket.socket) -> None:
        self._loop, self._client, self._server = loop, client, server
        self._watched = {client.fileno(): 0, server.fileno(): 0}
        flow = Flow if client.proto != _SCTP else Copied
        self._up, self._down = flow(client, server), flow(server, client)
        self._watch(server.fileno(), WRITE, self._connected)

    def _connected(self, _: int) -> None:
        if self._server.getsockopt(_socket.SOL_SOCKET, _socket.SO_ERROR):
            self._end(broken=True)
            return
        self._moved(0)

    def _moved(self, events: int) -> None:
        try:
            if events & BROKEN:
                raise ConnectionError
            self._up.move()
            self._down.move()
        except OSError:
            self._end(broken=True)
            return
        up, down = self._up, self._down
        if up.is_over and down.is_over:
            self._end(broken=False)
            return
        self._watch(self._client.fileno(), up.reads | down.writes, self._moved)
        self._watch(self._server.fileno(), down.reads | up.writes, self._moved)

    def _watch(self, fd: int, events: int, call: "Any") -> None:
        """Watch for *events*; for none not at all: that the other side has hung up would be told for ever."""
        if self._watched[fd] == events and call == self._moved:
            return
        self._watched[fd] = events
        if events:
            self._loop.watch(fd, events, call)
        else:
            self._loop.forget(fd)

    def _end(self, broken: bool) -> None:
        for end in (self._client, self._server):
            self._loop.forget(end.fileno())
            if broken:
                _reset(end)
            end.close()
        self._up.close()
        self._down.close()


class Flow:
    """One direction of a connection, through a pipe."""

    __slots__ = ("_ended", "_pending", "_pipe", "_sink", "_source", "is_over")

    def __init__(self, source: _socket.socket, sink: _socket.socket) -> None:
        self._source, self._sink = source, sink
        self._pipe: tuple[int, int] | None = None
        self._pending = 0  # bytes in the pipe
        self._ended = self.is_over = False  # nothing more comes; and the sink knows

    @property
    def reads(self) -> int:
        """Give the events of the source to wait for."""
        return 0 if self._ended or self._pending else READ

    @property
    def writes(self) -> int:
        """Give the events of the sink to wait for."""
        return WRITE if self._pending else 0

    def move(self) -> None:
        """Move what can be moved now. Errors: OSError when either end is broken."""
        with suppress(BlockingIOError):
            for _ in range(_ROUNDS):
                if self.is_over:
                    return
                if not self._pending and not self._ended:
                    self._fill()
                if self._pending:
                    self._drain()
                elif self._ended:
                    self._sink.shutdown(_socket.SHUT_WR)
                    self.is_over = True
        if self._pipe and not self._pending:
            self.close()

    def _fill(self) -> None:
        if self._pipe is None:
            self._pipe = _PIPES.pop() if _PIPES else os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
        self._pending = os.splice(self._source.fileno(), self._pipe[1], _CHUNK, flags=_FLAGS)
        self._ended = not self._pending

    def _drain(self) -> None:
        assert self._pipe
        self._pending -= os.splice(self._pipe[0], self._sink.fileno(), self._pending, flags=_FLAGS)

    def close(self) -> None:
        """Give the pipe back, or close it when something is left in it."""
        if self._pipe and not self._pending and len(_PIPES) < _SPARE:
            _PIPES.append(self._pipe)
        elif self._pipe:
            os.close(self._pipe[0])
            os.close(self._pipe[1])
        self._pipe = None


class Copied(Flow):
    """One direction of an SCTP association, which cannot be spliced: a message at a time."""

    __slots__ = ("_message",)

    def _fill(self) -> None:
        self._message = self._source.recv(_CHUNK)
        self._pending = len(self._message)
        self._ended = not self._pending

    def _drain(self) -> None:
        self._message = self._message[self._sink.send(self._message) :]
        self._pending = len(self._message)


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
                content, extra, _, peer = self._held.recvmsg(_CHUNK, 64)
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
            socket = _open(_socket.SOCK_DGRAM, address, _socket.IPPROTO_UDP)
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
                content = self.socket.recv(_CHUNK)
            except OSError:
                return
            self.used = time.monotonic()
            with suppress(OSError):
                self._held.sendmsg([content], extra, 0, self.peer)


def _open(kind: int, address: str, protocol: int) -> _socket.socket:
    family = _socket.AF_INET6 if ":" in address else _socket.AF_INET
    return _socket.socket(family, kind | _socket.SOCK_CLOEXEC | _socket.SOCK_NONBLOCK, protocol)


def _settle(held: _socket.socket) -> None:
    """Pass small pieces on at once, and notice peers that are gone; those who are accepted inherit it."""
    if held.proto != _SCTP:
        held.setsockopt(_socket.IPPROTO_TCP, _socket.TCP_NODELAY, 1)
        held.setsockopt(_socket.IPPROTO_TCP, _socket.TCP_KEEPIDLE, 15)
        held.setsockopt(_socket.IPPROTO_TCP, _socket.TCP_KEEPINTVL, 15)
    held.setsockopt(_socket.SOL_SOCKET, _socket.SO_KEEPALIVE, 1)


def _reset(end: _socket.socket) -> None:
    """Close so that the peer sees an error, not an end."""
    with suppress(OSError):
        end.setsockopt(_socket.SOL_SOCKET, _socket.SO_LINGER, _ABORT)
    end.close()


def _raise_limit() -> int:
    """Allow ourselves as many descriptors as there may be; give how many."""
    import resource

    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    return most
