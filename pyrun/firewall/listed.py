"""Reads what `nft -j list ruleset` prints into tables that `pyrun.firewall.trace` can walk. Pure.

The texts of the rules come from `nft -a list ruleset`, by their handles. What is
not understood of a rule becomes a condition that cannot be judged.
"""

import itertools
import json
import re

from pyrun.firewall.packets import AND, Condition, Lookup
from pyrun.firewall.trace import Action, Chain, Rule, Table
from pyrun.typed import Any, NamedTuple

_FAMILIES = {"ip": (4,), "ip6": (6,), "inet": (4, 6)}
_GUARD = ("bridge", "pyrun")  # the one table of bridges that is followed: `pyrun.firewall.guard` makes it
_INGRESS = "ingress"
_PORTS = {("dport",): "port", ("sport",): "source port"}
_META = {"iifname": "entering", "oifname": "leaving", "iif": "entering", "oif": "leaving", "mark": "mark"}
_META |= {"l4proto": "protocol", "nfproto": "family", "protocol": "family"}
_NUMBERS = {"ipv4": "4", "ipv6": "6"}
_COUNTS = re.compile(r"counter packets \d+ bytes \d+")
_GOES_ON = ("log", "notrack", "ct helper", "ct timeout", "flow", "secmark")


class Rules(NamedTuple):
    """What was read: tables to walk, and how many rules those have that are not followed here (bridge, netdev, …)."""

    tables: list[Table]
    others: dict[str, int]


def read(document: str, listing: str = "", left_out: "frozenset[tuple[str, str]]" = frozenset()) -> Rules:
    """Read a whole ruleset; *left_out* are (family, name) of tables that another tool shows better."""
    entries = [(kind, entry[kind]) for entry in json.loads(document)["nftables"] for kind in entry]
    texts = _texts(listing)
    tables, others = [], dict[str, int]()
    for kind, table in entries:
        key = (table.get("family", ""), table.get("name", ""))
        if kind != "table" or key in left_out:
            continue
        own = [(k, e) for k, e in entries if (e.get("family"), e.get("table")) == key]
        if key[0] in _FAMILIES or key == _GUARD:
            tables.append(_Reader(key[0], key[1], own, texts).table())
            early = {e["name"] for k, e in own if k == "chain" and e.get("hook") == _INGRESS}
            count = sum(1 for k, e in own if k == "rule" and e["chain"] in early)
            others |= {f"{key[0]} {key[1]}, hook {_INGRESS}": count} if early else {}
        else:
            others[f"{key[0]} {key[1]}"] = sum(1 for k, _ in own if k == "rule")
    return Rules(tables, others)


def _texts(listing: str) -> dict[tuple[str, int], str]:
    """Give the rules' texts by table and handle, without their counts."""
    found, table = {}, ""
    for line in listing.splitlines():
        text, mark, handle = line.rpartition(" # handle ")
        words = text.split()
        if line.startswith("table ") and len(words) > 2:
            table = f"{words[1]} {words[2]}"
        elif mark and handle.isdigit() and line.startswith("\t\t"):
            found[table, int(handle)] = _COUNTS.sub("counter", text.strip())
    return found


class _Reader:
    def __init__(self, family: str, name: str, own: "list[tuple[str, Any]]", texts: dict[tuple[str, int], str]) -> None:
        self.family, self.name, self.own, self.texts = family, name, own, texts
        self.sets = {entry["name"]: entry for kind, entry in own if kind in ("set", "map")}

    def table(self) -> Table:
        rules: dict[str, list[Rule]] = {}
        for kind, entry in self.own:
            if kind == "rule":
                rules.setdefault(entry["chain"], []).append(self.rule(entry))
        chains = [self.chain(entry, rules.get(entry["name"], [])) for kind, entry in self.own if kind == "chain"]
        families = _FAMILIES.get(self.family, (0, 4, 6))
        return Table("nft", f"{self.family} {self.name}", families, tuple(chains))

    def chain(self, entry: "dict[str, Any]", rules: list[Rule]) -> Chain:
        hook, nat = entry.get("hook", ""), entry.get("type") == "nat"
        hook = f"bridge {hook}" if hook and self.family == "bridge" else hook
        whole = entry["name"], tuple(rules), hook, entry.get("prio", 0), entry.get("policy", "")
        return Chain(*whole, None, nat, entry.get("type") == "route")

    def rule(self, entry: "dict[str, Any]") -> Rule:
        text = self.texts.get((f"{self.family} {self.name}", entry["handle"]), f"handle {entry['handle']}")
        conditions: list[Condition] = []
        action, lookup, counter, mark = Action("continue"), None, {}, ""
        for statement in entry.get("expr", ()):
            (kind, body) = next(iter(statement.items())) if isinstance(statement, dict) else (statement, None)
            if kind == "match":
                conditions += self.match(body)
            elif kind == "counter":
                counter = body if isinstance(body, dict) else {}
            elif kind == "vmap" or _is_mapped(kind, body):
                lookup = self.lookup(kind, body)
                action = Action("unknown") if lookup is None else action
                conditions += _implied(body)
            elif kind == "mangle":
                mark = _mark(body) or mark
                action = Action("unknown") if _is_readdressed(body) else action
            elif kind not in _GOES_ON:
                conditions, action = self.ends(kind, body, conditions)
        counted = (counter.get("packets"), counter.get("bytes"))
        return Rule(text, tuple(conditions), action, lookup, *counted, entry.get("comment", ""), mark)

    def ends(self, kind: str, body: "Any", conditions: list[Condition]) -> tuple[list[Condition], Action]:
        """Read a verdict or a translation; anything else cannot be judged, and so is a condition."""
        if kind in ("accept", "drop", "return", "continue", "reject"):
            return conditions, Action(kind)
        if kind in ("jump", "goto"):
            return conditions, Action(kind, body["target"])
        if kind in ("masquerade", "redirect", "dnat", "snat"):
            return conditions + _implied(body), Action(kind, _translation(body))
        if kind in ("queue", "tproxy", "synproxy"):
            return conditions, Action("unknown")
        return [*conditions, Condition("")], Action("continue")

    def match(self, body: "Any") -> list[Condition]:
        field, implied = _field(body["left"])
        values = self.values(body["right"])
        if field == "" or values is None or body["op"] not in ("==", "!=", "in"):
            return [*implied, Condition("")]
        return [*implied, Condition(field, values, body["op"] == "!=")]

    def values(self, right: "Any") -> "tuple[str, ...] | None":
        if isinstance(right, str) and right.startswith("@"):
            named = self.sets.get(right[1:])
            return self.values(named.get("elem", [])) if named else None
        if isinstance(right, dict) and "set" in right:
            right = right["set"]
        listed = right if isinstance(right, list) else [right]
        found = [_value(each) for each in listed]
        return None if None in found else tuple(value for value in found if value is not None)

    def lookup(self, kind: str, body: "Any") -> "Lookup | None":
        source = body if kind == "vmap" else body["addr"]["map"]
        fields = [_field(key)[0] for key in source["key"].get("concat", [source["key"]])]
        data = source["data"]
        pairs = self.sets.get(data[1:], {}).get("elem", []) if isinstance(data, str) else data.get("set", [])
        entries = []
        for key, leads in pairs:
            keys = [_value(each) for each in (key.get("concat", [key]) if isinstance(key, dict) else [key])]
            if None in keys or "" in fields:
                return None
            entries.append((tuple(str(each) for each in keys), _leads(kind, leads)))
        return Lookup(tuple(fields), tuple(entries))


def _leads(kind: str, leads: "Any") -> tuple[str, str]:
    """Give what an element of a map leads to, as an action's kind and target."""
    if kind == "vmap":
        name, body = next(iter(leads.items()))
        return name, body["target"] if isinstance(body, dict) else ""
    parts = [str(_value(each)) for each in (leads.get("concat", [leads]) if isinstance(leads, dict) else [leads])]
    address = f"[{parts[0]}]" if ":" in parts[0] and len(parts) > 1 else parts[0]
    return kind, ":".join([address, *parts[1:]])


def _mark(body: "Any") -> str:
    """Give what a statement makes of the packet's mark: a number, ? for what is not known, empty for nothing."""
    if body["key"] != {"meta": {"key": "mark"}}:
        return ""
    return str(body["value"]) if isinstance(body["value"], int) else "?"


def _is_readdressed(body: "Any") -> bool:
    """Claim that a statement writes another address or port into the packet itself, which is not followed."""
    return body["key"].get("payload", {}).get("field", "") in ("saddr", "daddr", "sport", "dport")


def _is_mapped(kind: str, body: "Any") -> bool:
    return kind in ("dnat", "snat") and isinstance(body, dict) and isinstance(body.get("addr"), dict)


def _implied(body: "Any") -> list[Condition]:
    """Give the condition that lies in a translation of one family."""
    family = body.get("family", "") if isinstance(body, dict) else ""
    return [Condition("family", tuple(map(str, _FAMILIES[family])))] if family in _FAMILIES else []


def _translation(body: "Any") -> str:
    if not isinstance(body, dict):
        return ""
    address, port = body.get("addr", ""), body.get("port", "")
    shown = f"[{address}]" if ":" in str(address) and port else str(address)
    return f"{shown}:{_value(port)}" if port else shown


def _field(left: "Any") -> tuple[str, list[Condition]]:
    """Name what is asked about, and what has to hold for it to be asked at all."""
    if not isinstance(left, dict):
        return "", []
    kind, body = next(iter(left.items()))
    if kind == "concat":
        fields, implied = zip(*map(_field, body), strict=True)
        return AND.join(fields) if all(fields) else "", list(itertools.chain(*implied))
    if kind == "meta":
        return _META.get(body["key"], ""), []
    if kind == "ct":
        return {"state": "state", "status": "status", "direction": "direction"}.get(body["key"], ""), []
    if kind == "fib" and body.get("result") == "type":
        return {("daddr",): "target type", ("saddr",): "source type"}.get(tuple(body["flags"]), ""), []
    if kind == "payload" and "protocol" in body:
        return _payload(body["protocol"], body["field"])
    return "", []


def _payload(protocol: str, field: str) -> tuple[str, list[Condition]]:
    if protocol in _FAMILIES:
        implied = [Condition("family", tuple(map(str, _FAMILIES[protocol])))]
        names = {"saddr": "source", "daddr": "target", "protocol": "protocol", "nexthdr": "protocol"}
        return names.get(field, ""), implied
    if protocol == "ether":
        return {"saddr": "mac", "type": "family"}.get(field, ""), []
    if protocol == "arp":
        return {"saddr ether": "mac", "saddr ip": "source"}.get(field, ""), [Condition("family", ("arp",))]
    implied = [] if protocol == "th" else [Condition("protocol", (protocol,))]
    if protocol in ("icmp", "icmpv6"):
        return "icmp" if field == "type" else "", implied
    return _PORTS.get((field,), ""), implied


def _value(value: "Any") -> "str | None":
    """Write a value as a condition's; None for what has no such form."""
    if isinstance(value, dict):
        kind, body = next(iter(value.items()))
        if kind == "prefix":
            return f"{body['addr']}/{body['len']}"
        if kind == "range":
            return f"{body[0]}-{body[1]}"
        if kind == "elem":
            return _value(body["val"])
        if kind == "concat":
            parts = [_value(part) for part in body]
            return None if None in parts else AND.join(map(str, parts))
        return None
    if isinstance(value, bool | list) or value is None:
        return None
    return _NUMBERS.get(str(value), str(value))
