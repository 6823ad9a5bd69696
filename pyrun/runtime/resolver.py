"""The resolver of a container: answers for who is on its networks, and passes on what it does not know.

It serves 127.0.0.11 in the container's network namespace by sockets that were
made there, and lives in the host's. An answer is kept by the bytes of its
question, until somebody comes or goes; so most need no decoding. What is asked
is whatever a container sends: nothing of it may end or hold up the process.
"""

import _socket  # socket itself imports enum and selectors
import time

from pyrun.runtime.forwarding import Forwarder
from pyrun.runtime.loop import READ, WRITE, Loop

MYPY = False
if MYPY:
    from pyrun.network.codec import Question
    from pyrun.runtime.directory import Directory
    from pyrun.typed import Callable

    Reply = Callable[[bytes], object]

_HEADER = 12
_QUERY_MAX = 4096  # no question is longer
_ROUND = 64  # questions that are read before the first is answered
_KEPT = 2048  # answers
_KEPT_SIZE = 1024  # bytes of the question of one that is kept
_ORDERS = 16  # of several addresses, in turn
_CONNECTIONS = 128
_IDLE = 10.0  # seconds
_FOR_EVER = float("inf")
# struct in_pktinfo, ip(7): a socket that was bound before there was a loopback address has none to send from.
_FROM = [(_socket.IPPROTO_IP, 8, bytes(4) + bytes([127, 0, 0, 11]) + bytes(4))]


def serve(loop: Loop, identity: str, word: str) -> None:
    """Answer on the sockets that *word*, made by `word_for`, names."""
    import resource

    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))  # each question that is passed on takes a socket
    udp, tcp, namespace, drops, *given = word.split(",")
    resolver = Resolver(loop, identity, Forwarder(loop, tuple(given), int(namespace)), drops == "1")
    resolver.listen(int(udp), int(tcp))


def word_for(udp: int, tcp: int, namespace: int, drops: bool, given: "tuple[str, ...]") -> str:
    """Say what `serve` needs: two sockets, the container's network namespace, and how to pass questions on.

    *drops* claims that the container's resolv.conf had an ndots option before we set it: then a name without dots
    that nobody has is not asked for elsewhere. *given* are the servers of --dns.
    """
    return ",".join([*map(str, (udp, tcp, namespace)), "1" if drops else "0", *given])


class Kept:
    """An answer, in several orders if it is ours."""

    __slots__ = ("age", "born", "ends", "turn", "wires")

    def __init__(self, wires: "list[bytes]", lifetime: float = _FOR_EVER) -> None:
        self.wires = wires
        self.turn = self.age = 0
        self.born = time.monotonic() if lifetime != _FOR_EVER else 0.0
        self.ends = self.born + lifetime

    def take(self, now: float) -> "bytes | None":
        """Give the answer without its number, or None when its time is over."""
        if self.ends == _FOR_EVER:
            self.turn = (self.turn + 1) % len(self.wires)
            return self.wires[self.turn]
        if now >= self.ends:
            return None
        age = int(now - self.born)
        if age == self.age:
            return self.wires[-1]
        from pyrun.network import codec

        try:
            self.wires[1:] = [codec.aged(bytes(2) + self.wires[0], age)[2:]]
        except Exception:  # read before, and yet not to be written again
            self.ends = now
            return None
        self.age = age
        return self.wires[-1]


class Resolver:
    """Answers the questions of one container."""

    __slots__ = ("_connections", "_directory", "_drops", "_forwarder", "_identity", "_kept", "_loop", "_udp")

    def __init__(self, loop: Loop, identity: str, forwarder: Forwarder, drops: bool) -> None:
        self._loop, self._identity, self._forwarder, self._drops = loop, identity, forwarder, drops
        self._directory: Directory | None = None
        self._kept: dict[bytes, Kept] = {}
        self._connections: set[_Connection] = set()

    def listen(self, udp: int, tcp: int) -> None:
        """Answer what comes to two sockets."""
        self._udp = _socket.socket(_socket.AF_INET, _socket.SOCK_DGRAM, 0, udp)
        listener = _socket.socket(_socket.AF_INET, _socket.SOCK_STREAM, 0, tcp)
        self._loop.watch(udp, READ, self._receive)
        self._loop.watch(tcp, READ, lambda events: self._accept(listener))

    def _receive(self, events: int) -> None:
        round_: list[tuple[bytes, tuple[str, int]]] = []
        try:
            while len(round_) < _ROUND:
                round_.append(self._udp.recvfrom(_QUERY_MAX))
        except OSError:  # no more, or what an earlier answer met with
            pass
        self._look_around()  # after the questions were read: who came before they were asked is known
        now, send, kept = time.monotonic(), self._udp.sendmsg, self._kept
        for query, peer in round_:
            known = kept.get(query[2:])
            answer = known and known.take(now)
            if answer:
                try:
                    send((query[:2], answer), _FROM, 0, peer)
                except OSError:
                    continue
            else:
                self._answer(query, False, _Datagram(self._udp, peer).send)

    def answer(self, query: bytes, reply: "Reply") -> None:
        """Answer a question that came by TCP; *reply* is called now, later, or, to what is no question, never."""
        self._look_around()
        known = self._kept.get(b"+" + query[2:])
        answer = known and known.take(time.monotonic())
        if answer:
            reply(query[:2] + answer)
        else:
            self._answer(query, True, reply)

    def _look_around(self) -> None:
        """Forget all answers if somebody has come or gone."""
        if self._directory is None:
            from pyrun.runtime.directory import Directory

            self._directory = Directory(self._identity)
        try:
            changed = self._directory.refresh()
        except Exception:  # a damaged record: what was known stays
            return
        if changed:
            self._kept.clear()

    def _answer(self, query: bytes, reliable: bool, reply: "Reply") -> None:
        """Answer a question that no answer is kept for."""
        if len(query) < _HEADER or query[2] & 0x80:
            return  # an answer to an answer would never end
        from pyrun.network import codec

        try:
            question = codec.read(query)
            if isinstance(question, bytes):
                reply(question)
                return
            orders = self._own(question)
            if orders is None:
                self._pass_on(query, question, reliable, reply)
                return
            wires = [codec.answer(question, values, reliable) for values in orders]
            self._keep(query, reliable, Kept([wire[2:] for wire in wires]))
            reply(wires[0])
        except Exception:  # what this question has done to us, it does to nobody else
            reply(codec.refusal(query, codec.SERVFAIL))

    def _own(self, question: "Question") -> "list[list[str]] | None":
        """Give what is known about a name, each list in another order; None when it is not one of ours."""
        from pyrun.network import codec, names

        directory = self._directory
        if directory is None or not question.is_internet or not question.name:
            return None
        if question.kind == codec.PTR and question.name in directory.names.pointers:
            return [[directory.names.pointers[question.name]]]
        family = names.IPV6 if question.kind == codec.AAAA else names.IPV4
        found = names.find(directory.names, question.name, family)
        if found is None:
            drops = self._drops and "." not in question.name and question.kind in (codec.A, codec.AAAA)
            return [[]] if drops else None
        return _orders(found) if question.kind in (codec.A, codec.AAAA) else [[]]

    def _pass_on(self, query: bytes, question: "Question", reliable: bool, reply: "Reply") -> None:
        from pyrun.network import codec

        if self._forwarder.is_overwhelmed():
            reply(codec.failure(question, codec.REFUSED))
            return
        known = self._directory.names if self._directory else None
        servers = self._forwarder.servers(known is not None and known.leads_outside)

        def done(wire: "bytes | None") -> None:
            if wire is None:
                reply(codec.failure(question, codec.SERVFAIL))
                return
            if not reliable and len(wire) > question.size:
                reply(codec.truncated(question))
                return
            reply(wire)
            lifetime = codec.lifetime(wire)
            if lifetime and self._directory and self._directory.names is known:
                self._keep(query, reliable, Kept([wire[2:]], lifetime))

        self._forwarder.ask(query, codec.end_of_question(query), reliable, servers, done)

    def _keep(self, query: bytes, reliable: bool, answer: Kept) -> None:
        if len(query) <= _KEPT_SIZE:
            if len(self._kept) >= _KEPT:
                self._kept.clear()
            self._kept[(b"+" if reliable else b"") + query[2:]] = answer

    def _accept(self, listener: "_socket.socket") -> None:
        try:
            fd, _ = listener._accept()  # type: ignore[attr-defined]
        except OSError:
            return
        accepted = _socket.socket(_socket.AF_INET, _socket.SOCK_STREAM, 0, fd)
        accepted.setblocking(False)
        if len(self._connections) >= _CONNECTIONS:
            accepted.close()
            return
        if not self._connections:
            self._loop.later(_IDLE, self._close_idle)
        self._connections.add(_Connection(self, self._loop, accepted, self._connections.discard))

    def _close_idle(self) -> None:
        before = time.monotonic() - _IDLE
        for connection in list(self._connections):
            if connection.used <= before:
                connection.close()
        if self._connections:
            self._loop.later(_IDLE, self._close_idle)


class _Datagram:
    """Where an answer goes that may come later."""

    __slots__ = ("_peer", "_socket")

    def __init__(self, socket: "_socket.socket", peer: "tuple[str, int]") -> None:
        self._socket, self._peer = socket, peer

    def send(self, wire: bytes) -> None:
        try:
            self._socket.sendmsg((wire,), _FROM, 0, self._peer)
        except OSError:  # who asked is gone
            return


class _Connection:
    """Somebody who asks by TCP, one question after the other or several at once; see RFC 7766."""

    __slots__ = ("_by", "_forget", "_given", "_got", "_loop", "_socket", "used")

    def __init__(
        self, by: Resolver, loop: Loop, accepted: "_socket.socket", forget: "Callable[[_Connection], object]"
    ) -> None:
        self._by, self._loop, self._socket, self._forget = by, loop, accepted, forget
        self._got = self._given = b""
        self.used = time.monotonic()
        loop.watch(accepted.fileno(), READ, self._serve)

    def close(self) -> None:
        """Hang up."""
        if self._socket.fileno() >= 0:
            self._loop.forget(self._socket.fileno())
            self._socket.close()
            self._forget(self)

    def _serve(self, events: int) -> None:
        self.used = time.monotonic()
        try:
            if events & WRITE:
                self._give(b"")
            if self._given:  # no more questions before the answers are taken
                return
            got = self._socket.recv(_QUERY_MAX)
        except BlockingIOError:
            return
        except OSError:
            got = b""
        if not got:
            self.close()
            return
        self._got += got
        self._take_apart()

    def _take_apart(self) -> None:
        while len(self._got) >= 2 and self._socket.fileno() >= 0:
            size = int.from_bytes(self._got[:2], "big") + 2
            if size > _QUERY_MAX:
                self.close()
                return
            if len(self._got) < size:
                return
            query, self._got = self._got[2:size], self._got[size:]
            self._by.answer(query, self._reply)

    def _reply(self, wire: bytes) -> None:
        if self._socket.fileno() >= 0:
            self._give(len(wire).to_bytes(2, "big") + wire)

    def _give(self, more: bytes) -> None:
        self._given += more
        try:
            self._given = self._given[self._socket.send(self._given) :]
        except BlockingIOError:
            pass
        except OSError:
            self.close()
            return
        self._loop.watch(self._socket.fileno(), WRITE if self._given else READ, self._serve)


def _orders(values: "list[str]") -> "list[list[str]]":
    """Give the same values beginning with each of them, shuffled: who always takes the first meets all."""
    if len(values) < 2:
        return [values]
    import random

    shuffled = random.sample(values, len(values))
    return [shuffled[at:] + shuffled[:at] for at in range(min(len(values), _ORDERS))]
