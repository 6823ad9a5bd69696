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
    return "" if shutil.which(need) else f"this host has no {need}"
