"""Who else rules over this host's packets, and what of it gets in the way of ours: looked up cheaply, changed never.

A packet passes only if every tool lets it: our rules come before others in
iptables' chains, but no verdict of ours counts in a table of somebody else's.
"""

import _socket  # socket itself imports enum and selectors, 7 ms on the start path
import os

from pyrun.contexts import suppress
from pyrun.firewall import iptables, rules
from pyrun.kernel import nf_tables, programs, rtnetlink
from pyrun.kernel.nf_tables import Chain

_OURS = "pyrun"
_LEGACY = ("/proc/net/ip_tables_names", "/proc/net/ip6_tables_names")
_UFW = "/etc/ufw/ufw.conf"


def uses_nft_alone() -> bool:
    """Claim that this host's own rules are nft's, and that iptables has none in either variant."""
    chains = _foreign(nf_tables.forwarding_chains())
    return bool(chains) and not any(map(_is_iptables, chains)) and not _has_legacy_tables()


def interfering(tool: str, bridge: str) -> list[str]:
    """Say what will stop packets of a bridge whose rules are made with *tool*, a line each; mostly nothing."""
    chains = _foreign(nf_tables.forwarding_chains())
    found = []
    if any(chain.table == "firewalld" for chain in chains) and not _has_zone(bridge):
        found.append(
            f"firewalld: forwards nothing for {bridge} until it has a zone that may:"
            f" firewall-cmd --permanent --zone=trusted --add-interface={bridge} && firewall-cmd --reload"
        )
    for chain in chains:
        if chain.drops and (tool == "nftables" or not _is_iptables(chain)):
            found.append(
                f"{chain.family} {chain.table} {chain.name}: drops what it does not know, and {bridge} with it:"
                f" accept iifname and oifname {bridge} there{_or_iptables(tool, chain)}"
            )
    if tool == "iptables" and _has_both_variants(chains):
        found.append(
            "iptables: this host has rules of both variants, legacy and nft; a packet has to pass both:"
            " move all to one (update-alternatives --config iptables), see iptables-legacy -S"
        )
    return found


def namesakes() -> tuple[str, ...]:
    """Name the links of this host's default routes that the rules would take for a neighbour's network."""
    found = map(_socket.if_indextoname, rtnetlink.ways_out())
    return tuple(sorted(filter(_is_namesake, found)))


def active() -> list[str]:
    """Name those whose users expect them to guard published ports, which are led past them."""
    firewalld = any(chain.table == "firewalld" for chain in _foreign(nf_tables.forwarding_chains()))
    return [*(["ufw"] if is_ufw_enabled() else []), *(["firewalld"] if firewalld else [])]


def is_ufw_enabled() -> bool:
    """Claim that ufw rules here. Its setting is read, no program is run."""
    with suppress(OSError), open(_UFW) as file:
        return any(line.strip().lower() == "enabled=yes" for line in file)
    return False


def _is_namesake(link: str) -> bool:
    return any(link == name or (name.endswith("+") and link.startswith(name[:-1])) for name in rules.NEIGHBOURS)


def _foreign(chains: list[Chain]) -> list[Chain]:
    return [chain for chain in chains if chain.table != _OURS]


def _is_iptables(chain: Chain) -> bool:
    """Claim that a chain is one of iptables' nft variant."""
    return chain.family in ("ip", "ip6") and chain.table in ("filter", "mangle", "security") and chain.name == "FORWARD"


def _has_legacy_tables() -> bool:
    for path in _LEGACY:
        with suppress(OSError), open(path) as file:
            if file.read().strip():
                return True
    return False


def _has_both_variants(chains: list[Chain]) -> bool:
    if iptables.is_counted():
        return _has_legacy_tables()
    return any(map(_is_iptables, chains))


def _has_zone(bridge: str) -> bool:
    """Claim that firewalld forwards for a bridge; only asked where it runs."""
    nft = programs.find("nft")
    if not nft or not os.path.exists(nft):
        return False
    for name in ("filter_FORWARD_ZONES", "filter_FORWARD_POLICIES_pre", "filter_FORWARD_IN_ZONES"):
        listed = programs.run(nft, "list", "chain", "inet", "firewalld", name)
        if listed.code == 0 and f'"{bridge}"' in listed.output:
            return True
    return False


def _or_iptables(tool: str, chain: Chain) -> str:
    return ", or use PYRUN_FIREWALL=iptables" if tool == "nftables" and _is_iptables(chain) else ""
