"""Names on networks that somebody created: getent, nslookup and dig are the witnesses, and a server in the internet."""

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from lab import BUSYBOX, DEBIAN, INTERNET_ADDRESS, PYRUN, Host, wait_until, without

SECOND_ADDRESS = "198.51.100.3"  # of the internet as well
_SERVICES = "pgrep -f --ns $$ --nslist net 'pyrun[.]runtime[.]services'"


class NameServer:
    """A server, its log, and what it was asked."""

    def __init__(self, namespace: int, log: Path, address: str) -> None:
        self._log = log
        script = str(Path(__file__).with_name("nameserver.py"))
        command = ["nsenter", "-t", str(namespace), "-n", sys.executable, script, str(log), address]
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE)
        assert self._process.stdout
        assert self._process.stdout.readline() == b"ready\n"

    def asked(self, name: str = "") -> list[str]:
        """List the questions, as PROTOCOL PEER NAME TYPE."""
        lines = self._log.read_text().splitlines() if self._log.exists() else []
        return [line for line in lines if not name or line.split()[2] == name]

    def stop(self) -> None:
        """End it."""
        self._process.kill()
        self._process.wait()


@pytest.fixture
def server(host: Host, tmp_path: Path) -> Iterator[NameServer]:
    """A server in the internet, which is the host's."""
    use(host, INTERNET_ADDRESS)
    running = NameServer(host.internet_pid, tmp_path / "log", INTERNET_ADDRESS)
    yield running
    running.stop()


@pytest.fixture
def net(host: Host) -> Host:
    """A host with a network called net1 on which are one (alias web, hostname first.host) and two (alias web)."""
    use(host, INTERNET_ADDRESS)
    host.ok("network", "create", "net1")
    host.ok(
        "run",
        "-d",
        "--name",
        "one",
        "--hostname",
        "first.host",
        "--net",
        "name=net1,alias=web",
        BUSYBOX,
        "sleep",
        "300",
    )
    host.ok("run", "-d", "--name", "two", "--net", "name=net1,alias=web", DEBIAN, "sleep", "300")
    return host


def use(host: Host, *servers: str, options: str = "") -> None:
    """Make these the host's name servers."""
    text = "".join(f"nameserver {server}\\n" for server in servers) + options
    host.out(
        f"printf '{text}' > /run/resolv; mountpoint -q /etc/resolv.conf || mount --bind /run/resolv /etc/resolv.conf"
    )


def dig(host: Host, container: str, *words: str) -> str:
    """Give all that dig says in a container's network."""
    return host.shell(
        f"ip netns exec pyrun-{container} dig +tries=1 +time=15 @127.0.0.11 {' '.join(words)}"
    ).stdout.decode()


def short(host: Host, container: str, *words: str) -> list[str]:
    """Give the answers alone, in order."""
    return sorted(dig(host, container, "+short", *words).splitlines())


def status(text: str) -> tuple[str, str]:
    """Give code and flags of what dig says."""
    return re.findall(r"status: (\w+)", text)[-1], re.findall(r"flags: ([a-z ]*);", text)[0]


def address(host: Host, container: str) -> str:
    """Ask iproute2 for a container's address."""
    return host.out(f"ip -n pyrun-{container} -br -4 addr show eth0").split()[2].partition("/")[0]


def test_every_name_of_a_container_leads_to_it(net: Host) -> None:
    """By UDP and TCP, in any case, with Docker's time to live and flags."""
    identity = net.ok("inspect", "one")
    identity = re.findall(r'"Id": "([0-9a-f]{12})', identity)[0]
    expected = [address(net, "one")]
    for name in ("one", "ONE", "first.host", identity, "one.net1", "One.Net1", "first.host.net1", f"{identity}.net1"):
        for protocol in ("+notcp", "+tcp"):
            assert short(net, "two", name, protocol) == expected, (name, protocol)
    said = dig(net, "two", "OnE")
    assert status(said) == ("NOERROR", "qr rd ra")
    assert re.search(rf"^OnE\.\s+600\s+IN\s+A\s+{expected[0]}$", said, re.M)


def test_getent_nslookup_and_dig_agree(net: Host) -> None:
    one, two = address(net, "one"), address(net, "two")
    for name, addresses in (("one", [one]), ("one.net1", [one]), ("web", sorted([one, two]))):
        assert short(net, "two", name) == addresses
        given = net.ok("exec", "two", "getent", "ahostsv4", name).splitlines()
        assert sorted({line.split()[0] for line in given}) == addresses
        said = net.pyrun("exec", "one", "nslookup", f"{name}.").stdout.decode()
        assert sorted(re.findall(r"^Address:\s+([\d.]+)$", said, re.M)) == addresses


def test_addresses_lead_back_to_names(net: Host) -> None:
    one = address(net, "one")
    assert short(net, "two", "-x", one) == ["one.net1."]
    assert net.ok("exec", "two", "getent", "hosts", one).split() == [one, "one.net1"]
    assert "name = one.net1" in net.pyrun("exec", "one", "nslookup", one).stdout.decode()


def test_an_alias_of_two_leads_to_both_beginning_with_either(net: Host) -> None:
    both = sorted([address(net, "one"), address(net, "two")])
    said = [dig(net, "two", "+short", "web").splitlines() for _ in range(8)]
    assert all(sorted(each) == both for each in said)
    assert {each[0] for each in said} == set(both)


def test_a_name_without_such_records_exists_all_the_same(net: Host, server: NameServer) -> None:
    for kind in ("AAAA", "TXT", "MX", "HTTPS"):
        assert status(dig(net, "two", "one", kind)) == ("NOERROR", "qr rd ra")
        assert short(net, "two", "one", kind) == []
    assert server.asked() == []


def test_ipv6_addresses_have_names_too(host: Host) -> None:
    host.ok("network", "create", "--ipv6", "--subnet", "fd00:1::/64", "six")
    host.ok("run", "-d", "--name", "one", "--net", "six", BUSYBOX, "sleep", "300")
    assert short(host, "one", "one", "AAAA") == ["fd00:1::2"]
    assert short(host, "one", "-x", "fd00:1::2") == ["one.six."]


def test_who_comes_and_goes_is_known_at_once(net: Host) -> None:
    """The first question after run, and the first after rm, also when the name had another address before."""
    for _ in range(3):
        net.ok("run", "-d", "--name", "new", "--net", "net1", BUSYBOX, "sleep", "300")
        assert short(net, "two", "+noedns", "new") == [address(net, "new")]  # the same bytes each time
        net.ok("rm", "-f", "new")
        assert short(net, "two", "+noedns", "new") == []


def test_a_program_finds_names_from_its_first_moment(net: Host) -> None:
    for _ in range(3):
        said = net.ok("run", "--rm", "--name", "self", "--net", "net1", DEBIAN, "getent", "hosts", "one", "self.net1")
        assert [line.split()[1] for line in said.splitlines()] == ["one", "self.net1"]


def test_networks_do_not_see_each_others_names(net: Host) -> None:
    net.ok("network", "create", "net2")
    net.ok("run", "-d", "--name", "both", "--net", "net1", "--net", "net2", BUSYBOX, "sleep", "300")
    net.ok("run", "-d", "--name", "far", "--net", "net2", BUSYBOX, "sleep", "300")
    assert short(net, "far", "one") == []
    assert short(net, "both", "one") == [address(net, "one")]
    assert short(net, "both", "far") == [address(net, "far")]
    assert short(net, "far", "both.net2") == short(net, "far", "both") != short(net, "one", "both")
    assert short(net, "both", "both.net1") == short(net, "one", "both")


def test_bridge_alone_has_no_resolver(host: Host) -> None:
    host.ok("run", "-d", "--name", "plain", BUSYBOX, "sleep", "300")
    assert "127.0.0.11" not in host.ok("exec", "plain", "cat", "/etc/resolv.conf")
    assert host.shell("ip netns exec pyrun-plain ss -Hlntu").stdout == b""
    assert host.shell(_SERVICES).stdout == b""


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


def test_unknown_names_are_asked_for_outside(net: Host, server: NameServer) -> None:
    """By the protocol that the question came by; what does not fit is cut, and asked for again by TCP."""
    assert short(net, "two", "x.test") == ["203.0.113.7"]
    assert short(net, "two", "single") == ["203.0.113.7"]
    assert status(dig(net, "two", "x.unknown")) == ("NXDOMAIN", "qr rd ra")
    assert status(dig(net, "two", "+ignore", "big.test")) == ("NOERROR", "qr tc rd ra")
    assert len(short(net, "two", "big.test")) == 60
    assert {line.split()[1] for line in server.asked()} == {"198.51.100.2"}  # from the host, not masqueraded
    assert {line.split()[0] for line in server.asked("big.test")} == {"udp", "tcp"}
    assert net.ok("exec", "two", "getent", "hosts", "x.test").split() == ["203.0.113.7", "x.test"]


def test_what_was_said_outside_is_kept_as_long_as_it_lives(net: Host, server: NameServer) -> None:
    for _ in range(3):
        assert short(net, "two", "+noedns", "x.test") == ["203.0.113.7"]
    assert len(server.asked("x.test")) == 1
    assert short(net, "two", "+noedns", "short.test") == ["203.0.113.7"]
    wait_until(lambda: short(net, "two", "+noedns", "short.test") and len(server.asked("short.test")) == 2)
    lived = dig(net, "two", "+noedns", "x.test")
    assert int(re.findall(r"^x\.test\.\s+(\d+)", lived, re.M)[0]) < 60
    assert len(server.asked("x.test")) == 1


def test_only_the_answer_to_the_question_counts(net: Host, server: NameServer) -> None:
    """Wrong number, another question, a question, nonsense, another port: all passed over."""
    assert short(net, "two", "spoofed.test") == ["203.0.113.7"]


def test_the_next_server_is_asked_when_one_fails(net: Host, server: NameServer, tmp_path: Path) -> None:
    """One that refuses, one whose host refuses, one that says nothing at all."""
    net.internet(f"ip addr add {SECOND_ADDRESS}/24 dev up0")
    use(net, SECOND_ADDRESS, INTERNET_ADDRESS)
    assert short(net, "two", "a.test") == ["203.0.113.7"]  # nobody is there
    silent = NameServer(net.internet_pid, tmp_path / "second", SECOND_ADDRESS)
    try:
        assert short(net, "two", "b.test") == ["203.0.113.7"]
        assert (len(silent.asked("b.test")), len(server.asked("b.test"))) == (1, 0)
        assert status(dig(net, "two", "fail.test"))[0] == "SERVFAIL"
        assert (len(silent.asked("fail.test")), len(server.asked("fail.test"))) == (1, 1)
        assert status(dig(net, "two", "refused.test"))[0] == "REFUSED"
        assert (len(silent.asked("refused.test")), len(server.asked("refused.test"))) == (1, 1)
        net.internet(f"iptables -A INPUT -d {SECOND_ADDRESS} -p udp -j DROP")
        assert short(net, "two", "c.test") == ["203.0.113.7"]  # after its patience of four seconds
        assert (len(silent.asked("c.test")), len(server.asked("c.test"))) == (0, 1)
    finally:
        silent.stop()


def test_who_gets_no_answer_is_told_so(net: Host, server: NameServer) -> None:
    """SERVFAIL, when the only server is silent, gone, or there is none."""
    assert status(dig(net, "two", "drop.test")) == ("SERVFAIL", "qr rd ra")
    server.stop()
    assert status(dig(net, "two", "x.test")) == ("SERVFAIL", "qr rd ra")
    use(net)
    assert status(dig(net, "two", "x.test", "+tcp")) == ("SERVFAIL", "qr rd ra")
    assert short(net, "two", "one") == [address(net, "one")]


def test_an_internal_network_asks_nobody_outside(host: Host, server: NameServer) -> None:
    """CVE-2024-29018: its own names have answers, and the server in the internet was asked nothing."""
    host.ok("network", "create", "--internal", "inside")
    host.ok("network", "create", "outside")
    host.ok("run", "-d", "--name", "one", "--net", "inside", BUSYBOX, "sleep", "300")
    assert short(host, "one", "one") == [address(host, "one")]
    for name in ("x.test", "single", "secret-1234.test"):
        assert status(dig(host, "one", name))[0] == "SERVFAIL"
        assert status(dig(host, "one", name, "+tcp"))[0] == "SERVFAIL"
    assert server.asked() == []
    host.ok("run", "-d", "--name", "two", "--net", "inside", "--net", "outside", BUSYBOX, "sleep", "300")
    assert short(host, "two", "x.test") == ["203.0.113.7"]


def test_given_servers_are_asked_from_the_container(net: Host, server: NameServer, tmp_path: Path) -> None:
    """--dns may be another container; it is asked from the container's own address, by UDP and TCP."""
    one = address(net, "one")
    given = NameServer(int(net.out("ip netns pids pyrun-one").split()[0]), tmp_path / "given", one)
    try:
        net.ok("run", "-d", "--name", "asks", "--net", "net1", "--dns", one, BUSYBOX, "sleep", "300")
        assert one not in net.ok("exec", "asks", "cat", "/etc/resolv.conf")
        for at in range(40):  # more than are made at a time
            assert short(net, "asks", f"n{at}.test") == ["203.0.113.7"]
        assert len(short(net, "asks", "big.test")) == 60
        assert {line.split()[1] for line in given.asked()} == {address(net, "asks")}
        assert server.asked() == []
    finally:
        given.stop()


def test_names_without_dots_stay_here_where_dots_were_chosen(net: Host, server: NameServer) -> None:
    """As Docker: who sets ndots has single names searched for, not asked for."""
    options = ["--dns-option", "ndots:2", "--dns-search", "x.test"]
    net.ok("run", "-d", "--name", "dots", "--net", "net1", *options, BUSYBOX, "sleep", "300")
    text = net.ok("exec", "dots", "cat", "/etc/resolv.conf")
    assert text == "search x.test\nnameserver 127.0.0.11\noptions ndots:2\n"
    assert status(dig(net, "dots", "single")) == ("NOERROR", "qr rd ra")
    assert server.asked() == []
    assert short(net, "dots", "one") == [address(net, "one")]


def test_the_hosts_own_stub_resolver_is_asked(net: Host, tmp_path: Path) -> None:
    """systemd-resolved's address is loopback of the host, which only the host reaches."""
    stub = NameServer(net.pid, tmp_path / "stub", "127.0.0.53")
    try:
        use(net, "127.0.0.53")
        assert short(net, "two", "x.test") == ["203.0.113.7"]
        assert stub.asked() == ["udp 127.0.0.1 x.test 1"]
    finally:
        stub.stop()


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
    assert len(net.out(_SERVICES).split()) == 2
    net.ok("rm", "-f", "one")
    wait_until(lambda: len(net.out(_SERVICES).split()) == 1)
    net.kill("$(ps -o ppid= -p $(ip netns pids pyrun-two | head -1))")
    assert short(net, "two", "two") == [address(net, "two")]
    net.kill_programs()
    wait_until(lambda: net.shell(_SERVICES).stdout == b"")
    net.ok("ps", "-a")


def test_the_next_command_starts_it_again(net: Host) -> None:
    """After a kill -9: new sockets, and the rules lead to them."""
    net.kill(_answering(net, "two"))
    assert re.search("timed out|refused", dig(net, "two", "+time=1", "one"))
    net.ok("ps")
    assert short(net, "two", "one") == short(net, "two", "one", "+tcp") == [address(net, "one")]
    rules = net.out("ip netns exec pyrun-two iptables-save -t nat")
    assert (rules.count("DNAT"), rules.count("-j PYRUN_OUTPUT")) == (2, 1)


def _answering(host: Host, container: str) -> str:
    """Name the process that answers for a container's names."""
    return host.out(
        f"cut -d' ' -f1 /run/pyrun/containers/$(readlink /var/lib/pyrun/names/{container})/services"
    ).strip()


def test_a_running_container_gets_names_with_its_first_network(net: Host) -> None:
    """Connected live, also when somebody serves its ports already; renamed there, and gone with disconnect."""
    for name, options in (("plain", []), ("ports", ["-p", "8080:80"])):
        net.ok("run", "-d", "--name", name, "--hostname", f"{name}.host", *options, BUSYBOX, "sleep", "300")
        net.ok("network", "connect", "--alias", f"{name}-alias", "net1", name)
        assert "127.0.0.11" in net.ok("exec", name, "cat", "/etc/resolv.conf")
        assert short(net, name, "one") == [address(net, "one")]
        there = net.out(f"ip -n pyrun-{name} -br -4 addr show eth1").split()[2].partition("/")[0]
        for called in (name, f"{name}-alias", f"{name}.host", f"{name}.net1"):
            assert short(net, "two", called) == [there]
        net.ok("network", "disconnect", "net1", name)
        assert short(net, "two", name) == []
        net.ok("network", "connect", "net1", name)
        assert short(net, name, "one") == [address(net, "one")]
        assert short(net, "two", f"{name}-alias") == []
    assert b":8080 " in net.shell("ss -Hlnt").stdout


@pytest.mark.parametrize("moment", ["before", "after"])
@pytest.mark.parametrize("operation", ["RedirectNames", "StartServices"])
def test_killed_while_making_it_nothing_is_left(host: Host, operation: str, moment: str) -> None:
    """SIGKILL of the monitor right before or after: the sandbox ends, and who serves with it."""
    host.ok("network", "create", "net1")
    before = _standing(host)
    module = {"RedirectNames": "pyrun.firewall.names", "StartServices": "pyrun.runtime.services"}[operation]
    injected = f"import os; from {module} import {operation} as made; whole = made.apply; end = lambda: os.kill(os.getpid(), 9)"
    order = "(end(), whole(self))" if moment == "before" else "(whole(self), end())"
    killed = without(f"{injected}; made.apply = lambda self: {order}")
    assert host.run([*killed, "run", "-d", "--name", "one", "--net", "net1", BUSYBOX, "sleep", "300"]).returncode == 125
    host.ok("ps", "-a")
    wait_until(lambda: host.shell(_SERVICES).stdout == b"")
    host.ok("ps", "-a")
    assert _standing(host) == before


def _standing(host: Host) -> dict[str, str]:
    """Give a snapshot without the elements of cables that are gone: those are forgotten with a later change."""
    seen = host.settled()
    return seen | {"nft": "".join(line for line in seen["nft"].splitlines(True) if '"veth' not in line)}


def test_explain_shows_what_is_done_for_names(host: Host) -> None:
    host.ok("network", "create", "net1")
    planned = host.ok("run", "--dry-run", "--name", "one", "--net", "net1", BUSYBOX, "true")
    assert "host$ nsenter --net=/proc/$PID/ns/net iptables-restore --noflush -w 10 <<'END'\n*nat\n" in planned
    assert re.search(r"&& nsenter --net=/proc/\$PID/ns/net dnsmasq --port=\d+ --listen-address=127.0.0.11", planned)
    done = host.pyrun("run", "--explain", "--rm", "--name", "one", "--net", "net1", BUSYBOX, "true")
    assert done.returncode == 0
    assert re.search(rb"nsenter --net=/proc/\d+/ns/net iptables-restore", done.stderr)
