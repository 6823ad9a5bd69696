"""Docker's rule set under names of our own, as values: which rules a network has, and which a published port. Pure.

Every rule carries a word of why. Those that all networks share come first and
stand once; the others stand in any order, because isolation is judged before.
How they get into the kernel is in `pyrun.firewall.iptables`.
"""

from pyrun.spec import Endpoint, Network
from pyrun.typed import NamedTuple

USER = "PYRUN-USER"
FORWARD = "PYRUN-FORWARD"
PORTS = "PYRUN"
STAGE_1 = "PYRUN-ISOLATION-STAGE-1"
STAGE_2 = "PYRUN-ISOLATION-STAGE-2"
CHAINS = {"filter": (USER, FORWARD, PORTS, STAGE_1, STAGE_2), "nat": (PORTS,)}

_ANSWERS = "-m conntrack --ctstate RELATED,ESTABLISHED"
_LOCAL = "-m addrtype --dst-type LOCAL"
_LINK_LOCAL = "fe80::/10"  # the proxy serves it
# Our accept rule stands above Docker's chains: without these it would open its networks to our containers.
NEIGHBOURS = ("docker0", "br-+")
_BEFORE_NEIGHBOURS = 2  # after the answers


class Rule(NamedTuple):
    """One rule: where it stands, what it says as `iptables -S` writes it, and why."""

    family: int  # 4 or 6
    table: str
    chain: str
    text: str
    reason: str
    place: int = 0  # 0 at the end, else the number of the rule that it becomes


def shared(family: int) -> list[Rule]:
    """List what all networks of a family share: the ways into our chains, and the neighbours' protection."""
    loopback = "127.0.0.0/8" if family == 4 else "::1/128"
    far = "" if family == 4 else f"! -s {_LINK_LOCAL} "  # who has such an address gets no answer from another link
    return [
        Rule(family, "filter", "FORWARD", f"-j {USER}", "your own rules first", 1),
        Rule(family, "filter", "FORWARD", f"-j {FORWARD}", "then pyrun's", 2),
        Rule(family, "filter", FORWARD, f"-j {STAGE_1}", "networks do not reach each other", 1),
        Rule(family, "filter", STAGE_2, f"{_ANSWERS} -j RETURN", "who was let in gets answers", 1),
        *(
            Rule(family, "filter", STAGE_2, f"-o {name} -j DROP", "a neighbour's network", place)
            for place, name in enumerate(NEIGHBOURS, _BEFORE_NEIGHBOURS)
        ),
        Rule(family, "nat", "PREROUTING", f"{far}{_LOCAL} -j {PORTS}", "published ports, from outside"),
        Rule(family, "nat", "OUTPUT", f"{far}! -d {loopback} {_LOCAL} -j {PORTS}", "and from this host"),
    ]


def network(net: Network) -> list[Rule]:
    """List the rules of one network, in both families where it has IPv6."""
    found: list[Rule] = []
    for family, pool in ((4, net.ipv4), (6, net.ipv6)):
        if pool is not None:
            found += [*shared(family), *_forward(family, net), *_isolation(family, net)]
            found += _nat(family, net, pool.subnet)
    return found


def published(end: Endpoint) -> list[Rule]:
    """List the rules of a container's published ports: the new destination, and the way in for what got it.

    A port on a loopback address has none: the proxy serves it, so that no
    packet from outside is ever led there (moby#45610).
    """
    bridge, mark = end.network.bridge, f'-m comment --comment "pyrun:{end.container[:12]}"'
    found: list[Rule] = []
    opened: set[tuple[int, str, int]] = set()
    for port in end.published:
        family = 6 if ":" in port.address else 4
        target = end.address6 if family == 6 else end.address
        if not target or is_loopback(port.address):
            continue
        kind = f"-p {port.protocol} -m {port.protocol} --dport"
        where = "" if port.address in ("0.0.0.0", "::") else f"-d {port.address}/{128 if family == 6 else 32} "
        leads = f"[{target}]:{port.target}" if family == 6 else f"{target}:{port.target}"
        text = f"{where}! -i {bridge} {kind} {port.port} {mark} -j DNAT --to-destination {leads}"
        found.append(Rule(family, "nat", PORTS, text, "this port leads into the container"))
        if (family, port.protocol, port.target) not in opened:
            opened.add((family, port.protocol, port.target))
            into = f"-d {target}/{128 if family == 6 else 32} ! -i {bridge} -o {bridge} {kind} {port.target}"
            let = f"{into} -m conntrack --ctstate DNAT {mark} -j ACCEPT"
            found.append(Rule(family, "filter", PORTS, let, "and what it leads there may enter"))
    return found


def is_loopback(address: str) -> bool:
    """Claim that only this host reaches the address."""
    return address.startswith("127.") or address == "::1"


def _forward(family: int, net: Network) -> list[Rule]:
    bridge = net.bridge
    among = "ACCEPT" if net.icc else "DROP"
    rules = [
        (f"-o {bridge} {_ANSWERS} -j ACCEPT", "answers"),
        (f"-o {bridge} -j {PORTS}", "published ports"),
        (f"-i {bridge} ! -o {bridge} -j ACCEPT", "containers reach the outside"),
        (f"-i {bridge} -o {bridge} -j {among}", "containers of one network"),
        (f"-o {bridge} -j DROP", "the outside reaches no unpublished port"),
    ]
    if net.internal:
        rules = [rules[3]]
    return [Rule(family, "filter", FORWARD, text, reason) for text, reason in rules]


def _isolation(family: int, net: Network) -> list[Rule]:
    bridge = net.bridge
    stage_1 = [(f"-i {bridge} ! -o {bridge} -j {STAGE_2}", "leaves its own network")]
    if net.internal:  # by the links, where Docker goes by the subnet: its members may speak by multicast, too
        stage_1 = [
            (f"! -i {bridge} -o {bridge} -j DROP", "internal: nothing gets in"),
            (f"-i {bridge} ! -o {bridge} -j DROP", "internal: nothing gets out"),
        ]
    outside = [] if net.internal else net.uplinks
    return [
        *(Rule(family, "filter", STAGE_1, text, reason) for text, reason in stage_1),
        Rule(family, "filter", STAGE_2, f"-o {bridge} -j DROP", "and would enter this one", _BEFORE_NEIGHBOURS),
        *(
            Rule(family, "filter", STAGE_2, f"-i {bridge} -o {link} -j RETURN", "the way outside", _BEFORE_NEIGHBOURS)
            for link in outside
        ),
    ]


def _nat(family: int, net: Network, subnet: str) -> list[Rule]:
    if net.internal:
        return []
    bridge = net.bridge
    found = [Rule(family, "nat", PORTS, f"-i {bridge} -j RETURN", "containers are served by the proxy", 1)]
    if net.masquerade:
        leave = f"-s {subnet} ! -o {bridge} -j MASQUERADE"
        found.append(Rule(family, "nat", "POSTROUTING", leave, "leave as the host", 1))
    return found
