"""What a scenario may need that not every host has."""

import os
import shutil

_CGROUP2 = "/sys/fs/cgroup/cgroup.controllers"


def missing(need: str) -> str:
    """Say what this host lacks of a need, which mostly is a program, or nothing."""
    if need == "cgroup v1":
        return "this host has control groups of version 2" if os.path.exists(_CGROUP2) else ""
    if need == "cgroup v2":
        return "" if os.path.exists(_CGROUP2) else "this host has control groups of version 1"
    if need == "IPv6":
        return "" if os.path.exists("/proc/sys/net/ipv6") else "this host has no IPv6"
    if need == "br_netfilter":
        return "" if os.path.exists("/proc/sys/net/bridge") else "this host's bridges do not ask iptables: br_netfilter"
    if need == "all capabilities":
        return "" if _has_all() else "this host's root lacks capabilities"
    if need == "x86_64":
        return "" if os.uname().machine == need else f"this host's machine is {os.uname().machine}"
    return "" if shutil.which(need) else f"this host has no {need}"


def _has_all() -> bool:
    """Claim that we could have every capability that the kernel knows; see capabilities(7)."""
    with open("/proc/self/status") as status, open("/proc/sys/kernel/cap_last_cap") as last:
        bounding = next(int(row.split()[1], 16) for row in status if row.startswith("CapBnd:"))
        return bounding == (2 << int(last.read())) - 1
