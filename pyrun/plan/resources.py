"""A container's limits: configuration in, operations out, for cgroup v1, v2 and both at once."""

import os

from pyrun.kernel import cgroups, devices, files
from pyrun.kernel.cgroups import Hierarchy, WriteLimit
from pyrun.operation import Operation
from pyrun.plan import disks
from pyrun.plan.filesystem import HostView
from pyrun.spec import ContainerConfig, Resources

_PERIOD = 100_000  # microseconds, the kernel's default
_V2_WANTED = ("cpu", "cpuset", "io", "memory", "pids")


def resources(
    config: ContainerConfig, groups: tuple[Hierarchy, ...], enabled: frozenset[str], host: HostView
) -> list[Operation]:
    """Make the container's groups and write all limits; it joins them afterwards.

    *enabled* are the v2 controllers that the root group already passes on.
    """
    plan: list[Operation] = []
    if config.parent_group:
        reason = "where its control groups are, --cgroup-parent"
        plan.append(files.Link(cgroups.parent_mark(config.id), config.parent_group, reason))
    for hierarchy in groups:
        if hierarchy.version == 2:
            wanted = tuple(name for name in _V2_WANTED if name in hierarchy.controllers)
            missing = tuple(name for name in wanted if name not in enabled)
            if missing:
                plan.append(cgroups.EnableControllers(hierarchy.path, missing))
            if wanted:
                plan += [cgroups.EnableControllers(above, wanted) for above in _above(hierarchy)]
        plan.append(cgroups.MakeGroup(hierarchy.group(config.id)))
    for hierarchy in groups:
        limits = _limits_v1 if hierarchy.version == 1 else _limits_v2
        plan += limits(hierarchy, hierarchy.group(config.id), config)
        plan += disks.limits(hierarchy, hierarchy.group(config.id), config.resources, host.disks)
    return plan + _devices(config, groups, host)


def _above(hierarchy: Hierarchy) -> list[str]:
    """List the groups that lie above a container's, highest first."""
    parts = hierarchy.parent.split("/")
    return ["/".join((hierarchy.path, *parts[: depth + 1])) for depth in range(len(parts))]


def _devices(config: ContainerConfig, groups: tuple[Hierarchy, ...], host: HostView) -> list[Operation]:
    if config.privileged:
        return []
    given = [devices.Allowed(d.kind, d.major, d.minor, d.access, f"--device {d.target}") for d in host.requested]
    allowed = (*devices.DEFAULT, *given, *map(devices.parse, config.device_rules))
    v1 = cgroups.where(groups, "devices")
    if v1:
        group = v1.group(config.id)
        deny = WriteLimit(f"{group}/devices.deny", "a", "no device at first")
        return [deny, *(WriteLimit(f"{group}/devices.allow", str(entry), entry.use) for entry in allowed)]
    unified = [hierarchy for hierarchy in groups if hierarchy.version == 2]
    return [devices.AttachDeviceFilter(each.group(config.id), allowed) for each in unified]


def updated(old: ContainerConfig, new: ContainerConfig, groups: tuple[Hierarchy, ...]) -> list[Operation]:
    """Write the limits of a running container that are to be others; what limits most is raised first."""
    plan: list[Operation] = []
    for hierarchy in groups:
        limits = _limits_v1 if hierarchy.version == 1 else _limits_v2
        former = limits(hierarchy, hierarchy.group(old.id), old)
        now = limits(hierarchy, hierarchy.group(new.id), new)
        former += disks.limits(hierarchy, hierarchy.group(old.id), old.resources, ())
        now += disks.limits(hierarchy, hierarchy.group(new.id), new.resources, ())
        changed = [each for each in now if each not in former]
        raised = new.resources.memory > old.resources.memory > 0 and hierarchy.version == 1
        plan += reversed(changed) if raised else changed  # memory alone is never above memory and swap
    return plan


def join(identity: str, groups: tuple[Hierarchy, ...]) -> list[Operation]:
    """Put the current process into the container's groups."""
    return [cgroups.JoinGroup(hierarchy.entrance(identity)) for hierarchy in groups]


def swap_limit(limits: Resources) -> int:
    """Give memory plus swap in bytes as Docker has it: twice the memory unless told; -1 unlimited."""
    return limits.memory_swap or 2 * limits.memory


def weight(shares: int) -> int:
    """Turn cpu.shares (2…262144) into cpu.weight (1…10000), by runc's linear scale."""
    return 1 + ((shares - 2) * 9999) // 262142


def _limits_v1(hierarchy: Hierarchy, group: str, config: ContainerConfig) -> list[Operation]:
    limits, has = config.resources, hierarchy.controllers
    plan: list[Operation] = []
    if "cpuset" in has:
        for name, chosen, option in (
            ("cpuset.mems", limits.cpuset_mems, "--cpuset-mems"),
            ("cpuset.cpus", limits.cpuset_cpus, "--cpuset-cpus"),
        ):
            inherited, foreign = f"{hierarchy.path}/{name}", hierarchy.parent != cgroups.PARENT
            plan += [cgroups.CopyLimit(f"{above}/{name}", inherited, foreign) for above in _above(hierarchy)]
            own = f"{group}/{name}"
            near = f"{os.path.dirname(group)}/{name}" if foreign else inherited
            plan.append(WriteLimit(own, chosen, option) if chosen else cgroups.CopyLimit(own, near))
    if "memory" in has:
        plan += _memory_v1(limits, group)
    if "cpu" in has:
        plan += _cpu_v1(limits, group)
    if "pids" in has and limits.pids_limit > 0:
        plan.append(WriteLimit(f"{group}/pids.max", str(limits.pids_limit), "a fork bomb ends here"))
    return plan


def _memory_v1(limits: Resources, group: str) -> list[Operation]:
    plan: list[Operation] = []
    if limits.memory:
        plan.append(WriteLimit(f"{group}/memory.limit_in_bytes", str(limits.memory), "--memory"))
        swap = f"{group}/memory.memsw.limit_in_bytes"
        plan.append(WriteLimit(swap, str(swap_limit(limits)), "memory and swap together", optional=True))
    if limits.memory_reservation:
        path = f"{group}/memory.soft_limit_in_bytes"
        plan.append(WriteLimit(path, str(limits.memory_reservation), "--memory-reservation"))
    if limits.memory_swappiness >= 0:
        path = f"{group}/memory.swappiness"
        plan.append(WriteLimit(path, str(limits.memory_swappiness), "--memory-swappiness"))
    if limits.oom_kill_disable:
        plan.append(WriteLimit(f"{group}/memory.oom_control", "1", "--oom-kill-disable"))
    return plan


def _cpu_v1(limits: Resources, group: str) -> list[Operation]:
    plan: list[Operation] = []
    if limits.cpu_shares:
        plan.append(WriteLimit(f"{group}/cpu.shares", str(limits.cpu_shares), "--cpu-shares"))
    if limits.nano_cpus:
        plan.append(WriteLimit(f"{group}/cpu.cfs_period_us", str(_PERIOD), "--cpus"))
        plan.append(WriteLimit(f"{group}/cpu.cfs_quota_us", str(_quota(limits)), "--cpus"))
    plan += [
        WriteLimit(f"{group}/{name}", str(value), option)
        for name, value, option in (
            ("cpu.cfs_period_us", limits.cpu_period, "--cpu-period"),
            ("cpu.cfs_quota_us", limits.cpu_quota, "--cpu-quota"),
            ("cpu.rt_period_us", limits.cpu_rt_period, "--cpu-rt-period"),
            ("cpu.rt_runtime_us", limits.cpu_rt_runtime, "--cpu-rt-runtime"),
        )
        if value
    ]
    return plan


def _limits_v2(hierarchy: Hierarchy, group: str, config: ContainerConfig) -> list[Operation]:
    limits, has = config.resources, hierarchy.controllers
    plan: list[Operation] = []
    if "cpuset" in has and limits.cpuset_cpus:
        plan.append(WriteLimit(f"{group}/cpuset.cpus", limits.cpuset_cpus, "--cpuset-cpus"))
    if "cpuset" in has and limits.cpuset_mems:
        plan.append(WriteLimit(f"{group}/cpuset.mems", limits.cpuset_mems, "--cpuset-mems"))
    if "memory" in has and limits.memory:
        plan.append(WriteLimit(f"{group}/memory.max", str(limits.memory), "--memory"))
        both = swap_limit(limits)
        swap = "max" if both < 0 else str(both - limits.memory)
        plan.append(WriteLimit(f"{group}/memory.swap.max", swap, "swap beside it", optional=True))
    if "memory" in has and limits.memory_reservation:
        plan.append(WriteLimit(f"{group}/memory.low", str(limits.memory_reservation), "--memory-reservation"))
    if "cpu" in has:
        if limits.cpu_shares:
            plan.append(WriteLimit(f"{group}/cpu.weight", str(weight(limits.cpu_shares)), "--cpu-shares"))
        quota = _quota(limits) or limits.cpu_quota
        if quota or limits.cpu_period:
            share = f"{quota if quota > 0 else 'max'} {limits.cpu_period or _PERIOD}"
            plan.append(WriteLimit(f"{group}/cpu.max", share, "--cpus, or --cpu-quota and --cpu-period"))
    if "pids" in has and limits.pids_limit > 0:
        plan.append(WriteLimit(f"{group}/pids.max", str(limits.pids_limit), "a fork bomb ends here"))
    return plan


def _quota(limits: Resources) -> int:
    return limits.nano_cpus * _PERIOD // 1_000_000_000
