"""T-E9: who gets an address next gets nothing of what its former holder began."""

import subprocess
import sys

import pytest
from lab import INTERNET_ADDRESS, TOP, Host
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
