"""The rules of one network that stand, with their counters and their reasons: one listing of the tool, and no more."""

from pyrun.errors import PyrunError
from pyrun.firewall import iptables, rules
from pyrun.kernel import programs
from pyrun.spec import Endpoint, Network
from pyrun.typed import NamedTuple

_WORD = " comment "


class Counted(NamedTuple):
    """A rule as it stands; *packets* and *bytes* are None where nobody counts."""

    family: str  # ip, ip6, or inet for both
    table: str
    chain: str
    text: str
    packets: "int | None"
    bytes: "int | None"
    reason: str


Listings = dict[int, programs.Started]


def begun(net: Network) -> Listings:
    """Begin to list the rules, while others look up what else is to be told; `rules_of` has to follow."""
    if net.firewall != "iptables":
        return {}
    return {family: iptables.listing(family) for family in ((4, 6) if net.ipv6 else (4,))}


def rules_of(net: Network, ends: "list[Endpoint]", listings: Listings) -> list[Counted]:
    """List what stands of a network's rules and of its containers' ports. Errors: PyrunError."""
    try:
        return _iptables(net, ends, listings) if net.firewall == "iptables" else _nftables(net)
    except OSError as cause:
        raise PyrunError(f"firewall: the rules cannot be read: {cause.strerror}") from cause


def _iptables(net: Network, ends: "list[Endpoint]", listings: Listings) -> list[Counted]:
    wanted = [*rules.network(net), *(rule for end in ends for rule in rules.published(end))]
    found = []
    for family, listed in listings.items():
        counters = iptables.counters(listed)
        for rule in (rule for rule in wanted if rule.family == family):
            numbers = counters.get((rule.table, f"-A {rule.chain} {rule.text}"))
            if numbers:
                name = "ip6" if family == 6 else "ip"
                found.append(Counted(name, rule.table, rule.chain, rule.text, *numbers, rule.reason))
    return found


def _nftables(net: Network) -> list[Counted]:
    """Take the chains that all networks share, and those that bear the bridge's name."""
    from pyrun.firewall.nftables import TABLE

    family, _, table = TABLE.partition(" ")
    found = []
    for chain, line in _listed(family, table):
        owner = chain.partition("_")[2]
        if owner and owner != net.bridge:
            continue
        text, _, comment = line.rpartition(_WORD)
        body, packets, size = _without_counter(text or line)
        reason = comment.strip('"') if text else ""
        found.append(Counted(family, table, chain, body, packets, size, reason))
    return found


def _listed(family: str, table: str) -> list[tuple[str, str]]:
    """List the rules that stand in a table as (chain, text), in order, with their counts."""
    outcome = programs.run(programs.find("nft"), "list", "table", family, table)
    found, chain = [], ""
    for line in outcome.output.splitlines():
        words = line.strip()
        if line.startswith("\tchain "):
            chain = words.split(" ")[1]
        elif line.startswith("\t\t") and chain and not words.startswith("type "):
            found.append((chain, words))
        elif line == "\t}":
            chain = ""
    return found


def _without_counter(line: str) -> "tuple[str, int | None, int | None]":
    words = line.split(" ")
    if "counter" not in words[:-4]:
        return line, None, None
    at = words.index("counter")
    _, packets, _, size = words[at + 1 : at + 5]
    return " ".join(words[: at + 1] + words[at + 5 :]), int(packets), int(size)
