"""Links that somebody has changed, as they were again: what was found in, operations out."""

from pyrun.kernel import links, repairs, rtnetlink
from pyrun.kernel.netlink import u32
from pyrun.operation import Operation
from pyrun.spec import Endpoint

_FORWARDING = 3  # BR_STATE_FORWARDING in linux/if_bridge.h
_MTU = 1500  # the kernel's for bridges and cables
Link = tuple[int, int, dict[int, bytes]]  # index, flags and attributes
Port = tuple[int, int, int, bool]  # as of `rtnetlink.bridge_ports`


def is_ours(end: Endpoint, present: Link) -> bool:
    """Claim that a link is a cable's outer end, by its link-layer address, or its alias where that was changed."""
    found = present[2]
    alias = found.get(rtnetlink.IFLA_IFALIAS, b"").rstrip(b"\0")
    return found.get(rtnetlink.IFLA_ADDRESS) == rtnetlink.mac(end.host_mac) or alias == end.alias.encode()


def address(end: Endpoint, present: Link) -> list[Operation]:
    """Give a cable's outer end its link-layer address back."""
    known = present[2].get(rtnetlink.IFLA_ADDRESS) == rtnetlink.mac(end.host_mac)
    return [] if known else [repairs.SetMac(end.host_link, end.host_mac)]


def port(end: Endpoint, bridge: int, present: Link) -> list[Operation]:
    """Give a cable's outer end back what it has lost; *present* is the link as it is, *bridge* the bridge's index."""
    _, flags, found = present
    plan: list[Operation] = []
    if found.get(rtnetlink.IFLA_MASTER) != u32(bridge):
        plan.append(links.Enslave(end.host_link, end.network.bridge))
    if found.get(rtnetlink.IFLA_IFALIAS, b"").rstrip(b"\0") != end.alias.encode():
        plan.append(links.SetAlias(end.host_link, end.alias))
    if not end.network.icc:
        plan.append(links.IsolatePort(end.host_link))
    if not flags & rtnetlink.IFF_UP:
        plan.append(links.SetUp(end.host_link))
    return plan


def switched(end: Endpoint, present: "Port | None") -> list[Operation]:
    """Let the bridge pass a cable's packets on as it did; *present* is its port as it is, None for a new one."""
    if present is None:
        return []
    _, _, state, isolated = present
    plan: list[Operation] = [repairs.JoinPort(end.host_link)] if isolated and end.network.icc else []
    return plan if state == _FORWARDING else [*plan, repairs.ForwardPort(end.host_link)]


def size(link: str, mtu: int, present: Link) -> list[Operation]:
    """Give a link its *mtu* back, 0 for the kernel's; *present* is the link as it is."""
    wanted = mtu or _MTU
    return [] if present[2].get(rtnetlink.IFLA_MTU) == u32(wanted) else [repairs.SetMtu(link, wanted)]
