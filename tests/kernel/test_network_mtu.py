"""The MTU of a network: the one that was given, or what leaves this host as it is; iproute2 is the witness."""

import pytest
from lab import BUSYBOX, INTERNET_ADDRESS, Host

_SECOND = (
    "ip link add du0 mtu 1350 type veth peer name du1; ip link set du1 up; ip link set du0 up;"
    "ip addr add 192.0.2.2/24 dev du0"
)


def _mtu(host: Host, *link: str) -> int:
    return int(host.out(f"ip {' '.join(link)} | grep -o 'mtu [0-9]*'").split()[1])


@pytest.mark.parametrize(
    ("routes", "mtu"),
    [
        ("ip link set up0 mtu 1400", 1400),
        (f"ip route replace default via {INTERNET_ADDRESS} dev up0 mtu 1300", 1300),
        (f"ip route replace default via {INTERNET_ADDRESS} dev up0 mtu lock 1300", 1300),
        (f"{_SECOND}; ip route add default via 192.0.2.1 dev du0 metric 9", 1500),
        (f"{_SECOND}; ip route add unreachable default metric 9", 1500),
        (f"{_SECOND}; ip route replace default nexthop via {INTERNET_ADDRESS} dev up0 nexthop via 192.0.2.1", 1350),
        (f"{_SECOND}; ip route replace default mtu 1300 nexthop via 192.0.2.1 nexthop via {INTERNET_ADDRESS}", 1300),
    ],
)
def test_auto_is_what_the_default_route_takes(host: Host, routes: str, mtu: int) -> None:
    """Of several ways the narrowest: which one a packet takes is not known before."""
    host.out(routes)
    host.ok("network", "create", "-o", "mtu=auto", "-o", "com.docker.network.bridge.name=one0", "one")
    assert _mtu(host, "link show one0") == mtu
    host.ok("run", "-d", "--network", "one", "--name", "box", BUSYBOX, "sleep", "600")
    assert _mtu(host, "-n pyrun-box link show eth0") == mtu
    assert b"ok    default route: is there" in host.pyrun("doctor").stdout


def test_auto_needs_a_default_route(host: Host) -> None:
    host.out("ip route del default; ip route add unreachable default")
    done = host.pyrun("network", "create", "-o", "mtu=auto", "one")
    assert (done.returncode, done.stderr) == (1, b"pyrun: opt: mtu=auto: this host has no default route\n")


def test_none_is_the_kernels(host: Host) -> None:
    """Docker takes a 0 for no word at all."""
    host.ok("network", "create", "-o", "mtu=0", "-o", "com.docker.network.bridge.name=one0", "--ipv6", "one")
    assert _mtu(host, "link show one0") == 1500


def test_an_mtu_that_is_too_narrow_for_ipv6_is_one_for_ipv4(host: Host) -> None:
    """The kernel gives such links no parameters of IPv6 at all; with IPv6 the network is refused."""
    host.ok("network", "create", "-o", "mtu=1279", "-o", "com.docker.network.bridge.name=one0", "one")
    host.ok("run", "-d", "--network", "one", "--name", "box", BUSYBOX, "sleep", "600")
    assert host.ok("exec", "box", "ping", "-c", "1", "-W", "2", INTERNET_ADDRESS)
    assert "inet6" not in host.out("ip addr show one0; ip -n pyrun-box addr show eth0")
    host.ok("run", "-d", "--name", "other", BUSYBOX, "sleep", "600")
    host.ok("network", "connect", "one", "other")
    assert _mtu(host, "-n pyrun-other link show eth1") == 1279
    done = host.pyrun("network", "create", "-o", "mtu=1279", "--ipv6", "six")
    assert done.returncode == 1, done
    assert done.stderr == b"pyrun: opt: com.docker.network.driver.mtu: 1279: IPv6 needs 1280\n"
    host.ok("network", "create", "-o", "mtu=1280", "--ipv6", "six")
