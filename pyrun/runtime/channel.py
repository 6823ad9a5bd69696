"""The drawn protocol: named messages between client, monitor and init, one packet each.

    client                       monitor                          init (pid 1 of the container)
      │  fork ───────────────────▶ │  fork ────────────────────────▶ │
      │                            │ ◀──────────────── NAMESPACES    │  it has its own; mounts go on
      │                            │  ENDPOINT ─────────────────────▶│  the cable is plugged in
      │                            │ ◀──────────── READY (terminal)  │  all power given up
      │                            │  START ────────────────────────▶│  execve; or FAILED at any time
      │ ◀──────────────── STARTED  │
      │  SIGNAL RESIZE DETACH ───▶ │
      │ ◀──────── EXITED or FAILED │

Who attaches later connects to the monitor, and hands it a descriptor for each of STDIO before ATTACHED:

      │  STDIO … ATTACHED ───────▶ │
      │ ◀─────────────── ATTACHED  │  from here on as above

End of file means that the other side is gone. Imports stay lean: a monitor lives as long as its container.
"""

import _socket  # socket itself imports enum and selectors
import posix
import select

NAMESPACES, ENDPOINT, READY, START, FAILED = b"N", b"E", b"R", b"S", b"F"
STARTED, EXITED, SIGNAL, RESIZE, DETACH = b"s", b"x", b"k", b"r", b"d"
KILL_ALL = b"K"  # to the helper of `exec`: end the program and its process group
STDIO, ATTACHED = b"i", b"a"
GONE = b""

_PACKET = 65536
_ONE_DESCRIPTOR = 24  # CMSG_SPACE(sizeof(int))


class Channel:
    """One end of a connection that keeps packets apart."""

    __slots__ = ("_socket", "fd")

    def __init__(self, fd: int) -> None:
        self.fd = fd
        self._socket = _socket.socket(_socket.AF_UNIX, _socket.SOCK_SEQPACKET, 0, fd)

    def send(self, kind: bytes, content: bytes = b"", descriptor: int = -1) -> bool:
        """Send a message, with a descriptor if given; tell whether the other side is there to get it."""
        extra = []
        if descriptor >= 0:
            extra = [(_socket.SOL_SOCKET, _socket.SCM_RIGHTS, descriptor.to_bytes(4, "little"))]
        try:
            self._socket.sendmsg([kind + content[: _PACKET - 1]], extra, _socket.MSG_NOSIGNAL)
        except (BrokenPipeError, ConnectionResetError):
            return False
        return True

    def receive(self) -> "tuple[bytes, bytes, int]":
        """Wait for a message: its kind (GONE at the end), its content, and a descriptor or -1."""
        try:
            packet, extra, _, _ = self._socket.recvmsg(_PACKET, _ONE_DESCRIPTOR, _socket.MSG_CMSG_CLOEXEC)
        except ConnectionResetError:  # told once, before what is queued: it ended with a message of ours unread
            return self.receive()
        descriptor = int.from_bytes(extra[0][2][:4], "little") if extra else -1
        return packet[:1], packet[1:], descriptor

    def is_ready(self) -> bool:
        """Claim that there is a message, or the end, to receive now."""
        poll = select.poll()
        poll.register(self.fd, select.POLLIN)
        return bool(poll.poll(0))

    def close(self) -> None:
        """Close this end."""
        self._socket.close()


def pair() -> "tuple[Channel, Channel]":
    """Give the two ends of a new connection."""
    left, right = _socket.socketpair(_socket.AF_UNIX, _socket.SOCK_SEQPACKET | _socket.SOCK_CLOEXEC)
    return Channel(left.detach()), Channel(right.detach())


def failure(code: int, message: str) -> bytes:
    """Encode the content of FAILED."""
    return code.to_bytes(1, "little") + message.encode(errors="surrogateescape")


def read_failure(content: bytes) -> "tuple[int, str]":
    """Decode the content of FAILED: exit code and text."""
    return content[0] if content else 125, content[1:].decode(errors="surrogateescape")


def listening(path: str) -> int:
    """Make the socket *path*, at which a monitor is found; give its descriptor. Errors: OSError."""
    made = _socket.socket(_socket.AF_UNIX, _socket.SOCK_SEQPACKET | _socket.SOCK_CLOEXEC | _socket.SOCK_NONBLOCK)
    posix.fchmod(made.fileno(), 0o600)  # what it is bound to is made so
    made.bind(path)
    made.listen(64)
    return made.detach()


def accepted(listener: int) -> "Channel | None":
    """Give the next connection to *listener*, if there is one."""
    own = _socket.socket(_socket.AF_UNIX, _socket.SOCK_SEQPACKET, 0, listener)
    try:
        fd, _ = own._accept()  # type: ignore[attr-defined]  # socket.accept calls it as well
    except OSError:
        return None
    finally:
        own.detach()
    return Channel(fd)


def connected(path: str) -> Channel:
    """Connect to the monitor that is found at *path*. Errors: OSError when there is none."""
    made = _socket.socket(_socket.AF_UNIX, _socket.SOCK_SEQPACKET | _socket.SOCK_CLOEXEC)
    made.connect(path)
    return Channel(made.detach())
