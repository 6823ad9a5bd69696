"""What somebody else has changed of a network, set right: the bridge, its addresses and routes, the containers' cables.

Imported only when something is amiss, or looked for thoroughly. When that is, and in whose turn, is said in
`pyrun.network.driver`; each function here wants the network's lock to be held.
"""

from pyrun.contexts import suppress
from pyrun.errors import PyrunError
from pyrun.kernel import links, repairs, rtnetlink, sysctls
from pyrun.network import addresses, standing
from pyrun.operation import Journal, Operation, perform
from pyrun.plan import mending as again
from pyrun.plan import network as plan
from pyrun.spec import Endpoint, Network

_IPV6 = "net/ipv6/conf/all/disable_ipv6"


def reclaim(net: Network) -> bool:
    """Claim that the bridge is there and ours; the address by which all know it is given back to it."""
    found = standing.bridge(net)
    if found and found[2].get(rtnetlink.IFLA_ADDRESS) != rtnetlink.mac(net.mac):
        perform([repairs.SetMac(net.bridge, net.mac)])
    return found is not None


def delete_renamed(net: Network) -> None:
    """Delete the bridge if somebody has renamed it: by its old addresses and routes it would go on taking packets."""
    found = rtnetlink.find_numbered_link(net.ifindex) if net.ifindex else None
    if found and found[2].get(rtnetlink.IFLA_ADDRESS) == rtnetlink.mac(net.mac):
        name = found[2][rtnetlink.IFLA_IFNAME].rstrip(b"\0").decode()
        perform([links.DeleteLink(name, net.mac)])


def reclaim_cable(end: Endpoint) -> bool:
    """Claim that the cable's outer end is there and ours; the address by which all know it is given back to it."""
    found = rtnetlink.find_link(end.host_link)
    if found is None or not again.is_ours(end, found):
        return False
    perform(again.address(end, found))
    return True


def ways(net: Network, journal: Journal) -> None:
    """Give the bridge its addresses and routes back, and let the host forward again. Errors: PyrunError."""
    present = {address for address, _ in links.addresses(net.bridge)}
    lost = [pool for pool in net.bridged if pool.gateway not in present]
    if lost:
        bridge(net)  # without IPv6 a link takes no such address
    for pool in lost:
        broadcast = addresses.broadcast(pool.subnet)
        perform([links.AddAddress(net.bridge, pool.gateway, pool.prefix, broadcast)])
    index = standing.live_bridge(net)
    for pool in net.bridged:
        if index and not standing.has_route(pool, index):
            perform([repairs.AddSubnetRoute(net.bridge, pool.subnet, pool.gateway)])
    if not standing.is_forwarding():
        perform([sysctls.EnableForwarding(net.bridge)], "host", journal)
    if net.ipv6 and not standing.is_forwarding(ipv6=True):
        perform([sysctls.EnableForwarding(net.bridge, 6)], "host", journal)


def bridge(net: Network) -> None:
    """Give the bridge its MTU back, and tell the kernel again what it was told of it. Errors: PyrunError."""
    found = rtnetlink.find_link(net.bridge)
    if found:
        perform(again.size(net.bridge, net.mtu, found))  # first: below 1280 bytes a link forgets all about IPv6
        perform(_changed(plan.parameters(net, sysctls.exists(_IPV6))))


def cables(net: Network) -> None:
    """Plug the containers in as they were, as far as their cables are there.

    Errors: PyrunError, after all others; also for another's link in a cable's place.
    """
    master, ipv6, failures = rtnetlink.find_link(net.bridge), sysctls.exists(_IPV6), list[PyrunError]()
    ports = rtnetlink.bridge_ports(master[0]) if master else {}
    for end in standing.endpoints(net.name):
        port = rtnetlink.find_link(end.host_link)
        if master and port:
            try:
                if not reclaim_cable(end):
                    raise _foreign(end)
                perform(again.size(end.host_link, net.mtu, port))
                perform([*_changed(plan.port_parameters(end, ipv6)), *again.port(end, master[0], port)])
                perform(again.switched(end, ports.get(end.host_link)))
            except PyrunError as failure:
                failures += [failure] if links.exists(end.host_link) else []  # else its container has just ended
    if failures:
        raise failures[0]


def _foreign(end: Endpoint) -> PyrunError:
    hint = f"ip link delete {end.host_link}, then pyrun network repair {end.network.name}"
    return PyrunError(f"network: {end.host_link}: a link of that name exists and is not ours", hint=hint)


def _changed(wanted: list[sysctls.SetSysctl]) -> list[Operation]:
    """Leave out what is as it should be."""
    changed: list[Operation] = []
    for each in wanted:
        with suppress(FileNotFoundError):  # its link has just gone
            changed += [each] if sysctls.read(each.name) != each.value else []
    return changed
