"""One real packet from where the source is, and which counters of the rules it moved."""

import errno
import os
import select
import socket
import struct
import sys
import time

from pyrun.errors import PyrunError
from pyrun.firewall.trace import Rule, Table
from pyrun.runtime import passage, stages, vantage
from pyrun.runtime.reachability import Answer, Question
from pyrun.typed import NamedTuple

_PATIENCE = 2.0  # seconds for an answer
_LOOK = 0.02  # seconds between two looks at how far a relay got
_ESTABLISHED = "01"  # in /proc/net/tcp
_ECHO = {4: (8, 0), 6: (128, 129)}  # type of the request and of the reply, RFC 792 and RFC 4443


class Moved(NamedTuple):
    """A rule, or a policy (number 0), whose counter went up."""

    place: str
    tool: str
    table: str
    chain: str
    number: int
    rule: Rule
    packets: int


class Result(NamedTuple):
    """What came of it; *reachable* is None when silence proves nothing."""

    reachable: "bool | None"
    text: str
    moved: tuple[Moved, ...]


def probe(question: Question, answer: Answer, view: vantage.Live) -> Result:
    """Send one packet and wait for what *answer* foretells. Errors: PyrunError when the source is not on this host."""
    if question.outside:
        raise PyrunError(f"probe: {question.source}: is not on this host: nothing can be sent from there", 1)
    before = [view.read_tables(place) for place in answer.places]
    reachable, text = _send(question, answer.relay)
    moved: list[Moved] = []
    for place, former in zip(answer.places, before, strict=True):
        moved += _moved(stages.name(place), former, view.read_tables(place))
    return Result(reachable, text, tuple(moved))


def _moved(place: str, before: list[Table], after: list[Table]) -> list[Moved]:
    counted = {key: packets for key, _, packets in _counters(before)}
    return [
        Moved(place, *key[:4], rule, packets - counted[key])
        for key, rule, packets in _counters(after)
        if key in counted and packets > counted[key]
    ]


def _counters(tables: list[Table]) -> "list[tuple[tuple[str, str, str, int, str], Rule, int]]":
    found = []
    for table in tables:
        for chain in table.chains:
            policy = Rule(f"policy {chain.policy}", packets=chain.packets)
            for number, rule in enumerate((policy, *chain.rules)):
                if rule.packets is not None:
                    found.append(((table.tool, table.name, chain.name, number, rule.text), rule, rule.packets))
    return found


def _send(question: Question, relay: "tuple[str, int] | None") -> tuple["bool | None", str]:
    family = socket.AF_INET6 if ":" in question.target else socket.AF_INET
    try:
        if question.protocol == "icmp":
            return _ping(question, family)
        if question.protocol == "tcp":
            return _connect(question, family, relay)
        return _datagram(question, family)
    except OSError as cause:
        return False, f"could not be sent: {os.strerror(cause.errno or 0).lower()}"


def _socket(question: Question, family: int, kind: int, protocol: int) -> socket.socket:
    """Make a socket in the source's place; it stays there. Errors: OSError."""
    with vantage.inside(question.origin):
        made = socket.socket(family, kind, protocol)
    try:
        if question.source:
            made.bind((question.source, 0))
        made.setblocking(False)
    except OSError:
        made.close()
        raise
    return made


def _ping(question: Question, family: int) -> tuple["bool | None", str]:
    version = 6 if family == socket.AF_INET6 else 4
    protocol = socket.IPPROTO_ICMPV6 if version == 6 else socket.IPPROTO_ICMP
    request, reply = _ECHO[version]
    own = os.getpid() & 0xFFFF
    body = struct.pack("!HH", own, 1) + b"pyrun network why"
    head = struct.pack("!BBH", request, 0, 0 if version == 6 else _checksum(struct.pack("!BBH", request, 0, 0) + body))
    with _socket(question, family, socket.SOCK_RAW, protocol) as channel:
        channel.sendto(head + body, (question.target, 0))
        while _ready(channel, select.POLLIN):
            packet = channel.recv(2048)
            message = packet if version == 6 else packet[(packet[0] & 15) * 4 :]
            if message[:1] == bytes([reply]) and message[4:6] == struct.pack("!H", own):
                return True, "an echo reply came"
            if _is_refusal(version, message) and struct.pack("!H", own) in message:
                return False, "a router answered that it is unreachable"
    return False, f"no echo reply in {_PATIENCE:g} s"


def _is_refusal(version: int, message: bytes) -> bool:
    return message[:1] == (b"\x01" if version == 6 else b"\x03")


def _connect(question: Question, family: int, relay: "tuple[str, int] | None") -> tuple["bool | None", str]:
    former = _connected_to(*relay) if relay else set()
    with _socket(question, family, socket.SOCK_STREAM, 0) as channel:
        code = channel.connect_ex((question.target, question.port))
        if code == errno.EINPROGRESS:
            if not _ready(channel, select.POLLOUT):
                return False, f"no answer to the first packet of a connection in {_PATIENCE:g} s"
            code = channel.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if code or relay is None:
            return not code, "connected" if not code else f"the answer was: {os.strerror(code).lower()}"
        return _relayed(channel, *relay, former)


def _relayed(channel: socket.socket, address: str, port: int, former: "set[str]") -> tuple[bool, str]:
    """Look whether the relay gets further: that it takes a connection itself says nothing of the container."""
    where = f"the relay to {passage.at(address, port)}"
    deadline = time.monotonic() + _PATIENCE
    while time.monotonic() < deadline:
        if _ready(channel, select.POLLIN, _LOOK):
            try:
                channel.recv(1)
            except ConnectionResetError:
                return False, f"connected to {where}, which could not connect there and reset it"
            break  # the container has said something, or has ended it
        if _connected_to(address, port) - former:
            break
    else:
        return False, f"connected to {where}, which did not get there in {_PATIENCE:g} s"
    return True, f"connected by {where}"


def _connected_to(address: str, port: int) -> "set[str]":
    """List the connections of the host to a port, as far as they are established, by their own ends."""
    packed = socket.inet_pton(socket.AF_INET6 if ":" in address else socket.AF_INET, address)
    words = (int.from_bytes(packed[at : at + 4], sys.byteorder) for at in range(0, len(packed), 4))
    peer = "".join(f"{word:08X}" for word in words) + f":{port:04X}"
    with open("/proc/net/tcp6" if ":" in address else "/proc/net/tcp") as file:
        lines = [line.split() for line in file]
    return {line[1] for line in lines if line[2:4] == [peer, _ESTABLISHED]}


def _datagram(question: Question, family: int) -> tuple["bool | None", str]:
    if question.protocol != "udp":
        return None, f"{question.protocol} cannot be probed"
    with _socket(question, family, socket.SOCK_DGRAM, 0) as channel:
        channel.connect((question.target, question.port))
        channel.send(b"pyrun network why")
        if not _ready(channel, select.POLLIN):
            return None, f"no answer in {_PATIENCE:g} s, which for UDP says nothing: see the counters"
        try:
            channel.recv(2048)
        except ConnectionRefusedError:
            return False, "it arrived, and nobody listens"
    return True, "an answer came"


def _ready(channel: socket.socket, event: int, patience: float = _PATIENCE) -> bool:
    poll = select.poll()
    poll.register(channel, event)
    return bool(poll.poll(int(patience * 1000)))


def _checksum(content: bytes) -> int:
    """Give the checksum of RFC 1071."""
    padded = content + bytes(len(content) % 2)
    total: int = sum(struct.unpack(f"!{len(padded) // 2}H", padded))
    total = (total >> 16) + (total & 0xFFFF)
    return ~(total + (total >> 16)) & 0xFFFF
