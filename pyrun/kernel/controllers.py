"""A container's limits as the kernel has them: typed control files, by cgroupspy, without its tree.

cgroupspy knows cgroup v1; the controllers of v2 are declared here in its style.
Limits are written by operations in `pyrun.kernel.cgroups`.
"""

from cgroupspy.controllers import Controller, CpuController, MemoryController
from cgroupspy.interfaces import BaseFileInterface, DictFile, IntegerFile

from pyrun.kernel.cgroups import Hierarchy, where
from pyrun.typed import Any, NamedTuple


class Node(NamedTuple):
    """What cgroupspy's controllers ask of a node: where it is."""

    full_path: bytes


class MaximumFile(BaseFileInterface):  # type: ignore[misc]
    """A number, or ``max``, which is given as -1."""

    def sanitize_get(self, value: str) -> int:
        return -1 if value.strip() == "max" else int(value)


class QuotaFile(BaseFileInterface):  # type: ignore[misc]
    """``QUOTA PERIOD`` in microseconds, the quota a number or ``max``."""

    def sanitize_get(self, value: str) -> tuple[int, int]:
        quota, period = value.split()
        return (-1 if quota == "max" else int(quota)), int(period)


class MemoryV2Controller(Controller):  # type: ignore[misc]
    """memory of cgroup v2."""

    max = MaximumFile("memory.max")
    current = IntegerFile("memory.current", readonly=True)
    events = DictFile("memory.events", readonly=True)


class CpuV2Controller(Controller):  # type: ignore[misc]
    """cpu of cgroup v2."""

    max = QuotaFile("cpu.max")
    weight = IntegerFile("cpu.weight")


class PidsController(Controller):  # type: ignore[misc]
    """pids, the same in cgroup v1 and v2."""

    max = MaximumFile("pids.max")
    current = IntegerFile("pids.current", readonly=True)


def limits(groups: tuple[Hierarchy, ...], identity: str) -> dict[str, int]:
    """Give the limits of a running container as its control files have them; -1 is unlimited.

    MemoryMax and MemoryCurrent in bytes, CpuQuota in microseconds of each
    CpuPeriod, PidsMax and PidsCurrent in processes.
    """
    found: dict[str, int] = {}
    for name, read in (("memory", _memory), ("cpu", _cpu), ("pids", _pids)):
        hierarchy = where(groups, name)
        if hierarchy:
            node = Node(hierarchy.group(identity).encode())
            try:
                found.update(read(node, hierarchy.version))
            except OSError:  # the container has just ended
                continue
    return found


def _memory(node: Node, version: int) -> dict[str, int]:
    if version == 2:
        unified: Any = MemoryV2Controller(node)
        return {"MemoryMax": unified.max, "MemoryCurrent": unified.current}
    memory: Any = MemoryController(node)
    limit = int(memory.limit_in_bytes)
    return {"MemoryMax": -1 if limit >= 1 << 62 else limit, "MemoryCurrent": int(memory.usage_in_bytes)}


def _cpu(node: Node, version: int) -> dict[str, int]:
    if version == 2:
        unified: Any = CpuV2Controller(node)
        quota, period = unified.max
        return {"CpuQuota": quota, "CpuPeriod": period}
    cpu: Any = CpuController(node)
    unlimited = cpu.cfs_quota_us is None  # cgroupspy's word for -1
    return {"CpuQuota": -1 if unlimited else int(cpu.cfs_quota_us), "CpuPeriod": int(cpu.cfs_period_us)}


def _pids(node: Node, version: int) -> dict[str, int]:
    del version
    pids: Any = PidsController(node)
    return {"PidsMax": pids.max, "PidsCurrent": pids.current}
