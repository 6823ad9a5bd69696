"""What the rules that stand would do with a packet: tables walked rule by rule until a verdict. Pure.

A match that cannot be judged from outside (a rate limit, a set, a socket's
owner) is not guessed: the verdict counts only if it is the same either way.
How rules are read is in `pyrun.firewall.saved` and `pyrun.firewall.listed`.
"""

from pyrun.firewall.packets import Condition, Lookup, Packet, holds
from pyrun.typed import NamedTuple

ENDS = ("accept", "drop", "reject", "unknown")
NAT = ("dnat", "snat", "masquerade", "redirect")
_DEPTH = 3  # how many unknown matches may hide behind each other
_JUMPS = 64  # as deep as chains may lead into each other; the kernel refuses loops


class Action(NamedTuple):
    """What a rule does when all of its conditions hold."""

    kind: str  # accept, drop, reject, return, jump, goto, continue, unknown, or one of NAT
    target: str = ""  # a chain, or ADDRESS[:PORT]


class Rule(NamedTuple):
    """One rule: conditions in order, then what it does; counters are None where it has none."""

    text: str
    conditions: tuple[Condition, ...] = ()
    action: Action = Action("continue")
    lookup: "Lookup | None" = None  # in whose place the action stands: a map chooses it
    packets: "int | None" = None
    bytes: "int | None" = None
    reason: str = ""
    mark: str = ""  # what it makes of the packet's mark: VALUE/MASK as for --set-xmark, or ? for what is not known


class Chain(NamedTuple):
    """Rules in order; a base chain has a hook, a priority and a policy."""

    name: str
    rules: tuple[Rule, ...]
    hook: str = ""  # prerouting, input, forward, output, postrouting
    priority: int = 0
    policy: str = ""
    packets: "int | None" = None  # that met the policy
    nat: bool = False
    reroutes: bool = False  # what was made here goes another way when the mark has changed


class Table(NamedTuple):
    """A table as one tool shows it; chains lead only to chains of the same table."""

    tool: str  # iptables, ip6tables, nft, …
    name: str
    families: tuple[int, ...]
    chains: tuple[Chain, ...]

    def chain(self, name: str) -> "Chain | None":
        """Find a chain."""
        return next((chain for chain in self.chains if chain.name == name), None)


class Step(NamedTuple):
    """A rule, or a policy (number 0), that was looked at, and what came of it."""

    tool: str
    table: str
    chain: str
    number: int
    rule: Rule
    matched: "bool | None"
    action: Action

    @property
    def key(self) -> tuple[str, str, str, int]:
        """Name the rule for ever, as long as nobody changes the rules."""
        return self.tool, self.table, self.chain, self.number

    @property
    def place(self) -> str:
        """Say where the rule stands."""
        where = f"{self.tool} {self.table} {self.chain}"
        return f"{where}, rule {self.number}" if self.number else f"{where}, policy"


class Outcome(NamedTuple):
    """What a hook does with a packet: the verdict, the packet as it goes on, and how that came about."""

    verdict: str  # accept, drop, reject or unknown
    packet: Packet
    steps: tuple[Step, ...]
    decider: "Step | None" = None  # the rule of the verdict; None where nothing was in the way
    translated: "Step | None" = None  # the rule that changed an address
    doubt: "Step | None" = None  # the rule that makes it unknown
    rerouted: bool = False  # the mark has changed, and the route with it


def walk(tables: "list[Table]", hook: str, packet: Packet, local: frozenset[str]) -> Outcome:
    """Lead a packet through all chains of a hook; *local* are the addresses of the namespace."""
    return _settle(tables, hook, packet, local, frozenset(), _DEPTH)


def _settle(
    tables: "list[Table]", hook: str, packet: Packet, local: frozenset[str], assumed: frozenset[object], depth: int
) -> Outcome:
    """Walk as if no unknown match held, then see whether it would change anything if one did."""
    outcome = _Walk(local, assumed, packet.mark).hook(tables, hook, packet)
    for step in outcome.steps:
        if step.matched is not None or step.key in assumed or step.action.kind == "continue":
            continue
        if depth == 0:
            return outcome._replace(verdict="unknown", doubt=step)
        other = _settle(tables, hook, packet, local, assumed | {step.key}, depth - 1)
        if (other.verdict, other.packet) != (outcome.verdict, outcome.packet):
            return outcome._replace(verdict="unknown", doubt=step)
    return outcome


class _Walk:
    """One way of one packet; *assumed* are unknown matches that are taken to hold."""

    def __init__(self, local: frozenset[str], assumed: frozenset[object], mark: "int | None") -> None:
        self.local, self.assumed, self.mark = local, assumed, mark
        self.steps: list[Step] = []

    def hook(self, tables: "list[Table]", hook: str, packet: Packet) -> Outcome:
        bases = [
            (chain.priority, at, table, chain)
            for at, table in enumerate(tables)
            for chain in table.chains
            if chain.hook == hook and packet.family in table.families
        ]
        decider = translated = None
        rerouted = False
        for _, _, table, chain in sorted(bases, key=lambda base: base[:2]):
            if chain.nat and (translated or packet.state != "new"):
                continue  # connections are translated once, by their first packet
            before = self.mark
            step = self.base(table, chain, packet)
            packet = packet._replace(mark=self.mark)
            rerouted = rerouted or (chain.reroutes and self.mark != before)
            if step.action.kind in NAT:
                translated, packet = step, _translate(packet, step.action)
                if packet.target:
                    continue
                return Outcome("drop", packet, tuple(self.steps), step, translated)
            if step.action.kind in ("drop", "reject", "unknown"):
                doubt = step if step.action.kind == "unknown" else None
                return Outcome(step.action.kind, packet, tuple(self.steps), step, translated, doubt)
            decider = step if step.number or decider is None else decider
        return Outcome("accept", packet, tuple(self.steps), decider, translated, None, rerouted)

    def base(self, table: Table, chain: Chain, packet: Packet) -> Step:
        step = self.chain(table, chain, packet, 0)
        if step is not None and step.action.kind != "return":
            return step
        policy = Rule(f"policy {chain.policy or 'accept'}", packets=chain.packets)
        step = Step(table.tool, table.name, chain.name, 0, policy, True, Action(chain.policy or "accept"))
        self.steps.append(step)
        return step

    def chain(self, table: Table, chain: Chain, packet: Packet, depth: int) -> "Step | None":
        """Give the step that ends the walk, one that returns for good (after goto), or None at the end."""
        for number, rule in enumerate(chain.rules, 1):
            step = self.rule(table, chain, number, rule, packet)
            self.steps.append(step)
            kind = step.action.kind
            if step.matched is not False and rule.mark:
                self.changes_mark(step, rule.mark)
            if not step.matched and step.key not in self.assumed:
                continue
            if kind == "return":
                return None
            if kind in ENDS or kind in NAT:
                return step
            if kind in ("jump", "goto"):
                into = table.chain(step.action.target)
                found = self.chain(table, into, packet, depth + 1) if into and depth < _JUMPS else None
                if found is not None or kind == "goto":
                    return found
        return None

    def changes_mark(self, step: Step, change: str) -> None:
        made = _marked(self.mark, change)
        if made != self.mark:
            self.mark = made if step.matched or step.key in self.assumed else None

    def rule(self, table: Table, chain: Chain, number: int, rule: Rule, packet: Packet) -> Step:
        action = rule.action
        packet = packet._replace(mark=self.mark)
        matched: bool | None = True
        for condition in rule.conditions:
            one = holds(condition, packet, self.local)
            if one is False:
                matched = False
                break
            matched = None if one is None else matched
        if matched is not False and rule.lookup is not None:
            chosen = rule.lookup.choose(packet, self.local)
            found = chosen is not None
            action = Action(*chosen) if chosen else action
            matched = matched if found else False
        return Step(table.tool, table.name, chain.name, number, rule, matched, action)


def _marked(mark: "int | None", change: str) -> "int | None":
    """Give the mark as --set-xmark VALUE/MASK leaves it; None when that is not known."""
    value, _, mask = change.partition("/")
    try:
        cleared, flipped = int(mask or "0xffffffff", 0), int(value, 0)
    except ValueError:
        return None
    if mark is None and cleared != 0xFFFFFFFF:
        return None
    return (mark or 0) & ~cleared ^ flipped


def _translate(packet: Packet, action: Action) -> Packet:
    address, port = split(action.target)
    if action.kind == "dnat":
        return packet._replace(target=address or packet.target, port=port or packet.port, dnat=True)
    if action.kind == "redirect":  # what comes by a link without an address is dropped: it gets no target
        here = "127.0.0.1" if packet.family == 4 else "::1"
        own = packet.own if packet.entering else here
        return packet._replace(target=own, port=port or packet.port, dnat=True)
    return packet._replace(source=address or packet.source, snat=True)


def split(target: str) -> tuple[str, int]:
    """Split ADDRESS[:PORT], [ADDRESS]:PORT or :PORT; of ranges the first counts."""
    if target.startswith("["):
        address, _, port = target[1:].partition("]")
        port = port.removeprefix(":")
    elif target.count(":") > 1:
        address, port = target, ""
    else:
        address, _, port = target.partition(":")
    first = port.split("-")[0]
    return address.split("-")[0], int(first) if first.isdigit() else 0
