"""Published ports of a container whose plugs change while clients talk to it: the ports move, who serves them stays.

They are held as long as a plug leads outside, and from the first one on.
"""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from lab import BUSYBOX, HOST_ADDRESS, INTERNET_ADDRESS, Host

# Answers each line, and each datagram, with its own address and the client's, as long as the client likes.
_SERVER = """
import socket, threading
def talk(peer):
    with peer:
        while peer.recv(100):
            peer.sendall(f"{peer.getsockname()[0]} {peer.getpeername()[0]}\\n".encode())
def serve():
    while True:
        threading.Thread(target=talk, args=[tcp.accept()[0]], daemon=True).start()
tcp = socket.create_server(("0.0.0.0", 80))
threading.Thread(target=serve, daemon=True).start()
udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
udp.setsockopt(socket.SOL_IP, 8, 1)  # IP_PKTINFO: the address that was meant
udp.bind(("0.0.0.0", 80))
print("ready", flush=True)
while True:
    _, extra, _, peer = udp.recvmsg(100, 100)
    meant = socket.inet_ntoa(extra[0][2][8:12])
    udp.sendto(f"{meant} {peer[0]}".encode(), peer)
"""
# A client that stays: each line on its standard input is a question, each answer a line; silence ends it.
_CLIENT = """
import socket, sys
kind = {"tcp": socket.SOCK_STREAM, "udp": socket.SOCK_DGRAM}[sys.argv[1]]
s = socket.socket(socket.AF_INET, kind)
s.settimeout(10)
try:
    s.connect((sys.argv[2], int(sys.argv[3])))
except OSError:
    pass  # told when it is used
for line in sys.stdin:
    try:
        s.send(b"x\\n")
        told = s.recv(100).decode().strip() or "closed"
    except OSError as problem:
        told = type(problem).__name__
    print(told, flush=True)
"""


class Client:
    """Somebody who keeps one connection, or one socket, to a published port."""

    def __init__(self, host: Host, protocol: str, address: str, port: int, far: bool = False) -> None:
        enter = ["nsenter", "-t", str(host.internet_pid), "-n"] if far else []
        program = [sys.executable, "-I", "-S", "-c", _CLIENT, protocol, address, str(port)]
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
        self._process = host.start([*enter, *program], **pipes)

    def ask(self) -> str:
        """Give what the server says: its own address and ours, as it sees them."""
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write("\n")
        self._process.stdin.flush()
        return str(self._process.stdout.readline()).strip()

    def leave(self) -> None:
        self._process.communicate()


def _asked(host: Host, protocol: str, address: str, port: int, far: bool = False) -> str:
    client = Client(host, protocol, address, port, far)
    told = client.ask()
    client.leave()
    return told


def _holders(host: Host) -> str:
    """Name who holds the ports on the host, by process and descriptor."""
    return host.out("ss -lntupH | sed 's/.*users:/users:/' | sort")


@pytest.fixture
def networks(host: Host, request: pytest.FixtureRequest) -> Iterator[Host]:
    """Give a host with two networks that lead outside, and one that does not."""
    run, backend = host.run, getattr(request, "param", "iptables")
    host.run = lambda command, *rest: run(["env", f"PYRUN_FIREWALL={backend}", *command], *rest)  # type: ignore
    for name, subnet in (("one", "10.1.0.0/24"), ("two", "10.2.0.0/24")):
        host.ok("network", "create", "--subnet", subnet, name)
    host.ok("network", "create", "--subnet", "10.3.0.0/24", "--internal", "inner")
    yield host
    host.ok("network", "rm", "one", "two", "inner")


@pytest.fixture
def web(networks: Host) -> Iterator[Host]:
    """Give that host with a published server on a network."""
    with _served(networks, "one"):
        yield networks


@contextmanager
def _served(host: Host, network: str) -> Iterator[None]:
    """Start the server on a network, and remove it."""
    ports = ("-p", "8080:80", "-p", "8080:80/udp", "-p", "127.0.0.5:9000:80")
    host.ok("run", "-d", "--name", "web", "--net", network, *ports, BUSYBOX, "sleep", "600")
    enter = ["ip", "netns", "exec", "pyrun-web"]
    server = host.start([*enter, sys.executable, "-I", "-S", "-c", _SERVER], stdout=subprocess.PIPE)
    assert server.stdout
    assert server.stdout.readline() == b"ready\n"
    yield
    server.kill()
    server.communicate()
    host.ok("rm", "-f", "web")


@pytest.mark.parametrize("networks", ["iptables", "nftables"], indirect=True)
def test_ports_move_with_the_way_outside_and_clients_stay(web: Host) -> None:
    """Who talks by the proxy goes on, as long as what it talks through is plugged in.

    Who talks by the rules does not: the container answers by its new way outside, where its old address is another's.
    """
    held = _holders(web)
    former = [Client(web, "tcp", "127.0.0.1", 8080), Client(web, "tcp", "127.0.0.5", 9000)]
    for client in former:
        assert client.ask() == "10.1.0.2 10.1.0.1"
    _reached(web, "10.1.0.2", "10.1.0.1")

    web.ok("network", "connect", "--gw-priority", "1", "two", "web")
    for client in former:
        assert client.ask() == "10.1.0.2 10.1.0.1"
    moved = Client(web, "tcp", "127.0.0.1", 8080)
    assert moved.ask() == "10.2.0.2 10.2.0.1"
    _reached(web, "10.2.0.2", "10.2.0.1")

    web.ok("network", "disconnect", "one", "web")  # who talked through that is cut off, and nobody else
    assert moved.ask() == "10.2.0.2 10.2.0.1"
    _reached(web, "10.2.0.2", "10.2.0.1")

    web.ok("network", "connect", "--ip", "10.1.0.9", "one", "web")
    web.ok("network", "disconnect", "two", "web")
    _reached(web, "10.1.0.9", "10.1.0.1")
    assert _holders(web) == held  # nobody else could have had them meanwhile
    for client in (*former, moved):
        client.leave()


@pytest.mark.parametrize("network", ["none", "inner"])
@pytest.mark.parametrize("networks", ["iptables", "nftables"], indirect=True)
def test_ports_of_a_container_that_starts_without_a_way_outside_are_published_with_it(
    networks: Host, network: str
) -> None:
    host = networks
    with _served(host, network):
        assert _ports(host) == host.ok("port", "web") == ""
        if network == "none":
            host.ok("network", "disconnect", "none", "web")
        host.ok("network", "connect", "two", "web")
        _reached(host, "10.2.0.2", "10.2.0.1")
        assert host.ok("exec", "web", "nslookup", "-type=a", "web")


@pytest.mark.parametrize("inner", [False, True])
@pytest.mark.parametrize("networks", ["iptables", "nftables"], indirect=True)
def test_ports_of_a_container_without_a_way_outside_are_for_others_to_have(web: Host, inner: bool) -> None:
    """On no network nobody serves it any more; on an internal one its names stay, without its ports."""
    if inner:
        web.ok("network", "connect", "inner", "web")
    web.ok("network", "disconnect", "one", "web")
    assert _ports(web) == web.ok("port", "web") == ""
    assert _asked(web, "tcp", HOST_ADDRESS, 8080, far=True) == "BrokenPipeError"  # it was refused
    web.ok("run", "--rm", "-p", "8080:80", "-p", "8080:80/udp", BUSYBOX, "true")
    if inner:
        assert web.ok("exec", "web", "nslookup", "-type=a", "web")
    web.ok("network", "connect", "two", "web")
    _reached(web, "10.2.0.2", "10.2.0.1")


@pytest.mark.parametrize("networks", ["iptables", "nftables"], indirect=True)
def test_connect_leaves_nothing_when_somebody_else_has_the_ports(web: Host) -> None:
    web.ok("network", "disconnect", "one", "web")
    web.ok("run", "-d", "--name", "taker", "--net", "one", "-p", "8080:80/udp", BUSYBOX, "sleep", "600")
    web.settled()
    before = web.snapshot()
    for network in ("two", "bridge"):
        refused = web.pyrun("network", "connect", network, "web")
        assert refused.returncode == 1
        assert refused.stderr.decode() == (
            "pyrun: publish: 0.0.0.0:8080/udp: Bind for 0.0.0.0:8080 failed: port is already allocated "
            "(container taker has it)\n"
        )
        assert web.snapshot() == before
    assert web.out("ip netns exec pyrun-web ls /sys/class/net") == "lo\n"
    web.ok("rm", "-f", "taker")
    web.ok("network", "connect", "two", "web")
    _reached(web, "10.2.0.2", "10.2.0.1")


def test_ports_are_served_again_wherever_they_have_come_to(web: Host) -> None:
    """Who serves is killed: the next command starts somebody else for the ports that are published then, or for none."""
    for change in (("connect", "inner"), ("disconnect", "one"), ("connect", "two")):
        web.ok("network", *change, "web")
        held = _ports(web)
        assert bool(held) == (change[0] == "connect")
        web.kill(web.out("cut -d' ' -f1 /run/pyrun/containers/*/services"))
        assert _ports(web) == ""
        web.ok("ps")
        assert _ports(web) == held
        assert web.ok("exec", "web", "nslookup", "-type=a", "web")
    _reached(web, "10.2.0.2", "10.2.0.1")


def test_ports_move_to_the_first_network_with_names(web: Host) -> None:
    """Who serves ports alone is followed by somebody who serves names as well, and has the same ports."""
    ports = ("-p", "8081:80", "-p", "8081:80/udp")
    web.ok("run", "-d", "--name", "plain", *ports, BUSYBOX, "sleep", "600")
    held = _ports(web)
    web.ok("network", "connect", "--gw-priority", "1", "one", "plain")
    assert _ports(web) == held
    assert web.ok("exec", "plain", "nslookup", "-type=a", "web")
    web.ok("rm", "-f", "plain")


def _reached(host: Host, at: str, by_proxy: str) -> None:
    """See that new clients come to the container at an address: by proxy as its bridge, by rules as themselves."""
    for protocol in ("tcp", "udp"):
        assert _asked(host, protocol, "127.0.0.1", 8080) == f"{at} {by_proxy}"
        assert _asked(host, protocol, HOST_ADDRESS, 8080, far=True) == f"{at} {INTERNET_ADDRESS}"
    assert _asked(host, "tcp", "127.0.0.5", 9000) == f"{at} {by_proxy}"


def _ports(host: Host) -> str:
    return host.out("ss -lntuH | awk '{ print $1, $5 }' | sort")
