"""IPv6 networks: addresses of one's own machine or given ones, usable at once, and nothing of it where it is not wanted."""

import hashlib
import itertools
import json
import re
import subprocess

import pytest
import walls
from lab import BUSYBOX, HOST_ADDRESS, Host, wait_until


@pytest.fixture
def six(host: Host) -> Host:
    """Give a host that has IPv6 towards the internet, and the kernel's own default about duplicate addresses."""
    walls.give_ipv6(host)
    host.out("sysctl -qw net.ipv6.conf.default.accept_dad=1")
    return host


def _subnets(host: Host, name: str) -> list[str]:
    told = json.loads(host.ok("network", "inspect", name))[0]
    return [str(pool["Subnet"]) for pool in told["IPAM"]["Config"]]


def test_subnets_are_this_machines_own_or_the_given_ones(six: Host) -> None:
    for name in ("first", "second"):
        six.ok("network", "create", "--ipv6", name)
    six.ok("network", "create", "--ipv6", "--subnet", "fd12:3456:789a:5::/64", "given")
    digest = hashlib.sha256(six.out("cat /etc/machine-id 2>/dev/null || uname -n").strip().encode()).hexdigest()[:10]
    base = f"fd{digest[:2]}:{digest[2:6].lstrip('0') or 0}:{digest[6:].lstrip('0') or 0}"
    assert [_subnets(six, name)[1] for name in ("first", "second", "given")] == [
        f"{base}::/64",
        f"{base}:1::/64",
        "fd12:3456:789a:5::/64",
    ]


def test_a_container_speaks_ipv6_at_once(six: Host) -> None:
    """Its first packet is its program's first: no second is lost to looking for duplicates or a router."""
    six.ok("network", "create", "--ipv6", "--subnet", "fd00:1::/64", "six")
    script = f"ping -6 -c 1 -W 10 {walls.INTERNET6} && ip -6 addr show dev eth0 && ip -6 route"
    shown = six.ok("run", "--rm", "--net", "six", BUSYBOX, "sh", "-c", script)
    assert "1 packets received" in shown
    assert "tentative" not in shown
    assert "fd00:1::2/64" in shown
    assert "default via fd00:1::1 dev eth0" in shown


def test_what_comes_in_reaches_a_container_at_once(six: Host) -> None:
    """The host has to ask who has the address, for which the bridge's own must be usable: it was not, for two seconds."""
    six.ok("network", "create", "--ipv6", "--subnet", "fd00:1::/64", "-o", "com.docker.network.bridge.name=six0", "six")
    assert six.internet(f"ip -6 route add fd00:1::/64 via {walls.HOST6}").returncode == 0
    six.ok("run", "-d", "--name", "box", "--net", "six", BUSYBOX, "sleep", "300")
    six.out("ip6tables -I PYRUN-USER -o six0 -j ACCEPT")
    assert six.internet("ping -c 1 -W 10 fd00:1::2").returncode == 0
    assert "tentative" not in six.out("ip -6 addr show dev six0")


@pytest.mark.parametrize("backend", walls.BACKENDS)
def test_the_far_side_sees_the_hosts_address_and_reaches_no_container(
    six: Host, backend: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    walls.use(six, backend, monkeypatch)
    six.ok("network", "create", "--ipv6", "--subnet", "fd00:1::/64", "six")
    six.ok("run", "-d", "--name", "box", "--net", "six", BUSYBOX, "sleep", "300")
    assert six.internet(f"ip -6 route add fd00:1::/64 via {walls.HOST6}").returncode == 0
    with walls.serving(six, ["internet", "box"]):
        script = f"nc -w 5 {walls.INTERNET6} {walls.PORT}"
        assert six.ok("exec", "box", "sh", "-c", script) == walls.HOST6
        assert walls.reached(six, "internet", ["fd00:1::2"]) == {"fd00:1::2": frozenset()}
        assert walls.reached(six, "host", ["fd00:1::2"]) == {"fd00:1::2": walls.PROTOCOLS}


def test_without_masquerade_the_far_side_sees_the_containers_address(six: Host) -> None:
    off = "com.docker.network.bridge.enable_ip_masquerade=false"
    six.ok("network", "create", "--ipv6", "--subnet", "10.9.0.0/16", "--subnet", "fd00:1::/64", "-o", off, "six")
    assert six.internet(f"ip -6 route add fd00:1::/64 via {walls.HOST6}").returncode == 0
    assert six.internet(f"ip route add 10.9.0.0/16 via {HOST_ADDRESS}").returncode == 0
    six.ok("run", "-d", "--name", "box", "--net", "six", BUSYBOX, "sleep", "300")
    with walls.serving(six, ["internet"]):
        assert six.ok("exec", "box", "nc", "-w", "5", walls.INTERNET6, str(walls.PORT)) == "fd00:1::2"


def test_no_ipv6_where_the_network_has_none(six: Host) -> None:
    """T-E7 (CVE-2024-32473): no address, not even a link-local one, on the bridge, the cable and in the container."""
    six.ok("run", "-d", "--name", "box", BUSYBOX, "sleep", "300")
    six.ok("run", "-d", "--name", "both", "--net", "bridge", BUSYBOX, "sleep", "300")
    ports = [link["ifname"] for link in json.loads(six.out("ip -j link show master pyrun0"))]
    assert len(ports) == 2
    assert (
        six.out(f"sysctl -n {' '.join(f'net.ipv6.conf.{link}.disable_ipv6' for link in (*ports, 'pyrun0'))}")
        == "1\n1\n1\n"
    )
    assert [six.out(f"ip -6 addr show dev {link}") for link in (*ports, "pyrun0")] == ["", "", ""]
    assert six.out("ip -n pyrun-box -6 addr show dev eth0; ip -n pyrun-box -6 route show dev eth0") == ""


def test_a_cable_of_an_ipv6_network_has_no_address(six: Host) -> None:
    six.ok("network", "create", "--ipv6", "-o", "com.docker.network.bridge.name=six0", "six")
    six.ok("run", "-d", "--name", "box", "--net", "six", "--net", "bridge", BUSYBOX, "sleep", "300")
    port = json.loads(six.out("ip -j link show master six0"))[0]["ifname"]
    assert six.out(f"ip -6 addr show dev {port}") == ""
    assert "fe80::" in six.out("ip -n pyrun-box -6 addr show dev eth0")
    assert six.out("ip -n pyrun-box -6 addr show dev eth1") == ""


def test_a_host_without_ipv6_by_default_has_it_on_such_a_network(six: Host) -> None:
    six.out("sysctl -qw net.ipv6.conf.default.disable_ipv6=1")
    six.ok("network", "create", "--ipv6", "--subnet", "fd00:1::/64", "six")
    six.ok("run", "--rm", "--net", "six", BUSYBOX, "ping", "-6", "-c", "1", "-W", "10", "fd00:1::1")


_ROUTER = """
import socket, struct
s = socket.socket(socket.AF_INET6, socket.SOCK_RAW, socket.IPPROTO_ICMPV6)
s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_HOPS, 255)
s.sendto(struct.pack("!BBHBBHII", 134, 0, 0, 64, 0, 1800, 0, 0), ("ff02::1", 0, 0, socket.if_nametoindex("up0")))
"""


def test_an_uplink_goes_on_learning_its_routes(host: Host) -> None:
    """A host that forwards ignores routers unless told; whichever network goes last, all is as before then."""
    host.out("sysctl -qw net.ipv6.conf.up0.accept_ra=1 net.ipv6.conf.up0.router_solicitations=0")
    wait_until(lambda: b"fe80" in host.internet("ip -6 addr show dev up0 scope link -tentative").stdout)

    def advertise() -> None:
        done = subprocess.run(["nsenter", "-t", str(host.internet_pid), "-n", "python3", "-c", _ROUTER], check=False)
        assert done.returncode == 0

    def is_learned() -> bool:
        advertise()
        return b"proto ra" in host.shell("ip -6 route show default").stdout

    wait_until(is_learned)
    before = host.out("sysctl -n net.ipv6.conf.up0.accept_ra")
    for name in ("one", "two"):
        host.ok("network", "create", "--ipv6", name)
    host.out("ip -6 route flush proto ra")
    wait_until(is_learned)
    host.ok("network", "rm", "one")
    host.out("ip -6 route flush proto ra")
    wait_until(is_learned)
    host.ok("network", "rm", "two")
    assert host.out("sysctl -n net.ipv6.conf.up0.accept_ra") == before
    wait_until(is_learned)


@pytest.mark.parametrize("order", list(itertools.permutations(("four", "six", "named"))), ids=" ".join)
def test_forwarding_goes_back_whichever_network_goes_last(six: Host, order: tuple[str, ...]) -> None:
    """IPv4's and IPv6's, of every link; one of the networks has a bridge that is not called like ours."""
    six.out("sysctl -qw net.ipv4.ip_forward=0 net.ipv4.conf.all.accept_redirects=1 net.ipv6.conf.all.forwarding=0")
    six.out(
        "ip link add dummy0 type bridge; sysctl -qw net.ipv4.conf.dummy0.forwarding=1 net.ipv6.conf.dummy0.forwarding=1"
    )
    before = _parameters(six), six.snapshot()
    six.ok("network", "create", "four")
    six.ok("network", "create", "--ipv6", "six")
    six.ok("network", "create", "--ipv6", "-o", "com.docker.network.bridge.name=mine", "named")
    assert six.out("sysctl -n net.ipv4.ip_forward net.ipv6.conf.all.forwarding") == "1\n1\n"
    for at, name in enumerate(order, 1):
        six.ok("network", "rm", name)
        left = set(order[at:])
        assert six.out("sysctl -n net.ipv4.ip_forward").strip() == ("1" if left else "0")
        assert six.out("sysctl -n net.ipv6.conf.all.forwarding").strip() == ("1" if left - {"four"} else "0")
    assert (_parameters(six), six.snapshot()) == before


def _parameters(host: Host) -> list[str]:
    names = r"forwarding|accept_redirects|accept_ra|accept_dad|disable_ipv6"
    return re.findall(rf"net.ipv\d.conf.\S+.(?:{names}) = \S+", host.out("sysctl -a 2>/dev/null"))
