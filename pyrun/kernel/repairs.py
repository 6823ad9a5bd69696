"""Links and routes of ours set right after somebody else has changed them, as operations.

Apart from `pyrun.kernel.links`, because no container's start needs them.
"""

import errno
import os

from pyrun.kernel import rtnetlink as rt
from pyrun.kernel.netlink import u32
from pyrun.typed import NamedTuple


class SetMac(NamedTuple):
    """Give a link its link-layer address back, by which we know it to be ours."""

    name: str
    mac: str

    def apply(self) -> None:
        rt.request(rt.RTM_NEWLINK, rt.link([(rt.IFLA_ADDRESS, rt.mac(self.mac))], _index(self.name)))

    def inverse(self) -> None:
        return None

    def shell(self) -> str:
        return f"ip link set {self.name} address {self.mac}"

    def why(self) -> str:
        return "somebody has changed it"


class SetMtu(NamedTuple):
    """Give a link back the size that a packet on it has at most."""

    name: str
    mtu: int  # bytes

    def apply(self) -> None:
        rt.request(rt.RTM_NEWLINK, rt.link([(rt.IFLA_MTU, u32(self.mtu))], _index(self.name)))

    def inverse(self) -> None:
        return None

    def shell(self) -> str:
        return f"ip link set {self.name} mtu {self.mtu}"

    def why(self) -> str:
        return "somebody has changed it"


class ForwardPort(NamedTuple):
    """Let a bridge's port pass packets on; who runs the spanning tree protocol, or has no carrier, decides later."""

    name: str

    def apply(self) -> None:
        try:
            rt.request(rt.RTM_SETLINK, rt.bridge_port(_index(self.name), [(rt.IFLA_BRPORT_STATE, b"\3")]))
        except OSError as cause:
            if cause.errno not in (errno.EBUSY, errno.ENETDOWN):
                raise

    def inverse(self) -> None:
        return None

    def shell(self) -> str:
        return f"bridge link set dev {self.name} state 3"

    def why(self) -> str:
        return "somebody has stopped it"


class JoinPort(NamedTuple):
    """Let a bridge's port reach all others again."""

    name: str

    def apply(self) -> None:
        rt.request(rt.RTM_SETLINK, rt.bridge_port(_index(self.name), [(rt.IFLA_BRPORT_ISOLATED, b"\0")]))

    def inverse(self) -> None:
        return None

    def shell(self) -> str:
        return f"bridge link set dev {self.name} isolated off"

    def why(self) -> str:
        return "containers of this network reach each other, and somebody has parted them"


class AddSubnetRoute(NamedTuple):
    """The route to the subnet of an address of ours; another's to the same subnet goes on taking the packets."""

    link: str
    subnet: str
    source: str  # that address

    def apply(self) -> None:
        network, _, prefix = self.subnet.partition("/")
        body = rt.subnet_route(network, int(prefix), self.source, _index(self.link))
        try:
            rt.request(rt.RTM_NEWROUTE, body, rt.NLM_F_CREATE | rt.NLM_F_APPEND)
        except OSError as cause:
            if cause.errno != errno.EEXIST:
                raise

    def inverse(self) -> None:
        return None

    def shell(self) -> str:
        if ":" in self.source:
            return f"ip -6 route append {self.subnet} dev {self.link} proto kernel metric 256"
        return f"ip route append {self.subnet} dev {self.link} proto kernel scope link src {self.source}"

    def why(self) -> str:
        return "it came with the address, and somebody has deleted it"


def _index(name: str) -> int:
    found = rt.find_link(name)
    if found is None:
        raise OSError(errno.ENODEV, os.strerror(errno.ENODEV))
    return found[0]
