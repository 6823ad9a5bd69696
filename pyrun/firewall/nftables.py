"""The same truth for hosts that are spoken to with nft: one table of our own, dispatching by maps.

A network is a handful of map elements and two chains, a published port one
element, each with a word of why. A verdict of ours cannot overrule another
table's drop policy: where somebody else drops forwarded packets, forwarding
needs a rule in that table.
"""

import errno
import os

from pyrun.firewall import generation
from pyrun.firewall.rules import is_loopback
from pyrun.kernel import programs
from pyrun.kernel.files import quote
from pyrun.spec import Endpoint, Network
from pyrun.typed import NamedTuple

TABLE = "inet pyrun"

_MAPS = (
    ("set bridges", "type ifname"),
    ("map leaving", "type ifname : verdict"),
    ("map entering", "type ifname : verdict"),
    ("map masquerading", "type ifname : verdict"),
    ("map published4", "type inet_proto . inet_service : ipv4_addr . inet_service"),
    ("map published6", "type inet_proto . inet_service : ipv6_addr . inet_service"),
    ("map published_at4", "type ipv4_addr . inet_proto . inet_service : ipv4_addr . inet_service"),
    ("map published_at6", "type ipv6_addr . inet_proto . inet_service : ipv6_addr . inet_service"),
)
_CHAINS = (
    ("user", ""),
    ("ports", ""),
    ("forward", "type filter hook forward priority filter; policy accept;"),
    ("prerouting", "type nat hook prerouting priority dstnat; policy accept;"),
    ("output", "type nat hook output priority -100; policy accept;"),
    ("postrouting", "type nat hook postrouting priority srcnat; policy accept;"),
)
_SHARED = (
    ("forward", 'jump user comment "your own rules first"'),
    ("forward", 'iifname vmap @leaving comment "from a network"'),
    ("forward", 'oifname vmap @entering comment "to a network"'),
    ("ports", 'dnat ip to ip daddr . meta l4proto . th dport map @published_at4 comment "published on one address"'),
    ("ports", 'dnat ip to meta l4proto . th dport map @published4 comment "published on all"'),
    ("ports", 'dnat ip6 to ip6 daddr . meta l4proto . th dport map @published_at6 comment "the same for IPv6"'),
    ("ports", 'dnat ip6 to meta l4proto . th dport map @published6 comment "the same for IPv6"'),
    ("prerouting", 'iifname @bridges return comment "containers are served by the proxy"'),
    ("prerouting", 'ip6 saddr fe80::/10 return comment "the proxy serves link-local addresses"'),
    ("prerouting", 'fib daddr type local jump ports comment "published ports, from outside"'),
    ("output", 'ip daddr 127.0.0.0/8 return comment "the proxy serves loopback"'),
    ("output", 'ip6 daddr ::1 return comment "the proxy serves loopback"'),
    ("output", 'ip6 saddr fe80::/10 return comment "the proxy serves link-local addresses"'),
    ("output", 'fib daddr type local jump ports comment "published ports, from this host"'),
    ("postrouting", 'iifname vmap @masquerading comment "leave as the host"'),
)


def network(net: Network, reason: str) -> "AddPart":
    """Give the operation that makes a network's part of the table, and the table when it is missing."""
    chains = _chains_of(net)
    elements = _elements_of(net)
    # The chains first: nft 1.0 sends a map's intervals together with the map, and their verdicts lead there.
    add = [f"add table {TABLE}", *(f"add chain {TABLE} {chain}\nflush chain {TABLE} {chain}" for chain in chains)]
    add += _base()[1:]
    add += [f"add rule {TABLE} {chain} {text}" for chain, texts in chains.items() for text in texts]
    add += [f"add element {TABLE} {where} {{ {element} }}" for where, element in elements]
    remove = [f"add chain {TABLE} {chain}" for chain in chains]  # where they are gone already, the elements lead there
    remove += [line for where, element in elements for line in _without(where, element)]
    remove += [line for chain in chains for line in (f"flush chain {TABLE} {chain}", f"delete chain {TABLE} {chain}")]
    return AddPart("\n".join(add) + "\n", "\n".join(remove) + "\n", reason)


def published(end: Endpoint, reason: str) -> "AddPart":
    """Give the operation that leads the published ports of a container to it."""
    elements = _published(end)
    add = [f"add element {TABLE} {where} {{ {element} }}" for where, element in elements]
    remove = [line for where, element in elements for line in _without(where, element)]
    return AddPart("\n".join(add) + "\n", "\n".join(remove) + "\n", reason)


class AddPart(NamedTuple):
    """A part of our table, in one transaction; what stands of it already stays or is made anew."""

    document: str
    removal: str
    reason: str
    table: str = TABLE

    def apply(self) -> None:
        with generation.changing(True) as turn:
            _nft(self.document)
            turn.transactions = 1

    def inverse(self) -> "RemovePart":
        return RemovePart(self.removal, self.reason, self.table)

    def shell(self) -> str:
        return _typed(self.document)

    def why(self) -> str:
        return self.reason


class RemovePart(NamedTuple):
    """Take a part of our table away, whether or not it stands, and the table with its last network."""

    document: str
    reason: str
    table: str = TABLE

    def apply(self) -> None:
        with generation.changing(True) as turn:
            standing = listed(self.table)
            if not standing:
                return
            _nft(_own(self.document, elements(standing)))
            turn.transactions = 1
            if _is_idle(listed(self.table)):
                _nft(f"delete table {self.table}\n")
                turn.transactions = 2

    def inverse(self) -> None:
        return None

    def shell(self) -> str:
        return _typed(self.document)

    def why(self) -> str:
        return f"no longer: {self.reason}"


def missing(parts: "list[AddPart]", text: str) -> "list[AddPart]":
    """List the parts of which some rule or element does not stand in our table, listed as *text*."""
    standing = elements(text)
    return [part for part in parts if not _stands(part, text, standing)]


def stale(parts: "list[AddPart]", text: str) -> "list[RemovePart]":
    """Give the operation that removes elements and chains that belong to none of *parts*, if there are any."""
    wanted = {element for part in parts for element in elements_of(part)}
    made = {chain for part in parts for chain in rules_of(part)}
    dead = [(where, key) for where, keys in elements(text).items() for key in keys if (where, key) not in wanted]
    lines = [f"delete element {TABLE} {where} {{ {key.partition(' : ')[0]} }}" for where, key in dead]
    ours = {chain for chain, _ in rules(text) if chain.startswith(("leaving_", "entering_", "masquerading_"))}
    for chain in sorted(ours - made):
        lines += [f"flush chain {TABLE} {chain}", f"delete chain {TABLE} {chain}"]
    return [RemovePart("".join(f"{line}\n" for line in lines), "rules of what is gone")] if lines else []


def available() -> bool:
    """Claim that this host has nft."""
    return bool(programs.find("nft"))


def _base() -> list[str]:
    lines = [f"add table {TABLE}"]
    for name, kind in _MAPS:
        what, _, label = name.partition(" ")
        lines.append(f"add {what} {TABLE} {label} {{ {kind}; }}")
    for name, hook in _CHAINS:
        lines.append(f"add chain {TABLE} {name}{f' {{ {hook} }}' if hook else ''}")
    lines += [f"flush chain {TABLE} {name}" for name, _ in _CHAINS if name != "user"]
    return lines + [f"add rule {TABLE} {chain} {text}" for chain, text in _SHARED]


def _chains_of(net: Network) -> dict[str, list[str]]:
    bridge = net.bridge
    among = "accept" if net.icc else "drop"
    answers = 'ct state established,related counter accept comment "answers"'
    leaving = [
        f'oifname "{bridge}" counter {among} comment "containers of one network"',
        answers,
        'oifname @bridges counter drop comment "networks do not reach each other"',
        *(f'oifname "{link}" counter accept comment "the way outside"' for link in net.uplinks),
        'oifname "docker0" counter drop comment "a neighbour\'s network"',
        'oifname "br-*" counter drop comment "a neighbour\'s network"',
        'counter accept comment "containers reach the outside"',
    ]
    entering = [
        answers,
        'ct status dnat counter accept comment "published ports"',
        'counter drop comment "the outside reaches no unpublished port"',
    ]
    if net.internal:
        leaving = [leaving[0], 'counter drop comment "internal: nothing gets out"']
        entering = ['counter drop comment "internal: nothing gets in"']
    chains = {f"leaving_{bridge}": leaving, f"entering_{bridge}": entering}
    if net.masquerade and not net.internal:
        chains[f"masquerading_{bridge}"] = [
            f'oifname != "{bridge}" {"ip6" if pool.is_ipv6 else "ip"} saddr {_whole(pool.subnet)}'
            ' counter masquerade comment "leave as the host"'
            for pool in net.pools
        ]
    return chains


def _elements_of(net: Network) -> list[tuple[str, str]]:
    bridge = net.bridge
    found = [
        ("bridges", f'"{bridge}"'),
        ("leaving", f'"{bridge}" : jump leaving_{bridge}'),
        ("entering", f'"{bridge}" : jump entering_{bridge}'),
    ]
    if net.masquerade and not net.internal:
        found.append(("masquerading", f'"{bridge}" : jump masquerading_{bridge}'))
    return found


def _published(end: Endpoint) -> list[tuple[str, str]]:
    found = []
    for port in end.published:
        family = "6" if ":" in port.address else "4"
        target = end.address6 if family == "6" else end.address
        if not target or is_loopback(port.address):
            continue
        to = f"{target} . {port.target}"
        if port.address in ("0.0.0.0", "::"):
            found.append((f"published{family}", f"{port.protocol} . {port.port} : {to}"))
        else:
            found.append((f"published_at{family}", f"{port.address} . {port.protocol} . {port.port} : {to}"))
    return found


def _whole(subnet: str) -> str:
    """Write a subnet of one address as nft lists it."""
    return subnet.removesuffix("/128" if ":" in subnet else "/32")


def _without(where: str, element: str) -> list[str]:
    """Give the lines that remove an element, whether or not it is there."""
    key = element.partition(" : ")[0]
    return [f"add element {TABLE} {where} {{ {element} }}", f"delete element {TABLE} {where} {{ {key} }}"]


def _own(document: str, standing: "dict[str, list[str]]") -> str:
    """Give the lines of a removal without those for elements that lead elsewhere by now, to another container."""
    kept, foreign = [], ""
    for line in document.splitlines():
        words = line.split(" ", 5)
        element = words[5].removeprefix("{ ").removesuffix(" }") if words[1] == "element" else ""
        if words[0] == "add" and element:
            key = element.partition(" : ")[0]
            stands = [each for each in standing.get(words[4], ()) if each.partition(" : ")[0] == key]
            foreign = f"{words[4]} {key}" if stands and element not in stands else ""
        if not element or f"{words[4]} {element.partition(' : ')[0]}" != foreign:
            kept.append(line)
    return "".join(f"{line}\n" for line in kept)


def _stands(part: "AddPart", text: str, standing: "dict[str, list[str]]") -> bool:
    if not all(key in standing.get(where, ()) for where, key in elements_of(part)):
        return False
    return has_rules(text, rules_of(part))


def elements_of(part: "AddPart") -> "list[tuple[str, str]]":
    """Give the elements that a part adds, as (set or map, element)."""
    lines = (line.split(" ", 5) for line in part.document.splitlines() if line.startswith("add element "))
    return [(words[4], words[5].removeprefix("{ ").removesuffix(" }")) for words in lines]


def rules_of(part: "AddPart") -> "dict[str, list[str]]":
    found: dict[str, list[str]] = {}
    for line in part.document.splitlines():
        if line.startswith("add rule "):
            _, _, _, _, chain, text = line.split(" ", 5)
            found.setdefault(chain, []).append(text)
    return found


def has_rules(text: str, wanted: "dict[str, list[str]]") -> bool:
    """Claim that chains of a table, listed as *text*, have the rules that are *wanted*, and no others.

    Versions of nft write the same rule differently: what it does at the end and its comment are compared.
    """
    standing = rules(text)
    return all(
        [_essence(rule) for where, rule in standing if where == chain] == [_essence(rule) for rule in own]
        for chain, own in wanted.items()
    )


def _essence(rule: str) -> tuple[str, str]:
    body, _, comment = rule.partition(" comment ")
    return body.split(" ")[-1], comment


def rules(text: str) -> "list[tuple[str, str]]":
    """Read the rules of `nft list table`, as (chain, text)."""
    found, chain = [], ""
    for line in map(str.strip, text.splitlines()):
        if line.startswith("chain "):
            chain = line.split(" ")[1]
        elif line == "}":
            chain = ""
        elif chain and line and not line.startswith("type "):
            found.append((chain, line))
    return found


def elements(text: str) -> "dict[str, list[str]]":
    """Read the elements of `nft list table`, by set or map."""
    found: dict[str, list[str]] = {}
    name, inside = "", False
    for line in map(str.strip, text.splitlines()):
        if line.startswith(("set ", "map ")):
            name = line.split(" ")[1]
        inside = inside or line.startswith("elements = {")
        if inside:
            part = line.removeprefix("elements = {").removesuffix("}").strip().rstrip(",")
            found.setdefault(name, []).extend(part.split(", ") if part else ())
            inside = not line.endswith("}")
    return found


def _is_idle(text: str) -> bool:
    """Claim that no network is left in the table, and no rule of the user's."""
    return "bridges" not in elements(text) and not any(chain == "user" for chain, _ in rules(text))


def listed(table: str = TABLE) -> str:
    """Give a table without counts, as nft lists it; empty when it does not stand."""
    outcome = programs.run(programs.find("nft"), "-s", "list", "table", *table.split(" "))
    return outcome.output if outcome.code == 0 else ""


def _typed(document: str) -> str:
    return f"nft {quote('; '.join(document.splitlines()))}"


def _nft(given: str) -> None:
    outcome = programs.run(programs.find("nft"), "-f", "-", given=given)
    if outcome.code:
        reason = outcome.complaint.strip().splitlines()
        raise OSError(errno.EIO, reason[0] if reason else os.strerror(errno.EIO))
