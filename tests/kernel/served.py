"""Servers on port 80 of containers, clients that ask them from anywhere, and hosts whose ports they are."""

import subprocess
import sys

from lab import BUSYBOX, Host

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


def ask(host: Host, where: "str | None", kind: str, address: str, port: int, patience: int = 20) -> str:
    """Ask a port from the host (None), the internet, or a container's sandbox; give the answer."""
    client = [sys.executable, "-I", "-S", "-c", _CLIENT, kind, address, str(port), str(patience)]
    if where == "internet":
        enter = ["nsenter", "-t", str(host.internet_pid), "-n"]
    else:
        enter = ["ip", "netns", "exec", f"pyrun-{where}"] if where else []
    return host.run([*enter, *client]).stdout.decode().strip()


def server_of(host: Host, name: str) -> "subprocess.Popen[bytes]":
    """Start a server in a container's sandbox; it answers when this returns, and ends with the sandbox's user."""
    enter = ["ip", "netns", "exec", f"pyrun-{name}"]
    server = host.start([*enter, sys.executable, "-I", "-S", "-c", _SERVER, name], stdout=subprocess.PIPE)
    assert server.stdout
    assert server.stdout.readline() == b"ready\n"
    return server


def services(host: Host) -> str:
    """Give the number of the process that serves; there is one."""
    return host.out("cut -d' ' -f1 /run/pyrun/containers/*/services").strip()


def switched(host: Host, switch: str) -> "object":
    run = host.run

    def switched(command: list[str], *rest: object) -> object:
        return run(["env", switch, *command], *rest)  # type: ignore[arg-type]

    return switched
