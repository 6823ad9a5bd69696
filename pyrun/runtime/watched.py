"""Whether what watches a bridge's ports lets a packet in, by the rules of `pyrun.firewall.guard` that stand. Pure."""

from pyrun.firewall import trace
from pyrun.firewall.packets import Packet
from pyrun.runtime.topology import Cable

_HOOK = "bridge prerouting"


def refusal(tables: "list[trace.Table]", cable: Cable, packet: Packet, asking: bool) -> "trace.Outcome | None":
    """Give how what a cable brings is stopped; *asking* for a neighbour sends ARP first, from the same IPv4 address."""
    mac = cable.inside.mac if cable.inside else ""
    frame = packet._replace(entering=cable.outside.name, leaving="", mac=mac, state="new")
    frames = [frame._replace(family=0, protocol="arp"), frame] if asking and packet.family == 4 else [frame]
    outcomes = (trace.walk(tables, _HOOK, each, frozenset()) for each in frames)
    return next((outcome for outcome in outcomes if outcome.verdict != "accept"), None)
