"""Published ports: from where they are reached and as whom, who gets them, and that nothing of them is left."""

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from lab import BUSYBOX, HOST_ADDRESS, INTERNET_ADDRESS, PYRUN, Host, fresh_host, wait_until

HOST6, INTERNET6 = "2001:db8:1::2", "2001:db8:1::1"
SLEEP = (BUSYBOX, "sleep", "300")

# A server in the container's sandbox on port 80 of each protocol and family: it says who asks, as it sees them.
_SERVER = """
import ctypes, select, socket, sys
ctypes.CDLL(None).prctl(1, 9)  # PR_SET_PDEATHSIG: it ends with the tests, also when one fails
tcp = socket.socket(socket.AF_INET6, socket.SOCK_STREAM)
udp = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
for each in (tcp, udp):
    each.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
    each.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    each.bind(("::", 80))
tcp.listen()
name = sys.argv[1]
print("ready", flush=True)
while True:
    for ready in select.select([tcp, udp], [], [])[0]:
        if ready is tcp:
            client, peer = tcp.accept()
            client.sendall(f"{name} {peer[0]}".encode())
            client.close()
        else:
            _, peer = udp.recvfrom(100)
            udp.sendto(f"{name} {peer[0]}".encode(), peer)
"""
# A client that prints the answer, or what is wrong.
_CLIENT = """
import socket, sys
kind, host, port = sys.argv[1], sys.argv[2], int(sys.argv[3])
try:
    info = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM if kind == "tcp" else socket.SOCK_DGRAM)[0]
    with socket.socket(info[0], info[1]) as asking:
        asking.settimeout(float(sys.argv[4]))
        asking.connect(info[4])
        if kind == "udp":
            asking.send(b"who am I?")
        print(asking.recv(100).decode().replace("::ffff:", "") or "nothing")
except OSError as problem:
    print(type(problem).__name__)
"""


def _ask(host: Host, where: "str | None", kind: str, address: str, port: int, patience: int = 20) -> str:
    """Ask a port from the host (None), the internet, or a container's sandbox; give the answer."""
    client = [sys.executable, "-I", "-S", "-c", _CLIENT, kind, address, str(port), str(patience)]
    if where == "internet":
        enter = ["nsenter", "-t", str(host.internet_pid), "-n"]
    else:
        enter = ["ip", "netns", "exec", f"pyrun-{where}"] if where else []
    return host.run([*enter, *client]).stdout.decode().strip()


def _server(host: Host, name: str) -> "subprocess.Popen[bytes]":
    """Start a server in a container's sandbox; it answers when this returns, and ends with the sandbox's user."""
    enter = ["ip", "netns", "exec", f"pyrun-{name}"]
    server = host.start([*enter, sys.executable, "-I", "-S", "-c", _SERVER, name], stdout=subprocess.PIPE)
    assert server.stdout
    assert server.stdout.readline() == b"ready\n"
    return server


def _services(host: Host) -> str:
    """Give the number of the process that serves; there is one."""
    return host.out("cut -d' ' -f1 /run/pyrun/containers/*/services").strip()


def _with_ipv6(host: Host) -> None:
    host.out(f"ip -6 addr add {HOST6}/64 dev up0 nodad; ip -6 route add default via {INTERNET6}")
    assert host.internet(f"ip -6 addr add {INTERNET6}/64 dev up0 nodad").returncode == 0


@pytest.fixture(scope="module", params=["iptables", "nftables"])
def published(request: pytest.FixtureRequest, private_host: None) -> Iterator[Host]:
    """Give a host with `web` published, neighbours on its network and on others, and a second one with IPv6."""
    with fresh_host() as host:
        _with_ipv6(host)
        switch = f"PYRUN_FIREWALL={request.param}"
        host.run = _switched(host, switch)  # type: ignore[method-assign]
        ports = ["-p", "8080:80", "-p", "8080:80/udp", "-p", "127.0.0.5:9000:80", "-p", "127.0.0.5:9000:80/udp"]
        ports += ["-p", "[::1]:9001:80", "-p", f"{HOST_ADDRESS}:9002:80"]
        host.ok("run", "-d", "--name", "web", *ports, *SLEEP)
        host.ok("run", "-d", "--name", "neighbour", *SLEEP)
        host.ok("network", "create", "six", "--ipv6", "--subnet", "10.66.0.0/24", "--subnet", "fd00:66::/64")
        host.ok("run", "-d", "--name", "web6", "--net", "six", "-p", "8086:80", "-p", "8086:80/udp", *SLEEP)
        host.ok("run", "-d", "--name", "other", "--net", "six", *SLEEP)
        servers = [_server(host, name) for name in ("web", "web6")]
        yield host
        for server in servers:
            server.kill()
            server.communicate()
        host.ok("rm", "-f", "web", "web6", "neighbour", "other")
        host.ok("network", "rm", "six")


def _switched(host: Host, switch: str) -> "object":
    run = host.run

    def switched(command: list[str], *rest: object) -> object:
        return run(["env", switch, *command], *rest)  # type: ignore[arg-type]

    return switched


def _own(host: Host, name: str) -> str:
    """Give the container's IPv4 address."""
    return host.out(f"ip netns exec pyrun-{name} ip -4 -br addr show eth0").split()[2].partition("/")[0]


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
    assert _ask(published, where, kind, address, 8080) == f"web {seen}"


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
    assert _ask(published, where, kind, address, 8086) == f"web6 {seen}"


def test_a_port_of_one_address_is_not_there_on_others(published: Host) -> None:
    assert _ask(published, "internet", "tcp", HOST_ADDRESS, 9002) == f"web {INTERNET_ADDRESS}"
    assert _ask(published, None, "tcp", "127.0.0.1", 9002) == "ConnectionRefusedError"
    assert _ask(published, None, "tcp", "127.0.0.5", 9000) == "web 172.17.0.1"
    assert _ask(published, None, "udp", "127.0.0.5", 9000) == "web 172.17.0.1"
    assert _ask(published, None, "tcp", "::1", 9001) == "web 172.17.0.1"


@pytest.mark.parametrize("let_in", ["0", "1"])
def test_a_loopback_port_is_not_reached_from_outside(published: Host, let_in: str) -> None:
    """T-E2: an attacker routes 127.0.0.5 by way of the host, which may even let such packets in."""
    lets = "net.ipv4.conf.{}.route_localnet"
    published.out(f"sysctl -qw {lets.format('up0')}={let_in}")
    published.internet("ip addr del 127.0.0.1/8 dev lo")
    published.internet(f"sysctl -qw {lets.format('all')}=1; ip route add 127.0.0.5/32 via {HOST_ADDRESS}")
    counted = "nstat -az TcpInSegs | awk '/Tcp/ { print $2 }'"
    before = int(published.out(counted))
    assert _ask(published, "internet", "tcp", "127.0.0.5", 9000, 1) in ("TimeoutError", "ConnectionRefusedError")
    assert _ask(published, "internet", "udp", "127.0.0.5", 9000, 1) in ("TimeoutError", "ConnectionRefusedError")
    assert (int(published.out(counted)) > before) == (let_in == "1")  # they came as far as TCP
    published.internet("ip addr add 127.0.0.1/8 dev lo")
    published.out(f"sysctl -qw {lets.format('up0')}=0")


def test_nothing_is_left_and_the_port_is_free_again(host: Host) -> None:
    host.ok("run", "--rm", BUSYBOX, "true")
    before = host.settled()
    ports = ["-p", "8080:80", "-p", "8080:80/udp", "-p", "127.0.0.1:81:81", "-P", "--expose", "99"]
    host.ok("run", "-d", "--name", "web", *ports, *SLEEP)
    assert len(host.out("ss -lntuH").splitlines()) == 7
    host.ok("rm", "-f", "web")
    assert host.out("ss -lntuH") == ""
    assert host.settled() == before


def test_a_port_that_a_process_has_is_refused_naming_it(host: Host) -> None:
    """T-E10, and nothing is touched."""
    server = host.start(["busybox", "nc", "-l", "-p", "7777"])
    wait_until(lambda: host.out("ss -lntH"))
    before = host.snapshot()
    done = host.pyrun("run", "--rm", "-p", "7777:80", BUSYBOX, "true")
    assert done.returncode == 125
    assert b"port is already allocated" in done.stderr
    assert f"process {server.pid} has it: busybox nc -l -p 7777" in done.stderr.decode()
    assert host.settled() == before
    server.kill()
    server.wait()


def test_a_port_that_a_container_has_is_refused_naming_it(host: Host) -> None:
    host.ok("run", "-d", "--name", "first", "-p", "127.0.0.1:8080:80", *SLEEP)
    for wanted in ("127.0.0.1:8080:80", "8080:80", "0.0.0.0:8080:81"):
        done = host.pyrun("run", "--rm", "-p", wanted, BUSYBOX, "true")
        assert (done.returncode, b"(container first has it)" in done.stderr) == (125, True), done
    host.ok("run", "--rm", "-p", "127.0.0.2:8080:80", BUSYBOX, "true")
    done = host.pyrun("run", "--rm", "-p", "85:80", "-p", "85:81", BUSYBOX, "true")
    assert (done.returncode, b"(it is asked for twice)" in done.stderr) == (125, True)


def test_of_two_that_race_for_a_port_one_wins(host: Host) -> None:
    """T-E10: both start at once, again and again."""
    for _ in range(5):
        command = [*PYRUN, "run", "-d", "-p", "8080:80", *SLEEP]
        crowd = [host.start(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) for _ in range(3)]
        outcomes = [(process.communicate(timeout=60), process.returncode) for process in crowd]
        assert sorted(code for _, code in outcomes) == [0, 125, 125], outcomes
        winner = next(out.decode().strip() for (out, _), code in outcomes if code == 0)
        assert host.ok("port", winner, "80") == "0.0.0.0:8080\n:::8080\n"
        host.ok("rm", "-f", winner)


def test_ports_are_chosen_as_docker_does(host: Host) -> None:
    """Ephemeral ones in sequence, none twice in a row, none that is kept back; of a range the first that is free."""
    host.out("sysctl -qw net.ipv4.ip_local_port_range='40000 40009' net.ipv4.ip_local_reserved_ports=40001-40002,40005")
    host.ok("run", "-d", "--name", "one", "-p", "80", "-P", "--expose", "90-91", "-p", "7000-7002:70", *SLEEP)
    told = host.ok("port", "one")
    assert [line.rpartition(":")[2] for line in told.splitlines()] == [*"7000 7000 40000 40000".split(), *_TWICE]
    host.ok("run", "-d", "--name", "two", "-p", "80", "-p", "7000-7002:70", *SLEEP)
    assert host.ok("port", "two", "80").splitlines()[0] == "0.0.0.0:40006"
    assert host.ok("port", "two", "70").splitlines()[0] == "0.0.0.0:7001"
    host.ok("rm", "-f", "one", "two")
    host.ok("run", "-d", "--name", "three", "-p", "80", "-p", "80", *SLEEP)
    assert host.ok("port", "three", "80").splitlines()[::2] == ["0.0.0.0:40007", "0.0.0.0:40008"]
    host.ok("run", "-d", "--name", "four", "-p", "80-81", *SLEEP)
    assert host.ok("port", "four").splitlines()[::2] == ["80/tcp -> 0.0.0.0:40009", "81/tcp -> 0.0.0.0:40000"]
    full = host.pyrun("run", "--rm", *["-p", "80"] * 4, BUSYBOX, "true")
    assert (full.returncode, b"all ports are allocated" in full.stderr) == (125, True)


_TWICE = "40003 40003 40004 40004".split()


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["-p", "1.2.3.4:80:80"], "publish: 1.2.3.4:80/tcp: cannot assign requested address"),
        (["-p", "80/sctp"], "protocol not supported (the running kernel lacks CONFIG_IP_SCTP)"),
        (["--net", "ns:/run/netns/own", "-p", "80:80"], "conflicting options: port publishing"),
    ],
)
def test_what_cannot_be_published_leaves_nothing(host: Host, arguments: list[str], complaint: str) -> None:
    if "sctp" in "".join(arguments) and b"SCTP" in host.shell("cat /proc/net/protocols").stdout:
        pytest.skip("this kernel has SCTP")
    host.out("ip netns add own")
    before = host.snapshot()
    done = host.pyrun("run", "--rm", *arguments, BUSYBOX, "true")
    assert (done.returncode, complaint in done.stderr.decode()) == (125, True), done
    assert host.settled() == before


def test_ports_without_a_way_out_are_not_bound(host: Host) -> None:
    """As in Docker: none is bound for --net none and internal networks, and host mode says so."""
    host.ok("network", "create", "--internal", "inside")
    for network in ("none", "inside"):
        host.ok("run", "-d", "--name", "shut", "--net", network, "-p", "8080:80", *SLEEP)
        assert (host.out("ss -lntH"), host.ok("port", "shut")) == ("", "")
        assert json.loads(host.ok("inspect", "shut"))[0]["NetworkSettings"]["Ports"] == {}
        host.ok("rm", "-f", "shut")
    done = host.pyrun("run", "--rm", "--net", "host", "-p", "8080:80", BUSYBOX, "true")
    assert done.stderr == b"WARNING: Published ports are discarded when using host network mode\n"
    assert done.returncode == 0
    host.ok("network", "rm", "inside")


def test_the_network_says_where_ports_are_bound(host: Host) -> None:
    option = "com.docker.network.bridge.host_binding_ipv4=127.0.0.9"
    host.ok("network", "create", "-o", option, "nine")
    host.ok("run", "-d", "--name", "web", "--net", "nine", "-p", "8080:80", *SLEEP)
    assert host.ok("port", "web") == "80/tcp -> 127.0.0.9:8080\n"
    host.ok("rm", "-f", "web")
    host.ok("network", "rm", "nine")


def test_the_gateway_of_a_network_that_is_not_made_yet_can_be_bound(host: Host) -> None:
    host.ok("run", "-d", "--name", "web", "-p", "172.17.0.1:8080:80", *SLEEP)
    assert host.ok("port", "web") == "80/tcp -> 172.17.0.1:8080\n"


@pytest.mark.parametrize("backend", ["iptables", "nftables"])
def test_udp_flows_follow_the_container_that_has_the_port(host: Host, backend: str, tmp_path: Path) -> None:
    """T-E9: a client that never stops sending finds whoever has the port now."""
    host.run = _switched(host, f"PYRUN_FIREWALL={backend}")  # type: ignore[method-assign,assignment]
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
            server = _server(host, name)
            wait_until(lambda: f"{name} ::ffff:{INTERNET_ADDRESS}\n" in answers.read_text())  # noqa: B023
            host.ok("rm", "-f", name)
            server.kill()
            server.communicate()
            host.ok("run", "-d", "--name", f"in-place-of-{name}", *SLEEP)
        assert "dport=5353" not in host.out("conntrack -L -p udp 2>/dev/null | grep 172.17 || :")
    finally:
        asking.kill()
        asking.communicate()


def test_whoever_serves_is_started_again(host: Host) -> None:
    """Killed with -9 it comes back with the next command, also when the container's monitor is dead."""
    host.ok("run", "-d", "--name", "web", "-p", "8080:80", *SLEEP)
    server = _server(host, "web")
    for killed in ("services", "monitor"):
        if killed == "monitor":
            host.kill_monitor("web")
        pid = _services(host)
        host.kill(pid)
        wait_until(lambda: not host.out("ss -lntH"))
        assert _ask(host, "internet", "tcp", HOST_ADDRESS, 8080) == f"web {INTERNET_ADDRESS}"  # by the rules alone
        host.ok("ps")
        assert _services(host) != pid
        assert _ask(host, None, "tcp", "127.0.0.1", 8080) == "web 172.17.0.1"
        assert len(host.out("ss -lntH").splitlines()) == 2
    host.ok("rm", "-f", "web")
    assert host.out("ss -lntH") == ""
    server.kill()
    server.communicate()


def test_a_port_that_somebody_took_meanwhile_is_told_about(host: Host) -> None:
    host.ok("run", "-d", "--name", "web", "-p", "127.0.0.1:8080:80", *SLEEP)
    host.kill(_services(host))
    wait_until(lambda: not host.out("ss -lntH"))
    thief = host.start(["busybox", "nc", "-l", "-p", "8080"])
    wait_until(lambda: host.out("ss -lntH"))
    told = host.pyrun("ps").stderr.decode()
    assert "left over: publish: 127.0.0.1:8080/tcp: Bind for 127.0.0.1:8080 failed" in told
    thief.kill()
    thief.wait()
    host.ok("ps")
    assert "python" in host.out("ss -lntpH")


def test_everything_killed_leaves_nothing_and_frees_the_port(host: Host) -> None:
    host.ok("run", "--rm", BUSYBOX, "true")
    before = host.settled()
    host.ok("run", "-d", "--rm", "--name", "web", "-p", "8080:80", "-p", "8080:80/udp", *SLEEP)
    pid = _services(host)
    host.kill_monitor("web")
    host.kill(pid)
    host.kill_programs()
    host.ok("ps")
    assert host.settled() == before
    host.ok("run", "--rm", "-p", "8080:80", BUSYBOX, "true")


def test_the_process_that_serves_ends_with_the_container(host: Host) -> None:
    """Also when nobody takes the container apart."""
    host.ok("run", "-d", "--rm", "--name", "web", "-p", "8080:80", *SLEEP)
    host.kill_monitor("web")
    host.kill_programs()
    wait_until(lambda: not host.out("ss -lntH"))
    host.ok("ps")


def test_half_a_connection_may_end_first(host: Host) -> None:
    """The client is done sending and still gets all of the answer, which is larger than any buffer."""
    host.ok("run", "-d", "--name", "web", "-p", "127.0.0.1:8080:80", BUSYBOX, "sh", "-c", _TAIL)
    script = (
        "import socket, time\ns = socket.create_connection(('127.0.0.1', 8080)); s.sendall(b'x' * (8 << 20))\n"
        "s.shutdown(socket.SHUT_WR); time.sleep(0.5); n = 0\n"
        "while True:\n    part = s.recv(1 << 20)\n    n += len(part)\n    if not part: break\nprint(n)"
    )
    asked = [sys.executable, "-I", "-S", "-c", script]
    wait_until(lambda: host.run(asked).stdout == b"%d\n" % (24 << 20))


def test_an_answer_arrives_although_the_server_hangs_up(host: Host) -> None:
    """A server that answers and closes without reading all of the question resets the connection behind its answer."""
    host.ok("run", "-d", "--name", "web", "-p", "127.0.0.1:8080:80", *SLEEP)
    server = _server(host, "web")
    script = (
        "import socket\n"
        "for _ in range(200):\n    s = socket.create_connection(('127.0.0.1', 8080)); s.sendall(b'who am I?')\n"
        "    assert s.recv(100) == b'web ::ffff:172.17.0.1'"
    )
    assert host.run([sys.executable, "-I", "-S", "-c", script]).stderr == b""
    server.kill()
    server.communicate()


_TAIL = "while :; do nc -l -p 80 -e sh -c 'cat >/tmp/x; cat /tmp/x /tmp/x /tmp/x'; done"


def test_thousands_of_connections_at_once_cost_nothing_while_idle(host: Host) -> None:
    """All are served, none keeps the processor busy; also those of a client that does not read."""
    host.ok("run", "-d", "--name", "web", "-p", "127.0.0.1:8080:80", *SLEEP)
    enter = ["ip", "netns", "exec", "pyrun-web"]
    echo = host.start([*enter, sys.executable, "-I", "-S", "-c", _ECHO], stdout=subprocess.PIPE)
    assert echo.stdout
    echo.stdout.readline()
    crowd = host.start([sys.executable, "-I", "-S", "-c", _CROWD], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert crowd.stdout
    assert crowd.stdin
    assert crowd.stdout.readline() == b"all\n"
    pid = _services(host)
    times = f"cut -d' ' -f14-15 /proc/{pid}/stat"

    def spends_nothing() -> bool:
        before = host.out(times)
        time.sleep(0.5)
        return sum(map(int, host.out(times).split())) - sum(map(int, before.split())) <= 1  # clock ticks

    wait_until(spends_nothing)  # once all that is under way has arrived
    crowd.stdin.write(b"\n")
    crowd.stdin.flush()
    assert crowd.stdout.readline() == b"closed\n"
    wait_until(lambda: int(host.out(f"ls /proc/{pid}/fd | wc -l")) < 60)
    for process in (crowd, echo):
        process.kill()
        process.communicate()


_ECHO = """
import resource, select, socket
resource.setrlimit(resource.RLIMIT_NOFILE, (9000, 9000))
held = socket.socket(); held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
held.bind(("", 80)); held.listen(4096); poll = select.epoll(); poll.register(held, 1); clients = {}
print("ready", flush=True)
while True:
    for fd, events in poll.poll():
        if fd == held.fileno():
            client = held.accept()[0]; clients[client.fileno()] = client; poll.register(client, 1)
        elif events == 4: clients[fd].send(b"x" * (1 << 20))
        else:
            got = clients[fd].recv(100)
            if got == b"flood": clients[fd].setblocking(False); poll.modify(fd, 5)
            elif got: clients[fd].send(got)
            else: poll.unregister(fd); clients.pop(fd).close()
"""
_CROWD = """
import resource, socket, sys
resource.setrlimit(resource.RLIMIT_NOFILE, (9000, 9000))
crowd = [socket.create_connection(("127.0.0.1", 8080)) for _ in range(3000)]
for each in crowd: each.send(b"hello")
for each in crowd: assert each.recv(100) == b"hello"
for each in crowd[:20]:
    each.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 16)
    each.send(b"flood")
print("all", flush=True)
sys.stdin.readline()
for each in crowd: each.close()
print("closed", flush=True)
sys.stdin.readline()
"""


def test_other_firewalls_are_warned_of(host: Host) -> None:
    """Docker's users find out later (moby#4737)."""
    host.out("nft add table inet firewalld")
    host.out("nft 'add chain inet firewalld filter_FORWARD { type filter hook forward priority filter + 10; }'")
    done = host.pyrun("run", "--rm", "-p", "8080:80", BUSYBOX, "true")
    warned = b"Published ports are reachable past the rules of firewalld"
    assert (done.returncode, done.stderr.count(warned)) == (0, 1)
    assert warned not in host.pyrun("run", "--rm", "-p", "127.0.0.1:8080:80", BUSYBOX, "true").stderr
    host.out("nft delete table inet firewalld")
    host.ok("run", "--rm", "-p", "8080:80", BUSYBOX, "true")


def test_what_is_explained_serves_a_port(private_host: None) -> None:
    """The last line of the plan, typed on another host, with socat in the place of our process."""
    with fresh_host() as host:
        arguments = ["--name", "web", "-p", "8080:80", "-p", "127.0.0.1:81:80", "-p", "8080:80/udp", *SLEEP]
        lines = host.ok("run", "--dry-run", *arguments).splitlines()
        typed = next(line for line in lines if line.startswith("host$ socat"))
        host.ok("run", "-d", "--name", "web", *SLEEP)
        server = _server(host, "web")
        command = typed.removeprefix("host$ ").partition("  # ")[0]
        listening = host.start(["bash", "-c", f"{command}\nwait"], start_new_session=True)
        for port, address in ((8080, "127.0.0.1"), (8080, "::1"), (81, "127.0.0.1")):
            wait_until(lambda: _ask(host, None, "tcp", address, port) == "web 172.17.0.1")  # noqa: B023
        wait_until(lambda: _ask(host, None, "udp", "127.0.0.1", 8080) == "web 172.17.0.1")
        host.out(f"kill -- -{listening.pid}")
        listening.wait()
        server.kill()
        server.communicate()
