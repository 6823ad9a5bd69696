"""The nine stages of *bridge*, as data: what is missing and why it is wanted, hints, and who checks and performs it."""

from pyrun.errors import PyrunError
from pyrun.lab import checks, network, solving
from pyrun.lab.checks import Finding
from pyrun.lab.sight import View
from pyrun.operation import Operation
from pyrun.typed import Callable, NamedTuple

POINTS = 10  # of a stage
_EXAMPLE = "10.0.0.1/24"


class Stage(NamedTuple):
    """A step from an empty host to a container that opens a page on the internet."""

    number: int
    name: str
    title: str
    lesson: str  # what is missing, and why
    hints: tuple[str, str]  # what to look for, and then by which command
    check: "Callable[[View], list[Finding]]"
    solve: "Callable[[View], list[Operation]]"
    reset: "Callable[[View], list[Operation]]"


_ALL = (
    Stage(
        1,
        "namespace",
        "A network of its own",
        "A container's network is a network namespace: links, addresses, routes and rules that nobody else sees. A new"
        " one has nothing but a loopback that is switched off. Make one with a name; the tutorial calls it box.",
        (
            "Namespaces with a name are made by a part of ip(8) of its own.",
            "ip netns add NAME; ip netns list shows it.",
        ),
        checks.namespace,
        solving.namespace,
        solving.without_namespace,
    ),
    Stage(
        2,
        "veth",
        "A cable",
        "Nothing leads into the namespace yet. A veth pair is a cable with two ends: what is sent into one comes out of"
        " the other. Let one end lie on the host, say veth0, and the other in the namespace, where it is called eth0 as"
        " in every container.",
        (
            "A cable is a link of the type veth, and it is born with both of its ends.",
            "ip link add NAME type veth peer name OTHER netns NAMESPACE; or move an end later: ip link set OTHER netns"
            " NAMESPACE.",
        ),
        checks.veth,
        solving.veth,
        solving.without_veth,
    ),
    Stage(
        3,
        "bridge",
        "A switch",
        "With one cable for every two containers one would soon need many. A bridge is a switch inside the kernel, as"
        " docker0 is one. Make one on the host, say br0, and plug the host's end of the cable into it: then that end is"
        " a port of the bridge.",
        (
            "A bridge is a link as well; a port is a link that has the bridge as its master.",
            "ip link add NAME type bridge; ip link set PORT master NAME.",
        ),
        checks.bridge,
        solving.bridge,
        solving.without_bridge,
    ),
    Stage(
        4,
        "addresses",
        "Addresses of one subnet",
        "Two neighbours need addresses of one subnet. The bridge itself is the host's place in it, and will be the"
        f" gateway: give it one, as {_EXAMPLE}, and the end inside the namespace another, as 10.0.0.2/24. The port on"
        " the host needs none: it is a socket of the switch.",
        (
            "An address stands with its prefix, which says how large the subnet is. Which links need one?",
            "ip address add ADDRESS/PREFIX dev LINK; inside a namespace ip -n NAMESPACE address add, and so on.",
        ),
        checks.addresses,
        solving.addresses,
        solving.without_addresses,
    ),
    Stage(
        5,
        "up",
        "Switched on",
        "Links are born switched off. Switch on the bridge, both ends of the cable, and the loopback in the namespace,"
        " without which a program there cannot talk to itself at 127.0.0.1. After that ping goes through from one to"
        " the other.",
        (
            "Four links have to be up; ip -br link shows the state of those here, ip -n NAMESPACE"
            " -br link of those there.",
            "ip link set LINK up; ip -n NAMESPACE link set LINK up.",
        ),
        checks.up,
        solving.up,
        solving.without_up,
    ),
    Stage(
        6,
        "route",
        "The way to all others",
        "The namespace knows its own subnet, because its address has a prefix. For all other addresses it needs a"
        " default route by a gateway, a neighbour that knows more: that is the host, at the bridge's address.",
        (
            "Which address would a packet to the internet be handed to? It has to be one that the host has.",
            "ip -n NAMESPACE route add default via GATEWAY.",
        ),
        checks.route,
        solving.route,
        solving.without_route,
    ),
    Stage(
        7,
        "forwarding",
        "The host as a router",
        "Packets reach the host now, and die there: a host drops what is not for itself, unless it"
        " is told to pass it on"
        f" from one link to another. Here that is from the bridge to {network.UPLINK}, the way out,"
        " and back. No rule in"
        " FORWARD may stop them either.",
        (
            "Forwarding is a setting of the kernel, below /proc/sys/net/ipv4; rules that stop packets show in"
            " iptables -S FORWARD.",
            "sysctl -w net.ipv4.ip_forward=1.",
        ),
        checks.forwarding,
        solving.forwarding,
        solving.without_forwarding,
    ),
    Stage(
        8,
        "masquerade",
        "Under the host's address",
        "Packets leave the host now, with a private address as their source, and nobody on the"
        " internet knows a way back"
        " to that. When they leave, their source has to become the host's address; the kernel remembers whose they are"
        f" and leads answers back. Then ip netns exec NAMESPACE ping {network.PAGES} gets them.",
        (
            "That is source address translation, in the nat table, at the last hook before a packet"
            " leaves: POSTROUTING.",
            f"iptables -t nat -A POSTROUTING -s SUBNET -o {network.UPLINK} -j MASQUERADE, or a masquerade rule of nft.",
        ),
        checks.masquerade,
        solving.masquerade,
        solving.without_masquerade,
    ),
    Stage(
        9,
        "dns",
        "Names",
        f"Addresses work, names do not. The host asks a resolver on its own loopback, {network.STUB},"
        " as many do; in the"
        f" namespace that address is the namespace's own, where nobody listens. {network.NAMES} on the internet answers"
        f" for {network.SITE}. Give the namespace a resolv.conf of its own.",
        (
            "For a namespace NAME, ip netns exec shows the files in /etc/netns/NAME in the place of those in /etc.",
            "mkdir -p /etc/netns/NAME, and write nameserver ADDRESS into resolv.conf there.",
        ),
        checks.dns,
        solving.dns,
        solving.without_dns,
    ),
)
STAGES = {stage.name: stage for stage in _ALL}
FINISHED = (
    "All nine stages are done. This is what pyrun run --net bridge does in a few milliseconds; pyrun"
    " run --explain shows"
    " it as commands. Next: pyrun lab stop, then pyrun lab start broken."
)


def find(text: str) -> Stage:
    """Give the stage with a name or a number. Errors: PyrunError."""
    for stage in _ALL:
        if text in (stage.name, str(stage.number)):
            return stage
    from pyrun import near

    otherwise = f"{', '.join(STAGES)}, or their numbers"
    raise PyrunError(f"stage: {text}: there is none of that name", 1, hint=near.hint(text, STAGES, otherwise))
