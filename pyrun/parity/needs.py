"""What a scenario may need that not every host has."""

import os
import shutil

from pyrun.errors import PyrunError

_CGROUP2 = "/sys/fs/cgroup/cgroup.controllers"


def missing(need: str) -> str:
    """Say what this host lacks of a need, or nothing. Errors: PyrunError for a need that nobody knows."""
    if need == "cgroup v1":
        return "this host has control groups of version 2" if os.path.exists(_CGROUP2) else ""
    if need == "cgroup v2":
        return "" if os.path.exists(_CGROUP2) else "this host has control groups of version 1"
    if need == "IPv6":
        return "" if os.path.exists("/proc/sys/net/ipv6") else "this host has no IPv6"
    kind, _, name = need.partition(" ")
    if kind == "program":
        return "" if shutil.which(name) else f"this host has no {name}"
    if kind == "file":
        return "" if os.path.exists(name) else f"this host has no {name}"
    raise PyrunError(f"parity: {need}: nobody knows how to look for that")
