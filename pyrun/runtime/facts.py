"""What there is on this host and what it can, as Docker's info has it: its fields where it has them, ours beside them.

What is wrong here, why, and what helps is told by `doctor`.
"""

import os
import time

from pyrun import __version__, paths, rootfs, store
from pyrun.contexts import suppress
from pyrun.errors import PyrunError
from pyrun.firewall import choice
from pyrun.kernel import cgroups, nf_tables, sysctls, usage
from pyrun.kernel.cgroups import Hierarchy, where
from pyrun.network import definitions, driver, standing
from pyrun.typed import Any

_INIT = ("tini", "docker-init", "catatonit")
_COUNTED = {"running": "ContainersRunning", "paused": "ContainersPaused"}


def gathered() -> "dict[str, Any]":
    """Give all facts, in Docker's order. Nothing is changed."""
    groups = cgroups.hierarchies()
    told = {**_containers(), **_storage(), **_limits(groups), **_network(), **_machine()}
    told["Warnings"] = _warnings(told, groups)
    return told


def _containers() -> "dict[str, Any]":
    counts = {"Containers": 0, "ContainersRunning": 0, "ContainersPaused": 0, "ContainersStopped": 0}
    for container in store.containers():
        counts["Containers"] += 1
        counts[_COUNTED.get(container.status().state, "ContainersStopped")] += 1
    return {**counts, "Images": len(rootfs.names())}


def _storage() -> "dict[str, Any]":
    return {
        "Driver": "overlay",
        "DriverStatus": [["Backing Filesystem", _filesystem(paths.STATE)]],
        "Plugins": {
            "Volume": ["local"],
            "Network": ["bridge", "host", "none"],
            "Authorization": None,
            "Log": ["json-file"],
        },
        "LoggingDriver": "json-file",
        "DockerRootDir": paths.STATE,
    }


def _limits(groups: "tuple[Hierarchy, ...]") -> "dict[str, Any]":
    cpu, pids = (where(groups, name) is not None for name in ("cpu", "pids"))
    return {
        "MemoryLimit": where(groups, "memory") is not None,
        "SwapLimit": _limits_swap(where(groups, "memory")),
        "CpuCfsPeriod": cpu,
        "CpuCfsQuota": cpu,
        "CPUShares": cpu,
        "CPUSet": where(groups, "cpuset") is not None,
        "PidsLimit": pids,
        "CgroupDriver": "cgroupfs",
        "CgroupVersion": "1" if any(group.version == 1 for group in groups) else "2",
        "CgroupMode": _mode(),
    }


def _limits_swap(memory: "Hierarchy | None") -> bool:
    """Claim that swap is counted; the top of v2 has no such file, groups below have."""
    if memory is None or memory.version == 1:
        return memory is not None and os.path.exists(f"{memory.path}/memory.memsw.limit_in_bytes")
    with suppress(OSError):
        return any(os.path.exists(f"{group.path}/memory.swap.max") for group in os.scandir(memory.path))
    return False


def _mode() -> str:
    """Name how control groups are mounted here, as systemd does."""
    found = {row[row.index("-") + 1] for row in _mounts() if row[4].startswith("/sys/fs/cgroup")}
    versions = found & {"cgroup", "cgroup2"}
    return {2: "hybrid", 0: "none"}.get(len(versions), "unified" if "cgroup2" in versions else "legacy")


def _network() -> "dict[str, Any]":
    bridge = standing.read(definitions.DEFAULT)
    return {
        "Networks": len(definitions.names()) + len(definitions.PREDEFINED),
        "Bridge": {"Name": bridge.bridge, "Subnets": [pool.subnet for pool in bridge.pools]} if bridge else None,
        "IPv4Forwarding": _is_on("net/ipv4/ip_forward"),
        "IPv6Forwarding": _is_on("net/ipv6/conf/all/forwarding"),
        "BridgeNfIptables": _is_on("net/bridge/bridge-nf-call-iptables"),
        "BridgeNfIp6tables": _is_on("net/bridge/bridge-nf-call-ip6tables"),
        "FirewallBackend": {"Driver": _firewall(), "ForwardPolicy": _forward_policy()},
    }


def _is_on(name: str) -> bool:
    return sysctls.exists(name) and sysctls.read(name).strip() not in ("", "0")


def _firewall() -> str:
    with suppress(PyrunError):
        return choice.backend()
    return ""


def _forward_policy() -> str:
    """Give what becomes of a forwarded packet that no rule of iptables knows."""
    chains = [chain for chain in nf_tables.forwarding_chains() if (chain.family, chain.name) == ("ip", "FORWARD")]
    return "drop" if any(chain.drops for chain in chains) else "accept"


def _machine() -> "dict[str, Any]":
    from pyrun.kernel import programs

    name, release = os.uname(), _release()
    init = programs.find(*_INIT)
    return {
        "SystemTime": time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime()) + f".{time.time_ns() % 1_000_000_000:09d}Z",
        "KernelVersion": name.release,
        "OperatingSystem": release.get("PRETTY_NAME", "Linux"),
        "OSVersion": release.get("VERSION_ID", ""),
        "OSType": "linux",
        "Architecture": name.machine,
        "NCPU": len(os.sched_getaffinity(0)),
        "MemTotal": usage.machine_memory(),
        "Name": name.nodename,
        "ServerVersion": __version__,
        "DefaultRuntime": "pyrun",
        "InitBinary": os.path.basename(init),
        "SecurityOptions": _security(),
    }


def _security() -> list[str]:
    found = []
    if os.path.exists("/proc/sys/kernel/seccomp/actions_avail"):
        found.append("name=seccomp,profile=default")
    return [*found, *(["name=cgroupns"] if os.path.exists("/proc/self/ns/cgroup") else [])]


def _warnings(told: "dict[str, Any]", groups: "tuple[Hierarchy, ...]") -> list[str]:
    """Say what containers here do without, and who stops their packets."""
    words = {"MemoryLimit": "memory limit", "SwapLimit": "swap limit", "CPUSet": "cpuset"}
    words |= {"CpuCfsQuota": "cpu quota", "PidsLimit": "pids limit"}
    found = [f"no {word} support" for key, word in words.items() if not told[key]]
    if not groups:
        found = ["no control groups: no limits, and no processes to be counted"]
    if not told["FirewallBackend"]["Driver"]:
        found.append("neither iptables nor nft is installed: no bridge networks")
    return found + [warning for name in standing.names() for warning in driver.interference(name)]


def _filesystem(path: str) -> str:
    """Name the kind of file system that *path* lies on, or will."""
    best, kind = "", "unknown"
    for row in _mounts():
        point = row[4].rstrip("/")
        if f"{path}/".startswith(f"{point}/") and len(point) >= len(best):
            best, kind = point, row[row.index("-") + 1]
    return kind


def _mounts() -> list[list[str]]:
    """Read what is mounted; see proc_pid_mountinfo(5)."""
    with open("/proc/self/mountinfo") as file:
        return [row.split(" ") for row in file]


def _release() -> "dict[str, str]":
    """Read what this system calls itself; see os-release(5)."""
    for path in ("/etc/os-release", "/usr/lib/os-release"):
        with suppress(OSError), open(path, errors="replace") as file:
            pairs = (line.strip().partition("=") for line in file)
            return {key: value.strip("\"'") for key, _, value in pairs}
    return {}
