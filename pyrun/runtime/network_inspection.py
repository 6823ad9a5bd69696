"""What `network inspect` tells of a network: Docker's shape, and beside it what Docker never shows.

That is the host's end of each cable, both interface numbers, the bridge port's
state, the rules with their counters, and which addresses are free.
"""

import time

from pyrun.firewall import counted, neighbours
from pyrun.kernel import rtnetlink
from pyrun.network import addresses, standing
from pyrun.network.definitions import BRIDGE, DEFAULT
from pyrun.runtime.network_listing import Row
from pyrun.spec import Endpoint, Network, Pool
from pyrun.typed import Any

_OF_DEFAULT = {  # what Docker tells of its default network, which nobody created
    "com.docker.network.bridge.default_bridge": "true",
    "com.docker.network.bridge.enable_icc": "true",
    "com.docker.network.bridge.enable_ip_masquerade": "true",
    "com.docker.network.bridge.host_binding_ipv4": "0.0.0.0",
    "com.docker.network.bridge.name": BRIDGE,
    "com.docker.network.driver.mtu": "1500",
}
_STATES = ("disabled", "listening", "learning", "forwarding", "blocking")  # linux/if_bridge.h


def describe(row: Row) -> dict[str, Any]:
    """Give everything that is known of a network."""
    net = row.net
    listings = counted.begun(net) if net and standing.exists(net.name) else {}
    ends = standing.endpoints(net.name, net) if net else []
    told = {
        "Name": row.name,
        "Id": row.id,
        "Created": _time(net.created if net else 0.0),
        "Scope": "local",
        "Driver": row.driver,
        "EnableIPv6": bool(net and net.ipv6),
        "IPAM": {"Driver": "default", "Options": {}, "Config": [_pool(pool) for pool in net.pools] if net else []},
        "Internal": bool(net and net.internal),
        "Attachable": False,
        "Ingress": False,
        "ConfigFrom": {"Network": ""},
        "ConfigOnly": False,
        "Containers": _containers(net, ends) if net and ends else {},
        "Options": (_OF_DEFAULT if row.name == DEFAULT else {}) | (_pairs(net.options) if net else {}),
        "Labels": _pairs(net.labels) if net else {},
    }
    return {**told, **_kernel(net, ends, listings)} if net else told


def _kernel(net: Network, ends: list[Endpoint], listings: counted.Listings) -> dict[str, Any]:
    stands = standing.exists(net.name)
    return {
        "Standing": stands,
        "Bridge": net.bridge,
        "Firewall": net.firewall,
        "AntiSpoofing": net.guarded,
        "Warnings": neighbours.interfering(net.firewall, net.bridge) if stands else [],
        "Status": {"IPAM": {"Subnets": {pool.subnet: _use(net, pool, ends) for pool in net.pools}}},
        "Ports": _ports(net, ends),
        "Rules": [_rule(rule) for rule in counted.rules_of(net, ends, listings)] if stands else [],
    }


def _use(net: Network, pool: Pool, ends: list[Endpoint]) -> dict[str, Any]:
    """Count an address pool as Docker does since API 1.52: the ends of the subnet and the gateway are in use.

    Beside that, who has which address, and which ones are free.
    """
    whole = addresses.subnet(pool.subnet)
    total = 1 << (whole.bits - whole.prefix)
    leases = [address for address in standing.leases(net.name) if (":" in address) == pool.is_ipv6]
    edges = 0 if whole.bits - whole.prefix < 2 else 2 if whole.bits == 32 else 1
    taken = len(leases) + 1 + edges + len(pool.reserved)
    names = {address: end.name for end in ends for address in (end.address, end.address6)}
    used = {pool.gateway: "gateway", **{entry.partition("=")[2]: entry.partition("=")[0] for entry in pool.reserved}}
    return {
        "IPsInUse": taken,
        "DynamicIPsAvailable": max(0, total - taken),
        "UsedAddresses": {**used, **{address: names.get(address, "") for address in leases}},
        "FreeAddresses": addresses.free(pool, set(leases)),
    }


def _ports(net: Network, ends: list[Endpoint]) -> list[dict[str, Any]]:
    """List the bridge's ports as the kernel has them, those of nobody we know too."""
    found = rtnetlink.find_link(net.bridge)
    owners = {end.host_link: end for end in ends}
    ports = rtnetlink.bridge_ports(found[0]) if found else {}
    return [
        {
            "Name": owners[name].name if name in owners else "",
            "Interface": owners[name].link if name in owners else "",
            "InterfaceIndex": peer,
            "HostInterface": name,
            "HostInterfaceIndex": index,
            "State": _STATES[state] if state < len(_STATES) else str(state),
            "Isolated": isolated,
        }
        for name, (index, peer, state, isolated) in ports.items()
    ]


def _rule(rule: counted.Counted) -> dict[str, Any]:
    return {
        "Family": rule.family,
        "Table": rule.table,
        "Chain": rule.chain,
        "Rule": rule.text,
        "Packets": rule.packets,
        "Bytes": rule.bytes,
        "Reason": rule.reason,
    }


def _containers(net: Network, ends: list[Endpoint]) -> dict[str, dict[str, str]]:
    ipv4, ipv6 = net.ipv4.prefix, net.ipv6.prefix if net.ipv6 else 0
    return {
        end.container: {
            "Name": end.name,
            "EndpointID": standing.endpoint_id(end),
            "MacAddress": end.mac,
            "IPv4Address": f"{end.address}/{ipv4}",
            "IPv6Address": f"{end.address6}/{ipv6}" if ipv6 and end.address6 else "",
        }
        for end in ends
    }


def _pool(pool: Pool) -> dict[str, Any]:
    told: dict[str, Any] = {"Subnet": pool.subnet, "Gateway": pool.gateway}
    if pool.ip_range:
        told["IPRange"] = pool.ip_range
    if pool.reserved:
        told["AuxiliaryAddresses"] = _pairs(pool.reserved)
    return told


def _pairs(entries: tuple[str, ...]) -> dict[str, str]:
    return dict(entry.split("=", 1) for entry in entries)


def _time(seconds: float) -> str:
    if not seconds:
        return "0001-01-01T00:00:00Z"
    nanoseconds = int(seconds * 1_000_000_000)
    text = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(nanoseconds // 1_000_000_000))
    return f"{text}.{nanoseconds % 1_000_000_000:09d}Z"
