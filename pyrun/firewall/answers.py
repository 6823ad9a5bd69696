"""What becomes of an answer at the rules: conntrack puts back what NAT changed, and asks no rule for it. Pure.

Targets are put back where packets enter, sources where they leave, each by hooks
of NAT's own: their priorities are in linux/netfilter_ipv4.h, IPv6's are the same.
"""

from pyrun.firewall import trace
from pyrun.firewall.packets import Packet
from pyrun.firewall.trace import Outcome, Table
from pyrun.typed import NamedTuple

ENTRIES, EXITS = ("prerouting", "output"), ("input", "postrouting")
_TARGETS, _SOURCES = -100, 100  # NF_IP_PRI_NAT_DST, NF_IP_PRI_NAT_SRC


class Connection(NamedTuple):
    """What a network namespace remembers of one: its first packet as it came, and as it went."""

    came: Packet
    went: Packet

    def is_of(self, answer: Packet) -> bool:
        """Claim that a packet is the connection's answer."""
        went = self.went
        return (went.target, went.source, went.port) == (answer.source, answer.target, answer.source_port)


def turned(packet: Packet) -> Packet:
    """Give the answer to a packet that has arrived; which port its client has chosen is not known."""
    return Packet(
        packet.family, packet.target, packet.source, packet.protocol, source_port=packet.port, state="established"
    )


def walk(
    tables: "list[Table]", hook: str, packet: Packet, local: frozenset[str], connection: "Connection | None"
) -> Outcome:
    """Lead an answer through a hook: the early chains see it as it came, the others with the addresses put back."""
    if connection is None or hook not in (*ENTRIES, *EXITS):
        return trace.walk(tables, hook, packet, local)
    at = _TARGETS if hook in ENTRIES else _SOURCES
    early = trace.walk(_part(tables, late=False, at=at), hook, packet, local)
    if early.verdict != "accept":
        return early
    came = connection.came
    if hook in ENTRIES:
        packet = early.packet._replace(target=came.source)
    else:
        packet = early.packet._replace(source=came.target, source_port=came.port)
    late = trace.walk(_part(tables, late=True, at=at), hook, packet, local)
    decider = late.decider if late.decider and late.decider.number else early.decider or late.decider
    late = late._replace(steps=early.steps + late.steps, rerouted=early.rerouted or late.rerouted)
    return late._replace(decider=decider) if late.verdict == "accept" else late


def without_nat(tables: "list[Table]") -> "list[Table]":
    """Leave out what translates: a packet that comes back in by lo has been asked about already."""
    return [table._replace(chains=tuple(chain for chain in table.chains if not chain.nat)) for table in tables]


def _part(tables: "list[Table]", late: bool, at: int) -> "list[Table]":
    """Give the tables with the base chains before a priority, or with those from there on."""
    return [
        table._replace(chains=tuple(c for c in table.chains if not c.hook or (c.priority >= at) is late))
        for table in tables
    ]
