"""How fast a container may use disks: configuration in, operations out, for cgroup v1 and v2."""

from pyrun.kernel.cgroups import Hierarchy, WriteLimit
from pyrun.operation import Operation
from pyrun.spec import Resources
from pyrun.typed import Callable

Numbers = tuple[tuple[str, int, int], ...]  # (path, major, minor)
_V1 = {
    "device_read_bps": "blkio.throttle.read_bps_device",
    "device_write_bps": "blkio.throttle.write_bps_device",
    "device_read_iops": "blkio.throttle.read_iops_device",
    "device_write_iops": "blkio.throttle.write_iops_device",
}
_V2 = {"device_read_bps": "rbps", "device_write_bps": "wbps", "device_read_iops": "riops", "device_write_iops": "wiops"}


def limits(hierarchy: Hierarchy, group: str, wanted: Resources, numbers: Numbers) -> list[Operation]:
    """Limit the use of disks, of which *numbers* tells major and minor number."""
    known = {path: f"{major}:{minor}" for path, major, minor in numbers}
    if hierarchy.version == 1:
        return _v1(group, wanted, known) if "blkio" in hierarchy.controllers else []
    return _v2(group, wanted, known) if "io" in hierarchy.controllers else []


def named(wanted: Resources) -> list[str]:
    """List the disks that limits name."""
    entries = (entry for field in (*_V1, "blkio_weight_device") for entry in getattr(wanted, field))
    return sorted({entry.rpartition(":")[0] for entry in entries})


def _v1(group: str, wanted: Resources, known: dict[str, str]) -> list[Operation]:
    plan: list[Operation] = []
    plan += _weights(wanted, known, f"{group}/blkio.weight", f"{group}/blkio.weight_device", scale=int)
    plan += _weights(wanted, known, f"{group}/blkio.bfq.weight", f"{group}/blkio.bfq.weight_device", scale=int)
    for field, name in _V1.items():
        option = f"--{field.replace('_', '-')}"
        rows = _entries(wanted, field, known)
        plan += [WriteLimit(f"{group}/{name}", f"{disk} {value}", option) for disk, value in rows]
    return plan


def _v2(group: str, wanted: Resources, known: dict[str, str]) -> list[Operation]:
    plan: list[Operation] = []
    plan += _weights(wanted, known, f"{group}/io.weight", f"{group}/io.weight", scale=_scaled)
    plan += _weights(wanted, known, f"{group}/io.bfq.weight", f"{group}/io.bfq.weight", scale=int)
    for field, key in _V2.items():
        option = f"--{field.replace('_', '-')}"
        rows = _entries(wanted, field, known)
        plan += [WriteLimit(f"{group}/io.max", f"{disk} {key}={value}", option) for disk, value in rows]
    return plan


def _weights(
    wanted: Resources, known: dict[str, str], path: str, of_disks: str, scale: Callable[[int], int]
) -> list[Operation]:
    """Write the weights into the files of one I/O scheduler, which the kernel may not have."""
    plan: list[Operation] = []
    if wanted.blkio_weight:
        plan.append(WriteLimit(path, str(scale(wanted.blkio_weight)), "--blkio-weight", optional=True))
    for disk, weight in _entries(wanted, "blkio_weight_device", known):
        value = f"{disk} {scale(int(weight))}"
        plan.append(WriteLimit(of_disks, value, "--blkio-weight-device", optional=True))
    return plan


def _entries(wanted: Resources, field: str, known: dict[str, str]) -> list[tuple[str, str]]:
    split = (entry.rpartition(":") for entry in getattr(wanted, field))
    return [(known[path], value) for path, _, value in split if path in known]


def _scaled(weight: int) -> int:
    """Turn blkio.weight (10…1000) into io.weight (1…10000), by runc's linear scale."""
    return 1 + (weight - 10) * 9999 // 990
