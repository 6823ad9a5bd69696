"""Links, addresses and routes of the network namespace that we are in, as operations.

What is plugged into what is decided in `pyrun.plan`; messages are encoded in
`pyrun.kernel.rtnetlink`.
"""

import errno
import os
import time

from pyrun.errors import PyrunError
from pyrun.kernel import rtnetlink as rt
from pyrun.kernel.files import quote
from pyrun.kernel.netlink import u32
from pyrun.typed import NamedTuple


class AddBridge(NamedTuple):
    """A switch of our own; its MAC is fixed so that it stays when ports come and go."""

    name: str
    mac: str
    mtu: int = 0  # 0 leaves the kernel's

    def apply(self) -> None:
        rt.request(rt.RTM_NEWLINK, rt.bridge(self.name, self.mac, self.mtu), rt.NLM_F_CREATE | rt.NLM_F_EXCL)

    def inverse(self) -> "DeleteLink":
        return DeleteLink(self.name, self.mac)

    def shell(self) -> str:
        return f"ip link add name {self.name} address {self.mac}{_mtu(self.mtu)} type bridge"

    def why(self) -> str:
        return "the switch that containers plug into, as docker0"


class AddVeth(NamedTuple):
    """A cable: *host* stays here as a port of *bridge*, *peer* is born inside the netns of *pid*."""

    host: str  # at most 15 bytes (IFNAMSIZ - 1)
    peer: str
    pid: int  # as seen in our own PID namespace; 0 in a dry run
    bridge: str
    mac: str  # of the peer
    host_mac: str  # by which we know the host's end to be ours
    mtu: int = 0  # of both ends; 0 leaves the kernel's

    def apply(self) -> None:
        master = rt.find_link(self.bridge)
        if master is None:
            raise OSError(errno.ENODEV, os.strerror(errno.ENODEV))
        body = rt.veth(self.host, self.host_mac, self.peer, self.pid, self.mac, master[0], self.mtu)
        try:
            rt.request(rt.RTM_NEWLINK, body, rt.NLM_F_CREATE | rt.NLM_F_EXCL)
        except OSError as cause:
            if cause.errno == errno.EXFULL:
                raise PyrunError(f"network: {self.bridge}: the bridge is full (1023 ports)") from cause
            raise

    def inverse(self) -> "DeleteVeth":
        return DeleteVeth(self.host, self.host_mac)

    def shell(self) -> str:
        netns = self.pid or '"$PID"'
        return (
            f"ip link add {self.host} address {self.host_mac}{_mtu(self.mtu)} type veth"
            f" peer name {self.peer} address {self.mac}{_mtu(self.mtu)} netns {netns}"
            f" && ip link set {self.host} master {self.bridge}"
        )

    def why(self) -> str:
        return "a cable from the bridge into the container"


class AddCable(NamedTuple):
    """A cable into the network of another process, plugged into nothing here."""

    host: str
    peer: str
    pid: int
    mac: str  # of the peer
    host_mac: str

    def apply(self) -> None:
        body = rt.veth(self.host, self.host_mac, self.peer, self.pid, self.mac, 0)
        rt.request(rt.RTM_NEWLINK, body, rt.NLM_F_CREATE | rt.NLM_F_EXCL)

    def inverse(self) -> "DeleteVeth":
        return DeleteVeth(self.host, self.host_mac)

    def shell(self) -> str:
        return (
            f"ip link add {self.host} address {self.host_mac} type veth"
            f" peer name {self.peer} address {self.mac} netns {self.pid}"
        )

    def why(self) -> str:
        return "a cable into another network"


class DeleteLink(NamedTuple):
    """Remove a link of ours, known by its link-layer address; another's link of that name stays."""

    name: str
    mac: str

    def apply(self) -> None:
        found = rt.find_link(self.name)
        if found is None or found[2].get(rt.IFLA_ADDRESS) != rt.mac(self.mac):
            return
        try:
            rt.request(rt.RTM_DELLINK, rt.link([], index=found[0]))
        except OSError as cause:
            if cause.errno != errno.ENODEV:
                raise

    def inverse(self) -> None:
        return None

    def shell(self) -> str:
        return f"ip link delete {self.name}"

    def why(self) -> str:
        return "nothing is plugged into it any more"


class DeleteVeth(NamedTuple):
    """Remove a cable of ours. Mostly the kernel does: it goes with its sandbox, at no cost to us."""

    name: str
    mac: str

    def apply(self) -> None:
        for _ in range(20):
            if not exists(self.name):
                return
            time.sleep(0.001)
        DeleteLink(self.name, self.mac).apply()  # somebody still holds the sandbox

    def inverse(self) -> None:
        return None

    def shell(self) -> str:
        return f"ip link delete {self.name} 2>/dev/null || :"

    def why(self) -> str:
        return "goes with the sandbox at its other end"


class SetAlias(NamedTuple):
    """Say in the link itself what it is; `ip link` shows it."""

    name: str
    alias: str  # at most 255 bytes

    def apply(self) -> None:
        body = rt.link([(rt.IFLA_IFALIAS, self.alias.encode())], _index(self.name))
        rt.request(rt.RTM_NEWLINK, body)

    def inverse(self) -> None:
        return None

    def shell(self) -> str:
        return f"ip link set {self.name} alias {quote(self.alias)}"

    def why(self) -> str:
        return "so that ip link tells whose it is"


class SetUp(NamedTuple):
    """Switch a link on."""

    name: str

    def apply(self) -> None:
        rt.request(rt.RTM_NEWLINK, rt.link([], _index(self.name), rt.IFF_UP, rt.IFF_UP))

    def inverse(self) -> None:
        return None

    def shell(self) -> str:
        return f"ip link set {self.name} up"

    def why(self) -> str:
        return "links are born switched off"


class IsolatePort(NamedTuple):
    """Keep a bridge's port from talking to other ports that are kept so; the bridge itself it reaches."""

    name: str

    def apply(self) -> None:
        rt.request(rt.RTM_SETLINK, rt.isolated_port(_index(self.name)))

    def inverse(self) -> None:
        return None

    def shell(self) -> str:
        return f"bridge link set dev {self.name} isolated on"

    def why(self) -> str:
        return "containers of this network do not reach each other"


class AddAddress(NamedTuple):
    """An address with its prefix, IPv4's with its broadcast address; the on-link route comes with it."""

    link: str
    address: str
    prefix: int
    broadcast: str = ""

    def apply(self) -> None:
        body = rt.interface_address(_index(self.link), self.address, self.prefix, self.broadcast)
        rt.request(rt.RTM_NEWADDR, body, rt.NLM_F_CREATE | rt.NLM_F_EXCL)

    def inverse(self) -> None:
        return None

    def shell(self) -> str:
        more = f" brd {self.broadcast}" if self.broadcast else ""
        nodad = " nodad" if ":" in self.address else ""
        return f"ip addr add {self.address}/{self.prefix}{more} dev {self.link}{nodad}"

    def why(self) -> str:
        return "its address in the bridge's subnet"


class AddRoute(NamedTuple):
    """The default route."""

    gateway: str
    link: str

    def apply(self) -> None:
        body = rt.default_route(self.gateway, _index(self.link))
        rt.request(rt.RTM_NEWROUTE, body, rt.NLM_F_CREATE | rt.NLM_F_EXCL)

    def inverse(self) -> None:
        return None

    def shell(self) -> str:
        return f"ip{_version(self.gateway)} route add default via {self.gateway} dev {self.link}"

    def why(self) -> str:
        return "all other networks are reached by the bridge's address"


class ReplaceRoute(NamedTuple):
    """The default route, in the place of another one."""

    gateway: str
    link: str

    def apply(self) -> None:
        body = rt.default_route(self.gateway, _index(self.link))
        rt.request(rt.RTM_NEWROUTE, body, rt.NLM_F_CREATE | rt.NLM_F_REPLACE)

    def inverse(self) -> None:
        return None

    def shell(self) -> str:
        return f"ip{_version(self.gateway)} route replace default via {self.gateway} dev {self.link}"

    def why(self) -> str:
        return "this network leads outside now"


class RemoveRoute(NamedTuple):
    """Take the default route by *gateway* away, if it stands."""

    gateway: str
    link: str

    def apply(self) -> None:
        found = rt.find_link(self.link)
        if found is None:
            return
        try:
            rt.request(rt.RTM_DELROUTE, rt.default_route(self.gateway, found[0]))
        except OSError as cause:
            if cause.errno != errno.ESRCH:
                raise

    def inverse(self) -> None:
        return None

    def shell(self) -> str:
        return f"ip{_version(self.gateway)} route del default via {self.gateway} dev {self.link}"

    def why(self) -> str:
        return "this network leads outside no more"


class SetNeighbour(NamedTuple):
    """By which link-layer address this host reaches an address over one of its links."""

    link: str
    address: str
    mac: str
    later: str = ""  # when this is taken back, if that is known

    def apply(self) -> None:
        found = rt.find_link(self.link)
        if found is not None:
            body = rt.neighbour(found[0], self.address, self.mac)
            rt.request(rt.RTM_NEWNEIGH, body, rt.NLM_F_CREATE | rt.NLM_F_REPLACE)

    def inverse(self) -> "SetNeighbour | None":
        return SetNeighbour(self.link, self.address, self.later) if self.later else None

    def shell(self) -> str:
        return f"ip neigh replace {self.address} lladdr {self.mac} nud stale dev {self.link}"

    def why(self) -> str:
        return "this host may have known another by that address"


class Enslave(NamedTuple):
    """Plug an existing link into a bridge again, after somebody deleted that."""

    link: str
    bridge: str

    def apply(self) -> None:
        body = rt.link([(rt.IFLA_MASTER, u32(_index(self.bridge)))], _index(self.link))
        rt.request(rt.RTM_NEWLINK, body)

    def inverse(self) -> None:
        return None

    def shell(self) -> str:
        return f"ip link set {self.link} master {self.bridge}"

    def why(self) -> str:
        return "its bridge was deleted under it"


def exists(name: str) -> bool:
    """Claim that this namespace has a link of that name."""
    return rt.find_link(name) is not None


def names_in(pid: int) -> set[str]:
    """Name the links that a process sees. Errors: OSError when there is no such process."""
    with open(f"/proc/{pid}/net/dev") as file:
        return {row.partition(":")[0].strip() for row in file.readlines()[2:]}


def default_routes() -> list[tuple[str, str]]:
    """List the default routes as (gateway, link), IPv4's and IPv6's."""
    names = {index: found[rt.IFLA_IFNAME].rstrip(b"\0").decode() for index, _, found in rt.links()}
    return [(gateway, names.get(index, "")) for gateway, index in rt.default_routes()]


def addresses(name: str) -> list[tuple[str, int]]:
    """List the addresses of a link, as (address, prefix length); none when it is missing."""
    found = rt.find_link(name)
    return rt.addresses(found[0]) if found else []


def _index(name: str) -> int:
    found = rt.find_link(name)
    if found is None:
        raise OSError(errno.ENODEV, os.strerror(errno.ENODEV))
    return found[0]


def _mtu(size: int) -> str:
    return f" mtu {size}" if size else ""


def _version(address: str) -> str:
    return " -6" if ":" in address else ""
