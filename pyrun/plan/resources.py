"""A container's limits: configuration in, operations out, for cgroup v1, v2 and both at once."""

from pyrun.kernel import cgroups, devices
from pyrun.kernel.cgroups import Hierarchy, WriteLimit
from pyrun.operation import Operation
from pyrun.spec import ContainerConfig, Resources

_PERIOD = 100_000  # microseconds, the kernel's default
_V2_WANTED = ("cpu", "cpuset", "io", "memory", "pids")


def resources(config: ContainerConfig, groups: tuple[Hierarchy, ...], enabled: frozenset[str]) -> list[Operation]:
    """Make the container's groups and write all limits; it joins them afterwards.

    *enabled* are the v2 controllers that the root group already passes on.
    """
    plan: list[Operation] = []
    for hierarchy in groups:
        if hierarchy.version == 2:
            wanted = tuple(name for name in _V2_WANTED if name in hierarchy.controllers)
            missing = tuple(name for name in wanted if name not in enabled)
            if missing:
                plan.append(cgroups.EnableControllers(hierarchy.path, missing))
            if wanted:
                plan.append(cgroups.EnableControllers(f"{hierarchy.path}/{cgroups.PARENT}", wanted))
        plan.append(cgroups.MakeGroup(hierarchy.group(config.id)))
    for hierarchy in groups:
        limits = _limits_v1 if hierarchy.version == 1 else _limits_v2
        plan += limits(hierarchy, hierarchy.group(config.id), config)
    if not config.privileged and not cgroups.where(groups, "devices"):
        unified = [hierarchy for hierarchy in groups if hierarchy.version == 2]
        plan += [devices.AttachDeviceFilter(each.group(config.id), devices.DEFAULT) for each in unified]
    return plan


def updated(old: ContainerConfig, new: ContainerConfig, groups: tuple[Hierarchy, ...]) -> list[Operation]:
    """Write the limits of a running container that are to be others; what limits most is raised first."""
    plan: list[Operation] = []
    for hierarchy in groups:
        limits = _limits_v1 if hierarchy.version == 1 else _limits_v2
        former = limits(hierarchy, hierarchy.group(old.id), old)
        changed = [each for each in limits(hierarchy, hierarchy.group(new.id), new) if each not in former]
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
        inherited = f"{hierarchy.path}/cpuset.mems"
        plan += [
            cgroups.CopyLimit(f"{group}/../cpuset.mems", inherited),
            cgroups.CopyLimit(f"{group}/cpuset.mems", inherited),
        ]
        available = f"{hierarchy.path}/cpuset.cpus"
        plan.append(cgroups.CopyLimit(f"{group}/../cpuset.cpus", available))
        chosen = WriteLimit(f"{group}/cpuset.cpus", limits.cpuset_cpus, "--cpuset-cpus")
        plan.append(chosen if limits.cpuset_cpus else cgroups.CopyLimit(f"{group}/cpuset.cpus", available))
    if "memory" in has and limits.memory:
        plan.append(WriteLimit(f"{group}/memory.limit_in_bytes", str(limits.memory), "--memory"))
        swap = f"{group}/memory.memsw.limit_in_bytes"
        plan.append(WriteLimit(swap, str(swap_limit(limits)), "memory and swap together", optional=True))
    if "cpu" in has:
        if limits.cpu_shares:
            plan.append(WriteLimit(f"{group}/cpu.shares", str(limits.cpu_shares), "--cpu-shares"))
        if limits.nano_cpus:
            plan.append(WriteLimit(f"{group}/cpu.cfs_period_us", str(_PERIOD), "--cpus"))
            plan.append(WriteLimit(f"{group}/cpu.cfs_quota_us", str(_quota(limits)), "--cpus"))
    if "pids" in has and limits.pids_limit > 0:
        plan.append(WriteLimit(f"{group}/pids.max", str(limits.pids_limit), "a fork bomb ends here"))
    if "devices" in has and not config.privileged:
        plan.append(WriteLimit(f"{group}/devices.deny", "a", "no device at first"))
        plan += [WriteLimit(f"{group}/devices.allow", str(entry), entry.use) for entry in devices.DEFAULT]
    return plan


def _limits_v2(hierarchy: Hierarchy, group: str, config: ContainerConfig) -> list[Operation]:
    limits, has = config.resources, hierarchy.controllers
    plan: list[Operation] = []
    if "cpuset" in has and limits.cpuset_cpus:
        plan.append(WriteLimit(f"{group}/cpuset.cpus", limits.cpuset_cpus, "--cpuset-cpus"))
    if "memory" in has and limits.memory:
        plan.append(WriteLimit(f"{group}/memory.max", str(limits.memory), "--memory"))
        both = swap_limit(limits)
        swap = "max" if both < 0 else str(both - limits.memory)
        plan.append(WriteLimit(f"{group}/memory.swap.max", swap, "swap beside it", optional=True))
    if "cpu" in has:
        if limits.cpu_shares:
            plan.append(WriteLimit(f"{group}/cpu.weight", str(weight(limits.cpu_shares)), "--cpu-shares"))
        if limits.nano_cpus:
            plan.append(WriteLimit(f"{group}/cpu.max", f"{_quota(limits)} {_PERIOD}", "--cpus"))
    if "pids" in has and limits.pids_limit > 0:
        plan.append(WriteLimit(f"{group}/pids.max", str(limits.pids_limit), "a fork bomb ends here"))
    return plan


def _quota(limits: Resources) -> int:
    return limits.nano_cpus * _PERIOD // 1_000_000_000
