"""A packet before the rules of the places on its way, each of which remembers its connection for the answer."""

from pyrun.firewall import answers, trace
from pyrun.firewall.answers import ENTRIES, Connection
from pyrun.firewall.packets import Packet
from pyrun.firewall.trace import Outcome
from pyrun.kernel.survey import Link, Route
from pyrun.network import addresses
from pyrun.runtime import stages, watched
from pyrun.runtime.stages import Record
from pyrun.runtime.topology import Cable, Sandbox

MYPY = False
if MYPY:
    from pyrun.runtime.reachability import View


class Passage:
    """The rules that one packet, and then its answer, meets."""

    def __init__(self, view: "View", record: Record) -> None:
        self._view, self._record = view, record
        self._connections: list[tuple[Sandbox | None, Connection]] = []  # of the places, in the order of the way
        self._answered: Connection | None = None  # what the place where the answer is now knows of it

    def passed(self, place: "Sandbox | None", hook: str, packet: Packet, route: "Route | None" = None) -> Outcome:
        """Pass the rules of a hook, and give how the packet goes on, by *route* if it leaves. Errors: End."""
        if hook in ENTRIES and packet.entering != "lo":
            packet = self._entered(place, hook, packet)
        outcome = self._walk(place, hook, packet)
        if place is None or outcome.steps:
            changed = outcome.packet != packet._replace(mark=outcome.packet.mark)
            text = _translation(packet, outcome) if changed else "let through" if outcome.steps else "no rules"
            self._judge(place, hook, outcome, text)
        packet = outcome.packet
        if outcome.translated and outcome.translated.action.kind == "masquerade" and route:
            packet = packet._replace(source=_masked(self._links(place), packet, route))
        if packet.state == "new" and hook != "forward":
            self._connections[-1] = place, self._connections[-1][1]._replace(went=packet)
        return outcome._replace(packet=packet)

    def let_in(self, cable: Cable, packet: Packet, asking: bool) -> None:
        """Pass what watches a bridge's port; *asking* for a neighbour comes first. Errors: End."""
        self._record.places.append(None)
        if refused := self._refusal(cable, packet, asking):
            self._judge(None, "port", refused, "")

    def answering(self, cable: Cable, packet: Packet, address: str) -> None:
        """Be told by whoever is at a cable that the address is there. Errors: End."""
        if self._refusal(cable, packet._replace(source=address), asking=True):
            who = stages.name(cable.sandbox)
            text = f"anti-spoofing: {who} may not say that it has {address}, which is not its own"
            self._record.stop(None, "port", text)

    def _refusal(self, cable: Cable, packet: Packet, asking: bool) -> "Outcome | None":
        return watched.refusal(self._view.tables(None), cable, packet, asking)

    def _judge(self, place: "Sandbox | None", about: str, outcome: Outcome, text: str) -> None:
        reason = self._view.reason(outcome.decider) if outcome.decider else outcome.verdict
        self._record.judge(place, about, outcome, text, reason)

    def _entered(self, place: "Sandbox | None", hook: str, packet: Packet) -> Packet:
        """Give the packet as a place sees it first: what others knew of it, it does not. Errors: End."""
        self._record.places.append(place)
        own = next((_first(link, packet.family) for link in self._links(place) if link.name == packet.entering), "")
        packet = packet._replace(dnat=False, snat=False, own=own)
        if packet.state == "new":
            self._connections.append((place, Connection(packet, packet)))
            return packet
        known = (each for where, each in self._connections if is_same(where, place) and each.is_of(packet))
        self._answered = next(known, None)
        if self._answered is None:
            text = "the answer comes by where the question did not: what becomes of it is not followed"
            self._record.stop(place, hook, text, unknown=True)
            raise AssertionError
        return packet._replace(dnat=self._answered.went.dnat, snat=self._answered.went.snat)

    def _walk(self, place: "Sandbox | None", hook: str, packet: Packet) -> Outcome:
        tables = self._view.tables(place)
        local = frozenset(address for link in self._links(place) for address, _ in link.addresses)
        if packet.state != "new":
            return answers.walk(tables, hook, packet, local, self._answered)
        return trace.walk(answers.without_nat(tables) if packet.entering == "lo" else tables, hook, packet, local)

    def _links(self, place: "Sandbox | None") -> "tuple[Link, ...]":
        return place.links if place else self._view.links


def is_same(place: "Sandbox | None", other: "Sandbox | None") -> bool:
    """Claim that two places are one: None is the host."""
    return (place and place.inode) == (other and other.inode)


def at(address: str, port: int) -> str:
    """Write an address with its port, if it has one."""
    shown = f"[{address}]" if ":" in address and port else address
    return f"{shown}:{port}" if port else shown


def _translation(before: Packet, outcome: Outcome) -> str:
    after = outcome.packet
    if after.target != before.target or after.port != before.port:
        return f"{at(before.target, before.port)} becomes {at(after.target, after.port)}"
    return "leaves under the host's address" if after.snat else "changed"


def _first(link: Link, family: int) -> str:
    """Give a link's first address of a family."""
    return next((address for address, _ in link.addresses if (":" in address) == (family == 6)), "")


def _masked(links: "tuple[Link, ...]", packet: Packet, route: Route) -> str:
    """Give the address that masquerading chooses: of the link, and of the next hop's subnet if it has one there."""
    hop = route.gateway or packet.target
    own = [
        (address, prefix)
        for link in links
        if link.number == route.link
        for address, prefix in link.addresses
        if (":" in address) == (packet.family == 6)
    ]
    near = [address for address, prefix in own if addresses.subnet(f"{address}/{prefix}").contains(hop)]
    return next(iter([*near, *(address for address, _ in own), packet.source]))
