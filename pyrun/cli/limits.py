"""The limits of `run`, `create` and `update`: what was typed becomes Resources, or a change of them."""

from pyrun import options
from pyrun.errors import UsageError
from pyrun.spec import Resources
from pyrun.typed import Any


def resources(v: Any) -> Resources:
    """Check the limits of a new container. Errors: UsageError."""
    memory = options.size("memory", v["memory"], options.MEMORY_MIN) if v["memory"] is not None else 0
    swap = v["memory_swap"]
    both = -1 if swap == "-1" else options.size("memory-swap", swap) if swap is not None else 0
    if both > 0 and (not memory or both < memory):
        raise UsageError(f"memory-swap: {swap}: must be at least --memory, which must be set too")
    pids = options.whole("pids-limit", v["pids_limit"], -1) if v["pids_limit"] is not None else Resources().pids_limit
    return Resources(
        memory=memory,
        memory_swap=both,
        nano_cpus=options.cpus(v["cpus"]) if v["cpus"] is not None else 0,
        cpu_shares=options.shares(v["cpu_shares"]) if v["cpu_shares"] is not None else 0,
        cpuset_cpus=options.cpuset(v["cpuset_cpus"]) if v["cpuset_cpus"] else "",
        pids_limit=pids or -1,
    )


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
    return {name: value for name, value in found.items() if value}  # 0 leaves it as it is, as with Docker
