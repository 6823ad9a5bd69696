"""Questions that are not about containers, put to other name servers, one after the other.

The host's servers are asked from the host's network, those of --dns from the
container's: sockets for that are made there by a forked process. An answer counts
only from the server that was asked, to the port and with the number and the
question that were sent, each of them chosen anew by chance.
"""

import _socket  # socket itself imports enum and selectors
import os
import time
from collections import deque

from pyrun.contexts import suppress
from pyrun.network import hostfiles
from pyrun.runtime.loop import READ, WRITE, Loop

MYPY = False
if MYPY:
    from pyrun.typed import Callable

    Done = Callable[["bytes | None"], object]

_SERVERS_MAX = 3  # as Docker and resolv.conf(5)
_PATIENCE = 4.0  # seconds for each server
_AT_ONCE = 1024
_BATCH = 16  # sockets that are made in the container at a time
_KEPT = 64  # of those, while nobody needs them
_PORT = 53
_HEADER = 12
_DATAGRAM_MAX = 65535
_SERVFAIL, _REFUSED = 2, 5
_CONFIGURATION = "/etc/resolv.conf"


class Forwarder:
    """Asks other servers on behalf of a container."""

    __slots__ = ("_deadlines", "_given", "_is_timed", "_loop", "_namespace", "_read", "_servers", "_spare", "busy")

    def __init__(self, loop: Loop, given: "tuple[str, ...]", namespace: int) -> None:
        """Ask the servers *given* from the network namespace *namespace*; without any, the host's from here."""
        self._loop = loop
        self._given = given[:_SERVERS_MAX]
        self._namespace = namespace
        self._servers: list[str] = []
        self._read: object = None  # what the host's configuration was when it was read
        self._spare: dict[tuple[int, int], list[int]] = {}
        self._deadlines: deque[_Attempt] = deque()  # all are given the same time, so they are in order
        self._is_timed = False
        self.busy = 0

    def servers(self, leads_outside: bool) -> "list[str]":
        """List who may be asked: nobody by way of the host for who has no way outside (CVE-2024-29018)."""
        if self._given:
            return list(self._given)
        return self._of_host() if leads_outside else []

    def is_overwhelmed(self) -> bool:
        """Claim that as many questions as may be are waiting for their answers."""
        return self.busy >= _AT_ONCE

    def ask(self, wire: bytes, end: int, reliable: bool, servers: "list[str]", done: "Done") -> None:
        """Put the question *wire*, which ends at *end*, to *servers*; call *done* with an answer, or None.

        The answer has the number that *wire* has. Refusals count only when nobody has more to say.
        """
        self.busy += 1
        _Attempt(self, wire, end, reliable, servers, done).begin()

    def socket(self, server: str, reliable: bool) -> "_socket.socket":
        """Give a socket to ask *server* with. Errors: OSError."""
        family = _socket.AF_INET6 if ":" in server else _socket.AF_INET
        kind = _socket.SOCK_STREAM if reliable else _socket.SOCK_DGRAM
        if not self._given:
            return _socket.socket(family, kind | _socket.SOCK_NONBLOCK | _socket.SOCK_CLOEXEC)
        spare = self._spare.setdefault((family, kind), [])
        if not spare:
            from pyrun.kernel import sandboxes

            spare += sandboxes.opened(self._namespace, [sandboxes.Wanted(family, kind)] * _BATCH)
        return _socket.socket(family, kind, 0, spare.pop())

    def give_back(self, used: "_socket.socket", reliable: bool) -> None:
        """Take a socket back: one for datagrams gets another port when it is used again."""
        spare = self._spare.get((used.family, _socket.SOCK_DGRAM))
        if reliable or spare is None or len(spare) >= _KEPT or not _is_released(used):
            used.close()
        else:
            spare.append(used.detach())

    def watch(self, fd: int, events: int, call: "Callable[[int], object]") -> None:
        """Call *call* when something can be done with *fd*."""
        self._loop.watch(fd, events, call)

    def forget(self, fd: int) -> None:
        """Watch *fd* no longer."""
        self._loop.forget(fd)

    def time(self, attempt: "_Attempt") -> None:
        """End the patience with a server when its time is over."""
        while self._deadlines and self._deadlines[0].is_over:
            self._deadlines.popleft()
        attempt.deadline = time.monotonic() + _PATIENCE
        self._deadlines.append(attempt)
        if not self._is_timed:
            self._is_timed = True
            self._loop.later(_PATIENCE, self._expire)

    def _expire(self) -> None:
        now = time.monotonic()
        while self._deadlines and self._deadlines[0].deadline <= now:
            attempt = self._deadlines.popleft()
            if not attempt.is_over:
                attempt.fail()
        self._is_timed = bool(self._deadlines)
        if self._is_timed:
            self._loop.later(max(0.01, self._deadlines[0].deadline - now), self._expire)

    def _of_host(self) -> "list[str]":
        """List the host's servers, as they are now."""
        try:
            status = os.stat(_CONFIGURATION)
        except OSError:
            return []
        seen = (status.st_ino, status.st_mtime_ns, status.st_size)
        if seen != self._read:
            self._read = seen
            self._servers = list(hostfiles.nameservers(hostfiles.host_text(past_stub=False)))[:_SERVERS_MAX]
        return self._servers


class _Attempt:
    """One question put to one server; what fails is tried with the next one."""

    __slots__ = (
        "_by",
        "_done",
        "_end",
        "_got",
        "_later",
        "_number",
        "_reliable",
        "_said",
        "_socket",
        "_to_send",
        "_wire",
        "deadline",
        "is_over",
    )

    def __init__(
        self, by: Forwarder, wire: bytes, end: int, reliable: bool, servers: "list[str]", done: "Done"
    ) -> None:
        self._by, self._wire, self._end, self._reliable, self._done = by, wire, end, reliable, done
        self._later = servers
        self._said: bytes | None = None  # a refusal, from an earlier server
        self._got = self._to_send = b""
        self.is_over = False
        self.deadline = 0.0

    def begin(self) -> None:
        """Ask the next server; when none is left, give what was said at last."""
        while self._later:
            server, *self._later = self._later
            with suppress(OSError):
                self._connect(server)
                return
        self._by.busy -= 1
        self._done(self._said)

    def fail(self) -> None:
        """Give up this server."""
        self._close()
        after = _Attempt(self._by, self._wire, self._end, self._reliable, self._later, self._done)
        after._said = self._said
        after.begin()

    def _connect(self, server: str) -> None:
        self._number = os.urandom(2)
        self._socket = self._by.socket(server, self._reliable)
        try:
            with suppress(BlockingIOError):
                self._socket.connect((server, _PORT))
            question = self._number + self._wire[2:]
            if self._reliable:
                self._to_send = len(question).to_bytes(2, "big") + question
                self._by.watch(self._socket.fileno(), WRITE, self._write)
            else:
                self._socket.send(question)
                self._by.watch(self._socket.fileno(), READ, self._receive)
        except OSError:
            self._by.give_back(self._socket, self._reliable)
            raise
        self._by.time(self)

    def _close(self) -> None:
        self.is_over = True
        self._by.forget(self._socket.fileno())
        self._by.give_back(self._socket, self._reliable)

    def _receive(self, events: int) -> None:
        """Take a datagram; what is not the answer is passed over."""
        try:
            got = self._socket.recv(_DATAGRAM_MAX)
        except BlockingIOError:
            return
        except OSError:  # nobody is there, says the network
            self.fail()
            return
        if self._is_answer(got):
            self._take(got)

    def _write(self, events: int) -> None:
        try:
            sent = self._socket.send(self._to_send)
        except BlockingIOError:
            return
        except OSError:
            self.fail()
            return
        self._to_send = self._to_send[sent:]
        if not self._to_send:
            self._by.watch(self._socket.fileno(), READ, self._read)

    def _read(self, events: int) -> None:
        try:
            got = self._socket.recv(_DATAGRAM_MAX)
        except BlockingIOError:
            return
        except OSError:
            got = b""
        self._got += got
        size = int.from_bytes(self._got[:2], "big") + 2
        if not got or (len(self._got) >= size and not self._is_answer(self._got[2:size])):
            self.fail()
        elif len(self._got) >= size:
            self._take(self._got[2:size])

    def _is_answer(self, got: bytes) -> bool:
        """Claim that *got* answers what was asked: number and question are the same, letters may be larger."""
        if len(got) < _HEADER or got[:2] != self._number or not got[2] & 0x80:
            return False
        if got[4:6] == bytes(2):  # some refuse without repeating the question
            return bool(got[3] & 15)
        end = self._end
        if len(got) < end or got[4:6] != self._wire[4:6] or got[end - 4 : end] != self._wire[end - 4 : end]:
            return False
        return got[_HEADER : end - 4].lower() == self._wire[_HEADER : end - 4].lower()

    def _take(self, got: bytes) -> None:
        got = self._wire[:2] + got[2:]
        if got[3] & 15 in (_SERVFAIL, _REFUSED) and self._later:
            self._said = got
            self.fail()
            return
        self._close()
        self._by.busy -= 1
        self._done(got)


def _is_released(used: "_socket.socket") -> bool:
    """Let go of peer and port; see connect(2) on AF_UNSPEC, which Python's own connect does not know."""
    from pyrun.kernel import syscalls

    try:
        syscalls.disconnect(used.fileno())
    except OSError:
        return False
    return True
