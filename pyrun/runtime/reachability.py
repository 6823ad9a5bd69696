"""Whether a packet gets from one place to another: each decision on its way, and the one that stops it.

The walk itself is pure: it asks a `View` for facts, of which the live one is in
`pyrun.runtime.vantage`. What cannot be known is said to be so, never guessed.
"""

from pyrun.firewall import trace
from pyrun.firewall.packets import Packet
from pyrun.kernel import survey
from pyrun.kernel.routing import Flow
from pyrun.kernel.survey import Link, Route
from pyrun.runtime import watched
from pyrun.runtime.topology import Bridge, Cable, Sandbox
from pyrun.typed import Any, NamedTuple, Protocol

OK, STOP, UNKNOWN = "ok", "stop", "unknown"
_IGNORES_ECHO = {4: "ipv4/icmp_echo_ignore_all", 6: "ipv6/icmp/echo_ignore_all"}


class Question(NamedTuple):
    """Who asks for whom: *origin* is a sandbox, None for the host, or an address outside in *source*."""

    origin: "Sandbox | None"
    outside: bool  # the packet comes from beyond this host
    source: str  # empty lets the route choose
    target: str
    protocol: str
    port: int = 0
    names: tuple[str, str] = ("", "")  # as they were typed


class Stage(NamedTuple):
    """One decision: where it is made, about what, how it went."""

    place: str
    about: str
    verdict: str
    text: str
    steps: tuple[trace.Step, ...] = ()
    decider: "trace.Step | None" = None


class Answer(NamedTuple):
    """The end of the walk; *reachable* is None where it cannot be told."""

    reachable: "bool | None"
    reason: str
    stages: tuple[Stage, ...]
    packet: Packet  # as it was in the end
    source: str = ""  # the address that it left with

    @property
    def decider(self) -> "trace.Step | None":
        """Give the rule that decided, if it was one."""
        return self.stages[-1].decider if self.stages and self.reachable is not True else None


class View(Protocol):
    """The facts that the walk asks for."""

    bridges: tuple[Bridge, ...]
    links: tuple[Link, ...]  # of the host

    def route(
        self, place: "Sandbox | None", target: str, source: str = "", entering: int = 0, flow: "Flow | None" = None
    ) -> Route:
        """Ask which way a packet goes from a place; without its *flow* by the addresses alone."""

    def neighbour(self, link: int, address: str, place: "Sandbox | None" = None) -> tuple[str, str]:
        """Give what a place knows of a neighbour: link-layer address and state."""

    def sysctl(self, place: "Sandbox | None", name: str) -> str:
        """Read a setting below /proc/sys; empty where there is none."""

    def tables(self, place: "Sandbox | None") -> list[trace.Table]:
        """Give the rules of a place."""

    def listener(self, place: "Sandbox | None", protocol: str, address: str, port: int, entering: str) -> "bool | None":
        """Claim that somebody listens to what comes by a link; None where that cannot be told."""

    def reason(self, step: trace.Step) -> str:
        """Say why a rule is there."""


class _End(Exception):
    def __init__(self, reachable: "bool | None", reason: str) -> None:
        super().__init__(reason)
        self.reachable, self.reason = reachable, reason


def walk(question: Question, view: View) -> Answer:
    """Follow a packet from its origin to its target, and the answer back."""
    way = _Way(question, view)
    try:
        way.begin()
    except _End as end:
        return Answer(end.reachable, end.reason, tuple(way.stages), way.packet, way.first.source)
    raise AssertionError("a way without an end")


class _Way:
    def __init__(self, question: Question, view: View) -> None:
        self.question, self.view = question, view
        self.stages: list[Stage] = []
        family = 6 if ":" in question.target else 4
        protocol = "icmpv6" if (question.protocol, family) == ("icmp", 6) else question.protocol
        self.packet = Packet(family, question.source, question.target, protocol, question.port)
        self.first = self.packet  # as it was before the host changed its addresses
        self.passed: tuple[str, str] | None = None  # the links by which the host passed it on

    def begin(self) -> None:
        if self.question.outside:
            self.from_outside()
        elif self.question.origin is None:
            self.from_host()
        else:
            self.from_sandbox(self.question.origin)

    def note(self, place: "Sandbox | None", about: str, text: str) -> None:
        self.stages.append(Stage(_name(place), about, OK, text))

    def stop(self, place: "Sandbox | None", about: str, text: str, unknown: bool = False) -> "Any":
        self.stages.append(Stage(_name(place), about, UNKNOWN if unknown else STOP, text))
        raise _End(None if unknown else False, text)

    def route(self, place: "Sandbox | None", entering: int = 0) -> Route:
        """Ask which way the packet goes from here, as it is now."""
        packet = self.packet
        flow = Flow(packet.protocol, None if packet.port else 0, packet.port, packet.mark)
        found = self.view.route(place, packet.target, packet.source, entering, flow)
        return self.stop(place, "route", found.doubt, unknown=True) if found.doubt else found

    def from_sandbox(self, origin: Sandbox) -> None:
        """Leave a sandbox: its route, its own rules, the cable, the bridge's port."""
        route = self.route(origin)
        if route.kind == "local":
            self.packet = self.packet._replace(source=self.packet.target)
            self.deliver(origin)
        if route.kind != "unicast":
            text = survey.words(route.error) if route.error else route.kind
            hint = ": all of its networks are internal" if self.is_shut_in(origin) else ""
            self.stop(origin, "route", f"{text} to {self.packet.target}{hint}")
        link = next((each for each in origin.links if each.number == route.link), None)
        self.packet = self.packet._replace(source=self.packet.source or route.source)
        self.note(origin, "route", _route_text(route, link, self.packet))
        self.first = self.packet
        self.rules(origin, "output", "", link.name if link else "")
        self.rules(origin, "postrouting", "", link.name if link else "")
        cable, bridge = self.plugged(origin, link)
        self.port(cable, bridge)
        hop = route.gateway or self.packet.target
        _, state = self.view.neighbour(route.link, hop, origin)
        if refused := self.watched(cable, self.packet, asking=state in ("", "incomplete", "failed")):
            self.judge(None, "port", refused, "")
        if any(hop == address for address, _ in bridge.link.addresses):
            self.receive(bridge.link)
        self.switch(cable, bridge, hop)

    def is_shut_in(self, origin: Sandbox) -> bool:
        nets = [bridge.network for bridge in self.view.bridges for cable in bridge.cables if cable.sandbox == origin]
        return bool(nets) and all(net and net.internal for net in nets)

    def plugged(self, origin: Sandbox, link: "Link | None") -> tuple[Cable, Bridge]:
        for bridge in self.view.bridges:
            for cable in bridge.cables:
                if cable.sandbox and cable.sandbox.inode == origin.inode and cable.inside == link:
                    return cable, bridge
        name = link.name if link else "its link"
        self.stop(origin, "cable", f"{name} leads where this does not follow: no cable to a bridge of this host", True)
        raise AssertionError

    def port(self, cable: Cable, bridge: Bridge) -> None:
        """Pass a port of a bridge; what leaves a namespace for another one loses its mark."""
        self.packet = self.packet._replace(mark=0)
        name = f"{cable.outside.name} ({cable.outside.number})"
        port = cable.outside.port
        if cable.inside and not cable.inside.up:
            self.stop(cable.sandbox, "cable", f"{cable.inside.name} is switched off")
        if not cable.outside.up or not bridge.link.up:
            self.stop(None, "port", f"{name if not cable.outside.up else bridge.link.name} is switched off")
        if port is None or port.state != "forwarding":
            self.stop(None, "port", f"{name} of {bridge.link.name} is {port.state if port else 'no port'}")
        isolated = ", isolated from other isolated ports" if port and port.isolated else ""
        self.note(None, "port", f"{name} of {bridge.link.name} forwards{isolated}")

    def watched(self, cable: Cable, packet: Packet, asking: bool) -> "trace.Outcome | None":
        return watched.refusal(self.view.tables(None), cable, packet, asking)

    def answering(self, cable: Cable, address: str) -> None:
        """Be told by whoever is at a cable that the address is there."""
        if self.watched(cable, self.packet._replace(source=address), asking=True):
            text = f"anti-spoofing: {_name(cable.sandbox)} may not say that it has {address}, which is not its own"
            self.stop(None, "port", text)

    def switch(self, cable: Cable, bridge: Bridge, hop: str) -> None:
        """Go from port to port of one bridge, without the host's routing."""
        other = _holder(bridge, hop)
        if other is None:
            self.stranger(bridge.link, hop)
            raise _End(True, f"{hop} is behind {bridge.link.name}; what happens there is not seen from here")
        ports = (cable.outside.port, other.outside.port)
        if all(port and port.isolated for port in ports):
            about = "containers of this network do not reach each other (icc off)"
            self.stop(None, "port", f"{other.outside.name} is isolated as well: {about}")
        self.port(other, bridge)
        self.answering(other, hop)
        word = "bridge-nf-call-ip6tables" if self.packet.family == 6 else "bridge-nf-call-iptables"
        if self.view.sysctl(None, f"net/bridge/{word}") == "1":
            self.rules(None, "forward", bridge.link.name, bridge.link.name)
        self.deliver(other.sandbox, other.inside)

    def from_outside(self) -> None:
        route = self.view.route(None, self.packet.source)
        link = self.link(route.link)
        if route.kind != "unicast" or link is None:
            self.stop(None, "route", f"nothing from {self.packet.source} can come: {survey.words(route.error)}")
        else:
            self.note(None, "arrival", f"{self.packet.source} is behind {link.name} ({link.number})")
            self.receive(link)

    def from_host(self) -> None:
        """Leave the host itself; a rule may lead it elsewhere, and then the route is asked again."""
        route = self.own_route()
        if self.rules(None, "output", "", self.link_name(route.link)):
            route = self.own_route()
        if route.kind == "local":
            self.rules(None, "input", "lo", "")
            self.deliver(None)
        name = self.link_name(route.link)
        self.rules(None, "postrouting", "", name)
        self.leave(route)

    def own_route(self) -> Route:
        route = self.route(None)
        if route.kind not in ("unicast", "local"):
            self.stop(None, "route", survey.words(route.error) if route.error else route.kind)
        source = self.packet.source or route.source or self.packet.target
        self.packet = self.packet._replace(source=source)
        self.first = self.packet
        self.note(None, "route", _route_text(route, self.link(route.link), self.packet))
        return route

    def receive(self, link: Link) -> None:
        """Arrive at the host: perhaps with a new target; then for itself, or to be passed on."""
        self.first = self.packet
        self.rules(None, "prerouting", link.name, "")
        route = self.route(None, link.number)
        if route.kind == "local":
            self.note(None, "route", f"{self.packet.target} is the host's own")
            self.rules(None, "input", link.name, "")
            self.deliver(None)
        name = "net/ipv6/conf/all/forwarding" if self.packet.family == 6 else "net/ipv4/ip_forward"
        if self.view.sysctl(None, name) != "1":
            self.stop(None, "forwarding", f"the host passes no packets on: {name.replace('/', '.')} is 0")
        if route.kind != "unicast":
            self.stop(None, "route", survey.words(route.error) if route.error else route.kind)
        out = self.link_name(route.link)
        self.note(None, "route", f"passed on: {_route_text(route, self.link(route.link), self.packet)}")
        self.passed = link.name, out
        self.rules(None, "forward", link.name, out)
        self.rules(None, "postrouting", link.name, out)
        self.leave(route)

    def leave(self, route: Route) -> None:
        """Go out by a link of the host: into a sandbox, or away."""
        hop = route.gateway or self.packet.target
        bridge = next((each for each in self.view.bridges if each.link.number == route.link), None)
        cable = _holder(bridge, hop) if bridge else None
        if cable and bridge:
            self.port(cable, bridge)
            self.answering(cable, hop)
            self.deliver(cable.sandbox, cable.inside)
        link = self.link(route.link)
        if link is None or not link.up:
            self.stop(None, "link", f"{self.link_name(route.link)} is switched off")
        else:
            self.stranger(link, hop)
            self.back(None)
            raise _End(True, f"it leaves this host by {link.name} towards {hop}; what is beyond is not seen from here")

    def stranger(self, link: Link, hop: str) -> None:
        """Look for somebody who is not ours in the host's table of neighbours."""
        mac, state = self.view.neighbour(link.number, hop)
        if state in ("failed", "incomplete"):
            self.stop(None, "neighbour", f"nobody on {link.name} answers for {hop} ({state})")
        known = f"{hop} is {mac} ({state})" if mac else f"{hop} has not been asked for yet"
        self.note(None, "neighbour", f"{known} on {link.name}")

    def deliver(self, place: "Sandbox | None", link: "Link | None" = None) -> "Any":
        """Arrive: the place's own rules, somebody who listens, and the way back."""
        if place is not None:
            self.rules(place, "prerouting", link.name if link else "lo", "")
            self.rules(place, "input", link.name if link else "lo", "")
        packet = self.packet
        if packet.port:
            listens = self.view.listener(place, packet.protocol, packet.target, packet.port, packet.entering)
            if listens is False:
                self.stop(
                    place, "listener", f"nobody listens on {packet.protocol} port {packet.port} of {_name(place)}"
                )
            text = "somebody listens" if listens else "whether somebody listens is not known"
            self.note(place, "listener", f"{text} on {packet.protocol} port {packet.port}")
        elif self.view.sysctl(place, f"net/{_IGNORES_ECHO[packet.family]}") == "1":
            name = _IGNORES_ECHO[packet.family].rpartition("/")[2]
            self.stop(place, "answer", f"{name} is 1: pings are not answered")
        self.back(place)
        raise _End(True, f"it arrives at {_name(place)}, and so does the answer")

    def back(self, place: "Sandbox | None") -> None:
        """Follow the answer: a route in the target's place, and the host's rules for what is established."""
        if place is not None:
            route = self.view.route(place, self.packet.source)
            if route.kind not in ("unicast", "local"):
                self.stop(place, "way back", f"no route to {self.packet.source}: the answer cannot be sent")
        if self.passed is None:
            return
        entering, leaving = self.passed
        answer = self.packet._replace(
            source=self.packet.target, target=self.first.source, state="established", port=self.packet.port, mark=0
        )
        outcome = self.walk_rules(None, "forward", answer._replace(entering=leaving, leaving=entering))
        self.judge(None, "way back", outcome, "the answer is let through")

    def rules(self, place: "Sandbox | None", hook: str, entering: str, leaving: str) -> bool:
        """Pass the rules of one hook, and go on with the packet that comes out; claim that it needs another route."""
        links = place.links if place else self.view.links
        own = next((_first(link, self.packet.family) for link in links if link.name == entering), "")
        packet = self.packet = self.packet._replace(entering=entering, leaving=leaving, own=own)
        if place is not None and not self.view.tables(place):
            return False
        outcome = self.walk_rules(place, hook, packet)
        changed = outcome.packet != packet._replace(mark=outcome.packet.mark)
        text = self.translation(packet, outcome) if changed else "let through" if outcome.steps else "no rules"
        self.judge(place, hook, outcome, text)
        self.packet = outcome.packet
        return outcome.rerouted or outcome.packet.target != packet.target

    def walk_rules(self, place: "Sandbox | None", hook: str, packet: Packet) -> trace.Outcome:
        links = place.links if place else self.view.links
        local = frozenset(address for link in links for address, _ in link.addresses)
        return trace.walk(self.view.tables(place), hook, packet, local)

    def judge(self, place: "Sandbox | None", about: str, outcome: trace.Outcome, text: str) -> None:
        decider = outcome.translated or outcome.decider
        if outcome.verdict == "accept":
            self.stages.append(Stage(_name(place), about, OK, text, outcome.steps, decider))
            return
        if outcome.verdict == "unknown":
            doubt = outcome.doubt or outcome.decider
            text = "whether a rule matches is not to be seen from outside"
            self.stages.append(Stage(_name(place), about, UNKNOWN, text, outcome.steps, doubt))
            raise _End(None, text)
        text = self.view.reason(outcome.decider) if outcome.decider else outcome.verdict
        self.stages.append(Stage(_name(place), about, STOP, text, outcome.steps, outcome.decider))
        raise _End(False, text)

    def translation(self, before: Packet, outcome: trace.Outcome) -> str:
        after = outcome.packet
        if after.target != before.target or after.port != before.port:
            return f"{_at(before.target, before.port)} becomes {_at(after.target, after.port)}"
        return "leaves under the host's address" if after.snat else "changed"

    def link(self, number: int) -> "Link | None":
        return next((link for link in self.view.links if link.number == number), None)

    def link_name(self, number: int) -> str:
        found = self.link(number)
        return found.name if found else ""


def _name(place: "Sandbox | None") -> str:
    return place.names[0] if place else "host"


def _holder(bridge: Bridge, address: str) -> "Cable | None":
    """Find the cable at whose inner end an address is."""
    for cable in bridge.cables:
        if cable.inside and any(own == address for own, _ in cable.inside.addresses):
            return cable
    return None


def _first(link: Link, family: int) -> str:
    """Give a link's first address of a family."""
    return next((address for address, _ in link.addresses if (":" in address) == (family == 6)), "")


def _at(address: str, port: int) -> str:
    shown = f"[{address}]" if ":" in address and port else address
    return f"{shown}:{port}" if port else shown


def _route_text(route: Route, link: "Link | None", packet: Packet) -> str:
    via = f" via {route.gateway}" if route.gateway else ""
    return f"{packet.target}{via} dev {link.name if link else '?'}" + (f" from {packet.source}" if route.source else "")
