"""Whether a packet gets from one place to another: each decision on its way, and the one that stops it.

The walk itself is pure: it asks a `View` for facts, of which the live one is in
`pyrun.runtime.vantage`. What cannot be known is said to be so, never guessed.
"""

from pyrun.firewall import answers, trace
from pyrun.firewall.packets import Packet
from pyrun.kernel import survey
from pyrun.kernel.routing import Flow
from pyrun.kernel.survey import Link, Route
from pyrun.runtime import stages
from pyrun.runtime.passage import Passage, at, is_same
from pyrun.runtime.stages import End, Record, Stage
from pyrun.runtime.topology import Bridge, Cable, Sandbox
from pyrun.typed import NamedTuple, Protocol

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


class Answer(NamedTuple):
    """The end of the walk; *reachable* is None where it cannot be told."""

    reachable: "bool | None"
    reason: str
    stages: tuple[Stage, ...]
    packet: Packet  # as it arrived, or was stopped
    source: str = ""  # the address that it left with
    places: "tuple[Sandbox | None, ...]" = ()  # whose rules were looked at
    relay: "tuple[str, int] | None" = None  # where pyrun sends what comes to a published port that no rule leads on

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

    def relay(self, protocol: str, address: str, port: int) -> "tuple[str, int] | None":
        """Give where what comes to an address of the host is relayed to, if it is."""

    def reason(self, step: trace.Step) -> str:
        """Say why a rule is there."""


def walk(question: Question, view: View) -> Answer:
    """Follow a packet from its origin to its target, and the answer back; through a relay in two parts."""
    record = Record()
    first = way = _Way(question, view, record)
    end = way.walked()
    if end.reachable and way.relay:
        address, port = way.relay
        record.is_back = False
        record.note(None, "relay", f"pyrun takes it, and sends to {at(address, port)} from here")
        way = _Way(Question(None, False, "", address, question.protocol, port), view, record)
        end = way.walked()
    stages, places = tuple(record.stages), tuple(dict.fromkeys(record.places))
    return Answer(end.reachable, end.reason, stages, way.arrived or way.packet, first.source, places, first.relay)


class _Way:
    def __init__(self, question: Question, view: View, record: Record) -> None:
        self.question, self.view, self.record = question, view, record
        family = 6 if ":" in question.target else 4
        protocol = "icmpv6" if (question.protocol, family) == ("icmp", 6) else question.protocol
        self.packet = Packet(family, question.source, question.target, protocol, question.port)
        self.source = question.source  # with which it leaves
        self.arrived: Packet | None = None  # as it was when the answer began
        self.success = ""  # what is to be said if the answer gets back
        self.relay: tuple[str, int] | None = None
        self.passage = Passage(view, record)

    def walked(self) -> End:
        """Walk to the end, whatever it is."""
        try:
            if self.question.outside:
                self.from_outside()
            else:
                self.send(self.question.origin)
        except End as end:
            return end
        raise AssertionError("a way without an end")

    def send(self, place: "Sandbox | None") -> None:
        """Leave the place where it was made: its route, its rules; where these lead it elsewhere, another route."""
        route = self.own_route(place)
        if self.rules(place, "output", "", self.link_name(place, route.link)):
            route = self.own_route(place)
        self.rules(place, "postrouting", "", self.link_name(place, route.link), route)
        if route.kind == "local":
            self.rules(place, "prerouting", "lo", "")
            self.rules(place, "input", "lo", "")
            self.deliver(place)
        if place is None:
            self.leave(route)
        else:
            self.plug(place, route)

    def route(self, place: "Sandbox | None", entering: int = 0) -> Route:
        """Ask which way the packet goes from here, as it is now."""
        packet = self.packet
        found = self.view.route(place, packet.target, packet.source, entering, _flow(packet))
        if found.doubt:
            self.record.stop(place, "route", found.doubt, unknown=True)
        return found

    def own_route(self, place: "Sandbox | None") -> Route:
        route = self.route(place)
        if route.kind not in ("unicast", "local"):
            text = survey.words(route.error) if route.error else route.kind
            hint = ": all of its networks are internal" if place and self.is_shut_in(place) else ""
            self.record.stop(place, "route", f"{text} to {self.packet.target}{hint}")
        self.packet = self.packet._replace(source=self.packet.source or route.source or self.packet.target)
        self.source = self.source or self.packet.source
        self.record.note(place, "route", self.route_text(place, route))
        return route

    def is_shut_in(self, origin: Sandbox) -> bool:
        nets = [bridge.network for bridge in self.view.bridges for cable in bridge.cables if cable.sandbox == origin]
        return bool(nets) and all(net and net.internal for net in nets)

    def plug(self, place: Sandbox, route: Route) -> None:
        """Leave a sandbox by its cable: to the host, or from port to port of one bridge."""
        cable, bridge = self.plugged(place, self.link(place, route.link))
        self.port(cable, bridge)
        hop = route.gateway or self.packet.target
        _, state = self.view.neighbour(route.link, hop, place)
        asking = state in ("", "incomplete", "failed") and not self.arrived  # who has asked is known
        self.passage.let_in(cable, self.packet, asking)
        if any(hop == address for address, _ in bridge.link.addresses):
            self.receive(bridge.link)
        self.switch(cable, bridge, hop)

    def plugged(self, origin: Sandbox, link: "Link | None") -> tuple[Cable, Bridge]:
        for bridge in self.view.bridges:
            for cable in bridge.cables:
                if cable.sandbox and cable.sandbox.inode == origin.inode and cable.inside == link:
                    return cable, bridge
        text = (
            f"{link.name if link else 'its link'} leads where this does not follow: no cable to a bridge of this host"
        )
        self.record.stop(origin, "cable", text, unknown=True)
        raise AssertionError

    def port(self, cable: Cable, bridge: Bridge) -> None:
        """Pass a port of a bridge; what leaves a namespace for another one loses its mark."""
        self.packet = self.packet._replace(mark=0)
        name = f"{cable.outside.name} ({cable.outside.number})"
        port = cable.outside.port
        if cable.inside and not cable.inside.up:
            self.record.stop(cable.sandbox, "cable", f"{cable.inside.name} is switched off")
        if not cable.outside.up or not bridge.link.up:
            self.record.stop(None, "port", f"{name if not cable.outside.up else bridge.link.name} is switched off")
        if port is None or port.state != "forwarding":
            self.record.stop(None, "port", f"{name} of {bridge.link.name} is {port.state if port else 'no port'}")
        isolated = ", isolated from other isolated ports" if port and port.isolated else ""
        self.record.note(None, "port", f"{name} of {bridge.link.name} forwards{isolated}")

    def switch(self, cable: Cable, bridge: Bridge, hop: str) -> None:
        """Go from port to port of one bridge, without the host's routing."""
        other = _holder(bridge, hop)
        if other is None:
            self.unheld(bridge, hop)
            self.away(bridge.link, hop, f"{hop} is behind {bridge.link.name}; what happens there is not seen from here")
            self.enter(cable)
            return
        ports = (cable.outside.port, other.outside.port)
        if all(port and port.isolated for port in ports):
            about = "containers of this network do not reach each other (icc off)"
            self.record.stop(None, "port", f"{other.outside.name} is isolated as well: {about}")
        self.port(other, bridge)
        self.passage.answering(other, self.packet, hop)
        word = "bridge-nf-call-ip6tables" if self.packet.family == 6 else "bridge-nf-call-iptables"
        if self.view.sysctl(None, f"net/bridge/{word}") == "1":
            self.rules(None, "forward", bridge.link.name, bridge.link.name)
        self.enter(other)

    def from_outside(self) -> None:
        route = self.view.route(None, self.packet.source)
        link = self.link(None, route.link)
        if route.kind != "unicast" or link is None:
            text = f"nothing from {self.packet.source} can come: {survey.words(route.error)}"
            self.record.stop(None, "route", text)
        else:
            self.record.note(None, "arrival", f"{self.packet.source} is behind {link.name} ({link.number})")
            self.receive(link)

    def receive(self, link: Link) -> None:
        """Arrive at the host: perhaps with a new target; then for itself, or to be passed on."""
        self.rules(None, "prerouting", link.name, "")
        route = self.route(None, link.number)
        if route.kind == "local":
            self.record.note(None, "route", f"{self.packet.target} is the host's own")
            self.rules(None, "input", link.name, "")
            self.deliver(None)
        name = "net/ipv6/conf/all/forwarding" if self.packet.family == 6 else "net/ipv4/ip_forward"
        if self.view.sysctl(None, name) != "1":
            text = f"the host passes no packets on: {name.replace('/', '.')} is 0"
            self.record.stop(None, "forwarding", text)
        if route.kind != "unicast":
            self.record.stop(None, "route", survey.words(route.error) if route.error else route.kind)
        self.record.note(None, "route", f"passed on: {self.route_text(None, route)}")
        out = self.link_name(None, route.link)
        self.rules(None, "forward", link.name, out)
        self.rules(None, "postrouting", link.name, out, route)
        self.leave(route)

    def leave(self, route: Route) -> None:
        """Go out by a link of the host: into a sandbox, or away."""
        hop = route.gateway or self.packet.target
        bridge = next((each for each in self.view.bridges if each.link.number == route.link), None)
        cable = _holder(bridge, hop) if bridge else None
        if cable and bridge:
            self.port(cable, bridge)
            self.passage.answering(cable, self.packet, hop)
            self.enter(cable)
        link = self.link(None, route.link)
        if link is None or not link.up:
            self.record.stop(None, "link", f"{self.link_name(None, route.link)} is switched off")
            return
        if bridge:
            self.unheld(bridge, hop)
        self.away(link, hop, f"it leaves this host by {link.name} towards {hop}; what is beyond is not seen from here")
        self.receive(link)

    def unheld(self, bridge: Bridge, hop: str) -> None:
        """Stop at an address of a network of ours that no container has, unless a stranger is known to have it."""
        strange = [cable.outside.name for cable in bridge.cables if cable.sandbox is None]
        if bridge.network is None or (strange and self.view.neighbour(bridge.link.number, hop)[1]):
            return
        text = f"nobody on {bridge.link.name} has {hop}"
        if strange:
            text = f"no container has {hop}, and what is behind {strange[0]} of {bridge.link.name} is not known"
        self.record.stop(None, "neighbour", text, unknown=bool(strange))

    def away(self, link: Link, hop: str, success: str) -> None:
        """Go where nothing is seen, and turn there: the answer is taken to come back by the same link."""
        if self.arrived:
            self.end(f"it leaves by {link.name}", self.question.outside)
        self.stranger(link, hop)
        self.turn(success)

    def stranger(self, link: Link, hop: str) -> None:
        """Look for somebody who is not ours in the host's table of neighbours."""
        mac, state = self.view.neighbour(link.number, hop)
        if state in ("failed", "incomplete"):
            self.record.stop(None, "neighbour", f"nobody on {link.name} answers for {hop} ({state})")
        known = f"{hop} is {mac} ({state})" if mac else f"{hop} has not been asked for yet"
        self.record.note(None, "neighbour", f"{known} on {link.name}")

    def enter(self, cable: Cable) -> None:
        """Come out of a cable: through the sandbox's own rules, to one of its addresses."""
        place, link = cable.sandbox, cable.inside
        if place is None or link is None:
            self.record.stop(None, "cable", f"where {cable.outside.name} leads is not followed", unknown=True)
            return
        self.rules(place, "prerouting", link.name, "")
        route = self.route(place, link.number)
        if route.kind == "unicast":
            text = f"{self.packet.target} is not its own: what it passes on is not followed"
            self.record.stop(place, "route", text, unknown=True)
        if route.kind != "local":
            self.record.stop(place, "route", survey.words(route.error) if route.error else route.kind)
        self.rules(place, "input", link.name, "")
        self.deliver(place)

    def deliver(self, place: "Sandbox | None") -> None:
        """Arrive: somebody who listens, and the way back."""
        if self.arrived:
            is_origin = not self.question.outside and is_same(place, self.question.origin)
            self.end(f"it comes to {stages.name(place)}", is_origin)
        packet = self.packet
        if packet.port:
            listens = self.view.listener(place, packet.protocol, packet.target, packet.port, packet.entering)
            port = f"{packet.protocol} port {packet.port}"
            if listens is False:
                self.record.stop(place, "listener", f"nobody listens on {port} of {stages.name(place)}")
            text = "somebody listens" if listens else "whether somebody listens is not known"
            self.record.note(place, "listener", f"{text} on {port}")
            self.relay = None if place else self.view.relay(packet.protocol, packet.target, packet.port)
        elif self.view.sysctl(place, f"net/{_IGNORES_ECHO[packet.family]}") == "1":
            name = _IGNORES_ECHO[packet.family].rpartition("/")[2]
            self.record.stop(place, "answer", f"{name} is 1: pings are not answered")
        self.turn(f"it arrives at {stages.name(place)}, and so does the answer")
        self.send(place)

    def turn(self, success: str) -> None:
        """Follow the answer from here on."""
        self.arrived, self.success = self.packet, success
        self.packet = answers.turned(self.packet)
        self.record.is_back = True

    def end(self, where: str, is_origin: bool) -> None:
        """End where the answer has come to, which may be elsewhere than where the question came from."""
        if is_origin:
            raise End(True, self.success)
        self.record.stop(None, "route", f"{where}, where nobody waits for it")

    def rules(
        self, place: "Sandbox | None", hook: str, entering: str, leaving: str, route: "Route | None" = None
    ) -> bool:
        """Pass the rules of one hook, and go on with the packet that comes out; claim that it needs another route."""
        before = self.packet._replace(entering=entering, leaving=leaving)
        outcome = self.passage.passed(place, hook, before, route)
        self.packet = outcome.packet
        return outcome.rerouted or outcome.packet.target != before.target

    def link(self, place: "Sandbox | None", number: int) -> "Link | None":
        links = place.links if place else self.view.links
        return next((link for link in links if link.number == number), None)

    def link_name(self, place: "Sandbox | None", number: int) -> str:
        found = self.link(place, number)
        return found.name if found else ""

    def route_text(self, place: "Sandbox | None", route: Route) -> str:
        via = f" via {route.gateway}" if route.gateway else ""
        source = f" from {self.packet.source}" if route.source else ""
        return f"{self.packet.target}{via} dev {self.link_name(place, route.link) or '?'}{source}"


def _flow(packet: Packet) -> Flow:
    """Give what routes are chosen by; where one end's port is known, that of the other has been chosen by a client."""
    source_port = packet.source_port or (None if packet.port else 0)
    port = packet.port or (None if packet.source_port else 0)
    is_by_kernel = packet.protocol.startswith("icmp") and packet.state != "new"  # it answers pings itself, as root
    return Flow(packet.protocol, source_port, port, packet.mark, 0 if is_by_kernel else None)


def _holder(bridge: Bridge, address: str) -> "Cable | None":
    """Find the cable at whose inner end an address is."""
    for cable in bridge.cables:
        if cable.inside and any(own == address for own, _ in cable.inside.addresses):
            return cable
    return None
