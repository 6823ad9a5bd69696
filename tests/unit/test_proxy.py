"""The relays of published ports, between sockets of the test's own."""

import socket
import threading

import pytest

from pyrun.runtime import datagrams, proxy
from pyrun.runtime.loop import Loop


def _drive(loop: Loop, ends: socket.socket) -> threading.Thread:
    """Run a loop until *ends* can be read."""
    thread = threading.Thread(target=loop.run, args=(ends.fileno(),), daemon=True)
    thread.start()
    return thread


@pytest.mark.parametrize("flow", [proxy.Flow, proxy.Copied])
def test_a_flow_moves_everything_and_then_the_end(flow: type[proxy.Flow]) -> None:
    """Copied is for SCTP, which few kernels have; what it does is the same."""
    client, ours = socket.socketpair()
    theirs, server = socket.socketpair()
    for each in (ours, theirs):
        each.setblocking(False)
    moving = flow(ours, theirs)  # type: ignore[arg-type]
    content = bytes(range(256)) * 8192
    sending = threading.Thread(target=lambda: (client.sendall(content), client.shutdown(socket.SHUT_WR)))
    sending.start()
    received = bytearray()
    server.settimeout(0.01)
    while not moving.is_over or len(received) < len(content):
        moving.move()
        try:
            received += server.recv(1 << 20)
        except TimeoutError:
            continue
    assert bytes(received) == content
    assert server.recv(1) == b""
    sending.join()


def test_a_flow_whose_sink_is_gone_ends_alone() -> None:
    client, ours = socket.socketpair()
    theirs, server = socket.socketpair()
    for each in (ours, theirs):
        each.setblocking(False)
    up, down = proxy.Flow(ours, theirs), proxy.Flow(theirs, ours)
    server.sendall(b"answer")
    server.close()
    client.sendall(b"question")
    up.move()
    assert up.is_over
    assert (up.reads, up.writes) == (0, 0)
    down.move()
    assert client.recv(10) == b"answer"


class _Place:
    """A container at 127.0.0.1."""

    address = "127.0.0.1"

    def reached_at(self, six: bool) -> str:
        return self.address


def test_silent_udp_clients_are_forgotten_and_those_who_go_on_are_not() -> None:
    server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    server.bind(("127.0.0.1", 0))
    held = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    held.bind(("127.0.0.1", 0))
    held.setblocking(False)
    loop, place = Loop(), _Place()
    port = datagrams.Datagrams(loop, held, place, False, server.getsockname()[1], 2)  # type: ignore[arg-type]
    clients = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(3)]
    for client in clients:
        client.settimeout(5)
        client.sendto(b"question", held.getsockname())
    stop, stopped = socket.socketpair()
    thread = _drive(loop, stopped)
    for _ in clients:
        _, peer = server.recvfrom(100)
        server.sendto(b"answer", peer)
    for client in clients[1:]:
        assert client.recv(100) == b"answer"
    stop.send(b".")
    thread.join()
    assert len(port._clients) == 2  # the first one had to make room
    first, second = port._clients.values()
    first.used -= datagrams.IDLE + 1
    port._sweep()
    assert list(port._clients.values()) == [second]
    place.address = "127.0.0.2"
    port._sweep()
    assert port._clients == {}
