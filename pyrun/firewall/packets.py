"""A packet as rules see it, and the single questions that they ask about it. Pure.

The answers are yes, no, or None: not to be known from outside.
"""

from pyrun.typed import Any, NamedTuple, Sequence

_PROTOCOLS = {"1": "icmp", "6": "tcp", "17": "udp", "58": "icmpv6", "132": "sctp"}
_PROTOCOLS |= {"ipv6-icmp": "icmpv6", "icmp6": "icmpv6"}
_FRAMES = {4: {"4", "ip"}, 6: {"6", "ip6"}, 0: {"arp"}}  # how a family is written, as a number or as a type of frames
_FREE, _LAST = 1024, 65535  # what a client may have chosen, without being root: ip_local_port_range lies within
_ECHO = {True: {"8", "128", "any", "echo-request"}, False: {"0", "129", "any", "echo-reply"}}
AND = " . "
_MULTICAST = {4: "224.0.0.0/4", 6: "ff00::/8"}


class Packet(NamedTuple):
    """What a packet is at one place of its way."""

    family: int  # 4 or 6; 0 for ARP
    source: str
    target: str
    protocol: str  # icmp, icmpv6, tcp, udp or sctp
    port: int = 0  # of the target; 0 where the protocol has none, or a client has chosen it
    entering: str = ""  # the link by which it came; empty when it was made here
    leaving: str = ""  # the link by which it goes; empty when it stays here
    state: str = "new"  # new or established
    dnat: bool = False  # its connection got another target
    snat: bool = False  # or another source
    mark: "int | None" = 0
    source_port: int = 0  # 0 likewise
    own: str = ""  # the first address of the link by which it came
    mac: str = ""  # the link-layer address that it comes from, where that is known


class Condition(NamedTuple):
    """One question; with several *values* one of them will do."""

    field: str  # one of _ANSWERS, or several joined as nft does it: "a . b"; empty for what cannot be judged
    values: tuple[str, ...] = ()
    negated: bool = False


class Lookup(NamedTuple):
    """A map: the first entry whose keys are the packet's *fields* gives the action."""

    fields: tuple[str, ...]
    entries: tuple[tuple[tuple[str, ...], tuple[str, str]], ...]

    def choose(self, packet: Packet, local: frozenset[str]) -> "tuple[str, str] | None":
        """Give the entry's action; one that cannot be judged makes it unknown."""
        for keys, action in self.entries:
            found = _all_hold(self.fields, keys, packet, local)
            if found is not False:
                return action if found else ("unknown", "")
        return None


def holds(condition: Condition, packet: Packet, local: frozenset[str]) -> "bool | None":
    """Answer one question about a packet; *local* are the addresses of the namespace."""
    fields = condition.field.split(AND)
    if not set(fields) <= set(_ANSWERS):
        return None
    if len(fields) > 1:
        found = [_all_hold(fields, value.split(AND), packet, local) for value in condition.values]
        answer: bool | None = True if True in found else None if None in found else False
    else:
        answer = _ANSWERS[condition.field](condition.values, packet, local)
    return answer if answer is None else answer != condition.negated


def _all_hold(fields: "Sequence[str]", keys: "Sequence[str]", packet: Packet, local: frozenset[str]) -> "bool | None":
    found = [holds(Condition(field, (key,)), packet, local) for field, key in zip(fields, keys, strict=False)]
    return False if False in found else None if None in found else True


def is_within(address: str, values: "tuple[str, ...]") -> bool:
    """Claim that the address belongs to one of ADDRESS, ADDRESS/PREFIX or FIRST-LAST."""
    own = _number(address)
    return any(_covers(value, address, own) for value in values)


def _covers(value: str, address: str, own: int) -> bool:
    if (":" in value) != (":" in address):
        return False
    if "-" in value:
        first, _, last = value.partition("-")
        return _number(first) <= own <= _number(last)
    network, _, prefix = value.partition("/")
    bits = 128 if ":" in value else 32
    if "." in prefix:
        mask = _number(prefix)
        return own & mask == _number(network) & mask
    free = bits - int(prefix or bits)
    return own >> free == _number(network) >> free


def _number(address: str) -> int:
    import _socket

    family = _socket.AF_INET6 if ":" in address else _socket.AF_INET
    return int.from_bytes(_socket.inet_pton(family, address), "big")


def _address(values: "tuple[str, ...]", address: str) -> "bool | None":
    try:
        return is_within(address, values)
    except (OSError, ValueError):
        return None


def _is_link(values: "tuple[str, ...]", link: str) -> bool:
    return any(link.startswith(value[:-1]) if value.endswith("*") else link == value for value in values)


def _is_number(values: "tuple[str, ...]", number: "int | None") -> "bool | None":
    if number is None:
        return None
    try:
        return any(_in_range(value, number) for value in values)
    except ValueError:
        return None


def _in_range(value: str, number: int) -> bool:
    first, last = _bounds(value)
    return first <= number <= last


def _bounds(value: str) -> tuple[int, int]:
    first, dash, last = value.replace(":", "-").partition("-")
    return (int(first or 0), int(last or _LAST)) if dash else (int(first, 0), int(first, 0))


def _port(values: "tuple[str, ...]", port: int, other: int) -> "bool | None":
    """Answer for the port of one end; where only the *other* has a known one, a client has chosen it."""
    if port or not other:
        return _is_number(values, port) if port else False
    try:
        bounds = [_bounds(value) for value in values]
    except ValueError:
        return None
    if any(first <= _FREE and last >= _LAST for first, last in bounds):
        return True
    return None if any(last >= _FREE for _, last in bounds) else False


def _state(values: "tuple[str, ...]", packet: Packet, _: object) -> "bool | None":
    own = {packet.state, *(["dnat"] if packet.dnat else []), *(["snat"] if packet.snat else [])}
    return bool(own & set(values))


def _status(values: "tuple[str, ...]", packet: Packet, _: object) -> "bool | None":
    known = {"dnat": packet.dnat, "snat": packet.snat, "seen-reply": packet.state == "established"}
    if any(value not in known for value in values):
        return None
    return any(known[value] for value in values)


def _type(values: "tuple[str, ...]", packet: Packet, local: frozenset[str], address: str) -> "bool | None":
    if set(values) - {"local", "unicast", "multicast", "broadcast", "anycast"}:
        return None
    if address in local or address.startswith("127.") or address == "::1":
        kind = "local"
    elif is_within(address, (_MULTICAST[packet.family],)):
        kind = "multicast"
    else:
        kind = "broadcast" if address == "255.255.255.255" else "unicast"
    return kind in values


def _protocol(values: "tuple[str, ...]", packet: Packet, _: object) -> "bool | None":
    names = {
        "1": "icmp",
        "6": "tcp",
        "17": "udp",
        "58": "icmpv6",
        "132": "sctp",
        "ipv6-icmp": "icmpv6",
        "icmp6": "icmpv6",
    }
    return "all" in values or "0" in values or packet.protocol in {names.get(value, value) for value in values}


def _mark(values: "tuple[str, ...]", packet: Packet, _: object) -> "bool | None":
    if packet.mark is None:
        return None
    for value in values:
        wanted, _slash, mask = value.partition("/")
        try:
            if packet.mark & int(mask or "0xffffffff", 0) == int(wanted, 0):
                return True
        except ValueError:
            return None
    return False


_ANSWERS: dict[str, Any] = {
    "source": lambda values, packet, _: _address(values, packet.source),
    "target": lambda values, packet, _: _address(values, packet.target),
    "entering": lambda values, packet, _: _is_link(values, packet.entering),
    "leaving": lambda values, packet, _: _is_link(values, packet.leaving),
    "protocol": _protocol,
    "family": lambda values, packet, _: bool(_FRAMES[packet.family] & set(values)),
    "mac": lambda values, packet, _: packet.mac in values if packet.mac else None,
    "port": lambda values, packet, _: _port(values, packet.port, packet.source_port),
    "source port": lambda values, packet, _: _port(values, packet.source_port, packet.port),
    "state": _state,
    "status": _status,
    "target type": lambda values, packet, local: _type(values, packet, local, packet.target),
    "source type": lambda values, packet, local: _type(values, packet, local, packet.source),
    "mark": _mark,
    "first": lambda values, packet, _: packet.state == "new" if packet.protocol == "tcp" else False,
    "direction": lambda values, packet, _: ("original" if packet.state == "new" else "reply") in values,
    "icmp": lambda values, packet, _: (
        bool(_ECHO[packet.state == "new"] & {value.split("/")[0] for value in values})
        if packet.protocol.startswith("icmp")
        else False
    ),
    "fragment": lambda values, packet, _: False,
}
