"""Who serves a container beside its program: with how little power, and by which protocols."""

import os
import socket
import subprocess
import sys

import pytest
from lab import BUSYBOX, HOST_ADDRESS, INTERNET_ADDRESS, Host

import pyrun

_SYS_ADMIN, _DAC_READ_SEARCH = 1 << 21, 1 << 2
_SOMEBODYS = _DAC_READ_SEARCH if os.stat(pyrun.__file__).st_uid else 0  # then what it imports later has to be readable


def _power(host: Host, name: str) -> dict[str, str]:
    identity = host.out(f"readlink /var/lib/pyrun/names/{name}").strip()
    pid = host.out(f"cut -d' ' -f1 /run/pyrun/containers/{identity}/services").strip()
    rows = [line.split(":\t") for line in host.out(f"cat /proc/{pid}/status").splitlines() if ":\t" in line]
    return {key: value for key, value in rows if key.startswith("Cap") or key == "NoNewPrivs"}


@pytest.mark.parametrize(
    ("options", "kept"), [(("-p", "8080:80"), 0), (("--net", "net1"), _SYS_ADMIN)], ids=["ports", "names"]
)
def test_who_serves_has_given_up_roots_power(host: Host, options: tuple[str, ...], kept: int) -> None:
    """Only to make sockets inside it enters the container's network; also after the container was put on another."""
    for name in ("net1", "net2"):
        host.ok("network", "create", name)
    host.ok("run", "-d", "--name", "box", *options, BUSYBOX, "sleep", "300")
    power = f"{kept | _SOMEBODYS:016x}"
    expected = {"CapInh": "0" * 16, "CapPrm": power, "CapEff": power, "CapBnd": power, "CapAmb": "0" * 16}
    assert _power(host, "box") == {**expected, "NoNewPrivs": "1"}
    host.ok("network", "connect", "net2", "box")
    host.ok("run", "-d", "--name", "other", "--net", "net2", BUSYBOX, "sleep", "300")
    assert host.ok("exec", "box", "nslookup", "-type=a", "other")
    assert int(_power(host, "box")["CapEff"], 16) & ~_SOMEBODYS == _SYS_ADMIN
    host.ok("rm", "-f", "box", "other")


# Answers each message of an association with its own size and who has sent it.
_SCTP_SERVER = """
import socket
listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, 132)
listener.bind(("0.0.0.0", 80))
listener.listen()
print("ready", flush=True)
while True:
    peer, address = listener.accept()
    while (told := peer.recv(1 << 18)):
        peer.sendall(f"{len(told)} {address[0]}".encode())
    peer.close()
"""
_SCTP_CLIENT = """
import socket, sys
asking = socket.socket(socket.AF_INET, socket.SOCK_STREAM, 132)
asking.settimeout(10)
asking.connect((sys.argv[1], int(sys.argv[2])))
for size in map(int, sys.argv[3:]):
    asking.sendall(bytes(size))
    print(asking.recv(100).decode(), flush=True)
"""


def _has_sctp() -> bool:
    try:
        socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_SCTP).close()
    except OSError:
        return False
    return True


@pytest.mark.skipif(not _has_sctp(), reason="this kernel has no SCTP")
def test_associations_are_relayed_message_by_message(host: Host) -> None:
    """By loopback through the proxy; from outside by the rules, as the client; a message stays one, also a large one."""
    host.ok("run", "-d", "--name", "box", "-p", "8080:80/sctp", BUSYBOX, "sleep", "300")
    assert host.ok("port", "box") == "80/sctp -> 0.0.0.0:8080\n80/sctp -> [::]:8080\n"
    program = [sys.executable, "-I", "-S", "-c"]
    server = host.start(["ip", "netns", "exec", "pyrun-box", *program, _SCTP_SERVER], stdout=subprocess.PIPE)
    assert server.stdout
    assert server.stdout.readline() == b"ready\n"
    sizes = ["1", "1000", "20000"]
    for _ in range(2):
        near = host.run([*program, _SCTP_CLIENT, "127.0.0.1", "8080", *sizes])
        assert near.stdout.decode().splitlines() == [f"{size} 172.17.0.1" for size in sizes], near
    enter = ["nsenter", "-t", str(host.internet_pid), "-n"]
    far = host.run([*enter, *program, _SCTP_CLIENT, HOST_ADDRESS, "8080", "1", "1000"])
    assert far.stdout.decode().splitlines() == [f"{size} {INTERNET_ADDRESS}" for size in (1, 1000)], far
    server.kill()
    server.communicate()
    refused = host.run([*program, _SCTP_CLIENT, "127.0.0.1", "8080", "1"])
    assert refused.stdout == b""
    host.ok("rm", "-f", "box")
    again = host.run([*program, "import socket; socket.socket(2, 1, 132).bind(('0.0.0.0', 8080))"])
    assert again.returncode == 0, again
