"""A network and a container's plug into it: data in, operations out. Reads like the tutorial's nine steps."""

from pyrun.firewall import choice, guard
from pyrun.firewall.rules import is_loopback
from pyrun.kernel import conntrack, links, sysctls
from pyrun.network import addresses
from pyrun.operation import Operation
from pyrun.spec import Endpoint, Network, Pool

_ROGUE = "a container may not configure the host by router advertisements or redirects"
_PING = "any group may send pings, so that ping needs no privilege"
_PORTS = "any user of the container may listen on any port"
_IPV6 = "its network has IPv6"
_NO_IPV6 = "its network has no IPv6"
_PORTS_GONE = "flows to these ports are forgotten when the rules are gone"
_PORT = "a port of a bridge needs no addresses"
_NO_DAD = "nobody else has its address, so it need not wait a second to find out"


def network(net: Network, ipv6: bool, learning: tuple[str, ...] = ()) -> list[Operation]:
    """Make the bridge, its addresses, its rules, and let the host forward.

    *ipv6* claims that the kernel has IPv6; *learning* are the links that have their routes from routers.
    """
    plan: list[Operation] = [links.AddBridge(net.bridge, net.mac, net.mtu), *parameters(net, ipv6)]
    plan += [_address(net.bridge, pool.gateway, pool) for pool in net.bridged]
    plan += [links.SetUp(net.bridge), sysctls.EnableForwarding(net.bridge)]
    if net.ipv6:
        plan += [*map(sysctls.KeepAdvertisements, learning), sysctls.EnableForwarding(net.bridge, 6)]
    return [*plan, choice.network(net), *([guard.network(net)] if net.guarded else [])]


def parameters(net: Network, ipv6: bool) -> list[sysctls.SetSysctl]:
    """Give what the kernel is told of the bridge before it has an address; *ipv6* claims that the kernel has IPv6."""
    ipv6 = ipv6 and not net.too_narrow
    quiet = [f"net/ipv4/conf/{net.bridge}/{name}" for name in ("accept_redirects", "send_redirects")]
    own = f"net/ipv6/conf/{net.bridge}"
    if ipv6:
        quiet = [*(f"{own}/{name}" for name in ("accept_ra", "autoconf", "accept_redirects")), *quiet]
    plan = [sysctls.SetSysctl(name, "0", _ROGUE) for name in quiet]
    if ipv6 and not net.ipv6:
        plan.append(sysctls.SetSysctl(f"{own}/disable_ipv6", "1", _NO_IPV6))
    if net.ipv6:
        plan.append(sysctls.SetSysctl(f"{own}/disable_ipv6", "0", _IPV6))
        plan.append(sysctls.SetSysctl(f"{own}/accept_dad", "0", _NO_DAD))
    return plan


def port_parameters(end: Endpoint, ipv6: bool) -> list[sysctls.SetSysctl]:
    """Give what the kernel is told of a cable's outer end; *ipv6* claims that the kernel has IPv6."""
    if not ipv6 or end.network.too_narrow:
        return []
    return [sysctls.SetSysctl(f"net/ipv6/conf/{end.host_link}/disable_ipv6", "1", _PORT)]


def endpoint(end: Endpoint, pid: int, ipv6: bool) -> list[Operation]:
    """Plug the sandbox of *pid* into its network; what happens on the host's side."""
    net = end.network
    plan: list[Operation] = [guard.watched(end)] if net.guarded else []  # before there is a cable, and after
    plan += [
        links.AddVeth(end.host_link, end.link, pid, net.bridge, end.mac, end.host_mac, net.mtu),
        links.SetAlias(end.host_link, end.alias),
        *port_parameters(end, ipv6),
    ]
    if not net.icc:
        plan.append(links.IsolatePort(end.host_link))
    return [*plan, links.SetUp(end.host_link), *announced(end)]


def announced(end: Endpoint) -> list[Operation]:
    """Let others know a container whose link-layer address does not follow from its addresses, as theirs mostly do.

    Who has the IPv4 address next has the usual one, or announces itself.
    """
    usual, bridge = addresses.container_mac(end.address), end.network.bridge
    own = [(end.address, usual)] if end.mac != usual else []
    own += [(end.address6, "")] if end.address6 else []
    if not own:
        return []
    from pyrun.kernel.announcements import Announce

    told: list[Operation] = [links.SetNeighbour(bridge, address, end.mac, later) for address, later in own]
    return [*told, *(Announce(bridge, address, end.mac, later) for address, later in own)]


def published(end: Endpoint) -> list[Operation]:
    """Lead published ports to the container; UDP flows that began before would not follow the rules.

    They are forgotten when the rules stand, and when they are gone again.
    """
    led = [
        port for port in end.published if not is_loopback(port.address) and (end.address6 or ":" not in port.address)
    ]
    ports = tuple((port.address, port.port) for port in led if port.protocol == "udp")
    if not ports:
        return choice.published(end)
    forget = conntrack.ForgetFlows(ports)
    return [conntrack.OweForgetting(forget, _PORTS_GONE), *choice.published(end), forget]


def sandbox(ends: "list[Endpoint]", ipv6: bool) -> list[Operation]:
    """Configure the container's own side; *ipv6* claims that the kernel has IPv6."""
    plan: list[Operation] = [
        links.SetUp("lo"),
        sysctls.SetSysctl("net/ipv4/ping_group_range", "0 2147483647", _PING),
        sysctls.SetSysctl("net/ipv4/ip_unprivileged_port_start", "0", _PORTS),
    ]
    for end in ends:
        plan += interface(end, ipv6)
    leads = gateway(ends)
    if leads is not None:
        plan += [links.AddRoute(address, leads.link) for address in gateways(leads)]
    return plan


def interface(end: Endpoint, ipv6: bool) -> list[Operation]:
    """Give the container's end of a cable its addresses."""
    plan: list[Operation] = []
    if ipv6 and not end.network.too_narrow:
        value, reason = ("0", _IPV6) if end.address6 else ("1", _NO_IPV6)
        plan.append(sysctls.SetSysctl(f"net/ipv6/conf/{end.link}/disable_ipv6", value, reason))
    if end.address6:
        plan.append(sysctls.SetSysctl(f"net/ipv6/conf/{end.link}/accept_dad", "0", _NO_DAD))
    for address, pool in ((end.address, end.network.ipv4), (end.address6, end.network.ipv6)):
        if address and pool:
            plan.append(_address(end.link, address, pool))
    return [*plan, links.SetUp(end.link)]


def gateway(ends: "list[Endpoint]") -> "Endpoint | None":
    """Choose which plug leads outside, by Docker's rule.

    The highest priority, then a network with both families, then the first in
    the order of the networks' names; never an internal one.
    """
    leading = [end for end in ends if not end.network.internal]
    return min(leading, key=lambda end: (-end.priority, not end.address6, end.network.name), default=None)


def gateways(end: Endpoint) -> list[str]:
    """List the addresses by which a plug leads outside."""
    pools = ((end.address, end.network.ipv4), (end.address6, end.network.ipv6))
    return [pool.gateway for address, pool in pools if address and pool]


def rerouted(ends: "list[Endpoint]", present: "list[tuple[str, str]]") -> list[Operation]:
    """Let the plug that leads outside do so, and no other; *present* are the default routes, as (gateway, link).

    A route that is none of ours, and was made inside, stays.
    """
    leads = gateway(ends)
    wanted = [(address, leads.link) for address in gateways(leads)] if leads else []
    ours = [(address, end.link) for end in ends for address in gateways(end)]
    plan: list[Operation] = []
    for version in (False, True):
        stands = [route for route in present if (":" in route[0]) == version]
        to = next((route for route in wanted if (":" in route[0]) == version), None)
        former = [route for route in stands if route in ours and route != to]
        if to and to not in stands and (former or not stands):
            plan.append(links.ReplaceRoute(*to) if former else links.AddRoute(*to))
            former = former[1:]
        plan += [links.RemoveRoute(*route) for route in former]
    return plan


def _address(link: str, address: str, pool: Pool) -> Operation:
    return links.AddAddress(link, address, pool.prefix, addresses.broadcast(pool.subnet))
