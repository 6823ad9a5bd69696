"""The process that answers for names: its sockets and rules, what ends it and what does not, who starts it again."""

import re
from pathlib import Path

import pytest
from lab import BUSYBOX, PYRUN, Host, wait_until, without
from named import SERVICES, NameServer, address, dig, short


def test_bridge_alone_has_no_resolver(host: Host) -> None:
    host.ok("run", "-d", "--name", "plain", BUSYBOX, "sleep", "300")
    assert "127.0.0.11" not in host.ok("exec", "plain", "cat", "/etc/resolv.conf")
    assert host.shell("ip netns exec pyrun-plain ss -Hlntu").stdout == b""
    assert host.shell(SERVICES).stdout == b""


@pytest.mark.parametrize("backend", ["iptables", "nftables"])
def test_sockets_and_rules_are_inside(host: Host, backend: str) -> None:
    """Docker's rules in the container's namespace; the host's own rules say nothing of it."""
    pyrun = ["env", f"PYRUN_FIREWALL={backend}", *PYRUN]
    assert host.run([*pyrun, "network", "create", "net1"]).returncode == 0
    assert host.run([*pyrun, "run", "-d", "--name", "one", "--net", "net1", BUSYBOX, "sleep", "300"]).returncode == 0
    inside = "ip netns exec pyrun-one"
    listening = host.out(f"{inside} ss -Hlntu").splitlines()
    ports = {line.split()[4].removeprefix("127.0.0.11:") for line in listening}
    assert (len(listening), len(ports)) == (2, 1)
    port = ports.pop()
    if backend == "iptables":
        rules = [line for line in host.out(f"{inside} iptables-save -t nat").splitlines() if line.startswith("-A")]
        assert rules == [line.format(port=port) for line in _DOCKERS_RULES]
    else:
        rules = host.out(f"{inside} nft list table ip pyrun-names").splitlines()
        assert sum(f"dnat to 127.0.0.11:{port}" in line for line in rules) == 2
        assert sum("snat to :53" in line for line in rules) == 2
        assert host.out(f"{inside} iptables-save").count("-A") == 0
    assert short(host, "one", "one") == short(host, "one", "one", "+tcp") == [address(host, "one")]
    assert host.ok("exec", "one", "nslookup", "one.net1").count(address(host, "one")) == 1
    outside = host.out("iptables-save; nft list ruleset")
    assert "127.0.0.11" not in outside
    assert host.shell("ss -Hlntu").stdout == b""


_DOCKERS_RULES = (
    "-A OUTPUT -d 127.0.0.11/32 -j PYRUN_OUTPUT",
    "-A POSTROUTING -d 127.0.0.11/32 -j PYRUN_POSTROUTING",
    "-A PYRUN_OUTPUT -d 127.0.0.11/32 -p tcp -m tcp --dport 53 -j DNAT --to-destination 127.0.0.11:{port}",
    "-A PYRUN_OUTPUT -d 127.0.0.11/32 -p udp -m udp --dport 53 -j DNAT --to-destination 127.0.0.11:{port}",
    "-A PYRUN_POSTROUTING -s 127.0.0.11/32 -p tcp -m tcp --sport {port} -j SNAT --to-source :53",
    "-A PYRUN_POSTROUTING -s 127.0.0.11/32 -p udp -m udp --sport {port} -j SNAT --to-source :53",
)


def test_port_53_stays_the_containers_own(net: Host, tmp_path: Path) -> None:
    """A name server in a container on 0.0.0.0:53 serves its neighbours, and asks us for names itself."""
    pid = int(net.out("ip netns pids pyrun-one").split()[0])
    own = NameServer(pid, tmp_path / "own", "0.0.0.0")
    try:
        answer = net.out(f"ip netns exec pyrun-two dig +short @{address(net, 'one')} x.test")
        assert answer == "203.0.113.7\n"
        assert short(net, "one", "two") == short(net, "one", "two", "+tcp") == [address(net, "two")]
        assert [line.split()[2] for line in own.asked()] == ["x.test"]
    finally:
        own.stop()


def test_nonsense_ends_nothing(net: Host) -> None:
    """All that a hostile program sends, and more connections than there may be; then questions have answers."""
    done = net.shell("ip netns exec pyrun-two python3 -", stdin=_NONSENSE)
    assert done.returncode == 0, done
    assert short(net, "two", "one") == short(net, "two", "one", "+tcp") == [address(net, "one")]


_NONSENSE = b"""
import os, random, socket
query = bytes.fromhex("000101000001000000000000036f6e650000010001")
udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
for at in range(3000):
    packet = bytearray(query if at % 3 else os.urandom(at % 600))
    for _ in range(at % 5):
        if packet:
            packet[random.randrange(len(packet))] = random.randrange(256)
    udp.sendto(packet[: random.randrange(len(packet) + 1)] if at % 7 == 0 else packet, ("127.0.0.11", 53))
connections = []
for at in range(200):
    tcp = socket.create_connection(("127.0.0.11", 53))
    tcp.settimeout(5)
    try:
        tcp.sendall(os.urandom(at) if at % 2 else (len(query) * 99).to_bytes(2, "big") + query)
    except OSError:
        pass
    connections.append(tcp)
for tcp in connections:
    tcp.close()
many = socket.create_connection(("127.0.0.11", 53))
many.sendall((len(query).to_bytes(2, "big") + query) * 500)
many.settimeout(10)
got = 0
while got < 500 * (len(query) + 2 + 16):
    got += len(many.recv(65536))
"""


def test_connections_are_limited(net: Host) -> None:
    """128 at a time, so that a program takes no more of the host; those that there are go on."""
    done = net.shell("ip netns exec pyrun-two python3 -", stdin=_MANY)
    assert done.returncode == 0, done
    assert short(net, "two", "one", "+tcp") == [address(net, "one")]


_MANY = b"""
import socket
query = bytes.fromhex("000101000001000000000000036f6e650000010001")
connections = [socket.create_connection(("127.0.0.11", 53), 5) for _ in range(200)]
for each in connections[128:]:
    assert each.recv(1) == b""
connections[0].sendall(len(query).to_bytes(2, "big") + query)
assert connections[0].recv(2)
"""


def test_it_ends_with_the_container(net: Host) -> None:
    """However the container ends, also when its monitor was killed."""
    assert len(net.out(SERVICES).split()) == 2
    net.ok("rm", "-f", "one")
    wait_until(lambda: len(net.out(SERVICES).split()) == 1)
    net.kill("$(ps -o ppid= -p $(ip netns pids pyrun-two | head -1))")
    assert short(net, "two", "two") == [address(net, "two")]
    net.kill_programs()
    wait_until(lambda: net.shell(SERVICES).stdout == b"")
    net.ok("ps", "-a")


def test_the_next_command_starts_it_again(net: Host) -> None:
    """After a kill -9, which its monitor sees: new sockets, and the rules lead to them."""
    assert net.out("ls /run/pyrun/unwatched 2>/dev/null || :") == ""
    net.kill(_answering(net, "two"))
    assert re.search("timed out|refused", dig(net, "two", "+time=1", "one"))
    wait_until(lambda: net.shell("ls /run/pyrun/unwatched").stdout.split() == [_identity(net, "two").encode()])
    net.ok("ps")
    assert short(net, "two", "one") == short(net, "two", "one", "+tcp") == [address(net, "one")]
    rules = net.out("ip netns exec pyrun-two iptables-save -t nat")
    assert (rules.count("DNAT"), rules.count("-j PYRUN_OUTPUT")) == (2, 1)


def test_who_was_started_by_a_command_is_looked_for(net: Host) -> None:
    """Nobody watches it: each command asks itself whether it still serves."""
    for _ in range(2):
        net.kill(_answering(net, "two"))
        wait_until(lambda: net.shell("ls /run/pyrun/unwatched").stdout.split() == [_identity(net, "two").encode()])
        net.ok("ps")
        assert short(net, "two", "one") == [address(net, "one")]
    net.ok("rm", "-f", "two")
    assert net.out("ls /run/pyrun/unwatched 2>/dev/null || :") == ""


def _identity(host: Host, container: str) -> str:
    return host.out(f"readlink /var/lib/pyrun/names/{container}").strip()


def _answering(host: Host, container: str) -> str:
    """Name the process that answers for a container's names."""
    return host.out(
        f"cut -d' ' -f1 /run/pyrun/containers/$(readlink /var/lib/pyrun/names/{container})/services"
    ).strip()


@pytest.mark.parametrize("moment", ["before", "after"])
@pytest.mark.parametrize("operation", ["RedirectNames", "StartServices"])
def test_killed_while_making_it_nothing_is_left(host: Host, operation: str, moment: str) -> None:
    """SIGKILL of the monitor right before or after: the sandbox ends, and who serves with it."""
    host.ok("network", "create", "net1")
    before = host.settled()
    module = {"RedirectNames": "pyrun.firewall.names", "StartServices": "pyrun.runtime.services"}[operation]
    injected = f"import os; from {module} import {operation} as made; whole = made.apply; end = lambda: os.kill(os.getpid(), 9)"
    order = "(end(), whole(self))" if moment == "before" else "(whole(self), end())"
    killed = without(f"{injected}; made.apply = lambda self: {order}")
    assert host.run([*killed, "run", "-d", "--name", "one", "--net", "net1", BUSYBOX, "sleep", "300"]).returncode == 125
    host.ok("ps", "-a")
    wait_until(lambda: host.shell(SERVICES).stdout == b"")
    host.ok("ps", "-a")
    assert host.settled() == before


def test_explain_shows_what_is_done_for_names(host: Host) -> None:
    host.ok("network", "create", "net1")
    planned = host.ok("run", "--dry-run", "--name", "one", "--net", "net1", BUSYBOX, "true")
    assert "host$ nsenter --net=/proc/$PID/ns/net iptables-restore --noflush -w 10 <<'END'\n*nat\n" in planned
    assert re.search(r"&& nsenter --net=/proc/\$PID/ns/net dnsmasq --port=\d+ --listen-address=127.0.0.11", planned)
    done = host.pyrun("run", "--explain", "--rm", "--name", "one", "--net", "net1", BUSYBOX, "true")
    assert done.returncode == 0
    assert re.search(rb"nsenter --net=/proc/\d+/ns/net iptables-restore", done.stderr)
