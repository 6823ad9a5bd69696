"""The small servers of a lab: pages, names, and a port that says hello. Each is a process of the lab by itself.

Which places have which server is in `pyrun.lab.network`; they are found again by files in `/run/lab/servers`.
"""

import _signal as signal  # type: ignore[import-not-found]  # signal itself imports enum
import _socket  # socket itself imports enum and selectors
import os

from pyrun.contexts import suppress
from pyrun.kernel import processes, survey
from pyrun.typed import NamedTuple, NoReturn

_DIRECTORY = "/run/lab/servers"
_LARGE = 100_000  # bytes of the page /large: many full packets
_PATIENCE = 10  # seconds for a whole page
_NO_SUCH_NAME = 3  # RFC 1035


class Server(NamedTuple):
    """What serves: *kind* is page (HTTP), hello (a line at once) or names (DNS, which knows *names*)."""

    kind: str
    address: str  # empty for all
    port: int
    names: tuple[tuple[str, str], ...] = ()


def begin(space: int, servers: "tuple[Server, ...]") -> None:
    """Start servers in the network namespace that *space* is opened at; -1 is this one. Errors: OSError."""
    os.makedirs(_DIRECTORY, 0o700, exist_ok=True)
    for server in servers:
        with survey.inside(space):
            channel = _opened(server)
        child = os.fork()
        if child == 0:
            _detached(server, channel)
        os.close(channel.detach())
        os.waitpid(child, 0)


def end() -> None:
    """Kill all servers of the lab, and see their ports free."""
    with suppress(FileNotFoundError):
        for name in os.listdir(_DIRECTORY):
            with suppress(ProcessLookupError):
                pidfd = os.pidfd_open(int(name))
                processes.send_signal(pidfd, signal.SIGKILL)
                processes.wait_end(pidfd, _PATIENCE)
                os.close(pidfd)
            os.unlink(f"{_DIRECTORY}/{name}")


def _opened(server: Server) -> "_socket.socket":
    kind = _socket.SOCK_DGRAM if server.kind == "names" else _socket.SOCK_STREAM
    channel = _socket.socket(_socket.AF_INET, kind)
    channel.setsockopt(_socket.SOL_SOCKET, _socket.SO_REUSEADDR, 1)
    channel.bind((server.address, server.port))
    if server.kind != "names":
        channel.listen(64)
    return channel


def _detached(server: Server, channel: "_socket.socket") -> NoReturn:
    """Be the parent of the server, and go: the lab's first process takes it."""
    try:
        os.setsid()
        child = os.fork()
        if child == 0:
            _served(server, channel)
        os.close(os.open(f"{_DIRECTORY}/{child}", os.O_CREAT | os.O_WRONLY, 0o600))
    finally:
        os._exit(0)


def _served(server: Server, channel: "_socket.socket") -> NoReturn:
    """Serve for ever: nobody's terminal is ours, and a child that has answered is not waited for."""
    try:
        null = os.open("/dev/null", os.O_RDWR)
        kept = channel.fileno()
        for fd in (0, 1, 2):
            os.dup2(null, fd)
        for name in os.listdir("/proc/self/fd"):  # a pipe of whoever waits for the lab to be ready
            if int(name) > 2 and int(name) != kept:
                with suppress(OSError):
                    os.close(int(name))
        signal.signal(signal.SIGCHLD, signal.SIG_IGN)
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        if server.kind == "names":
            _answer(channel, dict(server.names))
        while True:
            fd, _ = channel._accept()  # type: ignore[attr-defined]  # accept belongs to socket
            if os.fork() == 0:
                signal.alarm(_PATIENCE)
                channel.close()  # else the port is taken for as long as a client is slow
                _serve_one(server.kind, _socket.socket(fileno=fd))
                os._exit(0)
            os.close(fd)
    finally:
        os._exit(1)


def _serve_one(kind: str, client: "_socket.socket") -> None:
    if kind == "hello":
        client.sendall(b"hello\n")
        return
    path = [*client.recv(4096).split(b" "), b"", b""][1]
    body = b"x" * _LARGE + b"\n" if path == b"/large" else b"It works.\n"
    head = f"HTTP/1.0 200 OK\r\nContent-Type: text/plain\r\nContent-Length: {len(body)}\r\n\r\n"
    client.sendall(head.encode() + body)


def _answer(channel: "_socket.socket", names: dict[str, str]) -> None:
    from pyrun.network import codec

    while True:
        wire, client = channel.recvfrom(4096)
        if len(wire) < 12:
            continue
        question = codec.read(wire)
        if isinstance(question, bytes):
            channel.sendto(question, client)
            continue
        found = names.get(question.name)
        if found is None:
            channel.sendto(codec.failure(question, _NO_SUCH_NAME), client)
            continue
        channel.sendto(codec.answer(question, [found] if question.kind == codec.A else [], False), client)
