"""T-E1: a container that is a router to the host may not send the host elsewhere."""

import pytest
import walls
from lab import BUSYBOX, Host

_FAR = "203.0.113.7"
# ICMP redirect (5, code 1) about an answer to a ping, as the host is taken to have sent it to a place that it routes over us.
_REDIRECT = """
import socket, struct, sys
host, to, far = map(socket.inet_aton, sys.argv[1:])
def total(data):
    value = sum(struct.unpack(f"!{len(data) // 2}H", data))
    value = (value & 0xFFFF) + (value >> 16)
    return ~(value + (value >> 16)) & 0xFFFF
def summed(data, at):
    return data[:at] + struct.pack("!H", total(data)) + data[at + 2:]
head = summed(struct.pack("!BBHHHBBH", 0x45, 0, 28, 1, 0, 64, 1, 0) + host + far, 10)
load = summed(struct.pack("!BBHHH", 0, 0, 0, 1, 1), 2)
s = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP)
s.sendto(summed(struct.pack("!BBH", 5, 1, 0) + to + head + load, 2), (sys.argv[1], 0))
"""


@pytest.mark.parametrize("accepted", [False, True])
def test_a_container_cannot_send_the_host_elsewhere(host: Host, accepted: bool) -> None:
    """With forwarding the kernel takes redirects where both `all` and the bridge do: somebody may have set the first."""
    for name in ("router", "elsewhere"):
        host.ok("run", "-d", "--name", name, BUSYBOX, "sleep", "300")
    router, elsewhere = (walls.address(host, name, 4) for name in ("router", "elsewhere"))
    host.out(f"sysctl -qw net.ipv4.conf.all.accept_redirects=1; ip route add {_FAR}/32 via {router}")
    if accepted:  # then it is an attack that works
        host.out("sysctl -qw net.ipv4.conf.pyrun0.accept_redirects=1")
    assert f"via {router} " in host.out(f"ip route get {_FAR}")
    host.out(f"ping -c 1 {router} && ping -c 1 {elsewhere}")
    enter = ["ip", "netns", "exec", "pyrun-router", "python3", "-c", _REDIRECT]
    assert host.run([*enter, "172.17.0.1", elsewhere, _FAR]).returncode == 0
    host.out("ip netns exec pyrun-router ping -c 1 172.17.0.1")  # arrives after it
    assert f"via {elsewhere if accepted else router} " in host.out(f"ip route get {_FAR}")


def test_the_bridge_takes_no_redirects_of_ipv6_either(host: Host) -> None:
    """As long as the host forwards IPv6 the kernel takes none at all."""
    walls.give_ipv6(host)
    host.ok("network", "create", "--ipv6", "-o", "com.docker.network.bridge.name=six0", "six")
    assert host.out("sysctl -n net.ipv6.conf.six0.accept_redirects net.ipv4.conf.six0.accept_redirects") == "0\n0\n"
