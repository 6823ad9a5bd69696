"""Our rtnetlink messages say the same as pyroute2's, which decodes them."""

import socket

from hypothesis import given
from hypothesis import strategies as st
from pyroute2.netlink.rtnl.ifaddrmsg import ifaddrmsg
from pyroute2.netlink.rtnl.ifinfmsg import ifinfmsg
from pyroute2.netlink.rtnl.rtmsg import rtmsg

from pyrun.kernel import netlink, rtnetlink


def _decoded(kind: type, body: bytes) -> object:
    message = kind((16 + len(body)).to_bytes(4, "little") + bytes(12) + body)
    message.decode()
    return message


def test_bridge() -> None:
    message = _decoded(ifinfmsg, rtnetlink.bridge("pyrun0", "02:42:01:02:03:04"))
    assert message.get_attr("IFLA_IFNAME") == "pyrun0"
    assert message.get_attr("IFLA_ADDRESS") == "02:42:01:02:03:04"
    assert message.get_attr("IFLA_LINKINFO").get_attr("IFLA_INFO_KIND") == "bridge"


def test_veth() -> None:
    body = rtnetlink.veth("veth0123abc", "02:00:00:00:00:01", "eth0", 4711, "02:42:ac:11:00:02", 9)
    message = _decoded(ifinfmsg, body)
    assert message.get_attr("IFLA_IFNAME") == "veth0123abc"
    assert message.get_attr("IFLA_ADDRESS") == "02:00:00:00:00:01"
    assert message.get_attr("IFLA_MASTER") == 9
    info = message.get_attr("IFLA_LINKINFO")
    assert info.get_attr("IFLA_INFO_KIND") == "veth"
    peer = info.get_attr("IFLA_INFO_DATA").get_attr("VETH_INFO_PEER")
    assert peer.get_attr("IFLA_IFNAME") == "eth0"
    assert peer.get_attr("IFLA_ADDRESS") == "02:42:ac:11:00:02"
    assert peer.get_attr("IFLA_NET_NS_PID") == 4711


def test_link_flags_and_alias() -> None:
    attributes = [(rtnetlink.IFLA_IFALIAS, b"pyrun:box")]
    message = _decoded(ifinfmsg, rtnetlink.link(attributes, 7, rtnetlink.IFF_UP, rtnetlink.IFF_UP))
    assert (message["index"], message["flags"], message["change"]) == (7, 1, 1)
    assert message.get_attr("IFLA_IFALIAS") == "pyrun:box"


def test_address() -> None:
    message = _decoded(ifaddrmsg, rtnetlink.interface_address(3, "172.17.0.2", 16, "172.17.255.255"))
    assert (message["family"], message["prefixlen"], message["index"]) == (socket.AF_INET, 16, 3)
    assert message.get_attr("IFA_LOCAL") == "172.17.0.2"
    assert message.get_attr("IFA_ADDRESS") == "172.17.0.2"
    assert message.get_attr("IFA_BROADCAST") == "172.17.255.255"


def test_addresses_are_those_of_one_link() -> None:
    """Here, in a network namespace that the tests made: the loopback's, and no others where there is no such link."""
    assert ("127.0.0.1", 8) in rtnetlink.addresses(1)
    assert rtnetlink.addresses(999_999) == []


def test_default_route() -> None:
    message = _decoded(rtmsg, rtnetlink.default_route("172.17.0.1", 2))
    assert (message["family"], message["dst_len"], message["table"], message["type"]) == (2, 0, 254, 1)
    assert message.get_attr("RTA_GATEWAY") == "172.17.0.1"
    assert message.get_attr("RTA_OIF") == 2


def test_subnet_route() -> None:
    """The kernel's own for an address: by its hand, IPv4's of the link's scope, IPv6's of priority 256."""
    message = _decoded(rtmsg, rtnetlink.subnet_route("10.4.0.0", 24, "10.4.0.1", 2))
    found = tuple(message[name] for name in ("family", "dst_len", "table", "proto", "scope", "type"))
    assert found == (socket.AF_INET, 24, 254, 2, 253, 1)
    names = ("RTA_DST", "RTA_PREFSRC", "RTA_OIF", "RTA_PRIORITY")
    assert [message.get_attr(name) for name in names] == ["10.4.0.0", "10.4.0.1", 2, None]
    message = _decoded(rtmsg, rtnetlink.subnet_route("fd00:4::", 64, "fd00:4::1", 2))
    assert (message["family"], message["dst_len"]) == (socket.AF_INET6, 64)
    assert [message.get_attr(name) for name in names] == ["fd00:4::", None, 2, 256]


def test_attributes_are_read_strictly() -> None:
    content = netlink.attribute(3, b"eth0\0") + netlink.attribute(1, b"abcdef")
    assert netlink.attributes_of(content) == {3: b"eth0\0", 1: b"abcdef"}
    assert netlink.attributes_of(content[:-3]) == {3: b"eth0\0"}
    assert netlink.attributes_of(b"\xff\xff\x03\x00") == {}


_ATTRIBUTES = st.lists(st.tuples(st.sampled_from((3, 4, 10, 12, 0x8000 | 12, 33)), st.binary(max_size=9)), max_size=5)
_MESSAGES = st.lists(
    st.tuples(_ATTRIBUTES, st.integers(0, 9), st.binary(max_size=5)), min_size=1, max_size=6
)  # cut at the end, and with something behind


@given(_MESSAGES, st.frozensets(st.sampled_from((3, 10, 12, 33, 99))))
def test_messages_that_look_alike_are_decoded_as_each_alone(given: list, wanted: frozenset) -> None:
    messages = []
    for attributes, cut, more in given:
        first = {kind & 0x3FFF: (kind, value) for kind, value in reversed(attributes)}
        content = b"".join(netlink.attribute(kind, value) for kind, value in first.values())
        messages.append(content[: len(content) - cut] + more)
    messages += [messages[0], bytes(len(messages[0]))]
    alone = [_wanted(message, wanted) for message in messages]
    assert list(netlink.alike(messages, wanted)) == alone
    assert list(netlink.alike((bytes(16) + message for message in messages), wanted, 16)) == alone


def test_a_message_that_is_cut_says_nothing_of_one_that_looks_alike() -> None:
    first, second = netlink.attribute(3, b"eth0"), netlink.attribute(33, b"1234")
    messages = [first + b"\xff\xff\x21\x00" + bytes(4), first + second, first + bytes(8)]
    assert list(netlink.alike(messages, frozenset((3, 33)))) == [{3: b"eth0"}, {3: b"eth0", 33: b"1234"}, {3: b"eth0"}]


def _wanted(message: bytes, wanted: frozenset) -> dict[int, bytes]:
    """Decode a message up to the last attribute that is wanted: of what comes twice behind it nothing is seen."""
    found: dict[int, bytes] = {}
    for kind, value in netlink._decoded(message):
        if len(found) == len(wanted):
            break
        if kind in wanted:
            found[kind] = value
    return found


def test_who_cleans_up_after_many_keeps_few_files_open() -> None:
    """Sockets of netfilter are better closed at the end, but there may be more of them than of files."""
    kept = [socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 12) for _ in range(250)]
    for each in kept:
        netlink.put_away(each, at_end=True)
    assert sum(each.fileno() >= 0 for each in kept) == len(netlink._left) <= 100
