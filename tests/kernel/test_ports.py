"""Published ports: from where they are reached and as whom, who gets them, and that nothing of them is left."""

import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import walls
from lab import HOST_ADDRESS, INTERNET_ADDRESS, Host, fresh_host, wait_until
from served import HOST6, INTERNET6, SLEEP, ask, server_of, switched


def _with_ipv6(host: Host) -> None:
    host.out(f"ip -6 addr add {HOST6}/64 dev up0 nodad; ip -6 route add default via {INTERNET6}")
    assert host.internet(f"ip -6 addr add {INTERNET6}/64 dev up0 nodad").returncode == 0
    # Until its own link-local address is known to be nobody else's, it speaks to one with another source.
    wait_until(lambda: b"tentative" not in host.internet("ip -6 addr show dev up0").stdout)


@pytest.fixture(scope="module", params=["iptables", "nftables"])
def published(request: pytest.FixtureRequest, private_host: None) -> Iterator[Host]:
    """Give a host with `web` published, neighbours on its network and on others, and a second one with IPv6."""
    with fresh_host() as host:
        _with_ipv6(host)
        switch = f"PYRUN_FIREWALL={request.param}"
        host.run = switched(host, switch)  # type: ignore[method-assign]
        ports = ["-p", "8080:80", "-p", "8080:80/udp", "-p", "127.0.0.5:9000:80", "-p", "127.0.0.5:9000:80/udp"]
        ports += ["-p", "[::1]:9001:80", "-p", f"{HOST_ADDRESS}:9002:80"]
        host.ok("run", "-d", "--name", "web", *ports, *SLEEP)
        host.ok("run", "-d", "--name", "neighbour", *SLEEP)
        host.ok("network", "create", "six", "--ipv6", "--subnet", "10.66.0.0/24", "--subnet", "fd00:66::/64")
        host.ok("run", "-d", "--name", "web6", "--net", "six", "-p", "8086:80", "-p", "8086:80/udp", *SLEEP)
        host.ok("run", "-d", "--name", "other", "--net", "six", *SLEEP)
        servers = [server_of(host, name) for name in ("web", "web6")]
        yield host
        for server in servers:
            server.kill()
            server.communicate()
        host.ok("rm", "-f", "web", "web6", "neighbour", "other")
        host.ok("network", "rm", "six")


# From where, to which address, and as whom the server sees the client; a name stands for that container's address.
# Where no rule leads, the proxy does, and the server sees the bridge: as with Docker's userland proxy.
_REACHED = [
    ("internet", HOST_ADDRESS, INTERNET_ADDRESS),
    (None, "127.0.0.1", "172.17.0.1"),
    (None, HOST_ADDRESS, HOST_ADDRESS),
    (None, "::1", "172.17.0.1"),
    (None, HOST6, "172.17.0.1"),
    ("internet", HOST6, "172.17.0.1"),
    ("web", HOST_ADDRESS, "172.17.0.1"),
    ("web", "172.17.0.1", "172.17.0.1"),
    ("neighbour", HOST_ADDRESS, "172.17.0.1"),
    ("neighbour", "172.17.0.1", "172.17.0.1"),
    ("other", HOST_ADDRESS, "172.17.0.1"),
    ("other", "10.66.0.1", "172.17.0.1"),
    ("other", HOST6, "172.17.0.1"),
]


@pytest.mark.parametrize("kind", ["tcp", "udp"])
@pytest.mark.parametrize(("where", "address", "seen"), _REACHED)
def test_who_reaches_a_published_port_and_as_whom(
    published: Host, kind: str, where: "str | None", address: str, seen: str
) -> None:
    """T-E6: from outside the server sees who it is; hairpin and the host's own as docs/networks.md has it."""
    assert ask(published, where, kind, address, 8080) == f"web {seen}"


_REACHED_6 = [
    ("internet", HOST_ADDRESS, INTERNET_ADDRESS),
    ("internet", HOST6, INTERNET6),
    (None, "::1", "fd00:66::1"),
    (None, HOST6, HOST6),
    (None, "127.0.0.1", "10.66.0.1"),
    ("web6", HOST6, "fd00:66::1"),
    ("other", HOST6, "fd00:66::1"),
    ("other", "fd00:66::1", "fd00:66::1"),
    ("neighbour", HOST_ADDRESS, "10.66.0.1"),
]


@pytest.mark.parametrize("kind", ["tcp", "udp"])
@pytest.mark.parametrize(("where", "address", "seen"), _REACHED_6)
def test_who_reaches_a_published_port_of_a_network_with_ipv6(
    published: Host, kind: str, where: "str | None", address: str, seen: str
) -> None:
    assert ask(published, where, kind, address, 8086) == f"web6 {seen}"


@pytest.mark.parametrize("kind", ["tcp", "udp"])
@pytest.mark.parametrize(("port", "seen"), [(8086, "web6 fd00:66::1"), (8080, "web 172.17.0.1")])
def test_a_link_local_address_reaches_a_published_port_by_the_proxy(
    published: Host, kind: str, port: int, seen: str
) -> None:
    """A rule would lead the packet to a link where nobody knows who sent it."""
    address = published.out("ip -6 -br addr show dev up0 scope link").split()[2].partition("/")[0]
    for where in ("internet", None):
        assert ask(published, where, kind, f"{address}%up0", port) == seen


def test_a_port_of_one_address_is_not_there_on_others(published: Host) -> None:
    assert ask(published, "internet", "tcp", HOST_ADDRESS, 9002) == f"web {INTERNET_ADDRESS}"
    assert ask(published, None, "tcp", "127.0.0.1", 9002) == "ConnectionRefusedError"
    assert ask(published, None, "tcp", "127.0.0.5", 9000) == "web 172.17.0.1"
    assert ask(published, None, "udp", "127.0.0.5", 9000) == "web 172.17.0.1"
    assert ask(published, None, "tcp", "::1", 9001) == "web 172.17.0.1"


@pytest.mark.parametrize("kind", ["tcp", "udp"])
@pytest.mark.parametrize(
    ("name", "route", "gateway"),
    [
        ("web", "172.17.0.0/16", "172.17.0.1"),
        ("web6", "10.66.0.0/24", "10.66.0.1"),
        ("web6", "fd00:66::/64", "fd00:66::1"),
    ],
)
def test_a_published_port_is_reached_by_the_hosts_address_alone(
    published: Host, kind: str, name: str, route: str, gateway: str
) -> None:
    """T-E3, moby#45610: a neighbour routes to the container by way of the host, and asks the port that is published."""
    family, via = (6, HOST6) if ":" in route else (4, HOST_ADDRESS)
    own = walls.address(published, name, family)
    assert ask(published, None, kind, own, 80) == f"{name} {gateway}"
    assert published.internet(f"ip -{family} route add {route} via {via}").returncode == 0
    answer = ask(published, "internet", kind, own, 80, 1)
    published.internet(f"ip -{family} route del {route}")
    assert answer == "TimeoutError"


@pytest.mark.parametrize("let_in", ["0", "1"])
def test_a_loopback_port_is_not_reached_from_outside(published: Host, let_in: str) -> None:
    """T-E2: an attacker routes 127.0.0.5 by way of the host, which may even let such packets in."""
    lets = "net.ipv4.conf.{}.route_localnet"
    published.out(f"sysctl -qw {lets.format('up0')}={let_in}")
    published.internet("ip addr del 127.0.0.1/8 dev lo")
    published.internet(f"sysctl -qw {lets.format('all')}=1; ip route add 127.0.0.5/32 via {HOST_ADDRESS}")
    counted = "nstat -az TcpInSegs | awk '/Tcp/ { print $2 }'"
    before = int(published.out(counted))
    assert ask(published, "internet", "tcp", "127.0.0.5", 9000, 1) in ("TimeoutError", "ConnectionRefusedError")
    assert ask(published, "internet", "udp", "127.0.0.5", 9000, 1) in ("TimeoutError", "ConnectionRefusedError")
    assert (int(published.out(counted)) > before) == (let_in == "1")  # they came as far as TCP
    published.internet("ip addr add 127.0.0.1/8 dev lo")
    published.out(f"sysctl -qw {lets.format('up0')}=0")


@pytest.mark.parametrize("backend", ["iptables", "nftables"])
def test_udp_flows_follow_the_container_that_has_the_port(host: Host, backend: str, tmp_path: Path) -> None:
    """T-E9: a client that never stops sending finds whoever has the port now."""
    host.run = switched(host, f"PYRUN_FIREWALL={backend}")  # type: ignore[method-assign,assignment]
    script = (
        "import socket, time\ns = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.settimeout(0.02)\n"
        f"s.bind(('', 5555)); s.connect(('{HOST_ADDRESS}', 5353))\n"
        "last = b''\nwhile True:\n    time.sleep(0.01)\n    try: s.send(b'x'); got = s.recv(99)\n    except OSError: continue\n"
        "    if got != last: last = got; print(got.decode(), flush=True)\n"
    )
    enter = ["nsenter", "-t", str(host.internet_pid), "-n"]
    answers = tmp_path / "answers"
    with answers.open("wb") as output:
        asking = host.start([*enter, sys.executable, "-I", "-S", "-c", script], stdout=output)
    try:
        time.sleep(0.1)  # it has been sending before there was anybody
        for name in ("first", "second"):
            # The first one's address stays taken, so that nobody answers in its place.
            host.ok("run", "-d", "--name", name, "-p", "5353:80/udp", *SLEEP)
            server = server_of(host, name)
            wait_until(lambda: f"{name} ::ffff:{INTERNET_ADDRESS}\n" in answers.read_text())  # noqa: B023
            host.ok("rm", "-f", name)
            server.kill()
            server.communicate()
            host.ok("run", "-d", "--name", f"in-place-of-{name}", *SLEEP)
        assert "dport=5353" not in host.out("conntrack -L -p udp 2>/dev/null | grep 172.17 || :")
    finally:
        asking.kill()
        asking.communicate()
