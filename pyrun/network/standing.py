"""Networks as they stand now, under /run: written down, with leases and endpoints, and whether the kernel agrees.

Cheap enough for every command. Making, mending and taking down is in `pyrun.network.driver`.
"""

import os

from pyrun import documents, paths
from pyrun.contexts import suppress
from pyrun.errors import Corrupt
from pyrun.firewall import generation
from pyrun.kernel import reading, rtnetlink
from pyrun.network import definitions
from pyrun.spec import Endpoint, Network, Pool, Published
from pyrun.typed import Any

_UNSETTLED = "unsettled."
_RECORDED = Endpoint._fields[1:]  # in the record of a plug, in this order; the network is where it lies


def names() -> list[str]:
    """List the networks that stand, or whose making or taking down was begun."""
    return sorted(_entries(paths.NETWORKS))


def is_littered() -> bool:
    """Claim that there is neither a network nor a container, and something of theirs was left under /run."""
    left = _entries(paths.RUN)
    directories = [f"{paths.RUN}/{name}" for name in left if name not in ("firewall", "last-port")]
    mine = (paths.NETWORKS, paths.LOCKS, paths.CHECKS, paths.UNWATCHED, paths.RUNTIMES)
    return os.path.isdir(paths.RUN) and all(path in mine and not _entries(path) for path in directories)


def exists(name: str) -> bool:
    """Claim that the network has been made, or its making begun."""
    return os.path.isdir(paths.network(name))


def read(name: str) -> "Network | None":
    """Give the network as it was made; None where it does not stand. Errors: Corrupt."""
    path = f"{paths.network(name)}/network.json"
    try:
        return definitions.decode(path, reading.read_limited(path))
    except (FileNotFoundError, PermissionError):  # --dry-run needs no root, and knows nothing of what stands
        return None
    except OSError as cause:
        raise Corrupt(f"network: {path}: not readable", hint="remove it; the network is made anew") from cause


def uplinks() -> tuple[str, ...]:
    """Name the links of default routes that rules would take for a neighbour's network, none of ours among them."""
    from pyrun.firewall import neighbours

    found = neighbours.namesakes()
    ours = {net.bridge for net in (*definitions.networks()[0], *networks())} if found else set[str]()
    return tuple(name for name in found if name not in ours)


def networks() -> list[Network]:
    """Give the networks that stand; what cannot be read is left out."""
    found = []
    for name in names():
        with suppress(Corrupt):
            found.append(read(name))
    return [net for net in found if net]


def write(net: Network) -> None:
    """Write down that the network stands. Errors: OSError."""
    from pyrun.kernel import files

    files.write_atomically(f"{paths.network(net.name)}/network.json", definitions.encode(net))


def leases_of(name: str) -> str:
    """Give the directory of a network's leases."""
    return f"{paths.network(name)}/leases"


def endpoints_of(name: str) -> str:
    """Give the directory of a network's endpoints."""
    return f"{paths.network(name)}/endpoints"


def leases(name: str) -> list[str]:
    """List the addresses that are taken on a network."""
    return sorted(_entries(leases_of(name)))


def owners(name: str) -> dict[str, str]:
    """Give the container's id of each address that is taken on a network."""
    found = {}
    for address in leases(name):
        with suppress(OSError), open(f"{leases_of(name)}/{address}") as file:
            found[address] = file.read()
    return found


def endpoints(name: str, net: "Network | None" = None) -> list[Endpoint]:
    """Give the plugs of all containers on a network, by container's name; what cannot be read is left out."""
    net, found = net or read(name), list[Endpoint]()
    if net is None:
        return []
    with suppress(FileNotFoundError, PermissionError):
        for content in reading.contents(endpoints_of(name)):
            with suppress(ValueError, TypeError):
                found.append(_decoded(net, content))
    return sorted(found, key=lambda end: (end.name, end.container))


def endpoint(name: str, identity: str, net: "Network | None" = None) -> "Endpoint | None":
    """Give a container's plug into a network, or None where it has none or it cannot be read."""
    net = net or read(name)
    try:
        return _decoded(net, reading.read_limited(f"{endpoints_of(name)}/{identity}")) if net else None
    except (OSError, ValueError, TypeError):
        return None


def _decoded(net: Network, content: bytes) -> Endpoint:
    """Read a plug that `encode` wrote. Errors: ValueError, TypeError, also for what is no plug."""
    fields: dict[str, Any] = documents.parse(content)
    if not isinstance(fields, dict):
        raise TypeError("not an object")
    fields["published"] = tuple([Published(*entry) for entry in fields.get("published", ())])
    fields["aliases"] = tuple(fields.get("aliases", ()))
    if tuple(fields) == _RECORDED:  # of this version: a third of what naming the fields costs
        return Endpoint(net, *fields.values())
    return Endpoint(network=net, **fields)


def plugs(identity: str) -> list[Endpoint]:
    """Give all plugs of a container, in the order of their interfaces."""
    found = [endpoint(name, identity) for name in names() if os.path.exists(f"{endpoints_of(name)}/{identity}")]
    return sorted((end for end in found if end), key=lambda end: (len(end.link), end.link))


def endpoint_id(end: Endpoint) -> str:
    """Give a stable identity of the plug, in Docker's form: of the container and the network."""
    return f"{int(end.container, 16) ^ int(end.network.id, 16):064x}"


def encode(end: Endpoint) -> str:
    """Write an endpoint as JSON, without its network."""
    return documents.written({name: value for name, value in end._asdict().items() if name != "network"})


def bridge(net: Network) -> "tuple[int, int, dict[int, bytes]] | None":
    """Find a network's bridge: None where it is gone, or somebody else has made another of that name.

    Ours is known by its link-layer address, and by its number where somebody has changed that.
    """
    found = rtnetlink.find_link(net.bridge)
    return found if found and (_has_mac(net, found) or found[0] == net.ifindex) else None


def live_bridge(net: Network) -> int:
    """Give the number of a network's bridge; 0 unless it is there, ours by its address, and switched on."""
    found = bridge(net)
    return found[0] if found and _has_mac(net, found) and found[1] & rtnetlink.IFF_UP else 0


def has_addresses(net: Network, index: int) -> bool:
    """Claim that the bridge of this number has all of its addresses."""
    present = {address for address, _ in rtnetlink.addresses(index)}
    return all(pool.gateway in present for pool in net.bridged)


def has_route(pool: Pool, index: int) -> bool:
    """Claim that the way to a pool's subnet is over the bridge of this number."""
    gateway = rtnetlink.address(pool.gateway)
    free = 8 * len(gateway) - int(pool.subnet.partition("/")[2])
    *rest, last = gateway
    another = last & ~3 | (2 if last % 2 else 1) if free > 1 else last ^ 1  # no end of a subnet: those have own routes
    if not free or rtnetlink.leads_to(bytes((*rest, another)), index):
        return True
    network, _, prefix = pool.subnet.partition("/")  # a rule or a narrower route may have another say
    return rtnetlink.has_route(network, int(prefix), index)


def has_routes(net: Network, index: int) -> bool:
    """Claim that the ways to all subnets of a network are over the bridge of this number."""
    return all(has_route(pool, index) for pool in net.bridged)


def is_forwarding(ipv6: bool = False) -> bool:
    """Claim that this host passes packets on."""
    path = "/proc/sys/net/ipv6/conf/all/forwarding" if ipv6 else "/proc/sys/net/ipv4/ip_forward"
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)  # what `open` makes for text takes longer than all the rest
    except FileNotFoundError:
        return False
    try:
        return os.read(fd, 8) == b"1\n"
    finally:
        os.close(fd)


def is_working(net: Network) -> bool:
    """Claim that the bridge is up with its addresses and routes, and that packets are passed on."""
    index = live_bridge(net)
    if not index or not has_addresses(net, index) or not has_routes(net, index) or not is_forwarding():
        return False
    return not net.ipv6 or is_forwarding(ipv6=True)


def is_untouched(name: str) -> bool:
    """Claim that the network works, and no rule has changed since noted."""
    try:
        net = read(name)
    except Corrupt:
        return False
    return net is not None and is_working(net) and generation.is_noted()


def is_settled(name: str) -> bool:
    """Claim that the network is wanted, stands as it was made, and nobody was interrupted in changing it."""
    wanted = is_created(name) or bool(_entries(leases_of(name)))
    return wanted and is_untouched(name) and not is_changing(name) and not has_strangers(name)


def pending(name: str) -> str:
    """Give the journal of a verb that is changing a network; what is in it when nobody does is undone."""
    return f"{paths.network(name)}/pending"


def has_strangers(name: str) -> bool:
    """Claim that somebody is plugged in who is not there any more."""
    return not set(_entries(endpoints_of(name))).issubset(_entries(paths.RUNTIMES))


def is_stranger(identity: str) -> bool:
    """Claim that there is no such container: it has neither a keeper nor anything to undo."""
    return not identity or not any(os.path.lexists(f"{where}/{identity}") for where in (paths.LOCKS, paths.RUNTIMES))


def is_changing(name: str) -> bool:
    """Claim that somebody is changing the network or a plug into it, or was interrupted in doing so."""
    return any(entry == "pending" or entry.startswith((_UNSETTLED, ".")) for entry in _entries(paths.network(name)))


def unsettled(name: str, identity: str) -> str:
    """Give the file that is there while a container's plug into a network is put in or taken out.

    What follows from the container's plugs may not be so yet: routes,
    published ports, its hosts file, its record.
    """
    return f"{paths.network(name)}/{_UNSETTLED}{identity}"


def unsettled_containers(name: str) -> list[str]:
    """List the containers whose plugs into a network are being put in or taken out."""
    entries = sorted(_entries(paths.network(name)))
    return [entry.removeprefix(_UNSETTLED) for entry in entries if entry.startswith(_UNSETTLED)]


def is_created(name: str) -> bool:
    """Claim that the network stands because somebody created it, not only for its containers."""
    return name != definitions.DEFAULT and os.path.exists(f"{paths.DEFINITIONS}/{name}.json")


def _has_mac(net: Network, found: "tuple[int, int, dict[int, bytes]]") -> bool:
    return found[2].get(rtnetlink.IFLA_ADDRESS) == rtnetlink.mac(net.mac)


def _entries(directory: str) -> list[str]:
    try:
        return os.listdir(directory)
    except (FileNotFoundError, PermissionError):
        return []
