"""T-E9: who gets an address next gets nothing of what its former holder began, and is found by those who knew that one."""

import json
import subprocess
import sys
from collections.abc import Iterator

import pytest
from lab import INTERNET_ADDRESS, TOP, Host, fresh_host
from served import SLEEP, switched

# Sends to whoever was the first to write, and says how often it has.
_SENDER = """
import socket, time
s = socket.socket(type=socket.SOCK_DGRAM)
s.bind(("", 6000))
print("ready", flush=True)
to = s.recvfrom(99)[1]
while True:
    s.sendto(b"for the first", to)
    print("sent", flush=True)
    time.sleep(0.02)
"""
_ASK = f"import socket; s = socket.socket(type=socket.SOCK_DGRAM); s.settimeout(20); s.bind(('', 5000)); s.connect(('{INTERNET_ADDRESS}', 6000))"
_HEAR = "import socket; s = socket.socket(type=socket.SOCK_DGRAM); s.bind(('', 5000)); print('ready', flush=True); print(s.recv(99), flush=True)"


def _python(host: Host, where: str, script: str) -> "subprocess.Popen[bytes]":
    command = [sys.executable, "-I", "-S", "-c", script]
    enter = ["ip", "netns", "exec", f"pyrun-{where}"] if where else ["nsenter", "-t", str(host.internet_pid), "-n"]
    return host.start([*enter, *command], stdout=subprocess.PIPE)


def _line(process: "subprocess.Popen[bytes]") -> bytes:
    assert process.stdout
    return process.stdout.readline()


@pytest.mark.parametrize("backend", ["iptables", "nftables"])
def test_answers_to_the_former_holder_are_not_the_next_ones(host: Host, backend: str) -> None:
    """It even listens where the former one did, to whom the far side never stops sending."""
    host.run = switched(host, f"PYRUN_FIREWALL={backend}")  # type: ignore[method-assign,assignment]
    sender = _python(host, "", _SENDER)
    assert _line(sender) == b"ready\n"
    host.ok("run", "-d", "--name", "first", *SLEEP)
    asked = _python(host, "first", f"{_ASK}; s.send(b'x'); print(s.recv(99))")
    assert asked.communicate()[0] == b"b'for the first'\n"
    assert "172.17.0.2" in host.out("conntrack -L -p udp 2>/dev/null")
    host.ok("rm", "-f", "first")
    host.ok("run", "-d", "--name", "second", *SLEEP)
    assert " 172.17.0.2/16 " in host.out("ip netns exec pyrun-second ip -4 -br addr show eth0")
    hearing = _python(host, "second", _HEAR)
    assert _line(hearing) == b"ready\n"
    sender.stdout.read1()  # type: ignore[union-attr]  # of the time before
    for _ in range(20):
        assert _line(sender) == b"sent\n"
    for process in (hearing, sender):
        process.kill()
    assert hearing.communicate()[0] == b""
    sender.communicate()
    assert "172.17.0.2" not in host.out("conntrack -L 2>/dev/null")


# Each has one flow that the address began, one that it answered, and one that is no business of its.
_FLOWS = {
    "10.1.0.2": [("10.1.0.2", "10.9.0.1"), ("10.9.0.2", "10.1.0.2"), ("10.1.0.22", "10.9.0.3")],
    "fd00::2": [("fd00::2", "fd09::1"), ("fd09::2", "fd00::2"), ("fd00::22", "fd09::3")],
}


@pytest.mark.parametrize("kernel", ["now", "before 6.12"])
@pytest.mark.parametrize("kind", ["tcp --state ESTABLISHED", "udp"])
def test_all_flows_of_an_address_are_forgotten_and_no_others(host: Host, kernel: str, kind: str) -> None:
    """What a published port led to it counts as well: the address is found in the answers only."""
    host.out("iptables -A FORWARD -m conntrack --ctstate ESTABLISHED")  # from now on flows are tracked
    for pairs in _FLOWS.values():
        for source, target in pairs:
            host.out(f"conntrack -I -t 99 -p {kind} --sport 5 --dport 6 -s {source} -d {target} 2>&1")
    host.out(f"conntrack -I -t 99 -p {kind} --sport 5 --dport 7 -s 10.9.0.4 -d 10.9.0.5 --dst-nat 10.1.0.2 2>&1")
    patch = "conntrack._forget_at_once = lambda wanted: False; " if kernel != "now" else ""
    script = f"import sys; sys.path[:0] = [{str(TOP)!r}]; from pyrun.kernel import conntrack; {patch}"
    script += f"conntrack.ForgetHolder({tuple(_FLOWS)!r}).apply()"
    done = host.run([sys.executable, "-I", "-S", "-c", script])
    assert (done.returncode, done.stderr) == (0, b"")
    left = host.out("conntrack -L 2>/dev/null").splitlines()
    sources = sorted(word.removeprefix("src=") for line in left for word in line.split() if word.startswith("src="))
    assert sources == ["10.1.0.22", "10.9.0.3", "fd00::22", "fd09::3"]


@pytest.fixture(scope="module")
def known(private_host: None) -> Iterator[Host]:
    """Give a host with a container that knows its neighbours well, on a network with both families."""
    with fresh_host() as host:
        host.ok("network", "create", "--ipv6", "--subnet", "10.1.0.0/24", "--subnet", "fd00:1::/64", "net1")
        host.ok("run", "-d", "--name", "neighbour", "--net", "net1", *SLEEP)
        yield host


def _believed(host: Host, address: str) -> list[str]:
    """Give the link-layer addresses that the neighbour and the host take an address to be at."""
    found = [json.loads(host.out(f"ip {where} -j neigh show {address}")) for where in ("-n pyrun-neighbour", "")]
    return [entry["lladdr"] for entries in found for entry in entries]


_FORMER, _NEXT = "02:00:00:00:00:11", "02:00:00:00:00:22"
_USUAL = "02:42:0a:01:00:03"


@pytest.mark.parametrize(
    ("former", "following", "address", "mac"),
    [
        (["--ip", "10.1.0.10"], ["--net", "net1"], "fd00:1::3", _USUAL),
        (["--ip", "10.1.0.10"], [], "fd00:1::3", _USUAL),  # which is connected while it runs
        (["--mac-address", _FORMER], ["--net", "net1"], "10.1.0.3", _USUAL),
        (["--mac-address", _FORMER], [], "10.1.0.3", _USUAL),
        ([], ["--net", "net1", "--mac-address", _NEXT], "10.1.0.3", _NEXT),
        (["--mac-address", _FORMER], ["--net", "net1", "--mac-address", _NEXT], "fd00:1::3", _NEXT),
    ],
)
def test_neighbours_find_who_has_the_address_now(
    known: Host, former: list[str], following: list[str], address: str, mac: str
) -> None:
    """Who remembers the one before would ask anew only after half a minute in which nothing arrives."""
    known.ok("run", "-d", "--name", "former", "--net", "net1", *former, *SLEEP)
    for where in ("ip netns exec pyrun-neighbour ", ""):
        known.out(f"{where}ping -c 1 -W 10 {address}")
    before = _believed(known, address)
    known.ok("rm", "-f", "former")
    known.ok("run", "-d", "--name", "next", *following, *SLEEP)
    if not following:
        known.ok("network", "connect", "net1", "next")
    now = _believed(known, address)
    known.ok("rm", "-f", "next")
    assert (mac in before, now) == (False, [mac, mac])


@pytest.mark.parametrize("options", [[], ["--mac-address", _NEXT]])
def test_what_is_typed_announces_as_well(known: Host, options: list[str]) -> None:
    """The lines of a dry run that tell of the next one are commands that work, witnessed by the neighbour."""
    known.ok("run", "-d", "--name", "former", "--net", "net1", "--mac-address", _FORMER, *SLEEP)
    known.out("ip netns exec pyrun-neighbour ping -c 1 -W 10 fd00:1::3; ping -c 1 -W 10 fd00:1::3")
    known.ok("rm", "-f", "former")
    lines = known.ok("run", "--dry-run", "--net", "net1", *options, *SLEEP).splitlines()
    commands = [line.partition("$ ")[2] for line in lines if "ip neigh replace" in line or "AF_PACKET" in line]
    assert len(commands) == (4 if options else 2)
    known.out("\n".join(commands))
    assert _believed(known, "fd00:1::3") == [options[1] if options else _USUAL] * 2
