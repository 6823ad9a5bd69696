"""A network's record made anew when it is lost or damaged while containers are plugged in, so that none is cut off.

What the record said is found where it came from and in what was made of it:
the definition, the network's journal, the bridge itself, the leases.
"""

from pyrun.firewall import choice, guard
from pyrun.firewall.iptables import RemoveRules
from pyrun.firewall.nftables import RemovePart
from pyrun.journal import read
from pyrun.kernel import rtnetlink
from pyrun.kernel.links import DeleteLink
from pyrun.network import addresses, definitions, ipam, standing
from pyrun.operation import Operation
from pyrun.spec import Network, Pool


def recovered(name: str, journal: str) -> "Network | None":
    """Give the network as it was made; None when nobody is on it, or nothing tells what it was.

    *journal* is the path of the network's journal. Errors: PyrunError.
    """
    if not standing.leases(name):
        return None
    made, _ = read(journal)  # as far as it can be trusted
    net = _default(made) if name == definitions.DEFAULT else definitions.read(name)
    guarded = any(isinstance(each, RemovePart) and each.table == guard.TABLE for each in made)
    return net and net._replace(firewall=_firewall(made), guarded=guarded)


def _firewall(made: list[Operation]) -> str:
    for each in made:
        if isinstance(each, RemoveRules):
            return "iptables"
        if isinstance(each, RemovePart) and each.table != guard.TABLE:
            return "nftables"
    return choice.backend()


def _default(made: list[Operation]) -> "Network | None":
    """Give `bridge` by the link that its journal names, and by what addresses are left of it."""
    mac = next((each.mac for each in made if isinstance(each, DeleteLink) and each.name == definitions.BRIDGE), "")
    if not mac:
        return None
    pool = _pool_of_link(mac) or _pool_of_leases()
    return definitions.default_unmade()._replace(mac=mac, pools=(pool,)) if pool else None


def _pool_of_link(mac: str) -> "Pool | None":
    found = rtnetlink.find_link(definitions.BRIDGE)
    if found is None or found[2].get(rtnetlink.IFLA_ADDRESS) != rtnetlink.mac(mac):
        return None
    own = ((a, prefix) for a, prefix in rtnetlink.addresses(found[0]) if ":" not in a)
    return next((Pool(str(addresses.subnet(f"{a}/{prefix}")), a) for a, prefix in own), None)


def _pool_of_leases() -> "Pool | None":
    for lease in standing.leases(definitions.DEFAULT):
        for pool in ipam.POOLS:
            if pool.contains(lease):
                return Pool(str(pool), ipam.gateway(pool))
    return None
