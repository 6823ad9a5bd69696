"""What `pyrun.kernel.survey` tells of links and default routes, asked without pyroute2: for who asks many times.

The import of pyroute2, and a socket of its own for every question, take longer than all the answers.
"""

import os
import struct

from pyrun.kernel import rtnetlink as rt
from pyrun.kernel.netlink import NLM_F_ACK, NLM_F_DUMP, attribute, attributes_of, exchange, u32
from pyrun.kernel.survey import IFF_RUNNING, IFF_UP, Link
from pyrun.typed import NamedTuple

_RTM_GETNSID = 90  # linux/rtnetlink.h
_NETNSA_NSID, _NETNSA_PID, _NETNSA_FD = 1, 2, 3  # linux/net_namespace.h
_IFLA_LINK_NETNSID = 37
_ROUTE = struct.Struct("=BBBBBBBBI")  # struct rtmsg
_MAIN, _UNICAST = 254, 1
_NUMBER = struct.Struct("=i")


class Default(NamedTuple):
    """An IPv4 default route: gateway, which may be empty, and index of the link; 0 where it has none."""

    gateway: str
    link: int


def links() -> list[Link]:
    """List all links of this namespace with their addresses; ports of bridges are not looked at. Errors: OSError."""
    return [_link(index, flags, told) for index, flags, told in rt.links()]


def namespace_number(pid: int = 0, fd: int = -1) -> int:
    """Give the number by which links here name the namespace of a process, or one opened; -1 for none.

    Errors: OSError.
    """
    wanted = attribute(_NETNSA_PID, u32(pid)) if pid else attribute(_NETNSA_FD, u32(fd))
    for reply in exchange(0, _RTM_GETNSID, b"\0\0\0\0" + wanted, NLM_F_ACK):
        found = attributes_of(reply[4:]).get(_NETNSA_NSID)
        return _signed(found) if found else -1
    return -1


def cable(name: str, pid: int) -> tuple[int, int]:
    """Give the index of a link here, and that of its other end in the network namespace of a process.

    Both are 0 where there is no such link, or it leads elsewhere. Errors: OSError, as for a process that is no more.
    """
    found = rt.find_link(name)
    if found is None:
        return 0, 0
    index, _, told = found
    elsewhere = _signed(told.get(_IFLA_LINK_NETNSID), -1)
    if elsewhere < 0 or elsewhere != namespace_number(pid):
        return 0, 0
    return index, _signed(told.get(rt.IFLA_LINK))


def default_routes() -> list[Default]:
    """List the IPv4 default routes of the main table. Errors: OSError."""
    found = []
    for reply in exchange(0, rt.RTM_GETROUTE, _ROUTE.pack(rt.AF_INET, 0, 0, 0, 0, 0, 0, 0, 0), NLM_F_DUMP):
        family, prefix, _, _, table, _, _, kind, _ = _ROUTE.unpack_from(reply)
        if (family, prefix, table, kind) == (rt.AF_INET, 0, _MAIN, _UNICAST):
            told = attributes_of(reply[_ROUTE.size :])
            found.append(Default(_address(told.get(rt.RTA_GATEWAY)), _signed(told.get(rt.RTA_OIF))))
    return found


def _link(index: int, flags: int, told: "dict[int, bytes]") -> Link:
    info = attributes_of(told.get(rt.IFLA_LINKINFO, b""))
    return Link(
        index,
        os.fsdecode(told[rt.IFLA_IFNAME].rstrip(b"\0")),
        info.get(rt.IFLA_INFO_KIND, b"").rstrip(b"\0").decode(),
        bool(flags & IFF_UP),
        bool(flags & IFF_RUNNING),
        told.get(rt.IFLA_ADDRESS, b"").hex(":"),
        _signed(told.get(rt.IFLA_MTU)),
        _signed(told.get(rt.IFLA_MASTER)),
        _signed(told.get(rt.IFLA_LINK)),
        _signed(told.get(_IFLA_LINK_NETNSID), -1),
        addresses=tuple(rt.addresses(index)),
    )


def _signed(value: "bytes | None", missing: int = 0) -> int:
    return _NUMBER.unpack(value)[0] if value else missing


def _address(value: "bytes | None") -> str:
    return ".".join(map(str, value)) if value and len(value) == 4 else ""
