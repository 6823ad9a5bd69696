"""Which firewall tool this host is spoken to with: iptables where it is installed, else nft."""

import os

from pyrun.errors import PyrunError
from pyrun.firewall import iptables, nftables
from pyrun.kernel import programs
from pyrun.operation import Operation


def backend() -> str:
    """Name the tool: ``iptables`` or ``nftables``. Errors: PyrunError when the host has neither."""
    if iptables.available():
        return "iptables"
    if nftables.available():
        return "nftables"
    raise PyrunError("firewall: neither iptables nor nft found", hint="install iptables, or use --net none")


def install(tool: str, bridge: str, subnet: str) -> Operation:
    """Give the operation that installs the rules of one bridge."""
    return iptables.InstallRules(bridge, subnet) if tool == "iptables" else nftables.InstallTable(bridge, subnet)


def stand(tool: str, bridge: str, subnet: str) -> bool:
    """Claim that nobody has flushed the rules of the bridge."""
    return iptables.stand(bridge, subnet) if tool == "iptables" else nftables.stand(bridge, subnet)


def is_counted(tool: str) -> bool:
    """Claim that the tool's rules are nf_tables', whose generation tells of changes; legacy iptables' are not."""
    if tool == "nftables":
        return True
    return os.path.realpath(programs.find("iptables-save")).endswith("xtables-nft-multi")
