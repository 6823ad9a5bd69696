"""What a container was asked to be, in the shape of Docker's Config and HostConfig. Pure.

What pyrun has no setting for is told as Docker tells it where nobody has set
it: a template that asks for it finds what is true of the container.
"""

from pyrun.plan import filesystem
from pyrun.spec import ContainerConfig, Mount
from pyrun.typed import Any

_SIGNALS = {9: "SIGKILL", 15: "SIGTERM", 2: "SIGINT", 1: "SIGHUP", 3: "SIGQUIT", 10: "SIGUSR1", 12: "SIGUSR2"}
_USUAL = ContainerConfig._field_defaults


def process_config(config: ContainerConfig) -> dict[str, Any]:
    """Give the settings of the program: Docker's Config."""
    found: dict[str, Any] = {
        "Hostname": config.hostname,
        "Domainname": "",
        "User": config.user,
        "AttachStdin": config.interactive and not config.detach,
        "AttachStdout": not config.detach,
        "AttachStderr": not config.detach,
        "Tty": config.tty,
        "OpenStdin": config.interactive,
        "StdinOnce": config.interactive and not config.detach,
        "Env": list(config.env),
        "Cmd": list(config.args),
        "Image": config.image,
        "Volumes": None,
        "WorkingDir": config.cwd,
        "Entrypoint": None,
        "OnBuild": None,
        "Labels": {},
    }
    if config.exposed:
        found["ExposedPorts"] = {exposed: {} for exposed in sorted(config.exposed)}
    if config.stop_signal != _USUAL["stop_signal"]:
        found["StopSignal"] = _SIGNALS.get(config.stop_signal, str(config.stop_signal))
    if config.stop_timeout != _USUAL["stop_timeout"]:
        found["StopTimeout"] = config.stop_timeout
    return found


def host_config(config: ContainerConfig) -> dict[str, Any]:
    """Give the settings of its surroundings: Docker's HostConfig."""
    return {
        **_surroundings(config),
        **_limits(config),
        **_WITHOUT_SETTING,
        **({"Init": True} if config.init else {}),
    }


def _surroundings(config: ContainerConfig) -> dict[str, Any]:
    binds = [_bind(mount) for mount in config.mounts if mount.kind == "bind"]
    protected = not config.privileged
    return {
        "Binds": binds or None,
        "NetworkMode": config.network,
        "PortBindings": _bindings(config),
        "PublishAllPorts": config.publish_all,
        "AutoRemove": config.remove,
        "CapAdd": list(config.cap_add),
        "CapDrop": list(config.cap_drop),
        "Dns": list(config.dns),
        "DnsOptions": list(config.dns_options),
        "DnsSearch": list(config.dns_search),
        "ExtraHosts": list(config.extra_hosts),
        "GroupAdd": list(config.groups),
        "LogConfig": {"Type": config.log_driver, "Config": dict(each.split("=", 1) for each in config.log_options)},
        "OomScoreAdj": config.oom_score_adj,
        "Privileged": config.privileged,
        "ReadonlyRootfs": config.read_only,
        "SecurityOpt": _security(config),
        "ShmSize": config.shm_size,
        "MaskedPaths": list(filesystem.MASKED_PATHS) if protected else None,
        "ReadonlyPaths": list(filesystem.READ_ONLY_PATHS) if protected else None,
    }


def _limits(config: ContainerConfig) -> dict[str, Any]:
    limits = config.resources
    return {
        "Memory": limits.memory,
        "MemorySwap": limits.memory_swap or 2 * limits.memory,
        "NanoCpus": limits.nano_cpus,
        "CpuShares": limits.cpu_shares,
        "CpusetCpus": limits.cpuset_cpus,
        "PidsLimit": limits.pids_limit,
        "Ulimits": [{"Name": u.name, "Soft": u.soft, "Hard": u.hard} for u in config.ulimits],
    }


_WITHOUT_SETTING: dict[str, Any] = {
    **dict.fromkeys(("BlkioDeviceReadBps", "BlkioDeviceReadIOps", "BlkioDeviceWriteBps", "BlkioDeviceWriteIOps")),
    **dict.fromkeys(("DeviceCgroupRules", "DeviceRequests", "Links", "VolumesFrom")),
    **dict.fromkeys(("BlkioWeight", "CpuCount", "CpuPercent", "CpuPeriod", "CpuQuota", "CpuRealtimePeriod"), 0),
    **dict.fromkeys(("CpuRealtimeRuntime", "IOMaximumBandwidth", "IOMaximumIOps", "KernelMemory"), 0),
    **dict.fromkeys(("KernelMemoryTCP", "MemoryReservation"), 0),
    **dict.fromkeys(("Cgroup", "CgroupParent", "ContainerIDFile", "CpusetMems", "Isolation", "PidMode"), ""),
    **dict.fromkeys(("UTSMode", "UsernsMode", "VolumeDriver"), ""),
    "BlkioWeightDevice": [],
    "CgroupnsMode": "private",
    "ConsoleSize": [0, 0],
    "Devices": [],
    "IpcMode": "private",
    "MemorySwappiness": None,
    "OomKillDisable": False,
    "RestartPolicy": {"Name": "no", "MaximumRetryCount": 0},
    "Runtime": "pyrun",
}


def _bind(mount: Mount) -> str:
    return f"{mount.source}:{mount.target}{':ro' if mount.read_only else ''}"


def _security(config: ContainerConfig) -> list[str]:
    found = ["no-new-privileges"] if config.no_new_privileges else []
    return found + ([f"seccomp={config.seccomp}"] if config.seccomp else [])


def _bindings(config: ContainerConfig) -> dict[str, list[dict[str, str]]]:
    """Give what -p asked for, as Docker does: a host port that is left to it is empty."""
    found: dict[str, list[dict[str, str]]] = {}
    for port in sorted(config.ports, key=lambda each: f"{each.target}/{each.protocol}"):
        number = f"{port.first}-{port.last}" if port.first != port.last else str(port.first or "")
        told = {"HostIp": port.address, "HostPort": number}
        found.setdefault(f"{port.target}/{port.protocol}", []).append(told)
    return found
