"""What a new network is to be: from what was asked for, and from what of the address space is in use.

Looks at this host's routes and name servers; makes nothing.
"""

import os
from sys import byteorder

from pyrun.errors import PyrunError, UsageError
from pyrun.kernel import links, rtnetlink
from pyrun.network import addresses, definitions, hostfiles, ipam
from pyrun.network.addresses import Subnet
from pyrun.network.ipam import Taken
from pyrun.spec import Network, Pool
from pyrun.typed import Any, NamedTuple

_DOCKER = "com.docker.network."
_YES, _NO = ("true", "1"), ("false", "0")
# Of a link's name: whatever else the kernel takes means something to nft or to iptables.
_LETTERS = set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-")
_NOBODYS = ("0.0.0.0/8", "224.0.0.0/4", "ff00::/8")  # RFC 1122, multicast


class Request(NamedTuple):
    """What `network create` was asked for; values as typed, already known to be addresses and subnets."""

    name: str
    subnets: tuple[str, ...] = ()
    gateways: tuple[str, ...] = ()
    ranges: tuple[str, ...] = ()
    reserved: tuple[str, ...] = ()  # NAME=ADDRESS
    internal: bool = False
    ipv6: bool = False
    labels: tuple[str, ...] = ()
    options: tuple[str, ...] = ()  # KEY=VALUE


def taken(nets: list[Network]) -> list[Taken]:
    """List what of the address space is in use: by *nets*, by this host's routes, by its name servers."""
    found = [Taken(addresses.subnet(pool.subnet), f"network {net.name}") for net in nets for pool in net.pools]
    for network, prefix in rtnetlink.on_link_routes():
        subnet = Subnet(int.from_bytes(network, "big"), prefix, len(network) * 8)
        if not any(subnet == use.subnet for use in found):
            found.append(Taken(subnet, "route"))
    for server in hostfiles.nameservers(hostfiles.host_text()):
        bits = addresses.bits_of(server)
        found.append(Taken(Subnet(addresses.number(server), bits, bits), "nameserver"))
    return found


def default(uses: list[Taken]) -> Network:
    """Design `bridge`: the first of Docker's pools that is free on this host."""
    pool = ipam.choose_pool(uses)
    chosen = Pool(str(pool), ipam.gateway(pool))
    return definitions.default_unmade()._replace(mac=_bridge_mac(), pools=(chosen,))


def design(request: Request, uses: list[Taken]) -> Network:
    """Design a network that somebody creates. Errors: UsageError naming what does not fit."""
    import time

    identity = os.urandom(32).hex()
    options = dict(_option(text) for text in request.options)
    own = [use for use in uses if use.by.startswith("network ")]
    pools = _pools(request, uses, own)
    net = Network(
        identity,
        request.name,
        _bridge_name(options.pop("bridge.name", "") or f"br-{identity[:12]}"),
        _bridge_mac(),
        pools,
        created=time.time(),
        internal=request.internal,
        labels=request.labels,
        options=request.options,
    )
    net = _with_options(net, options)
    if net.ipv6 and net.too_narrow:
        raise UsageError(f"opt: {_DOCKER}driver.mtu: {net.mtu}: IPv6 needs 1280", 1)
    return net


def _pools(request: Request, uses: list[Taken], own: list[Taken]) -> tuple[Pool, ...]:
    subnets = [addresses.subnet(text) for text in request.subnets]
    for at, subnet in enumerate(subnets):
        clash = next((use for use in own if subnet.overlaps(use.subnet)), None)
        if clash or any(subnet.overlaps(other) for other in subnets[:at]):
            raise UsageError(f"network: {subnet}: pool overlaps with {clash or 'another one given'}", 1)
        _check_size(subnet)
    ipv4 = [subnet for subnet in subnets if subnet.bits == 32]
    ipv6 = [subnet for subnet in subnets if subnet.bits == 128]
    if len(ipv4) > 1 or len(ipv6) > 1:
        raise UsageError("network: a bridge network has one subnet of each family", 1)
    if ipv6 and not request.ipv6:
        raise UsageError(f"network: {ipv6[0]}: an IPv6 subnet needs --ipv6", 1)
    chosen = [ipv4[0] if ipv4 else ipam.choose_pool(uses)]
    if request.ipv6:
        chosen.append(ipv6[0] if ipv6 else ipam.choose_pool6(_machine(), uses))
    left = [list(part) for part in (request.gateways, request.ranges, request.reserved)]
    pools = tuple(_pool(subnet, *left) for subnet in chosen)
    for what, part in zip(("gateway", "ip-range", "aux-address"), left, strict=True):
        if part:
            raise UsageError(f"{what}: {part[0]}: no matching subnet", 1)
    return pools


def _check_size(subnet: Subnet) -> None:
    """Refuse what no container could use: the bridge has an address, too. Errors: UsageError."""
    if not subnet.prefix:  # all that this host sends would leave under another address
        raise UsageError(f"subnet: {subnet}: pool overlaps with every other address", 1)
    if any(subnet.overlaps(addresses.subnet(text)) for text in _NOBODYS):
        raise UsageError(f"subnet: {subnet}: has addresses that no container can have", 1)
    if subnet.prefix == subnet.bits:
        raise UsageError(f"subnet: {subnet}: has no address for a container beside the gateway's", 1)


def _pool(subnet: Subnet, gateways: list[str], ranges: list[str], reserved: list[str]) -> Pool:
    """Take out of what was given what belongs to a subnet."""
    aux = tuple(_take(reserved, lambda text: subnet.contains(text.partition("=")[2])))
    parts = [addresses.subnet(text) for text in _take(ranges, lambda text: subnet.holds(addresses.subnet(text)))]
    given = _take(gateways, subnet.contains)
    for what, several in (("gateway", given), ("ip-range", parts)):
        if len(several) > 1:
            raise UsageError(f"{what}: {several[1]}: the subnet {subnet} has one already", 1)
    gateway = given[0] if given else ipam.gateway(subnet, parts[0] if parts else None)
    used = addresses.ends(subnet)
    for what, text in (("gateway", gateway), *(("aux-address", entry) for entry in aux)):
        address = addresses.number(text.rpartition("=")[2])
        if address in used:
            raise UsageError(f"{what}: {text}: the address is already in use", 1)
        used.add(address)
    return Pool(str(subnet), gateway, str(parts[0]) if parts else "", aux)


def _take(given: list[str], fits: Any) -> list[str]:
    found = [text for text in given if fits(text)]
    given[:] = [text for text in given if text not in found]
    return found


def _option(text: str) -> tuple[str, str]:
    key, _, value = text.partition("=")
    short = key.removeprefix(_DOCKER)
    return short if short in _OPTIONS or key in _OWN else f"?{key}", value


def _with_options(net: Network, options: dict[str, str]) -> Network:
    """Apply Docker's driver options. Errors: UsageError for unknown ones."""
    for key, value in options.items():
        name = _OPTIONS.get(key)
        if name is None:
            near = key.removeprefix("?")
            known = ", ".join(map(_full, _OPTIONS))
            raise UsageError(f"opt: {near}: not known", 1, f"known: {known}")
        if name == "mtu":
            net = net._replace(mtu=_mtu(value))
        elif name in ("icc", "masquerade", "addressless", "antispoofing"):
            net = _switched(net, key, name, value)
        elif name == "host_binding":
            net = net._replace(host_binding=_address(key, value))
        elif name == "link_prefix":
            net = net._replace(link_prefix=_link("container_iface_prefix", value, 10))
    return net


def _switched(net: Network, key: str, name: str, value: str) -> Network:
    if value.lower() not in (*_YES, *_NO):
        raise UsageError(f"opt: {_full(key)}: must be true or false, not {value or 'empty'}", 1)
    yes = value.lower() in _YES
    if name == "antispoofing":
        return net._replace(spoofing=not yes)
    switched: Any = {name: yes}
    return net._replace(**switched)


def _full(key: str) -> str:
    return key if key in _OWN else f"{_DOCKER}{key}"


def _mtu(value: str) -> int:
    if value == "auto":
        ways, own = rtnetlink.way_out()
        found = [told[rtnetlink.IFLA_MTU] for index, _, told in rtnetlink.links() if index in ways]
        if not found:
            raise PyrunError("opt: mtu=auto: this host has no default route", 1)
        return min([int.from_bytes(mtu, byteorder) for mtu in found] + ([own] if own else []))
    if not value.isascii() or not value.isdigit() or not (68 <= int(value) <= 65535 or int(value) == 0):
        raise UsageError(f"opt: {_DOCKER}driver.mtu: must be auto or from 68 to 65535, or 0 for the kernel's", 1)
    return int(value)


def _address(key: str, value: str) -> str:
    try:
        return addresses.written(addresses.number(value), addresses.bits_of(value))
    except ValueError:
        raise UsageError(f"opt: {_DOCKER}{key}: not an IP address", 1) from None


def _bridge_name(text: str) -> str:
    name = _link("bridge.name", text, 15)
    nets = (definitions.default_unmade(), *definitions.networks()[0])  # they need not stand now
    holder = next((net.name for net in nets if net.bridge == name), "")
    if holder:
        raise UsageError(f"opt: {_DOCKER}bridge.name: {name}: network {holder} has it", 1)
    if links.exists(name):
        raise UsageError(f"opt: {_DOCKER}bridge.name: {name}: a link of that name exists", 1)
    return name


def _link(key: str, text: str, most: int) -> str:
    if not 0 < len(text) <= most or set(text) - _LETTERS or text in (".", "..", "all", "default") or text[0] == "-":
        raise UsageError(f"opt: {_DOCKER}{key}: not a name for a link: at most {most} of [a-zA-Z0-9_.-]", 1)
    return text


def _bridge_mac() -> str:
    return f"02:42:{os.urandom(4).hex(':')}"


def _machine() -> str:
    """Give what is particular to this machine, for addresses that no other one has."""
    for path in ("/etc/machine-id", "/var/lib/dbus/machine-id"):
        try:
            with open(path) as file:
                return file.read().strip() or os.uname().nodename
        except OSError:
            continue
    return os.uname().nodename


_OPTIONS = {
    "bridge.name": "bridge",
    "bridge.enable_icc": "icc",
    "bridge.enable_ip_masquerade": "masquerade",
    "bridge.host_binding_ipv4": "host_binding",
    "bridge.inhibit_ipv4": "addressless",
    "container_iface_prefix": "link_prefix",
    "driver.mtu": "mtu",
    "mtu": "mtu",
    "antispoofing": "antispoofing",
}
_OWN = ("mtu", "antispoofing")  # not Docker's
