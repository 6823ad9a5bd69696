"""Kernel parameters of the network namespace that we are in, as operations.

A name is written as sysctl(8) takes it with slashes, because a link's name may have dots.
"""

import os

from pyrun import paths
from pyrun.contexts import suppress
from pyrun.kernel import files, netlink, rtnetlink
from pyrun.typed import NamedTuple

_REDIRECTS = "net/ipv4/conf/all/accept_redirects"
_RTF_ADDRCONF = 0x40000
_FORWARDING = {4: "net/ipv4/ip_forward", 6: "net/ipv6/conf/all/forwarding"}
_MARK = f"{paths.RUN}/forwarding"  # followed by the family: what was so before we let the host forward
_LEARNING = f"{paths.RUN}/learning."  # followed by the link that was told to go on learning its routes
_FORWARDED = ("pyrun", "docker", "br-", "virbr", "lxc", "lxd", "podman", "cni", "wg", "tun", "tap")


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
        plain = self.value.replace(" ", "").isalnum()
        value = files.quote(self.value) if not plain else f'"{self.value}"' if " " in self.value else self.value
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
        former = [read(_REDIRECTS) if self.family == 4 else "", *_forwarding_links(self.family)]
        with suppress(FileNotFoundError):
            os.unlink(f"{_MARK}{self.family}")
        files.write_new(f"{_MARK}{self.family}", "\n".join(former).encode())
        write(name, "1")

    def inverse(self) -> "RestoreForwarding":
        return RestoreForwarding(self.bridge, self.family)

    def shell(self) -> str:
        return f"sysctl -qw {_FORWARDING[self.family]}=1"

    def why(self) -> str:
        return "the host passes the containers' packets on" if self.family == 4 else "IPv6 packets, too"


class RestoreForwarding(NamedTuple):
    """Stop passing packets on, if it was us who began, unless another bridge has come to rely on it meanwhile.

    The kernel sets accept_redirects whenever forwarding changes, and forwarding of each link: ip-sysctl.
    """

    bridge: str
    family: int = 4

    def apply(self) -> None:
        mark = f"{_MARK}{self.family}"
        if _others_forward(self.bridge, self.family) or not os.path.exists(mark):
            return
        with open(mark) as file:
            redirects, *links = file.read().split("\n")
        write(_FORWARDING[self.family], "0")
        if self.family == 4:
            write(_REDIRECTS, redirects)
        for link in links:
            with suppress(FileNotFoundError):
                write(f"net/ipv{self.family}/conf/{link}/forwarding", "1")
        os.unlink(mark)

    def inverse(self) -> None:
        return None

    def shell(self) -> str:
        return f"sysctl -qw {_FORWARDING[self.family]}=0"

    def why(self) -> str:
        return "as it was before the first network"


class ForgetForwarding(NamedTuple):
    """Forget that it was us who let this host pass packets on, where it does not any more."""

    family: int = 4

    def apply(self) -> None:
        if read(_FORWARDING[self.family]) == "0":
            with suppress(FileNotFoundError):
                os.unlink(f"{_MARK}{self.family}")

    def inverse(self) -> None:
        return None

    def shell(self) -> str:
        return f"rm -f {_MARK}{self.family}"

    def why(self) -> str:
        return "somebody has ended it"


class KeepAdvertisements(NamedTuple):
    """Let an uplink go on learning its routes: a host that forwards ignores routers unless told. See ip-sysctl."""

    link: str

    def apply(self) -> None:
        if read(_accept(self.link)) == "1":
            files.write_atomically(f"{_LEARNING}{self.link}", b"1")
            write(_accept(self.link), "2")

    def inverse(self) -> "RestoreAdvertisements":
        return RestoreAdvertisements(self.link)

    def shell(self) -> str:
        return f"sysctl -qw {_accept(self.link)}=2"

    def why(self) -> str:
        return "a host that forwards would forget the routes that it has learned here"


class RestoreAdvertisements(NamedTuple):
    """Let an uplink learn its routes as before, once the host forwards no more; another's setting stays."""

    link: str

    def apply(self) -> None:
        mark = f"{_LEARNING}{self.link}"
        if not os.path.exists(mark) or read(_FORWARDING[6]) == "1":
            return
        with suppress(FileNotFoundError):
            if read(_accept(self.link)) == "2":
                write(_accept(self.link), "1")
        os.unlink(mark)

    def inverse(self) -> None:
        return None

    def shell(self) -> str:
        return f"sysctl -qw {_accept(self.link)}=1"

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


def learning() -> list[str]:
    """List the links whose IPv6 routes come from routers' advertisements (RTF_ADDRCONF of linux/ipv6_route.h).

    A host that forwards already is left as it is, but for those links that we have told to go on.
    """
    found = set()
    forwards = read(_FORWARDING[6]) == "1"
    with suppress(OSError), open("/proc/self/net/ipv6_route") as file:
        for row in map(str.split, file):
            ours = os.path.exists(f"{_LEARNING}{row[9]}")
            if int(row[8], 16) & _RTF_ADDRCONF and (ours or (not forwards and read(_accept(row[9])) == "1")):
                found.add(row[9])
    return sorted(found)


def _accept(link: str) -> str:
    return f"net/ipv6/conf/{link}/accept_ra"


def _forwarding_links(family: int) -> list[str]:
    """List the links, and `default`, that forward already though the host as a whole does not."""
    names = sorted(os.listdir(f"/proc/sys/net/ipv{family}/conf"))
    return [name for name in names if name != "all" and read(f"net/ipv{family}/conf/{name}/forwarding") == "1"]


def _others_forward(own: str, family: int) -> bool:
    """Claim that another bridge or tunnel than our *own* is here, whose packets we would stop."""
    for _, _, told in rtnetlink.links():
        name = told.get(rtnetlink.IFLA_IFNAME, b"").rstrip(b"\0").decode(errors="replace")
        off = f"net/ipv6/conf/{name}/disable_ipv6"
        if name == own or (family == 6 and exists(off) and read(off) == "1"):
            continue
        if name.startswith(_FORWARDED) or _is_switch(told):
            return True
    return False


def _is_switch(told: "dict[int, bytes]") -> bool:
    """Claim that a link is a bridge with an address as Docker and we choose them, whatever its name."""
    kind = netlink.attributes_of(told.get(rtnetlink.IFLA_LINKINFO, b"")).get(rtnetlink.IFLA_INFO_KIND, b"")
    return kind.startswith(b"bridge") and told.get(rtnetlink.IFLA_ADDRESS, b"").startswith(b"\x02\x42")
