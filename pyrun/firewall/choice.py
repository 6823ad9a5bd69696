"""Which firewall tool this host is spoken to with, and what a network and its ports are in that tool's words."""

import os

from pyrun.errors import PyrunError, UsageError
from pyrun.firewall import generation, guard, iptables, neighbours, nftables, rules
from pyrun.operation import Operation
from pyrun.spec import Endpoint, Network

TOOLS = ("iptables", "nftables")
_FORWARD = "forward for the bridge, keep networks apart, leave under the host's address"
_PORTS = "published ports lead into the container"


def backend() -> str:
    """Name the tool: iptables where it is installed and not all that this host's own rules are made without.

    Else nftables; PYRUN_FIREWALL overrides.
    Errors: PyrunError when the host has neither, UsageError for an unknown name.
    """
    wanted = os.environ.get("PYRUN_FIREWALL", "") or "auto"
    if wanted not in (*TOOLS, "auto"):
        raise UsageError(f"PYRUN_FIREWALL: {wanted}: must be auto, iptables or nftables")
    if wanted == "auto" and iptables.available() and nftables.available():
        return "nftables" if neighbours.uses_nft_alone() else "iptables"
    if wanted != "nftables" and iptables.available():
        return "iptables"
    if wanted != "iptables" and nftables.available():
        return "nftables"
    missing = "neither iptables nor nft" if wanted == "auto" else "no " + wanted.replace("nftables", "nft")
    raise PyrunError(f"firewall: {missing} found", hint="install iptables, or use --net none")


def network(net: Network) -> Operation:
    """Give the operation that installs the rules of a network."""
    if net.firewall == "iptables":
        return iptables.AddRules(tuple(rules.network(net)), _FORWARD)
    return nftables.network(net, _FORWARD)


def published(end: Endpoint) -> list[Operation]:
    """Give the operations that lead published ports to a container: none where only the proxy serves them."""
    if end.network.firewall == "iptables":
        group = tuple(rules.published(end))
        return [iptables.AddRules(group, _PORTS)] if group else []
    part = nftables.published(end, _PORTS)
    return [part] if part.document.strip() else []


def mend(nets: "list[Network]", ends: "list[Endpoint]", settled: bool = True) -> list[Operation]:
    """Give the operations that make missing rules stand again, and take those of the dead away.

    What belongs to nothing is only removed when everything is *settled*: nobody is plugging in or out.
    When nothing is missing, that is noted, so that the next command need not look. Errors: OSError.
    """
    seen = generation.current() if is_counted({net.firewall for net in nets}) else None
    found = missing(nets, ends, settled)
    if not found and settled:
        generation.note(seen)
    return found


def missing(nets: "list[Network]", ends: "list[Endpoint]", settled: bool = False) -> list[Operation]:
    """Give what `mend` does, noting nothing. Errors: OSError."""
    return [
        *_mend_iptables(nets, ends, settled),
        *_mend_nftables(nets, ends, settled),
        *guard.mend(nets, ends, settled),
    ]


def is_counted(used: "set[str]") -> bool:
    """Claim that a change of the rules of the tools *used* can be seen without listing them."""
    return "iptables" not in used or iptables.is_counted()


def _mend_iptables(nets: "list[Network]", ends: "list[Endpoint]", settled: bool) -> list[Operation]:
    nets = [net for net in nets if net.firewall == "iptables"]
    ends = [end for end in ends if end.network.firewall == "iptables"]
    if not nets:
        return []
    groups = [(tuple(rules.network(net)), _FORWARD) for net in nets]
    groups += [(tuple(rules.published(end)), _PORTS) for end in ends]
    wanted = [rule for group, _ in groups for rule in group]
    gone = set(iptables.missing(wanted))
    found: list[Operation] = [iptables.AddRules(group, reason) for group, reason in groups if gone & set(group)]
    families = {rule.family for rule in wanted} if settled else set[int]()
    dead = [rule for family in sorted(families) for rule in iptables.stale(family, wanted)]
    return [*([iptables.RemoveRules(tuple(dead), "rules of what is gone")] if dead else []), *found]


def _mend_nftables(nets: "list[Network]", ends: "list[Endpoint]", settled: bool) -> list[Operation]:
    parts = [nftables.network(net, _FORWARD) for net in nets if net.firewall == "nftables"]
    parts += [nftables.published(end, _PORTS) for end in ends if end.network.firewall == "nftables" and end.published]
    if not parts:
        return []
    listed = nftables.listed()
    dead = nftables.stale(parts, listed) if settled else []
    return [*dead, *nftables.missing(parts, listed)]
