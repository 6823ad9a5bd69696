"""Containers may send under their own addresses only: what claims another's is dropped where it enters the bridge.

One small table of the bridge family, whatever the other rules are made with.
What a plug may send under is a handful of elements; they come and go with it.
"""

import _socket  # socket itself imports enum and selectors
import errno

from pyrun.firewall import generation, nftables
from pyrun.firewall.nftables import AddPart
from pyrun.kernel import nf_tables
from pyrun.kernel.nf_tables import Element
from pyrun.operation import Operation
from pyrun.spec import Endpoint, Network
from pyrun.typed import NamedTuple

TABLE = "bridge pyrun"
REASON = "containers send under their own addresses only"
_SETS = (
    ("bridges", "type ifname"),
    ("cables", "type ifname"),
    ("senders", "type ifname . ether_addr"),
    ("holders4", "type ifname . ether_addr . ipv4_addr"),
    ("holders6", "type ifname . ether_addr . ipv6_addr"),
    ("targets6", "typeof iifname . ether saddr . @th,64,128"),  # nft has no type for a neighbour's address
)
HOOK = "type filter hook prerouting priority -300; policy accept;"  # before the bridge learns where an address is
_ARP = "iifname . arp saddr ether . arp saddr ip"
_RULES = (
    # First what nearly every packet is, so that it costs one look-up: a tag would show as the type of the frame.
    ("ether type ip iifname . ether saddr . ip saddr @holders4 accept", "under its own IPv4 address"),
    ("iifname != @cables accept", "only containers are watched"),
    ("iifname . ether saddr != @senders counter drop", "another's link-layer address"),
    ("ether type { 8021q, 8021ad } counter drop", "a tag would hide what is inside"),
    (f"ether type arp {_ARP} != @holders4 counter drop", "ARP for another's address"),
    ("ether type ip iifname . ether saddr . ip saddr != @holders4 counter drop", "from another's IPv4 address"),
    ("ether type ip6 iifname . ether saddr . ip6 saddr != @holders6 counter drop", "from another's IPv6 address"),
    (
        "icmpv6 type nd-neighbor-advert iifname . ether saddr . @th,64,128 != @targets6 counter drop",
        "a neighbour that is another",
    ),
    ("icmpv6 type { nd-router-advert, nd-redirect } counter drop", "containers are no routers"),
)
RULES = tuple(f'{text} comment "{reason}"' for text, reason in _RULES)


class AddSenders(NamedTuple):
    """What a plug may send under: from now on it is watched."""

    elements: "tuple[Element, ...]"

    def apply(self) -> None:
        with generation.changing(True) as turn:
            nf_tables.change("bridge", "pyrun", [*self.elements], [])
            turn.transactions = 1

    def inverse(self) -> "RemoveSenders":
        return RemoveSenders(self.elements)

    def shell(self) -> str:
        return _command("add", self.elements)

    def why(self) -> str:
        return "it may send under its own addresses only"


class RemoveSenders(NamedTuple):
    """Forget what a cable that is gone might send under, as far as it is known."""

    elements: "tuple[Element, ...]"  # lists of words when they come from a journal

    def apply(self) -> None:
        known = [*self.elements]
        try:
            with generation.changing(True) as turn:
                nf_tables.change("bridge", "pyrun", known, known)  # none that is not there can be deleted
                turn.transactions = 1
        except OSError as cause:
            if cause.errno != errno.ENOENT:  # the table is gone, and all of them with it
                raise

    def inverse(self) -> None:
        return None

    def shell(self) -> str:
        return _command("delete", self.elements)

    def why(self) -> str:
        return "the cable is gone"


def network(net: Network) -> AddPart:
    """Give the operation that makes the table, unless it stands, for one network more."""
    element = f'add element {TABLE} bridges {{ "{net.bridge}" }}'
    add = [f"add table {TABLE}", *(f"add set {TABLE} {name} {{ {kind}; }}" for name, kind in _SETS)]
    add += [f"add chain {TABLE} prerouting {{ {HOOK} }}", f"flush chain {TABLE} prerouting"]
    add += [f"add rule {TABLE} prerouting {text}" for text in RULES]
    remove = [element, f'delete element {TABLE} bridges {{ "{net.bridge}" }}']
    return AddPart("\n".join([*add, element, ""]), "\n".join([*remove, ""]), REASON, TABLE)


def watched(end: Endpoint) -> AddSenders:
    """Give the operation that watches a plug: ARP and neighbour discovery before it has an address pass as well."""
    cable, mac = end.host_link, end.mac
    found: list[Element] = [("cables", cable), ("senders", cable, mac)]
    found += [("holders4", cable, mac, address) for address in (end.address, "0.0.0.0")]
    if end.address6:
        own = (end.address6, link_local(mac))
        found += [("holders6", cable, mac, address) for address in (*own, "::")]
        found += [("targets6", cable, mac, address) for address in own]
    return AddSenders(tuple(found))


def link_local(mac: str) -> str:
    """Give the address that a link makes for itself of its link-layer address: RFC 4291, appendix A."""
    part = bytes.fromhex(mac.replace(":", ""))
    whole = b"\xfe\x80" + bytes(6) + bytes([part[0] ^ 2]) + part[1:3] + b"\xff\xfe" + part[3:]
    return _socket.inet_ntop(_socket.AF_INET6, whole)


def mend(nets: "list[Network]", ends: "list[Endpoint]", settled: bool) -> list[Operation]:
    """Give the operations that make the table as it has to be.

    What belongs to nothing is only removed when everything is *settled*. Errors: OSError.
    """
    guarded = [net for net in nets if net.guarded]
    if not guarded:
        return []
    listed = nftables.listed(TABLE)
    standing = {_element(name, key) for name, keys in nftables.elements(listed).items() for key in keys}
    complete = nftables.has_rules(listed, {"prerouting": list(RULES)})
    found: list[Operation] = [net for net in map(network, guarded) if not complete or not _is_in(net, standing)]
    kept: set[Element] = {("bridges", net.bridge) for net in guarded}
    for watch in (watched(end) for end in ends if end.network.guarded):
        kept.update(watch.elements)
        found += [] if set(watch.elements) <= standing else [watch]
    dead = tuple(sorted(standing - kept)) if settled else ()
    return [*found, *([RemoveSenders(dead)] if dead else [])]


def _is_in(part: AddPart, standing: "set[Element]") -> bool:
    elements = nftables.elements_of(part)
    return all(_element(where, key) in standing for where, key in elements)


def _command(verb: str, elements: "tuple[Element, ...]") -> str:
    parts = [f"{verb} element {TABLE} {where} {{ {_key(where, fields)} }}" for where, *fields in elements]
    return f"nft '{'; '.join(parts)}'"


def _key(where: str, fields: "list[str]") -> str:
    """Write the key of an element for nft, which knows a neighbour's address as a number only."""
    cable, *rest = fields
    if where == "targets6":
        rest[1] = f"0x{_socket.inet_pton(_socket.AF_INET6, rest[1]).hex()}"
    return " . ".join([f'"{cable}"', *rest])


def _element(where: str, key: str) -> Element:
    """Read the key of an element as nft lists it."""
    fields = [field.strip('"') for field in key.split(" . ")]
    if fields[-1].startswith("0x"):
        fields[-1] = _socket.inet_ntop(_socket.AF_INET6, int(fields[-1], 16).to_bytes(16, "big"))
    return (where, *fields)
