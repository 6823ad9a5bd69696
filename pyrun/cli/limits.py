"""The limits of `run`, `create` and `update`: values become limits; every complaint comes here."""

from pyrun import options
from pyrun.errors import UsageError
from pyrun.options import show
from pyrun.spec import Resources
from pyrun.typed import Any

_RATES = ("device_read_bps", "device_write_bps", "device_read_iops", "device_write_iops")
_OF_V1 = {  # limits, and their controllers
    "memory_swappiness": "memory",
    "oom_kill_disable": "memory",
    "cpu_rt_period": "cpu",
    "cpu_rt_runtime": "cpu",
}
_LONGEST_PERIOD = 1_000_000  # microseconds


def chosen(v: Any) -> Resources:
    """Give the limits. Errors: UsageError."""
    memory = options.size("memory", v["memory"], options.MEMORY_MIN) if v["memory"] is not None else 0
    pids = options.whole("pids-limit", v["pids_limit"], -1) if v["pids_limit"] is not None else Resources().pids_limit
    return Resources(
        memory=memory,
        memory_swap=_swap(v["memory_swap"], memory),
        nano_cpus=options.cpus(v["cpus"]) if v["cpus"] is not None else 0,
        cpu_shares=options.shares(v["cpu_shares"]) if v["cpu_shares"] is not None else 0,
        cpuset_cpus=options.cpuset(v["cpuset_cpus"]) if v["cpuset_cpus"] else "",
        pids_limit=pids or -1,
        **_memory(v, memory),
        **_times(v),
        cpuset_mems=options.cpuset(v["cpuset_mems"], "cpuset-mems") if v["cpuset_mems"] else "",
        **_disks(v),
    )


def warnings(v: Any) -> list[str]:
    """Say what Docker warns of."""
    found = []
    if v["kernel_memory"] is not None:
        found.append("kernel-memory: is not limited beside --memory, which counts it")
    if v["oom_kill_disable"] and v["memory"] is None:
        found.append("oom-kill-disable: may be dangerous without --memory")
    return found + _missing(v)


def _missing(v: Any) -> list[str]:
    """Say which of the limits are none with this host's control groups."""
    found = [key for key in _OF_V1 if v[key] not in (None, False, "", "0", "-1")]
    if found:
        from pyrun.kernel import cgroups

        groups = cgroups.hierarchies()
        homes = {key: cgroups.where(groups, _OF_V1[key]) for key in found}
        found = [key for key, home in homes.items() if home is None or home.version == 2]
    return [f"{key.replace('_', '-')}: cgroup v2 has no such limit" for key in found]


def _swap(text: "str | None", memory: int) -> int:
    both = -1 if text == "-1" else options.size("memory-swap", text) if text is not None else 0
    if both > 0 and (not memory or both < memory):
        raise UsageError(f"memory-swap: {show(str(text))}: must be at least --memory, which must be set too")
    return both


def _memory(v: Any, memory: int) -> dict[str, Any]:
    reservation = v["memory_reservation"]
    reserved = options.size("memory-reservation", reservation, options.MEMORY_MIN) if reservation is not None else 0
    if memory and reserved > memory:
        raise UsageError(f"memory-reservation: {show(reservation)}: must not be above --memory")
    swappiness = v["memory_swappiness"]
    if v["kernel_memory"] is not None:
        options.size("kernel-memory", v["kernel_memory"])
    return {
        "memory_reservation": reserved,
        "memory_swappiness": options.whole("memory-swappiness", swappiness, -1, 100) if swappiness is not None else -1,
        "oom_kill_disable": v["oom_kill_disable"],
    }


def _disks(v: Any) -> dict[str, Any]:
    if v["blkio_weight"] is None and not any(v[key] for key in ("blkio_weight_device", *_RATES)):
        return {}
    from pyrun.options import devices

    return {
        **{key: tuple(devices.rate(key.replace("_", "-"), text) for text in v[key]) for key in _RATES},
        "blkio_weight": devices.weight("blkio-weight", v["blkio_weight"]) if v["blkio_weight"] is not None else 0,
        "blkio_weight_device": tuple(map(devices.weight_of, v["blkio_weight_device"])),
    }


def _times(v: Any) -> dict[str, Any]:
    found = {
        "cpu_period": _time("cpu-period", v["cpu_period"]),
        "cpu_quota": _time("cpu-quota", v["cpu_quota"], 1 << 62),
        "cpu_rt_period": options.whole("cpu-rt-period", v["cpu_rt_period"] or "0", 0, _LONGEST_PERIOD),
        "cpu_rt_runtime": options.whole("cpu-rt-runtime", v["cpu_rt_runtime"] or "0", 0, _LONGEST_PERIOD),
    }
    if found["cpu_rt_runtime"] > (found["cpu_rt_period"] or _LONGEST_PERIOD):
        raise UsageError(f"cpu-rt-runtime: {found['cpu_rt_runtime']}: must not be above --cpu-rt-period")
    for key in ("cpu_period", "cpu_quota"):
        if found[key] and v["cpus"] not in (None, "0"):
            raise UsageError(f"{key.replace('_', '-')}: {found[key]}: cannot be set beside --cpus")
    return found


def _time(what: str, text: "str | None", most: int = _LONGEST_PERIOD) -> int:
    """Read a time in microseconds, of a millisecond at least; 0 leaves it as it is, -1 is no limit."""
    number = options.whole(what, text or "0", -1 if what == "cpu-quota" else 0, most)
    if 0 < number < 1000:
        raise UsageError(f"{what}: {number}: must be 1000 microseconds at least")
    return number


def changed(v: Any) -> dict[str, Any]:
    """Check the limits that `update` was given, and give those alone. Errors: UsageError."""
    found: dict[str, Any] = {}
    if v["memory"] is not None:
        found["memory"] = options.size("memory", v["memory"], options.MEMORY_MIN)
    if v["memory_swap"] is not None:
        found["memory_swap"] = -1 if v["memory_swap"] == "-1" else options.size("memory-swap", v["memory_swap"])
    if v["cpus"] is not None:
        found["nano_cpus"] = options.cpus(v["cpus"])
    if v["cpu_shares"] is not None:
        found["cpu_shares"] = options.shares(v["cpu_shares"])
    if v["cpuset_cpus"]:
        found["cpuset_cpus"] = options.cpuset(v["cpuset_cpus"])
    if v["pids_limit"] is not None:
        found["pids_limit"] = options.whole("pids-limit", v["pids_limit"], -1) or -1
    if v["memory_reservation"] is not None:
        found["memory_reservation"] = options.size("memory-reservation", v["memory_reservation"], options.MEMORY_MIN)
    if v["cpuset_mems"]:
        found["cpuset_mems"] = options.cpuset(v["cpuset_mems"], "cpuset-mems")
    if v["blkio_weight"] is not None:
        from pyrun.options import devices

        found["blkio_weight"] = devices.weight("blkio-weight", v["blkio_weight"])
    found |= _times(v)
    return {name: value for name, value in found.items() if value}  # 0 leaves it as it is, as with Docker
