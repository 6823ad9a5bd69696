"""The checks of the nine stages: from what the kernel has to what is right, what is not, and why.

Each takes the view and says what it found; a stage is done when nothing is wrong. Those of packets walk the rules
that stand, of whichever tool; those of the last two stages also send something.
"""

from pyrun.firewall import trace
from pyrun.firewall.packets import Packet
from pyrun.kernel import routing, survey
from pyrun.kernel.survey import Link
from pyrun.lab import network, operations, probes, sight
from pyrun.lab.sight import View
from pyrun.network.addresses import Subnet, subnet
from pyrun.typed import Callable, NamedTuple

_UPLINK = network.UPLINK
_NAT = "which leaves with a private address that the internet has no way back to"


class Finding(NamedTuple):
    """One thing that is as it should be, or not."""

    right: bool
    text: str


def _good(text: str) -> Finding:
    return Finding(True, text)


def _bad(text: str) -> Finding:
    return Finding(False, text)


def namespace(view: View) -> list[Finding]:
    """Look for a network namespace with a name."""
    if view.space:
        names = ", ".join(space.name for space in view.spaces)
        return [_good(f"{names}: a network namespace with a name, as ip netns list shows it")]
    if view.strangers:
        name = view.strangers[0]
        return [_bad(f"/run/netns/{name} is a mere file, no namespace: ip netns delete {name}, and add it by ip netns")]
    return [_bad("there is no namespace with a name but the internet's")]


def veth(view: View) -> list[Finding]:
    """Look for a cable between the host and the namespace."""
    if view.cable and view.space:
        ends = f"{view.cable.outer.name} on the host and {view.cable.inner.name} in {view.space.name}"
        return [_good(f"{ends} are the two ends of one cable")]
    name = view.space.name if view.space else "the namespace"
    numbers = {link.number: link for link in view.links}
    for link in view.links:
        other = numbers.get(link.peer)
        if link.kind == "veth" and link.peer_ns < 0 and other is not None and other.name != _UPLINK:
            both = f"{link.name} and {other.name}"
            return [
                _bad(f"{both} are a cable, but both of its ends lie on the host: one of them has to go into {name}")
            ]
    for space in view.spaces:
        here = [link.name for link in space.links if link.kind == "veth" and link.peer_ns < 0]
        if here:
            return [_bad(f"both ends of the cable lie in {space.name} ({', '.join(here)}): one has to be on the host")]
    kinds = [link for link in view.links if link.kind in ("dummy", "macvlan", "ipvlan", "tun")]
    if kinds:
        return [_bad(f"{kinds[0].name} is of the kind {kinds[0].kind}: it has no other end. A cable is a veth pair")]
    return [_bad(f"no cable leads from the host into {name}")]


def bridge(view: View) -> list[Finding]:
    """Look for a bridge that the cable is plugged into."""
    if view.bridge is None:
        return [_bad("there is no bridge on the host")]
    name = view.bridge.name
    found = [_good(f"{name} is a bridge")]
    if view.uplink and view.uplink.master:
        found.append(_bad(f"{_UPLINK}, the way out, is a port of a bridge: its own address does not count any more"))
    if view.cable is None:
        return [*found, _bad(f"there is no cable yet that could be plugged into {name}")]
    if view.is_plugged:
        return [*found, _good(f"{view.cable.outer.name} is a port of it")]
    return [*found, _bad(f"{view.cable.outer.name} is no port of {name}: nothing is plugged into this switch")]


def addresses(view: View) -> list[Finding]:
    """Look at the addresses of the bridge and of the inner end."""
    found = []
    if view.cable and view.bridge and sight.addresses(view.cable.outer) and not sight.addresses(view.bridge):
        port = view.cable.outer
        return [
            _bad(f"{port.name} has {_written(port)}, but it is a mere port: the address belongs on {view.bridge.name}")
        ]
    ends = [(view.bridge, "the bridge"), (view.cable.inner if view.cable else None, "the inner end of the cable")]
    for link, what in ends:
        if link is None:
            found.append(_bad(f"{what} is not there yet"))
        elif sight.addresses(link):
            found.append(_good(f"{link.name} has {_written(link)}"))
        else:
            found.append(_bad(f"{link.name}, {what}, has no IPv4 address"))
    if all(finding.right for finding in found) and view.bridge and view.cable:
        found += _fitting(view.bridge, view.cable.inner)
    return found


def _fitting(outside: Link, inside: Link) -> list[Finding]:
    pairs = [(a, b) for a in sight.addresses(outside) for b in sight.addresses(inside)]
    near = [pair for pair in pairs if _subnet(pair[0]) == _subnet(pair[1])]
    same = [pair for pair in pairs if pair[0][0] == pair[1][0]]
    (gateway, prefix), (own, other) = (same or near or pairs)[0]
    if gateway == own:
        return [_bad(f"{outside.name} and {inside.name} both have {own}: an address is one link's alone")]
    if not near and prefix != other:
        return [_bad(f"{gateway}/{prefix} and {own}/{other}: the prefixes differ, so they see two different networks")]
    if not near:
        return [_bad(f"{gateway}/{prefix} and {own}/{other} are not in the same subnet: they are no neighbours")]
    pool = _subnet((gateway, prefix))
    if pool.overlaps(subnet(f"{network.HOST}/{network.PREFIX}")):
        return [_bad(f"{pool} is the uplink's network already: take one that nobody uses, as 10.0.0.0/24")]
    if prefix < 31 and {f"{own}/32", f"{gateway}/32"} & {str(Subnet(n, 32)) for n in (pool.network, pool.last)}:
        return [_bad(f"the first and the last address of {pool} are nobody's: they mean the network and all in it")]
    return [_good(f"both are in {pool}, so they are neighbours")]


def up(view: View) -> list[Finding]:
    """Look whether every link on the way is switched on."""
    wanted = [(view.bridge, "the bridge", "on the host")]
    inner = view.cable.inner if view.cable else None
    where = f"in {view.space.name}" if view.space else "in the namespace"
    wanted += [(view.cable.outer if view.cable else None, "the host's end of the cable", "on the host")]
    wanted += [(inner, "the inner end of the cable", where)]
    wanted += [(view.space.link(1) if view.space else None, "the namespace's own loopback", where)]
    found = []
    for link, what, place in wanted:
        if link is None:
            found.append(_bad(f"{what} is not there yet"))
        elif not link.up:
            found.append(_bad(f"{link.name} {place}, {what}, is switched off"))
        else:
            found.append(_good(f"{link.name} {place} is up"))
    return found


def route(view: View) -> list[Finding]:
    """Look at the default route of the namespace."""
    if view.space is None:
        return [_bad("there is no namespace yet that could have a route")]
    name, defaults = view.space.name, view.space.defaults
    own = [address for address, _ in sight.addresses(view.bridge)] if view.bridge else []
    if not defaults:
        return [_bad(f"{name} has no default route: it knows its neighbours and nobody else")]
    gateway = defaults[0].gateway
    if not gateway:
        link = view.space.link(defaults[0].link)
        there = link.name if link else "a link"
        return [
            _bad(f"the default route of {name} leads to {there} without a gateway: whom should it give packets to?")
        ]
    if gateway not in own:
        told = f"the bridge has {', '.join(own)}" if own else "the bridge has no address"
        return [_bad(f"the default route of {name} names {gateway}, which nobody has ({told})")]
    if view.space.route.gateway != gateway:
        why = survey.words(view.space.route.error) if view.space.route.error else "another route comes first"
        return [_bad(f"{name} has a default route by {gateway}, but {network.PAGES} is not sent there: {why}")]
    return [_good(f"{name} sends what is not for its neighbours to {gateway}, which is the host")]


def forwarding(view: View) -> list[Finding]:
    """Look whether the host passes packets on, both ways: by its settings, and by its rules."""
    names = [view.bridge.name] if view.bridge else []
    off = [name for name in (*names, _UPLINK) if sight.sysctl(f"net/ipv4/conf/{name}/forwarding") != "1"]
    if sight.sysctl("net/ipv4/ip_forward") != "1" and (off or not names):
        if len(off) == 1 and names:
            return [_bad(f"what comes in by {off[0]} is not passed on: forwarding is off for that link alone")]
        return [_bad("net.ipv4.ip_forward is 0: the host drops what is not for itself")]
    if off:
        return [
            _bad(f"net.ipv4.ip_forward is 1, but what comes in by {off[0]} is not passed on: it was set back there")
        ]
    found = [_good("the host passes packets on from one link to another")]
    if not view.bridge or not view.inner:
        return found
    for packet in _both_ways(view.inner, view.bridge.name):
        outcome = trace.walk(list(view.tables), "forward", packet, _local(view))
        if outcome.verdict in ("drop", "reject") and outcome.decider:
            way = f"from {packet.entering} to {packet.leaving}"
            found.append(_bad(f"a rule stops packets {way}: {outcome.decider.place}: {outcome.decider.rule.text}"))
    return found


def masquerade(view: View) -> list[Finding]:
    """Look whether a packet of the container leaves under the host's address, and send one."""
    if not view.inner:
        return [_bad("the container has no address yet, so there is no packet to be rewritten")]
    packet = _outgoing(view.inner, view.bridge.name if view.bridge else "")._replace(entering="")
    outcome = trace.walk(list(view.tables), "postrouting", packet, _local(view))
    if outcome.translated is None and outcome.verdict == "accept":
        return [_bad(f"no rule rewrites a packet from {view.inner}, {_NAT}"), *_misses(outcome, packet)]
    found = []
    if outcome.translated is not None:
        step = outcome.translated
        found.append(_good(f"a packet from {view.inner} is rewritten by {step.place}: {step.rule.text}"))
        source = outcome.packet.source
        if step.action.kind == "snat" and source != network.HOST:
            own = f"the host's on {_UPLINK} is {network.HOST}"
            return [_bad(f"{step.place} gives packets the source {source}, and {own}: the answers go astray")]
    if not _is_connected(view):
        return found or [_bad("whether the rules rewrite a packet cannot be told before one can be sent")]
    reached, text = _sent(view, lambda name: probes.attempted(_page(name)))
    if reached:
        return [*found, _good(f"and a page of {network.PAGES} comes: {text}")]
    return [*found, _bad(f"but a page of {network.PAGES} does not come: {text}"), *_broken_host(view)]


def _misses(outcome: trace.Outcome, packet: Packet) -> list[Finding]:
    """Tell which rule of address translation was passed over."""
    steps = [step for step in outcome.steps if step.action.kind in trace.NAT]
    about = f"from {packet.source} to {packet.target} that leaves by {packet.leaving}"
    return [_bad(f"{step.place} does not match a packet {about}: {step.rule.text}") for step in steps[:2]]


def dns(view: View) -> list[Finding]:
    """Look whom the container asks for names, and ask."""
    if view.space is None:
        return [_bad("there is no namespace yet that could ask for names")]
    name = view.space.name
    servers = probes.nameservers(name)
    if not servers:
        return [_bad(f"no name server is named in the resolv.conf of {name}")]
    working = _is_connected(view) and all(finding.right for finding in masquerade(view))
    wrong = []
    for server in servers:
        loop = server.startswith("127.") or server == "::1"
        if not loop and not working:
            return [_good(f"{name} asks {server} (whether that answers is seen when packets get out)")]
        address, text = _sent(view, _asking(server))
        if address:
            return [_good(f"{name} asks {server}, which knows {network.SITE}: {text}")]
        own = f": that is the loopback of {name} itself, where no resolver listens" if loop else ""
        wrong.append(_bad(f"{name} asks {server}{own or ': ' + text}"))
    return wrong


def _asking(server: str) -> "Callable[[str], tuple[bool, str]]":
    def ask(_: str) -> tuple[bool, str]:
        address, text = probes.asked(server, network.SITE, probes.PATIENCE)
        if address and address != network.PAGES:
            return False, f"it says {address}, which is wrong"
        return bool(address), address or text

    return ask


def _page(name: str) -> probes.Probe:
    return probes.Probe("page", name, network.PAGES, 80, "/", "")


def _sent(view: View, attempt: "Callable[[str], tuple[bool, str]]") -> tuple[bool, str]:
    """Try something from within the container's namespace."""
    assert view.space
    fd = operations.opened(view.space.name)
    with survey.inside(fd):
        return attempt(view.space.name)


def _is_connected(view: View) -> bool:
    """Claim that all but the rules of translation is done: packets get as far as that."""
    stages = (namespace, veth, bridge, addresses, up, route, forwarding)
    return all(finding.right for stage in stages for finding in stage(view))


def _broken_host(view: View) -> list[Finding]:
    """Say what of the host's own way out is not as it was."""
    uplink = view.uplink
    if uplink is None or not uplink.up or network.HOST not in [address for address, _ in uplink.addresses]:
        return [_bad(f"the host's own way out, {_UPLINK} with {network.HOST}, is not as it was: pyrun lab reset all")]
    if routing.route(network.PAGES).gateway != network.INTERNET:
        return [_bad(f"the host's own default route by {network.INTERNET} is gone: pyrun lab reset all")]
    return []


def _outgoing(source: str, entering: str) -> Packet:
    return Packet(4, source, network.PAGES, "tcp", 80, entering, _UPLINK)


def _both_ways(source: str, bridge_name: str) -> list[Packet]:
    out = _outgoing(source, bridge_name)
    back = Packet(4, network.PAGES, source, "tcp", 40000, _UPLINK, bridge_name, "established")
    return [out, back]


def _local(view: View) -> frozenset[str]:
    return frozenset(address for link in view.links for address, _ in link.addresses)


def _subnet(entry: tuple[str, int]) -> Subnet:
    return subnet(f"{entry[0]}/{entry[1]}")


def _written(link: Link) -> str:
    return ", ".join(f"{address}/{prefix}" for address, prefix in sight.addresses(link))
