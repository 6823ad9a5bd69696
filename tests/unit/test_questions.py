"""Names and the messages about them: any bytes may come, and no answer is larger than it may be."""

import ipaddress
import os
import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pyrun.network import codec, names
from pyrun.runtime import resolver
from pyrun.runtime.directory import Directory
from pyrun.runtime.forwarding import Forwarder
from pyrun.runtime.loop import Loop
from pyrun.spec import Endpoint, Network, Pool

_ANSWERED = 0x80  # in the third byte


def _network(name: str, internal: bool = False) -> Network:
    return Network("0" * 64, name, "br-0", "02:00:00:00:00:01", (Pool("10.0.0.0/24", "10.0.0.1"),), internal=internal)


def _end(name: str, number: int, net: Network, *aliases: str, six: str = "", host: str = "") -> Endpoint:
    identity = f"{number:02x}" * 32
    return Endpoint(net, identity, name, "eth0", "", "veth0", "", f"10.0.0.{number}", six, aliases, hostname=host)


_NET, _OTHER = _network("net1"), _network("Net.2")
_ENDS = [
    _end("one", 2, _NET, "web", "a.b", host="First.Host"),
    _end("two", 3, _NET, "WEB", six="fd00::3"),
    _end("dotted.net1", 4, _NET),
]
_FAR = [_end("one", 5, _OTHER), _end("far", 6, _OTHER)]
_NAMES = names.gathered([_ENDS[0], _FAR[0]], {"net1": _ENDS, "Net.2": _FAR})


@pytest.mark.parametrize(
    ("name", "family", "addresses"),
    [
        ("one", 4, ["10.0.0.5"]),  # Net.2 comes first in the order of names, and has one
        ("one.net1", 4, ["10.0.0.2"]),
        ("one.net.2", 4, ["10.0.0.5"]),
        ("web", 4, ["10.0.0.2", "10.0.0.3"]),
        ("web", 6, ["fd00::3"]),
        ("one", 6, []),
        ("a.b", 4, ["10.0.0.2"]),
        ("a.b.net1", 4, ["10.0.0.2"]),
        ("first.host", 4, ["10.0.0.2"]),
        ("first", 4, None),
        ("020202020202", 4, ["10.0.0.2"]),
        ("0202020202020", 4, None),
        ("dotted.net1", 4, ["10.0.0.4"]),
        ("dotted", 4, None),
        ("far.net1", 4, None),
        ("net1", 4, None),
        (".net1", 4, None),
        ("", 4, None),
    ],
)
def test_names_lead_to_addresses(name: str, family: int, addresses: "list[str] | None") -> None:
    assert names.find(_NAMES, name, family) == addresses


@given(st.ip_addresses())
def test_reverse_names_are_the_standard_librarys(address: "ipaddress.IPv4Address | ipaddress.IPv6Address") -> None:
    assert names.reverse(str(address)) == address.reverse_pointer


def test_only_internal_networks_lead_nowhere() -> None:
    inside = _network("inside", internal=True)
    end = _end("one", 2, inside)
    assert names.gathered([end], {"inside": [end]}).leads_outside is False
    assert names.gathered([end, _ENDS[0]], {"inside": [end], "net1": _ENDS}).leads_outside is True


def query(name: str, kind: int = 1, size: int = 0, flags: int = 0x0100) -> bytes:
    """Write a question by hand, with EDNS if it names a size."""
    labels = b"".join(bytes([len(label)]) + label.encode() for label in name.split("."))
    extra = b"\0" + struct.pack("!HHIH", 41, size, 0, 0) if size else b""
    return struct.pack("!HHHHHH", 0x1234, flags, 1, 0, 0, bool(size)) + labels + struct.pack("!BHH", 0, kind, 1) + extra


def header(wire: bytes) -> tuple[int, int, int]:
    """Give flags with the code, the number of questions and of answers."""
    return struct.unpack("!HHHH", wire[:8])[1:]


@pytest.fixture(scope="module")
def served() -> resolver.Resolver:
    """A resolver that knows who is there, and nobody else to ask."""
    own = resolver.Resolver(Loop(), "0" * 64, Forwarder(Loop(), (), -1), False)
    directory = Directory("0" * 64)
    directory.names, directory._settled = _NAMES._replace(leads_outside=False), True
    own._directory = directory
    return own


def _ask(served: resolver.Resolver, wire: bytes, reliable: bool = False) -> list[bytes]:
    said: list[bytes] = []
    served._answer(wire, reliable, said.append)
    return said


@given(st.binary(max_size=700))
@settings(max_examples=500, deadline=None)
def test_any_bytes_get_one_answer_or_none(served: resolver.Resolver, wire: bytes) -> None:
    """To what has a header and is no answer itself there is exactly one, with its number; nothing is raised."""
    said = _ask(served, wire)
    assert len(said) == (len(wire) >= 12 and not wire[2] & _ANSWERED)
    for each in said:
        assert each[:2] == wire[:2]
        assert each[2] & _ANSWERED
        assert len(each) <= 65535


@given(st.data())
@settings(max_examples=500, deadline=None)
def test_damaged_questions_get_one_answer(served: resolver.Resolver, data: st.DataObject) -> None:
    wire = bytearray(
        query(data.draw(st.sampled_from(["one", "web.net1", "x.y.z", "2.0.0.10.in-addr.arpa"])), size=1232)
    )
    for _ in range(data.draw(st.integers(1, 4))):
        wire[data.draw(st.integers(2, len(wire) - 1))] = data.draw(st.integers(0, 255))
    wire = wire[: data.draw(st.integers(12, len(wire)))]
    said = _ask(served, bytes(wire))
    assert len(said) == (not wire[2] & _ANSWERED)
    assert all(each[:2] == wire[:2] and each[2] & _ANSWERED for each in said)


def test_pointers_that_lead_round_end(served: resolver.Resolver) -> None:
    """A name that points to itself, forwards, or into the header."""
    for pointer in (b"\xc0\x0c", b"\xc0\x0e", b"\xc0\x00", b"\x01a\xc0\x0c", b"\xff\xff", b"\x40a"):
        wire = query("one")[:12] + pointer + b"\0\1\0\1"
        (said,) = _ask(served, wire)
        assert header(said)[0] & 15 in (1, 2)


def test_what_is_no_question_is_refused(served: resolver.Resolver) -> None:
    def code(wire: bytes) -> int:
        return header(_ask(served, wire)[0])[0] & 15

    assert code(query("one", flags=0x2900)) == 4  # an update
    assert code(query("one", flags=0x2000)) == 4  # a notification
    assert code(query("one")[:4] + b"\0\2" + query("one")[6:]) == 1  # two questions announced
    assert code(query("one")[:4] + b"\0\0" + query("one")[6:12]) == 1  # none
    assert code(query("nobody")) == 2  # and nobody to ask
    assert code(query("one")) == 0


@given(st.integers(0, 400), st.sampled_from([0, 512, 600, 1232, 4096]), st.sampled_from([1, 28]))
@settings(max_examples=60, deadline=None)
def test_an_answer_fits_and_says_what_is_missing(count: int, size: int, kind: int) -> None:
    question = codec.read(query("web", kind, size))
    assert isinstance(question, codec.Question)
    values = [str(ipaddress.ip_address((10 << 24 if kind == 1 else 253 << 120) + at)) for at in range(count)]
    said = codec.answer(question, values, False)
    flags, _, given = header(said)
    assert len(said) <= max(size, 512)
    assert bool(flags & 0x200) == (given < count)
    whole = codec.answer(question, values, True)
    assert header(whole)[2] == count
    if given < count:  # not one more would have fitted
        assert len(said) + (16 if kind == 1 else 28) > max(size, 512)


def _answered(
    name: str, lifetime: int, code: int = 0, soa: "tuple[int, int] | None" = None, cut: bool = False
) -> bytes:
    asked = query(name)
    flags = 0x8180 | code | (0x200 if cut else 0)
    records = b"" if soa else b"\xc0\x0c\0\1\0\1" + struct.pack("!IH", lifetime, 4) + bytes([203, 0, 113, 7])
    if soa:
        content = b"\0\0" + struct.pack("!IIIII", 1, 2, 3, 4, soa[1])
        records = b"\0\0\6\0\1" + struct.pack("!IH", soa[0], len(content)) + content
    counts = struct.pack("!HHHHH", flags, 1, 0 if soa else 1, 1 if soa else 0, 0)
    return asked[:2] + counts + asked[12:] + records


def test_how_long_an_answer_is_kept() -> None:
    assert codec.lifetime(_answered("x.test", 60)) == 60
    assert codec.lifetime(_answered("x.test", 0)) == 0
    assert codec.lifetime(_answered("x.test", 1 << 30)) == 3600
    assert codec.lifetime(_answered("x.test", 60, code=2)) == 0
    assert codec.lifetime(_answered("x.test", 60, cut=True)) == 0
    assert codec.lifetime(_answered("x.test", 0, code=3, soa=(300, 20))) == 20
    assert codec.lifetime(_answered("x.test", 0, code=3, soa=(10, 20))) == 10
    assert codec.lifetime(_answered("x.test", 60)[:-1]) == 0
    assert codec.lifetime(os.urandom(40)) == 0


def test_an_answer_ages() -> None:
    old = codec.aged(_answered("x.test", 60), 25)
    assert old == _answered("x.test", 35)
    assert codec.aged(_answered("x.test", 60), 100) == _answered("x.test", 0)


def test_each_of_several_addresses_comes_first_in_turn() -> None:
    orders = resolver._orders(["a", "b", "c"])
    assert {order[0] for order in orders} == {"a", "b", "c"}
    kept = resolver.Kept([order[0].encode() for order in orders])
    assert {kept.take(0.0) for _ in range(3)} == {b"a", b"b", b"c"}
