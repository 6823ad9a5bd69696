"""Kernel parameters of the network namespace that we are in, as operations.

A name is written as sysctl(8) takes it with slashes, because a link's name may have dots.
"""

import os
from contextlib import suppress

from pyrun.typed import NamedTuple

_REDIRECTS = "net/ipv4/conf/all/accept_redirects"


class SetSysctl(NamedTuple):
    """Give a parameter a value; it goes with the namespace or the link that it belongs to."""

    name: str  # net/ipv4/ip_forward
    value: str
    reason: str

    def apply(self) -> None:
        write(self.name, self.value)

    def inverse(self) -> None:
        return None

    def shell(self) -> str:
        value = f'"{self.value}"' if " " in self.value else self.value
        return f"sysctl -qw {self.name}={value}"

    def why(self) -> str:
        return self.reason


class EnableForwarding(NamedTuple):
    """Let this host pass packets on between its links."""

    def apply(self) -> None:
        write("net/ipv4/ip_forward", "1")

    def inverse(self) -> "RestoreForwarding | None":
        return None if read("net/ipv4/ip_forward") == "1" else RestoreForwarding(read(_REDIRECTS))

    def shell(self) -> str:
        return "sysctl -qw net/ipv4/ip_forward=1"

    def why(self) -> str:
        return "the host passes the containers' packets on"


class RestoreForwarding(NamedTuple):
    """Stop passing packets on, as it was, unless another bridge has come to rely on it meanwhile.

    The kernel sets accept_redirects whenever forwarding changes: ip-sysctl.
    """

    redirects: str  # what it was

    def apply(self) -> None:
        if not _others_forward():
            write("net/ipv4/ip_forward", "0")
            write(_REDIRECTS, self.redirects)

    def inverse(self) -> None:
        return None

    def shell(self) -> str:
        return f"sysctl -qw net/ipv4/ip_forward=0 {_REDIRECTS}={self.redirects}"

    def why(self) -> str:
        return "as it was before the first container"


def read(name: str) -> str:
    """Read a parameter. Errors: OSError; ENOENT the kernel has none of that name."""
    with open(f"/proc/sys/{name}") as file:
        return file.read().strip()


def write(name: str, value: str) -> None:
    """Write a parameter. Errors: OSError."""
    fd = os.open(f"/proc/sys/{name}", os.O_WRONLY | os.O_CLOEXEC)
    try:
        os.write(fd, value.encode())
    finally:
        os.close(fd)


def exists(name: str) -> bool:
    """Claim that the kernel has a parameter of that name here."""
    return os.path.exists(f"/proc/sys/{name}")


def _others_forward() -> bool:
    """Claim that somebody else's bridge or tunnel is here, whose packets we would stop."""
    with suppress(OSError), open("/proc/self/net/dev") as file:
        for row in file.readlines()[2:]:
            name = row.partition(":")[0].strip()
            if name.startswith(("docker", "br-", "virbr", "lxc", "lxd", "podman", "cni", "wg", "tun", "tap")):
                return True
    return False
