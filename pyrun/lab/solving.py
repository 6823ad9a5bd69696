"""Each stage performed and taken back, as operations for what is there now: names and addresses are the learner's.

What a stage needs of earlier ones and does not find is an error that says so.
"""

import errno

from pyrun.errors import PyrunError
from pyrun.kernel import programs
from pyrun.kernel.links import AddAddress, AddBridge, AddRoute, Enslave, SetUp
from pyrun.kernel.survey import Link
from pyrun.kernel.sysctls import SetSysctl
from pyrun.lab import building, network, sight
from pyrun.lab.operations import AddNamespace, Because, DropLink, FlushRules, Inside, LayCable, PutFile, Typed
from pyrun.lab.sight import View
from pyrun.network.addresses import container_mac, subnet, written
from pyrun.operation import Operation
from pyrun.typed import Any

BOX, OUTER, INNER, SWITCH = "box", "veth0", "eth0", "br0"
_GATEWAY, _OWN, _PREFIX = "10.0.0.1", "10.0.0.2", 24


def namespace(view: View) -> list[Operation]:
    """Make a namespace."""
    plan: list[Operation] = [Typed(f"ip netns delete {name}", "", "no namespace") for name in view.strangers]
    return plan if view.space else [*plan, AddNamespace(BOX)]


def veth(view: View) -> list[Operation]:
    """Lay a cable."""
    space = _needed(view.space, "namespace")
    if view.cable:
        return []
    numbers = {link.number: link for link in view.links}
    for link in view.links:
        if link.kind == "veth" and link.peer_ns < 0 and link.peer in numbers and link.name.startswith("eth"):
            return [Typed(f"ip link set {link.name} netns {space.name}", "", "one end goes in, the other stays here")]
    taken = {link.name for link in view.links}
    outer = next(name for n in range(99) if (name := OUTER.replace("0", str(n))) not in taken)
    inside = {link.name for link in space.links}
    inner = next(name for n in range(99) if (name := INNER.replace("0", str(n))) not in inside)
    return [LayCable(outer, inner, space.name)]


def bridge(view: View) -> list[Operation]:
    """Make a bridge and plug the cable in."""
    cable = _needed(view.cable, "veth")
    plan: list[Operation] = []
    if view.uplink and view.uplink.master:
        plan.append(Typed(f"ip link set {network.UPLINK} nomaster", "", "the way out is a link of the host itself"))
    name = view.bridge.name if view.bridge else SWITCH
    plan += [] if view.bridge else [Because(AddBridge(name, container_mac(_GATEWAY)), "a switch, as docker0 is one")]
    return plan if view.is_plugged else [*plan, Because(Enslave(cable.outer.name, name), "plugged in")]


def addresses(view: View) -> list[Operation]:
    """Give the bridge and the inner end addresses of one subnet."""
    space, cable, switch = _plugged(view)
    own, gateway = sight.addresses(cable.inner), sight.addresses(switch)
    plan: list[Operation] = []
    for address, prefix in sight.addresses(cable.outer):
        plan.append(Typed(f"ip address delete {address}/{prefix} dev {cable.outer.name}", "", "a port needs none"))
    if own and gateway:  # and yet they do not fit
        plan += [Typed(f"ip -n {space} address delete {a}/{p} dev {cable.inner.name}", "", "misfit") for a, p in own]
        own = []
    if not gateway:
        wanted = _neighbour(*own[0]) if own else (_GATEWAY, _PREFIX)
        plan.append(Because(AddAddress(switch.name, *wanted), "the gateway-to-be of the subnet"))
        gateway = [wanted]
    if not own:
        added = AddAddress(cable.inner.name, *_neighbour(*gateway[0]))
        plan.append(Inside(space, Because(added, "another address of the same subnet")))
    return plan


def up(view: View) -> list[Operation]:
    """Switch every link on."""
    space, cable, switch = _plugged(view)
    loopback = view.space.link(1) if view.space else None
    plan: list[Operation] = [SetUp(link.name) for link in (switch, cable.outer) if not link.up]
    return plan + [Inside(space, SetUp(link.name)) for link in (loopback, cable.inner) if link and not link.up]


def route(view: View) -> list[Operation]:
    """Give the namespace its default route."""
    space, cable, switch = _plugged(view)
    gateway = _needed(sight.first(switch) or None, "addresses")
    if not cable.inner.up or not sight.first(cable.inner):
        _needed(None, "up" if sight.first(cable.inner) else "addresses")
    refusing = ("blackhole", "unreachable", "prohibit")
    plan: list[Operation] = [Typed(f"ip -n {space} route flush type {kind}", "", "it refuses") for kind in refusing]
    plan = plan if view.space and view.space.route.error not in (0, errno.ENETUNREACH) else []
    if view.space and view.space.defaults:
        plan.append(Typed(f"ip -n {space} route delete default", "", "it leads nowhere"))
    return [*plan, Inside(space, Because(AddRoute(gateway, cable.inner.name), "the host knows more"))]


def forwarding(view: View) -> list[Operation]:
    """Let the host pass packets on."""
    plan: list[Operation] = [
        SetSysctl("net/ipv4/ip_forward", "0", "off, so that switching it on switches it on for every link"),
        SetSysctl("net/ipv4/ip_forward", "1", "the host is a router now"),
    ]
    plan = plan[1:] if sight.sysctl("net/ipv4/ip_forward") == "0" else plan
    if view.inner and view.bridge and _is_stopped(view):
        allow = f"-i {view.bridge.name} -o {network.UPLINK} -j ACCEPT"
        plan += [
            Typed("iptables -F FORWARD", "", "the rule that stops them"),
            Typed(f"iptables -A FORWARD {allow}", "", "out"),
        ]
        plan.append(Typed("iptables -A FORWARD -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT", "", "and back"))
    return plan


def masquerade(view: View) -> list[Operation]:
    """Let packets of the subnet leave under the host's address."""
    _, cable, switch = _plugged(view)
    address, prefix = _needed(next(iter(sight.addresses(cable.inner)), None), "addresses")
    pool = subnet(f"{address}/{prefix}")
    reason = "answers find the host, which knows whose they are"
    if programs.find("iptables"):
        rule = f"POSTROUTING -s {pool} ! -o {switch.name} -j MASQUERADE"
        return [Typed(f"iptables -t nat -I {rule}", f"iptables -t nat -D {rule}", reason)]
    return [
        Typed("nft add table ip lab", "", "rules of our own"),
        Typed(
            "nft add chain ip lab out { type nat hook postrouting priority srcnat; }", "", "asked when packets leave"
        ),
        Typed(f"nft add rule ip lab out ip saddr {pool} oifname != {switch.name} masquerade", "", reason),
    ]


def dns(view: View) -> list[Operation]:
    """Tell the namespace of a name server that it reaches."""
    space = _needed(view.space, "namespace")
    path = f"/etc/netns/{space.name}/resolv.conf"
    return [PutFile(path, f"nameserver {network.NAMES}\n", "what ip netns exec shows as /etc/resolv.conf")]


def without_namespace(_: View) -> list[Operation]:
    """Take the namespaces away."""
    return [Typed(f"ip netns delete {name}", "", "with all that is in it") for name in building.spaces()]


def without_veth(view: View) -> list[Operation]:
    """Take the cables away."""
    veths = [link.name for link in view.links if link.kind == "veth" and link.name != network.UPLINK]
    return [DropLink(name) for name in veths]


def without_bridge(view: View) -> list[Operation]:
    """Take the bridges away, and the way out from under them."""
    plan: list[Operation] = [DropLink(link.name) for link in view.links if link.kind == "bridge"]
    return [Typed(f"ip link set {network.UPLINK} nomaster", "", "the way out is the host's own"), *plan]


def without_addresses(view: View) -> list[Operation]:
    """Take the addresses away."""
    own = [view.bridge, view.cable.outer if view.cable else None]
    plan: list[Operation] = [Typed(f"ip address flush dev {link.name}", "", "no address") for link in own if link]
    if view.space and view.cable:
        plan.append(Typed(f"ip -n {view.space.name} address flush dev {view.cable.inner.name}", "", "no address"))
    return plan


def without_up(view: View) -> list[Operation]:
    """Switch the links off."""
    own = [view.bridge, view.cable.outer if view.cable else None]
    plan: list[Operation] = [Typed(f"ip link set {link.name} down", "", "as it was born") for link in own if link]
    if view.space:
        inside = [link.name for link in (view.space.link(1), view.cable.inner if view.cable else None) if link]
        plan += [Typed(f"ip -n {view.space.name} link set {name} down", "", "as it was born") for name in inside]
    return plan


def without_route(view: View) -> list[Operation]:
    """Take the default routes of the namespace away."""
    count = len(view.space.defaults) if view.space else 0
    name = view.space.name if view.space else ""
    return [Typed(f"ip -n {name} route delete default", "", "neighbours only") for _ in range(count)]


def without_forwarding(_: View) -> list[Operation]:
    """Let the host pass nothing on, and stop nothing either."""
    plan: list[Operation] = [SetSysctl("net/ipv4/ip_forward", "0", "no router any more")]
    if programs.find("iptables"):
        plan += [Typed("iptables -P FORWARD ACCEPT", "", "no policy"), Typed("iptables -F FORWARD", "", "and no rule")]
    return plan


def without_masquerade(_: View) -> list[Operation]:
    """Take all rules away."""
    return [FlushRules()]


def without_dns(_: View) -> list[Operation]:
    """Let namespaces have the host's resolv.conf again, and that be as it was."""
    gone: list[Operation] = [
        Typed(f"rm -r /etc/netns/{name}", "", "the host's files again") for name in building.named_files()
    ]
    return [*gone, network.host()[-1]]


def _needed(found: "Any", stage: str) -> "Any":
    if found is None:
        raise PyrunError(f"lab: stage {stage} has to be done before", 1, hint=f"pyrun lab solve {stage}")
    return found


def _plugged(view: View) -> "tuple[str, sight.Cable, Link]":
    space, cable = _needed(view.space, "namespace"), _needed(view.cable, "veth")
    return space.name, cable, _needed(view.bridge if view.is_plugged else None, "bridge")


def _neighbour(address: str, prefix: int) -> tuple[str, int]:
    """Give another address of the same subnet, with the prefix: the first that can be had."""
    pool = subnet(f"{address}/{prefix}")
    found = [written(pool.network + n) for n in (1, 2)]
    return next(each for each in found if each != address), prefix


def _is_stopped(view: View) -> bool:
    from pyrun.lab import checks

    return any(not finding.right and finding.text.startswith("a rule stops") for finding in checks.forwarding(view))
