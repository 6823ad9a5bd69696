"""What is typed about ports, how they are told, and the messages about flows: pure, without root."""

import socket
import struct

import pytest

from pyrun.cli import port_tables, ports
from pyrun.errors import UsageError
from pyrun.kernel import conntrack
from pyrun.network.ports import wanted
from pyrun.spec import ContainerConfig, Endpoint, Network, Pool, PortBinding, Published

# As Docker 20.10.24 answers the same, seen in HostConfig.PortBindings.
_READ = {
    "80": [("tcp", 80, "", 0, 0)],
    ":80": [("tcp", 80, "", 0, 0)],
    "0:80": [("tcp", 80, "", 0, 0)],
    "8080:80": [("tcp", 80, "", 8080, 8080)],
    "8080:80/UDP": [("udp", 80, "", 8080, 8080)],
    "80/": [("tcp", 80, "", 0, 0)],
    "08080:080": [("tcp", 80, "", 8080, 8080)],
    "80/sctp": [("sctp", 80, "", 0, 0)],
    "127.0.0.1:8080:80": [("tcp", 80, "127.0.0.1", 8080, 8080)],
    "127.0.0.1::80": [("tcp", 80, "127.0.0.1", 0, 0)],
    "[::1]:8080:80": [("tcp", 80, "::1", 8080, 8080)],
    "[::]:8000-8001:80-81": [("tcp", 80, "::", 8000, 8000), ("tcp", 81, "::", 8001, 8001)],
    "8000-8002:80": [("tcp", 80, "", 8000, 8002)],
    "80-81/udp": [("udp", 80, "", 0, 0), ("udp", 81, "", 0, 0)],
    "8000-8001:80-81": [("tcp", 80, "", 8000, 8000), ("tcp", 81, "", 8001, 8001)],
    "target=80,published=8080": [("tcp", 80, "", 8080, 8080)],
    "published=8080,target=80,protocol=udp": [("udp", 80, "", 8080, 8080)],
}


@pytest.mark.parametrize("text", _READ)
def test_ports_are_read_as_docker_reads_them(text: str) -> None:
    assert [tuple(each) for each in ports.binding(text)] == _READ[text]


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("8080:80/xyz", "invalid proto: xyz"),
        ("8080:80/tcp,udp", "invalid proto: tcp,udp"),
        ("::1:8080:80", "invalid ip address: ::1"),
        ("[127.0.0.1]:8080:80", "invalid ip address: [127.0.0.1]"),
        ("[fe80::1%eth0]:1:80", "not an IP address"),
        ("a.b:8080:80", "not an IP address"),
        ("300.1.1.1:80:80", "not an IP address"),
        ("8000-8001:80-82", "invalid ranges specified for container and host ports: 80-82 and 8000-8001"),
        ("8000-8002:80-81", "invalid ranges specified for container and host ports: 80-81 and 8000-8002"),
        ("65536:80", "invalid hostPort: 65536"),
        ("abc:80", "invalid hostPort: abc"),
        ("-1:80", "invalid hostPort: -1"),
        ("8002-8000:80", "invalid hostPort: 8002-8000"),
        ("8080/tcp:80", "invalid hostPort: 8080/tcp"),
        ("8080:0", "invalid containerPort: 0"),
        ("8080:65536", "invalid containerPort: 65536"),
        ("8080:90-80", "invalid containerPort: 90-80"),
        (" 80", "invalid containerPort:  80"),
        ("8080:٨٠", "invalid containerPort"),
        ("8080:", "no port specified"),
        ("", "no port specified"),
        (":", "no port specified"),
        ("target=80,to=90", "expected target, published, protocol, mode"),
        ("published=80", "no port specified"),
    ],
)
def test_bad_ports_are_refused_in_one_line(text: str, complaint: str) -> None:
    with pytest.raises(UsageError) as caught:
        ports.binding(text)
    assert complaint in caught.value.message
    assert "\n" not in caught.value.message


def test_exposed_ports_may_be_ranges() -> None:
    assert ports.exposed("80-82/udp") == ["80/udp", "81/udp", "82/udp"]
    for text in ("abc", "0", "65536", "80:80", "82-80", "", "127.0.0.1:80", "80/xyz"):
        with pytest.raises(UsageError):
            ports.exposed(text)


def test_with_publish_all_what_is_exposed_and_not_bound_comes_last() -> None:
    config = ContainerConfig("1" * 64, "name", "", "/", ("true",), (), 0.0, publish_all=True)
    given = (PortBinding("tcp", 80), PortBinding("tcp", 90, "", 900, 902), PortBinding("tcp", 70, "", 700, 700))
    config = config._replace(ports=given, exposed=("80/tcp", "90/tcp", "70/tcp", "53/udp"))
    assert [each.target for each in wanted(config)] == [70, 90, 80, 53]


_NET = Network("f" * 64, "bridge", "pyrun0", "", (Pool("172.17.0.0/16", "172.17.0.1"),))


def _end(*published: Published) -> Endpoint:
    return Endpoint(_NET, "1" * 64, "web", "eth0", "", "", "", "172.17.0.2", published=published)


def _both(protocol: str, port: int, target: int) -> tuple[Published, Published]:
    return Published(protocol, "0.0.0.0", port, target), Published(protocol, "::", port, target)


def test_the_ports_column_groups_as_docker_does() -> None:
    """The words of `docker ps` 20.10.24 for the same ports."""
    ends = [
        _end(
            *_both("tcp", 8080, 80),
            Published("tcp", "127.0.0.1", 9000, 90),
            *_both("udp", 9001, 91),
            *(each for port in (8000, 8001, 8002) for each in _both("tcp", port, port)),
            *_both("tcp", 7000, 70),
            Published("tcp", "::1", 6000, 60),
            *_both("tcp", 32768, 66),
            Published("udp", "127.0.0.5", 32768, 67),
            Published("tcp", "198.51.100.2", 5001, 5001),
            *_both("udp", 8080, 80),
        )
    ]
    exposed = ("100/tcp", *(f"{port}/tcp" for port in range(200, 204)), "55/udp", "80/tcp")
    config = ContainerConfig("1" * 64, "web", "", "/", ("true",), (), 0.0, exposed=exposed)
    assert port_tables.column(config, ends) == (
        "100/tcp, 55/udp, 200-203/tcp, 198.51.100.2:5001->5001/tcp, 0.0.0.0:8000-8002->8000-8002/tcp, "
        "[::]:8000-8002->8000-8002/tcp, [::1]:6000->60/tcp, 0.0.0.0:32768->66/tcp, [::]:32768->66/tcp, "
        "127.0.0.5:32768->67/udp, 0.0.0.0:7000->70/tcp, [::]:7000->70/tcp, 0.0.0.0:8080->80/tcp, 0.0.0.0:8080->80/udp, "
        "[::]:8080->80/tcp, [::]:8080->80/udp, 127.0.0.1:9000->90/tcp, 0.0.0.0:9001->91/udp, [::]:9001->91/udp"
    )
    assert port_tables.lines("web", ends, "80") == "0.0.0.0:8080\n[::]:8080\n"
    assert port_tables.column(config, [_end()._replace(network=_NET._replace(internal=True))]) == ""


def test_messages_about_flows_are_those_of_pyroute2() -> None:
    from pyroute2.netlink.nfnetlink.nfctsocket import nfct_msg

    read = nfct_msg(_framed(conntrack.request(socket.AF_INET, 5353)))
    read.decode()
    ports_of = read.get_attr("CTA_TUPLE_ORIG").get_attr("CTA_TUPLE_PROTO")
    assert (ports_of.get_attr("CTA_PROTO_NUM"), ports_of.get_attr("CTA_PROTO_DST_PORT")) == (17, 5353)
    assert read.get_attr("CTA_FILTER").get_attr("CTA_FILTER_ORIG_FLAGS") == 1 << 3 | 1 << 5
    assert read["nfgen_family"] == socket.AF_INET


def _framed(body: bytes) -> bytes:
    return struct.pack("=IHHII", 16 + len(body), conntrack._GET, 0, 0, 0) + body
