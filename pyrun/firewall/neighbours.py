"""Other firewalls of this host whose users expect them to guard published ports, which are led past them.

Cheap enough for every `run -p`: a file and one netlink message each, no program.
"""

import os
from contextlib import suppress

from pyrun.kernel import netlink

_PROTOCOL = 12  # NETLINK_NETFILTER
_GET_TABLE = 10 << 8 | 1  # NFNL_SUBSYS_NFTABLES, NFT_MSG_GETTABLE
_INET = bytes([1, 0, 0, 0])  # struct nfgenmsg of NFPROTO_INET
_NAME = 1  # NFTA_TABLE_NAME
_UFW = "/etc/ufw/ufw.conf"
_UNIT = "system.slice/firewalld.service"  # its control group stands as long as it runs
_GROUPS = (f"/sys/fs/cgroup/{_UNIT}", f"/sys/fs/cgroup/systemd/{_UNIT}", f"/sys/fs/cgroup/unified/{_UNIT}")


def active() -> list[str]:
    """Name those that are switched on."""
    return [name for name, is_on in (("ufw", _is_ufw_on), ("firewalld", _is_firewalld_on)) if is_on()]


def _is_ufw_on() -> bool:
    with suppress(OSError), open(_UFW, errors="replace") as file:
        return any(line.strip().lower().replace('"', "") == "enabled=yes" for line in file)
    return False


def _is_firewalld_on() -> bool:
    if any(map(os.path.isdir, _GROUPS)):
        return True
    try:
        wanted = _INET + netlink.attribute(_NAME, b"firewalld\0")
        return any(True for _ in netlink.exchange(_PROTOCOL, _GET_TABLE, wanted, 0))
    except OSError:  # there is no such table, or no nf_tables
        return False
