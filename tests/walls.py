"""Who reaches whom: servers and probes in the network namespaces of containers, of the host and of the internet."""

import json
import os
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest
from lab import Host

PORT = 7000
INTERNET6, HOST6 = "2001:db8:1::1", "2001:db8:1::2"
BACKENDS = ("iptables", "legacy", "nftables")
PROTOCOLS = frozenset({"tcp", "udp", "icmp"})

_LEGACY = """
cp -a /etc/alternatives /run/alternatives; cd /run/alternatives
for t in {iptables,ip6tables}{,-save,-restore}; do
    ln -sf /usr/sbin/${t/tables/tables-legacy} $t
done
mount --bind /run/alternatives /etc/alternatives
iptables -V | grep -q legacy && ip6tables -V | grep -q legacy
"""
_SIX = f"""
nsenter -t $INTERNET -n sysctl -qw net.ipv6.conf.up0.accept_dad=0
ip -6 addr add {HOST6}/64 dev up0 nodad
nsenter -t $INTERNET -n ip -6 addr add {INTERNET6}/64 dev up0 nodad
ip -6 route add default via {INTERNET6}
"""


def use(host: Host, backend: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have a host's rules made with *backend*; legacy is iptables' other variant."""
    if backend == "legacy":
        host.out(_LEGACY)
    monkeypatch.setenv("PYRUN_FIREWALL", backend.replace("legacy", "iptables"))


def give_ipv6(host: Host) -> None:
    """Connect a host with the internet by IPv6, too; its addresses are usable at once."""
    host.out(_SIX.replace("$INTERNET", str(host.internet_pid)))


def address(host: Host, name: str, family: int, link: str = "eth0", scope: str = "global") -> str:
    """Give the address of a container, as iproute2 sees it."""
    found = json.loads(host.out(f"ip -n pyrun-{name} -j -{family} addr show dev {link} scope {scope}"))
    return next(str(each["local"]) for link in found if link for each in link["addr_info"] if each)


@contextmanager
def serving(host: Host, places: list[str]) -> Iterator[None]:
    """Have each place answer by TCP and UDP: the name of a container, ``host`` or ``internet``."""
    servers = [_start(host, place, _SERVER) for place in places]
    try:
        for server in servers:
            assert server.stdout
            assert server.stdout.readline() == b"ready\n"
        yield
    finally:
        for server in servers:
            server.kill()
            server.communicate()


def reached(host: Host, source: str, targets: list[str]) -> dict[str, frozenset[str]]:
    """Give by which protocols *source* reaches each of the addresses."""
    probe = _start(host, source, _PROBE.replace("TARGETS", repr(targets)))
    told, _ = probe.communicate(timeout=60)
    return {target: frozenset(protocols) for target, protocols in json.loads(told).items()}


def matrix(host: Host, sources: list[str], targets: list[str]) -> dict[tuple[str, str], frozenset[str]]:
    """Give by which protocols each source reaches each address."""
    with ThreadPoolExecutor() as pool:
        rows = pool.map(lambda source: reached(host, source, targets), sources)
        return {(source, target): got for source, row in zip(sources, rows, strict=True) for target, got in row.items()}


def _start(host: Host, place: str, program: str) -> "subprocess.Popen[bytes]":
    enter = {
        "host": ["nsenter", "-t", str(host.pid), "-n"],
        "internet": ["nsenter", "-t", str(host.internet_pid), "-n"],
    }.get(place, ["nsenter", "-t", str(host.pid), "-n", "-m", "ip", "netns", "exec", f"pyrun-{place}"])
    return subprocess.Popen([*enter, "python3", "-c", program], stdout=subprocess.PIPE, env=dict(os.environ))


_SERVER = f"""
import socket, threading
stream = socket.create_server(("::", {PORT}), family=socket.AF_INET6, dualstack_ipv6=True)
datagram = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
datagram.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
datagram.bind(("::", {PORT}))
print("ready", flush=True)
def echo():
    while True:
        content, peer = datagram.recvfrom(100)
        try: datagram.sendto(peer[0].encode(), peer)
        except OSError: pass
threading.Thread(target=echo, daemon=True).start()
while True:
    connection, peer = stream.accept()
    connection.sendall(peer[0].encode())
    connection.close()
"""
_PROBE = f"""
import json, socket, subprocess
from concurrent.futures import ThreadPoolExecutor
def tcp(target):
    with socket.create_connection((target, {PORT}), timeout=1) as c: return bool(c.recv(100))
def udp(target):
    with socket.socket(socket.AF_INET6 if ":" in target else socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.settimeout(1); s.sendto(b"x", (target, {PORT})); return bool(s.recvfrom(100))
def icmp(target):
    return subprocess.run(["ping", "-c", "1", "-W", "1", target], capture_output=True).returncode == 0
def attempt(pair):
    try: return pair[1] if globals()[pair[1]](pair[0]) else None
    except OSError: return None
targets = TARGETS
pairs = [(t, p) for t in targets for p in ("tcp", "udp", "icmp")]
with ThreadPoolExecutor(40) as pool: got = list(pool.map(attempt, pairs))
print(json.dumps({{t: [p for (each, _), p in zip(pairs, got) if each == t and p] for t in targets}}))
"""
