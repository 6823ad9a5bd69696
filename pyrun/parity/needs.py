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
        return "" if os.path.exists("/proc/sys/net/bridge") else "this host's bridges do not ask iptables"
    if need == "all capabilities":
        return "" if _has_all_capabilities() else "this host does not give all capabilities"
    return "" if shutil.which(need) else f"this host has no {need}"


def _has_all_capabilities() -> bool:
    """Claim that a privileged container can have all that the kernel knows."""
    with open("/proc/sys/kernel/cap_last_cap") as known, open("/proc/self/status") as own:
        mask = next(int(row.split()[1], 16) for row in own if row.startswith("CapBnd"))
        return mask == (2 << int(known.read())) - 1
