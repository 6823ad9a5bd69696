"""Whether any rule of this network namespace has changed: nf_tables counts its own changes.

Comparing two numbers stands for running a program. See linux/netfilter/nf_tables.h.
"""

from pyrun.kernel import netlink

_PROTOCOL = 12  # NETLINK_NETFILTER
_GET_GENERATION = 10 << 8 | 16  # NFNL_SUBSYS_NFTABLES, NFT_MSG_GETGEN
_HEADER = bytes(4)  # struct nfgenmsg: no family, version 0
_ID = 1  # NFTA_GEN_ID, in network byte order


def current() -> "int | None":
    """Give the number of the present set of rules; None where the kernel has no nf_tables."""
    try:
        for reply in netlink.exchange(_PROTOCOL, _GET_GENERATION, _HEADER, 0):
            number = netlink.attributes_of(reply[len(_HEADER) :]).get(_ID)
            return int.from_bytes(number, "big") if number else None
    except OSError:
        return None
    return None
