"""Relays published ports to the container for whoever no rule leads there: this host by loopback, and neighbours.

Bytes of TCP stay in the kernel, spliced through pipes that are lent only while
something is under way; an idle connection is two sockets. Runs in the services
process, so imports stay lean. See splice(2). Datagrams are in `pyrun.runtime.datagrams`.
"""

import _socket  # socket itself imports enum and selectors
import fcntl
import os
import sys

from pyrun.contexts import suppress
from pyrun.runtime.datagrams import Datagrams
from pyrun.runtime.loop import READ, WRITE, Loop
from pyrun.runtime.whereabouts import Container, opened

MYPY = False
if MYPY:
    from typing import Any

_CHUNK = 1 << 18  # what a pipe holds, where the kernel lets it
_ROUNDS = 4  # chunks of one flow at a time, then others have their turn
_BATCH = 64  # connections at a time
_PAUSE = 0.1  # seconds without new connections when there are no descriptors left
_SPARE = 16  # pipes kept for the next flow
_FLAGS = os.SPLICE_F_NONBLOCK | os.SPLICE_F_MOVE
_ABORT = (1).to_bytes(4, sys.byteorder) + bytes(4)  # struct linger: reset instead of an orderly end
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
            server = opened(_socket.SOCK_STREAM, address, self._protocol)
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
            _reset(self._client)
            self._end()
            return
        self._moved(0)

    def _moved(self, _: int) -> None:
        up, down = self._up, self._down
        try:
            up.move()
            down.move()
        except OSError:  # one of the ends is gone, and all that had come from it has been passed on
            self._end()
            return
        if up.is_over and down.is_over:
            self._end()
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

    def _end(self) -> None:
        for fd in self._watched:
            self._loop.forget(fd)
        self._client.close()
        self._server.close()
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
        return 0 if self._ended or self._pending or self.is_over else READ

    @property
    def writes(self) -> int:
        """Give the events of the sink to wait for."""
        return WRITE if self._pending else 0

    def move(self) -> None:
        """Move what can be moved now.

        A sink that takes no more ends this direction alone: what it has sent is
        still to be read. Errors: OSError when the source is gone, with nothing left to read.
        """
        with suppress(BlockingIOError):
            for _ in range(_ROUNDS):
                if self.is_over:
                    return
                if not self._pending and not self._ended:
                    self._fill()
                self._pass_on()
        if self._pipe and not self._pending:
            self.close()

    def _pass_on(self) -> None:
        try:
            if self._pending:
                self._drain()
            else:
                self._sink.shutdown(_socket.SHUT_WR)
                self.is_over = True
        except BlockingIOError:
            raise
        except OSError:
            self.is_over = True
            self.close()
            self._pending = 0

    def _fill(self) -> None:
        if self._pipe is None:
            self._pipe = _PIPES.pop() if _PIPES else _pipe()
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


def _pipe() -> tuple[int, int]:
    """Make a pipe, a large one unless all of ours together are too large for pipe-user-pages-soft; see pipe(7)."""
    pipe = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
    with suppress(OSError):
        fcntl.fcntl(pipe[1], fcntl.F_SETPIPE_SZ, _CHUNK)
    return pipe


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
