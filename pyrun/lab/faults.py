"""The faults of *broken*, as values: what is done to the network, what a user says of it, and what it teaches.

The order is that of the seeds, and mixed on purpose: seed 1 is the first. New ones are appended, so that a seed means
the same fault for ever; only seeds above the number of faults move.
"""

from pyrun.errors import PyrunError
from pyrun.lab import network
from pyrun.lab.network import BACK, FRONT, HOST, PAGES, PLUGS, PREFIX, PUBLISHED, SITE, UPLINK
from pyrun.lab.operations import PutFile, Typed
from pyrun.network.addresses import container_mac
from pyrun.operation import Operation
from pyrun.typed import NamedTuple

_WEB, _CLIENT, _APP = PLUGS[0].address, PLUGS[2].address, PLUGS[4].address
_DB = PLUGS[3].address
_NOBODY = "02:00:00:00:00:99"
_NOBODYS = "10.10.1.99"
_DNAT = f"PREROUTING 1 -d {HOST} -p tcp --dport {PUBLISHED} -j DNAT --to-destination"


class Fault(NamedTuple):
    """One fault: *breaks* makes it, the inverses of that mend it."""

    name: str
    symptom: str  # as somebody complains who knows nothing of networks
    hints: tuple[str, str]  # where to look, and then with what
    found: str  # what it was, and what it teaches
    breaks: tuple[Operation, ...]

    @property
    def mends(self) -> list[Operation]:
        """Give what takes the fault away."""
        return [inverse for each in reversed(self.breaks) if (inverse := each.inverse()) is not None]


def _typed(command: str, undo: str) -> Typed:
    return Typed(command, undo, "the fault")


_ALL = (
    Fault(
        "dnat",
        f"Customers say that http://{HOST}:{PUBLISHED} does not open. Inside, everybody sees the web pages.",
        (
            "Follow one packet from the internet: to which address is it sent on, once it has reached this host?",
            "iptables -t nat -S PREROUTING shows where the published port leads; ip -n web address, where web is.",
        ),
        f"The published port was led to {_CLIENT}, where nothing serves pages, instead of to web. A port is published"
        " by a DNAT rule that writes a new target into the packet; it has no idea whether a container is there.",
        (
            _typed(
                f"iptables -t nat -R {_DNAT} {_CLIENT}:80",
                f"iptables -t nat -R {_DNAT} {_WEB}:80",
            ),
        ),
    ),
    Fault(
        "route",
        f"The client cannot open http://{SITE} and no other site. Pages of web it sees.",
        (
            "The neighbours are reached, what is further away is not: who passes on what the client sends?",
            "ip -n client route names the gateway; ip address show br-front, who should be it.",
        ),
        "The client's default route led to 10.10.1.254, which nobody has. What is on the own network needs no gateway,"
        " so only what lies beyond it fails: after a while with 'no route to host', because ARP gets no answer.",
        (
            _typed(
                "ip -n client route replace default via 10.10.1.254 dev eth0",
                f"ip -n client route replace default via {FRONT.gateway} dev eth0",
            ),
        ),
    ),
    Fault(
        "detached",
        "The shop is down: neither web nor app gets an answer from db, although db says that it is well.",
        (
            "It is all about db, from whomever: is db plugged in at all?",
            "ip link show master br-back lists what is plugged into that bridge. How many should there be?",
        ),
        "The host's end of db's cable was no port of br-back any more. Both ends are up then, with addresses and"
        " routes as they should be, and yet nothing that goes in at one side has anywhere to go at the other.",
        (_typed("ip link set db-back nomaster", f"ip link set db-back master {BACK.name}"),),
    ),
    Fault(
        "forwarding",
        "Nobody has internet, and customers do not get in. Among themselves the containers are fine.",
        (
            "Everything that crosses this host fails, everything that stays on one bridge works.",
            "A host passes on what is not for itself only if it is told to: sysctl net.ipv4.ip_forward.",
        ),
        "Forwarding was off. A bridge switches frames by itself, but from one network to another packets are routed,"
        " and with net.ipv4.ip_forward=0 the kernel drops silently what is for somebody else.",
        (_typed("sysctl -qw net.ipv4.ip_forward=0", "sysctl -qw net.ipv4.ip_forward=1"),),
    ),
    Fault(
        "mtu",
        f"The client opens small pages on {SITE}, but http://{SITE}/large hangs for ever.",
        (
            "Small answers come and large ones do not: what is different about full packets on their"
            " way to the client?",
            "Compare the mtu of all links on the way (ip link), and see what becomes of the ICMP message that tells a"
            " sender to send less: iptables -S OUTPUT.",
        ),
        "The bridge had an MTU of 1000, and a rule dropped the ICMP message 'fragmentation needed'. The sender never"
        " learned that its packets of 1500 bytes are too large, so it sent them again and again: a black hole for"
        " path MTU discovery. Never drop that message; and one network has one MTU.",
        (
            _typed(
                "iptables -I OUTPUT -p icmp --icmp-type fragmentation-needed -j DROP",
                "iptables -D OUTPUT -p icmp --icmp-type fragmentation-needed -j DROP",
            ),
            _typed(f"ip link set {FRONT.name} mtu 1000", f"ip link set {FRONT.name} mtu 1500"),
        ),
    ),
    Fault(
        "hosts",
        "The client gets no page from http://web. Colleagues say that web is there.",
        (
            "Is it web that does not answer, or does the client ask somebody else?",
            "Compare ip netns exec client getent hosts web with ip -n web address; then look who says so first.",
        ),
        f"The client's hosts file said that web is {_NOBODYS}. That file is asked before any name server, so dig and"
        " nslookup, which ask the server alone, told the truth and ping did not.",
        (
            PutFile(
                "/etc/netns/client/hosts",
                network.hosts("client") + f"{_NOBODYS} web\n",
                "the fault",
                network.hosts("client"),
            ),
        ),
    ),
    Fault(
        "masquerade",
        f"From the client http://{SITE} does not open. The app, on the other network, has no trouble.",
        (
            "The packets leave. Under which address, and who on the internet could answer to that one?",
            "iptables -t nat -vS POSTROUTING: which of the two networks is missing?",
        ),
        f"No rule masqueraded {FRONT.subnet}. The packets went out with a private address as their source, and the"
        " internet has no way back to it. tcpdump on the uplink shows requests without answers.",
        (
            _typed(
                f"iptables -t nat -D POSTROUTING -s {FRONT.subnet} -o {UPLINK} -j MASQUERADE",
                f"iptables -t nat -A POSTROUTING -s {FRONT.subnet} -o {UPLINK} -j MASQUERADE",
            ),
        ),
    ),
    Fault(
        "netmask",
        "db is slow, they say, but in truth neither web nor app gets a connection to it.",
        (
            "The requests arrive at db. Does it know the way to answer?",
            "ip -n db address and ip -n db route: which addresses does db take for its neighbours?",
        ),
        f"db had its address with the prefix /30 instead of /{PREFIX}. It took only four addresses for its own"
        " network, and had no route to all others: not even its gateway is among the four.",
        (
            _typed("ip -n db route delete default", f"ip -n db route add default via {BACK.gateway}"),
            _typed(
                f"ip -n db address delete {_DB}/{PREFIX} dev eth0",
                f"ip -n db address add {_DB}/{PREFIX} dev eth0",
            ),
            _typed(f"ip -n db address add {_DB}/30 dev eth0", f"ip -n db address delete {_DB}/30 dev eth0"),
        ),
    ),
    Fault(
        "isolation",
        f"The app cannot open http://{SITE}. It finds the address of that name, and db it reaches as ever.",
        (
            "Routes and addresses are right: something on the way does not want it.",
            "iptables -vS FORWARD, and watch whose counters grow while the app tries.",
        ),
        f"A rule at the top of FORWARD dropped what comes from {_APP}. Rules are read from the top and the first that"
        " ends the walk wins, so the rule that allows it, further down, was never asked.",
        (_typed(f"iptables -I FORWARD -s {_APP} -j DROP", f"iptables -D FORWARD -s {_APP} -j DROP"),),
    ),
    Fault(
        "arp",
        "The client cannot open http://web, nor ping it. Everybody else can.",
        (
            "Both are on one bridge: no route and no rule is between them. How does the client find web on the wire?",
            "ip -n client neigh: compare the link-layer address of web with that of ip -n web link show eth0.",
        ),
        "The client had a permanent, false ARP entry: its frames for web were sent to a link-layer address that nobody"
        " has. A permanent entry is never asked about again, so it does not heal by itself.",
        (
            _typed(
                f"ip -n client neigh replace {_WEB} lladdr {_NOBODY} dev eth0 nud permanent",
                f"ip -n client neigh delete {_WEB} dev eth0",
            ),
        ),
    ),
    Fault(
        "rp_filter",
        f"Customers wait in vain for http://{HOST}:{PUBLISHED}; the client next to web sees the pages at once.",
        (
            "The packets reach web by one link; by which one would web answer?",
            "ip -n web route get the customer's address, tcpdump on both links, and"
            " ip netns exec web sysctl net.ipv4.conf.all.rp_filter.",
        ),
        "web has two links, and its default route leads over eth1, while customers come in over eth0. With strict"
        " reverse path filtering (rp_filter=1) the kernel drops what comes in by another link than the answer would"
        " leave by, and says nothing.",
        (
            _typed(
                "ip netns exec web sysctl -qw net.ipv4.conf.all.rp_filter=1",
                "ip netns exec web sysctl -qw net.ipv4.conf.all.rp_filter=0",
            ),
        ),
    ),
    Fault(
        "clash",
        "The app says that db refuses connections. db says that nobody has called.",
        (
            "A refusal is an answer. Whose?",
            "ip -br -n app address, and ip -n app route get the address of db.",
        ),
        f"The app had db's address {_DB} beside its own, so it talked to itself. An address that two have is answered"
        " by whoever is faster, or, as here, by whoever asks."
        " And neighbours remember the wrong owner for a while: ip -n web neigh flush dev eth1 makes them ask again.",
        (
            _typed("ip -n web neigh flush dev eth1", "ip -n web neigh flush dev eth1"),  # to be made again at the end
            _typed(
                f"ip -n app address add {_DB}/{PREFIX} dev eth0", f"ip -n app address delete {_DB}/{PREFIX} dev eth0"
            ),
        ),
    ),
    Fault(
        "dns",
        "The client finds no site and no colleague by name. By their addresses it reaches them.",
        (
            "Names are asked of the gateway: does the question arrive there, and is it let in?",
            f"ip netns exec client dig @{FRONT.gateway} web; then iptables -vS INPUT.",
        ),
        f"A rule in INPUT dropped DNS questions that come in by {FRONT.name}. What is for the host itself passes INPUT,"
        " not FORWARD; and a name server that is silent makes every program slow instead of wrong.",
        (
            _typed(
                f"iptables -I INPUT -i {FRONT.name} -p udp --dport 53 -j DROP",
                f"iptables -D INPUT -i {FRONT.name} -p udp --dport 53 -j DROP",
            ),
        ),
    ),
    Fault(
        "blackhole",
        f"The app gets 'invalid argument' instead of http://{SITE}. Other containers open it.",
        (
            "The error comes at once, from the app's own kernel: no packet has left.",
            f"ip -n app route get {PAGES}, and ip -n app route for the reason.",
        ),
        "The app had a blackhole route for the site's network. The longest prefix wins, so it stood before the default"
        " route, and a blackhole discards without a word to anybody else.",
        (
            _typed(
                "ip -n app route add blackhole 203.0.113.0/24",
                "ip -n app route delete blackhole 203.0.113.0/24",
            ),
        ),
    ),
    Fault(
        "mac",
        "The client and web do not find each other, each of them alone seems to be well.",
        (
            "A bridge decides by link-layer addresses. Look at those of all that are plugged into it.",
            "ip -n client link show eth0, ip -n web link show eth0, bridge fdb show br br-front.",
        ),
        "The client had web's link-layer address. The bridge learns behind which port an address is, and with two of"
        " them it learned something else with every frame, and never sent one back to the port where it came from.",
        (
            _typed(
                f"ip -n client link set eth0 address {container_mac(_WEB)}",
                f"ip -n client link set eth0 address {container_mac(_CLIENT)}",
            ),
        ),
    ),
    Fault(
        "resolver",
        f"web cannot open http://{SITE} and does not know db. Ask it for an address, and all is well.",
        (
            "Only names fail, and only for web. Whom does it ask?",
            "cat /etc/netns/web/resolv.conf, and ping the server that is named there.",
        ),
        "web's resolv.conf named a server that is not there. In a namespace /etc/resolv.conf is the file in"
        " /etc/netns/NAME; programs wait for their time limit before they say anything.",
        (
            PutFile(
                "/etc/netns/web/resolv.conf",
                network.resolv_conf("web").replace(BACK.gateway, "10.10.2.53"),
                "the fault",
                network.resolv_conf("web"),
            ),
        ),
    ),
    Fault(
        "port-state",
        "Nobody reaches db since this morning. Its cable is plugged in, they say, and the lamp is on.",
        (
            "A port may be plugged in and up, and yet not forward.",
            "bridge link show (or bridge -d link) tells the state of each port: which is not 'forwarding'?",
        ),
        "The bridge's port of db was in the state 'disabled'. It is up and has a carrier, but the bridge neither takes"
        " frames from it nor sends any there; spanning tree does that to ports that would make a loop.",
        (_typed("bridge link set dev db-back state 0", "bridge link set dev db-back state 3"),),
    ),
    Fault(
        "bridge-address",
        f"The client sees web, but neither http://{SITE} nor any name. Since somebody tidied up the host, they say.",
        (
            "The client's settings are right. Is there anybody who answers to its gateway's address?",
            "ip address show br-front; ip -n client neigh tells whether the gateway answers.",
        ),
        f"The bridge {FRONT.name} had lost its address {FRONT.gateway}. To its ports a bridge is a switch that needs"
        " none; to the containers it is the gateway, and that has to have the address that their routes name.",
        (
            _typed(
                f"ip address delete {FRONT.gateway}/{PREFIX} dev {FRONT.name}",
                f"ip address add {FRONT.gateway}/{PREFIX} dev {FRONT.name}",
            ),
        ),
    ),
)
FAULTS = {fault.name: fault for fault in _ALL}


def find(name: str) -> Fault:
    """Give a fault by its name. Errors: PyrunError."""
    if name not in FAULTS:
        from pyrun import near

        hint = near.hint(name, FAULTS, "pyrun lab faults lists them")
        raise PyrunError(f"fault: {name}: there is none of that name", hint=hint)
    return FAULTS[name]


def of_seed(seed: int) -> Fault:
    """Choose the fault of a seed, a number from 1."""
    return _ALL[(seed - 1) % len(_ALL)]


def seed_of(name: str) -> int:
    """Give the first seed of a fault."""
    return 1 + list(FAULTS).index(name)
