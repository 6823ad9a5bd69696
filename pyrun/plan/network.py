"""A network and a container's plug into it: data in, operations out. Reads like the tutorial's nine steps."""

from pyrun.firewall import choice
from pyrun.kernel import links, sysctls
from pyrun.operation import Operation
from pyrun.spec import Endpoint, Network

_ROGUE = "a container may not configure the host by router advertisements or redirects"
_PING = "any group may send pings, so that ping needs no privilege"
_PORTS = "any user of the container may listen on any port"


def network(net: Network) -> list[Operation]:
    """Make the bridge, its address, its rules, and let the host forward."""
    ipv6 = [(f"net/ipv6/conf/{net.bridge}/{name}", "0") for name in ("accept_ra", "autoconf", "accept_redirects")]
    ipv4 = [(f"net/ipv4/conf/{net.bridge}/{name}", "0") for name in ("accept_redirects", "send_redirects")]
    return [
        links.AddBridge(net.bridge, net.mac),
        *(sysctls.SetSysctl(name, value, _ROGUE) for name, value in (*ipv6, *ipv4)),
        links.AddAddress(net.bridge, net.gateway, net.prefix, net.broadcast),
        links.SetUp(net.bridge),
        sysctls.EnableForwarding(),
        choice.install(net.firewall, net.bridge, net.subnet),
    ]


def endpoint(end: Endpoint, pid: int) -> list[Operation]:
    """Plug the sandbox of *pid* into its network; what happens on the host's side."""
    ipv6 = [(f"net/ipv6/conf/{end.host_link}/{name}", "0") for name in ("accept_ra", "autoconf")]
    return [
        links.AddVeth(end.host_link, "eth0", pid, end.network.bridge, end.mac, end.host_mac),
        links.SetAlias(end.host_link, end.alias),
        *(sysctls.SetSysctl(name, value, _ROGUE) for name, value in ipv6),
        links.SetUp(end.host_link),
    ]


def sandbox(end: "Endpoint | None", ipv6: bool) -> list[Operation]:
    """Configure the container's own side; *ipv6* claims that the kernel has IPv6."""
    plan: list[Operation] = [
        links.SetUp("lo"),
        sysctls.SetSysctl("net/ipv4/ping_group_range", "0 2147483647", _PING),
        sysctls.SetSysctl("net/ipv4/ip_unprivileged_port_start", "0", _PORTS),
    ]
    if end is None:
        return plan
    if ipv6:
        reason = "its network has no IPv6"
        plan.append(sysctls.SetSysctl("net/ipv6/conf/eth0/disable_ipv6", "1", reason))
    return [
        *plan,
        links.AddAddress("eth0", end.address, end.network.prefix, end.network.broadcast),
        links.SetUp("eth0"),
        links.AddRoute(end.network.gateway, "eth0"),
    ]
