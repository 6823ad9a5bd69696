"""Links of ours set right after somebody else has changed them, as operations.

Apart from `pyrun.kernel.links`, because no container's start needs them.
"""

import errno
import os

from pyrun.kernel import rtnetlink as rt
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


def _index(name: str) -> int:
    found = rt.find_link(name)
    if found is None:
        raise OSError(errno.ENODEV, os.strerror(errno.ENODEV))
    return found[0]
