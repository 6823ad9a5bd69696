"""Where a container is, for whoever relays to it: its present address, and sockets to reach it.

Runs in the services process, so imports stay lean.
"""

import _socket  # socket itself imports enum and selectors
import os

from pyrun import paths


class Container:
    """Where the container is now: its addresses on the network that its ports belong to.

    They are asked for again only when the record of its plug has changed.
    """

    __slots__ = ("_identity", "_path", "_seen", "address", "address6")

    def __init__(self, identity: str, plug: str) -> None:
        network, self._seen, self.address, self.address6 = plug.split(",")
        self._identity = identity
        self._path = record(network, identity)

    def reached_at(self, six: bool) -> str:
        """Give the address; IPv4's for an IPv6 port when it has no other. Empty when it is on no network."""
        if not self.address or signature(self._path) != self._seen:
            self._look_up()
        return self.address6 if six and self.address6 else self.address

    def _look_up(self) -> None:
        from pyrun.network import standing

        self.address, self.address6 = "", ""
        for end in standing.plugs(self._identity):
            path = record(end.network.name, self._identity)
            seen = signature(path)
            now = standing.endpoint(end.network.name, self._identity)
            if now and now.published:
                self._path, self._seen, self.address, self.address6 = path, seen, now.address, now.address6
                return


def record(network: str, identity: str) -> str:
    """Give the path of the record of a container's plug."""
    return f"{paths.network(network)}/endpoints/{identity}"


def signature(path: str) -> str:
    """Give what changes when the file is written anew."""
    try:
        status = os.stat(path)
    except OSError:
        return ""
    return f"{status.st_ino}.{status.st_mtime_ns}"


def opened(kind: int, address: str, protocol: int) -> _socket.socket:
    """Make a socket that reaches an address of its family. Errors: OSError."""
    family = _socket.AF_INET6 if ":" in address else _socket.AF_INET
    return _socket.socket(family, kind | _socket.SOCK_CLOEXEC | _socket.SOCK_NONBLOCK, protocol)
