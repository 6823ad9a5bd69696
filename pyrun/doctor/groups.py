"""Control groups: which hierarchies there are, and which limits can be had."""

import os

from pyrun.doctor import Finding, fail, ok, unseen, warn
from pyrun.kernel import cgroups
from pyrun.kernel.cgroups import Hierarchy
from pyrun.typed import Iterator

_NEEDED = {  # what a controller is for
    "memory": "--memory",
    "cpu": "--cpus and --cpu-shares",
    "cpuset": "--cpuset-cpus",
    "pids": "--pids-limit, 2048 by default",
}
_BOOT = "add cgroup_enable={0} to GRUB_CMDLINE_LINUX in /etc/default/grub; update-grub; reboot"


def _hierarchies() -> tuple[Hierarchy, ...]:
    """List those that can be seen: what is mounted over others hides them."""
    return tuple(each for each in cgroups.hierarchies() if os.path.exists(f"{each.path}/cgroup.procs"))


def _mode() -> Iterator[Finding]:
    found = _hierarchies()
    versions = {hierarchy.version for hierarchy in found}
    if not found:
        cause = "no control groups are mounted: limits, and ending all processes of a container, need them"
        yield fail("mode", "none", cause, "mount -t cgroup2 cgroup2 /sys/fs/cgroup")
        return
    named = {frozenset({1}): "v1", frozenset({2}): "v2", frozenset({1, 2}): "hybrid: v1 and v2"}
    yield ok(
        "mode", f"{_mounted(named[frozenset(versions)])}, {len(found)} hierarch{'y' if len(found) == 1 else 'ies'}"
    )
    locked = [hierarchy.path for hierarchy in found if _is_read_only(hierarchy.path)]
    if locked:
        cause = "no group can be made there: this is a container itself, or somebody mounted it so"
        yield fail("mode", f"{locked[0]} is read-only", cause, f"mount -o remount,rw {locked[0]}")


def _mounted(used: str) -> str:
    """Say which versions are mounted, where that is more than those that are of use."""
    with open("/proc/self/mountinfo") as file:
        empty = used == "v1" and any(" - cgroup2 " in row for row in file)
    return "hybrid: v1 does the work, v2 has no controllers" if empty else used


def _is_read_only(path: str) -> bool:
    return bool(os.statvfs(path).f_flag & os.ST_RDONLY)


def _controllers() -> Iterator[Finding]:
    found = _hierarchies()
    have = {name: where for name in _NEEDED if (where := cgroups.where(found, name))}
    for name, use in _NEEDED.items():
        if found and name not in have:
            yield warn(name, "is not there", f"{use} cannot be had", _BOOT.format(name))
    if have:
        shown = ", ".join(f"{name} (v{where.version})" for name, where in have.items())
        yield ok("controllers", shown)
    for hierarchy in {where for where in have.values() if where.version == 2}:
        yield from _delegated(hierarchy)


def _delegated(hierarchy: Hierarchy) -> Iterator[Finding]:
    """Say which controllers groups below the top have; pyrun switches those on that it needs."""
    with open(f"{hierarchy.path}/cgroup.subtree_control") as file:
        on = set(file.read().split())
    off = sorted(set(_NEEDED) & set(hierarchy.controllers) - on)
    if off and _processes(hierarchy.path) and _is_delegated(hierarchy.path):
        cause = "processes in the top group keep controllers from groups below it"
        top = hierarchy.path
        fix = f"mkdir {top}/init && for p in $(cat {top}/cgroup.procs); do echo $p > {top}/init/cgroup.procs; done"
        yield fail("delegation", f"{', '.join(off)} cannot be switched on", cause, fix)
    else:
        text = f"{', '.join(sorted(on & set(_NEEDED)))} on" if on else "none on yet"
        yield ok("delegation", f"{text}{'; pyrun switches ' + ', '.join(off) + ' on' if off else ''}")


def _is_delegated(path: str) -> bool:
    """Claim that a v2 mount shows a group that is not the kernel's root: only there processes stand in the way."""
    return os.path.exists(f"{path}/cgroup.type")


def _processes(path: str) -> bool:
    with open(f"{path}/cgroup.procs") as file:
        return bool(file.read().strip())


def _swap() -> Iterator[Finding]:
    memory = cgroups.where(_hierarchies(), "memory")
    if memory is None or memory.version == 2:
        return
    if os.geteuid() != 0:
        yield unseen("swap")
    elif os.path.exists(f"{memory.path}/memory.memsw.limit_in_bytes"):
        yield ok("swap", "is counted")
    else:
        fix = "add swapaccount=1 to GRUB_CMDLINE_LINUX in /etc/default/grub; update-grub; reboot"
        yield warn("swap", "is not counted", "--memory-swap has no effect", fix)


CHECKS = (("mode", _mode), ("controllers", _controllers), ("swap", _swap))
