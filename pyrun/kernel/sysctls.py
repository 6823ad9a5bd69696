"""Kernel parameters of the network namespace that we are in, as operations.

A name is written as sysctl(8) takes it with slashes, because a link's name may have dots.
"""

import os
from contextlib import suppress

from pyrun import paths
from pyrun.kernel import files
from pyrun.typed import NamedTuple

_REDIRECTS = "net/ipv4/conf/all/accept_redirects"
_RTF_ADDRCONF = 0x40000
_FORWARDING = {4: "net/ipv4/ip_forward", 6: "net/ipv6/conf/all/forwarding"}
_MARK = f"{paths.RUN}/forwarding"  # followed by the family: what was so before we let the host forward


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
    """Let this host pass packets on between its links; that it was us who did so is marked in a file."""

    bridge: str  # for whose packets
    family: int = 4

    def apply(self) -> None:
        name = _FORWARDING[self.family]
        if read(name) == "1":
            return
        former = read(_REDIRECTS) if self.family == 4 else ""
        with suppress(FileNotFoundError):
            os.unlink(f"{_MARK}{self.family}")
        files.write_new(f"{_MARK}{self.family}", former.encode())
        write(name, "1")

    def inverse(self) -> "RestoreForwarding":
        return RestoreForwarding(self.bridge, self.family)

    def shell(self) -> str:
        return f"sysctl -qw {_FORWARDING[self.family]}=1"

    def why(self) -> str:
        return "the host passes the containers' packets on" if self.family == 4 else "IPv6 packets, too"


class RestoreForwarding(NamedTuple):
    """Stop passing packets on, if it was us who began, unless another bridge has come to rely on it meanwhile.

    The kernel sets accept_redirects whenever forwarding changes: ip-sysctl.
    """

    bridge: str
    family: int = 4

    def apply(self) -> None:
        mark = f"{_MARK}{self.family}"
        if _others_forward(self.bridge) or not os.path.exists(mark):
            return
        with open(mark) as file:
            former = file.read()
        write(_FORWARDING[self.family], "0")
        if self.family == 4:
            write(_REDIRECTS, former)
        os.unlink(mark)

    def inverse(self) -> None:
        return None

    def shell(self) -> str:
        return f"sysctl -qw {_FORWARDING[self.family]}=0"

    def why(self) -> str:
        return "as it was before the first network"


class KeepAdvertisements(NamedTuple):
    """Let an uplink go on learning its routes: a host that forwards ignores routers unless told. See ip-sysctl."""

    link: str

    def apply(self) -> None:
        write(f"net/ipv6/conf/{self.link}/accept_ra", "2")

    def inverse(self) -> "SetBack":
        name = f"net/ipv6/conf/{self.link}/accept_ra"
        return SetBack(name, "2", read(name))

    def shell(self) -> str:
        return f"sysctl -qw net/ipv6/conf/{self.link}/accept_ra=2"

    def why(self) -> str:
        return "a host that forwards would forget the routes that it has learned here"


class SetBack(NamedTuple):
    """Give a parameter its former value, unless somebody has given it another one meanwhile."""

    name: str
    value: str  # what we gave it
    former: str

    def apply(self) -> None:
        with suppress(FileNotFoundError):
            if read(self.name) == self.value:
                write(self.name, self.former)

    def inverse(self) -> None:
        return None

    def shell(self) -> str:
        return f"sysctl -qw {self.name}={self.former}"

    def why(self) -> str:
        return "as it was before"


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


def _others_forward(own: str) -> bool:
    """Claim that another bridge or tunnel than our *own* is here, whose packets we would stop."""
    with suppress(OSError), open("/proc/self/net/dev") as file:
        for row in file.readlines()[2:]:
            name = row.partition(":")[0].strip()
            if name != own and name.startswith(
                ("pyrun", "docker", "br-", "virbr", "lxc", "lxd", "podman", "cni", "wg", "tun", "tap")
            ):
                return True
    return False


def learning() -> list[str]:
    """List the links whose IPv6 routes come from routers' advertisements (RTF_ADDRCONF of linux/ipv6_route.h)."""
    found = set()
    with suppress(OSError), open("/proc/self/net/ipv6_route") as file:
        for row in map(str.split, file):
            if int(row[8], 16) & _RTF_ADDRCONF and read(f"net/ipv6/conf/{row[9]}/accept_ra") == "1":
                found.add(row[9])
    return sorted(found)
