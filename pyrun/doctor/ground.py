"""Addresses and names: forwarding, pools that collide with what is there, name servers that containers can ask."""

import os

from pyrun.doctor import Finding, fail, lasting, ok, unseen, warn
from pyrun.errors import PyrunError
from pyrun.kernel import rtnetlink
from pyrun.network import addresses, definitions, design, hostfiles, ipam, standing
from pyrun.network.addresses import Subnet
from pyrun.spec import Network
from pyrun.typed import Iterator

_RESOLV = "/etc/resolv.conf"


def _forwarding() -> Iterator[Finding]:
    on = standing.is_forwarding()
    about, text = "ip_forward", f"is {'on' if on else 'off'}"
    if standing.names() and not on:
        cause = "somebody switched it off while networks stand: no container reaches the outside"
        yield fail(about, text, cause, "pyrun ps")
    else:
        yield ok(about, text if on else f"{text}: the first network switches it on, the last one off again")
    for net in standing.networks():
        if net.ipv6 and not standing.is_forwarding(ipv6=True):
            yield fail("ipv6 forwarding", "is off", f"network {net.name} has IPv6", "pyrun ps")


def _pools() -> Iterator[Finding]:
    nets = _networks()
    try:
        free = ipam.choose_pool(design.taken(nets))
        yield ok("pools", f"{free} is the next free one")
    except PyrunError as problem:
        fix = "pyrun network prune, or pyrun network create --subnet SUBNET"
        yield fail("pools", "none is free", problem.message.partition(": ")[2], fix)
    clashes = [clash for net in nets for clash in _clashes(net)]
    yield from clashes
    if nets and not clashes:
        yield ok("overlaps", "no network shares addresses with a route or a name server")


def _networks() -> list[Network]:
    """Give all networks that are known, those that stand as they stand."""
    found = {net.name: net for net in definitions.networks()[0]}
    found.update({net.name: net for net in standing.networks()})
    return list(found.values())


def _clashes(net: Network) -> Iterator[Finding]:
    """Find what else has addresses of a network."""
    bridge = rtnetlink.find_link(net.bridge)
    own = bridge[0] if bridge else 0
    for pool in net.pools:
        subnet = addresses.subnet(pool.subnet)
        for other, link in _routes():
            if link != own and other.prefix and subnet.overlaps(other):
                cause = f"{other} leads to {_link_name(link)}: one of the two is not reached"
                fix = f"pyrun network rm {net.name} && pyrun network create --subnet OTHER {net.name}"
                fix = (
                    fix if net.name != definitions.DEFAULT else "end the containers of bridge: its pool is chosen anew"
                )
                yield fail("overlaps", f"{net.name} ({pool.subnet}) overlaps the route {other}", cause, fix)
        for server in hostfiles.nameservers(hostfiles.host_text()):
            if addresses.bits_of(server) == subnet.bits and subnet.contains(server):
                cause = "containers there look for it among themselves, and know no names of the outside"
                fix = f"pyrun network rm {net.name} && pyrun network create --subnet OTHER {net.name}"
                yield fail("overlaps", f"{net.name} ({pool.subnet}) has the name server {server}", cause, fix)


def _routes() -> "list[tuple[Subnet, int]]":
    found = []
    for index, _, _ in rtnetlink.links():
        for address, prefix in rtnetlink.addresses(index):
            if not address.startswith(("fe80:", "127.", "::1")):
                found.append((addresses.subnet(f"{address}/{prefix}"), index))
    known = {subnet for subnet, _ in found}
    for network, prefix in rtnetlink.on_link_routes():
        subnet = Subnet(int.from_bytes(network, "big"), prefix, len(network) * 8)
        found += [] if subnet in known or (subnet.bits == 128 and network[:1] == b"\xfe") else [(subnet, 0)]
    return found


def _link_name(index: int) -> str:
    for number, _, told in rtnetlink.links():
        if number == index:
            return told[rtnetlink.IFLA_IFNAME].rstrip(b"\0").decode(errors="replace")
    return "another link"


def _default_route() -> Iterator[Finding]:
    ways, _ = rtnetlink.way_out()
    if ways:
        yield ok("default route", "is there")
    else:
        cause = "this host itself has no way to the outside"
        yield warn("default route", "is not there", cause, "ip route add default via GATEWAY")


def _names() -> Iterator[Finding]:
    plain, past = hostfiles.host_text(past_stub=False), hostfiles.host_text()
    servers, asked = list(hostfiles.nameservers(plain)), list(hostfiles.nameservers(past))
    usable = [server for server in asked if not server.startswith("127.") and ":" not in server]
    if plain != past:
        yield ok("name servers", f"systemd-resolved's stub; containers ask {', '.join(usable) or 'nobody'} behind it")
    if not servers:
        cause = f"{_RESOLV} {'names none' if os.path.exists(_RESOLV) else 'is not there'}: containers ask 8.8.8.8"
        yield warn("name servers", "none", cause, "pyrun run --dns ADDRESS, or write one to /etc/resolv.conf")
    elif not usable:
        cause = "containers of bridge cannot reach a loopback or IPv6 server, and ask 8.8.8.8 instead"
        yield warn(
            "name servers", f"only {', '.join(asked)}", cause, "pyrun run --dns ADDRESS, or a network of your own"
        )
    elif plain == past:
        yield ok("name servers", ", ".join(usable))


def _standing() -> Iterator[Finding]:
    """Look whether the bridges of the networks that stand are as they were made."""
    for name in standing.names():
        net = standing.read(name)
        if net is None:
            yield warn(f"network {name}", "was begun to be made or taken down", "a command was killed", "pyrun ps")
        elif not (index := standing.live_bridge(net)):
            cause = f"{net.bridge} is gone, switched off, or not pyrun's any more"
            yield fail(f"network {name}", "is cut off", cause, f"pyrun network repair {name}")
        elif not standing.has_addresses(net, index):
            cause = f"{net.bridge} lost an address: containers have no gateway"
            yield fail(f"network {name}", "has no gateway", cause, f"pyrun network repair {name}")
        elif not standing.has_routes(net, index):
            cause = f"the route to its subnet over {net.bridge} is gone: this host does not find its containers"
            yield fail(f"network {name}", "has no route", cause, f"pyrun network repair {name}")
        else:
            yield ok(f"network {name}", f"{net.bridge} is up, with {', '.join(pool.gateway for pool in net.pools)}")
    if os.geteuid() != 0:
        yield unseen("networks")


CHECKS = (
    ("ip_forward", lasting(_forwarding)),
    ("default route", _default_route),
    ("networks", lasting(_standing)),
    ("pools", _pools),
    ("name servers", _names),
)
