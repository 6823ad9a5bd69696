"""Real traffic through a lab: who should reach what, tried all at once, and how each attempt ended.

A probe is made as a program in the namespace would make it: names by its hosts file, then by its name servers.
"""

import os
import socket
import struct
import time

from pyrun import documents, paths
from pyrun.contexts import suppress
from pyrun.kernel import syscalls
from pyrun.lab import network
from pyrun.typed import NamedTuple, NoReturn

PATIENCE = 1.5  # seconds, in which an answer from the same machine always comes
_PART = 65536
_A = 1


class Probe(NamedTuple):
    """Something that works in the healthy network, or, with *wanted* false, that must not."""

    key: str
    source: str  # a namespace with a name
    target: str  # a name or an address
    port: int
    path: str  # of a page; empty for a mere connection
    words: str
    wanted: bool = True


class Outcome(NamedTuple):
    """How a probe ended: whether it is as it should be, and in words what happened."""

    probe: Probe
    right: bool
    text: str


_SITE, _PAGE, _STORE = network.SITE, network.PAGE_PORT, network.STORE_PORT
_OUTSIDE = f"http://{network.HOST}:{network.PUBLISHED}"
PROBES = (
    Probe("client-web", "client", "web", _PAGE, "/", "client opens http://web"),
    Probe("client-out", "client", _SITE, 80, "/", f"client opens http://{_SITE}"),
    Probe("client-large", "client", _SITE, 80, "/large", f"client fetches http://{_SITE}/large, 100 kB"),
    Probe("web-db", "web", "db", _STORE, "", f"web connects to db:{_STORE}"),
    Probe("web-out", "web", _SITE, 80, "/", f"web opens http://{_SITE}"),
    Probe("app-db", "app", "db", _STORE, "", f"app connects to db:{_STORE}"),
    Probe("app-out", "app", _SITE, 80, "/", f"app opens http://{_SITE}"),
    Probe("published", network.SPACE, network.HOST, network.PUBLISHED, "/", f"the internet opens {_OUTSIDE}"),
    Probe(
        "apart", "client", network.PLUGS[3].address, _STORE, "", "client does not reach db in the other network", False
    ),
)


def run(probes: tuple[Probe, ...] = PROBES) -> list[Outcome]:
    """Try all at the same time, each in a process of its own."""
    begun = []
    for probe in probes:
        told, tells = os.pipe2(os.O_CLOEXEC)
        child = os.fork()
        if child == 0:
            _try(probe, tells)
        os.close(tells)
        begun.append((probe, child, told))
    return [_outcome(probe, child, told) for probe, child, told in begun]


def _outcome(probe: Probe, child: int, told: int) -> Outcome:
    content = b""
    while part := os.read(told, 4096):
        content += part
    os.close(told)
    os.waitpid(child, 0)
    reached, text = documents.parse(content) if content else (False, "it could not be tried")
    return Outcome(probe, reached == probe.wanted, text)


def _try(probe: Probe, tells: int) -> NoReturn:
    try:
        with open(f"{paths.NETNS}/{probe.source}", "rb") as file:
            syscalls.setns(file.fileno(), syscalls.CLONE_NEWNET)
        reached, text = attempted(probe)
        os.write(tells, documents.written([reached, text]).encode())
    except OSError as problem:
        os.write(tells, documents.written([False, f"it could not be tried: {problem.strerror}"]).encode())
    finally:
        os._exit(0)


def attempted(probe: Probe) -> tuple[bool, str]:
    """Make an attempt from the namespace that we are in; tell whether it reached its target, and how it ended."""
    deadline = time.monotonic() + PATIENCE
    address, text = resolved(probe.source, probe.target, deadline)
    if not address:
        return False, text
    where = probe.target if address == probe.target else f"{probe.target} ({address})"
    channel = socket.socket()
    got = 0
    try:
        channel.settimeout(PATIENCE)
        channel.connect((address, probe.port))
        if not probe.path:
            return True, f"{where} took the connection"
        channel.sendall(f"GET {probe.path} HTTP/1.0\r\nHost: {probe.target}\r\n\r\n".encode())
        got, whole = _received(channel, time.monotonic() + PATIENCE)
        return whole, f"{where} sent {got} bytes" + ("" if whole else ", then the rest did not come")
    except TimeoutError:
        return False, f"{where} does not answer"
    except OSError as problem:
        return False, f"{where}: {os.strerror(problem.errno or 0).lower()}"
    finally:
        channel.close()


def _received(channel: "socket.socket", deadline: float) -> tuple[int, bool]:
    """Read a page to its end; give its size, and whether it was whole."""
    content = b""
    with suppress(TimeoutError):
        while (left := deadline - time.monotonic()) > 0:
            channel.settimeout(left)
            part = channel.recv(_PART)
            if not part:
                head, _, body = content.partition(b"\r\n\r\n")
                return len(content), f"Content-Length: {len(body)}\r\n".encode() in head + b"\r\n"
            content += part
    return len(content), False


def resolved(space: str, name: str, deadline: float) -> tuple[str, str]:
    """Give the address of a name as a program in *space* finds it; empty, and why, when it does not."""
    with suppress(OSError):
        socket.inet_aton(name)
        return name, ""
    for line in read_file(space, "hosts").splitlines():
        words = line.partition("#")[0].split()
        if name in words[1:]:
            return words[0], ""
    servers = nameservers(space)
    text = f"{name} has no address: no name server is named in resolv.conf"
    for server in servers:
        address, text = asked(server, name, max(0.1, deadline - time.monotonic()))
        if address:
            return address, ""
    return "", text


def nameservers(space: str) -> list[str]:
    """List the name servers of *space*, as `ip netns exec` lets a program see them."""
    rows = [line.split() for line in read_file(space, "resolv.conf").splitlines()]
    return [row[1] for row in rows if len(row) > 1 and row[0] == "nameserver"]


def read_file(space: str, name: str) -> str:
    """Read what a program in *space* finds as /etc/NAME: see ip-netns(8)."""
    for path in (f"/etc/netns/{space}/{name}", f"/etc/{name}"):
        with suppress(OSError), open(path, errors="replace") as file:
            return file.read()
    return ""


def asked(server: str, name: str, seconds: float) -> tuple[str, str]:
    """Ask one name server, from the namespace that we are in, for an IPv4 address: RFC 1035."""
    labels = b"".join(bytes([len(label)]) + label.encode() for label in name.split("."))
    own = os.urandom(2)
    channel = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    try:
        channel.settimeout(seconds)
        channel.connect((server, 53))
        channel.send(own + b"\1\0\0\1\0\0\0\0\0\0" + labels + struct.pack("!BHH", 0, _A, 1))
        wire = channel.recv(4096)
    except TimeoutError:
        return "", f"the name server {server} does not answer"
    except (OSError, ValueError) as problem:
        cause = os.strerror(problem.errno or 0).lower() if isinstance(problem, OSError) else "not an address"
        return "", f"the name server {server}: {cause}"
    finally:
        channel.close()
    if wire[:2] == own and wire[3] & 15 == 0 and wire[6:8] != b"\0\0":
        return socket.inet_ntoa(wire[-4:]), ""
    return "", f"the name server {server} knows no {name}"
