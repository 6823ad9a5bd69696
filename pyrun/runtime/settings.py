"""What a container was asked to be, in the shape of Docker's Config and HostConfig. Pure.

What pyrun has no setting for is told as Docker tells it where nobody has set
it: a template that asks for it finds what is true of the container.
"""

from pyrun.plan import filesystem
from pyrun.spec import ContainerConfig, HealthCheck, Mount
from pyrun.typed import Any

_SIGNALS = {9: "SIGKILL", 15: "SIGTERM", 2: "SIGINT", 1: "SIGHUP", 3: "SIGQUIT", 10: "SIGUSR1", 12: "SIGUSR2"}
_USUAL = ContainerConfig._field_defaults


def process_config(config: ContainerConfig) -> dict[str, Any]:
    """Give the settings of the program: Docker's Config."""
    found: dict[str, Any] = {
        "Hostname": config.hostname,
        "Domainname": config.domainname,
        "User": config.user,
        "AttachStdin": config.interactive and not config.detach,
        "AttachStdout": not config.detach,
        "AttachStderr": not config.detach,
        "Tty": config.tty,
        "OpenStdin": config.interactive,
        "StdinOnce": config.interactive and not config.detach,
        "Env": list(config.env),
        "Cmd": list(config.args[config.entrypoint :]) or None,
        "Image": config.image,
        "Volumes": {mount.target: {} for mount in config.mounts if _is_declared(mount)} or None,
        "WorkingDir": config.cwd,
        "Entrypoint": list(config.args[:1]) if config.entrypoint else None,
        "OnBuild": None,
        "Labels": _pairs(config.labels),
    }
    if config.exposed:
        found["ExposedPorts"] = {exposed: {} for exposed in sorted(config.exposed)}
    if config.health != _USUAL["health"]:
        found["Healthcheck"] = _health(config.health)
    if config.stop_signal != _USUAL["stop_signal"]:
        found["StopSignal"] = _SIGNALS.get(config.stop_signal, str(config.stop_signal))
    if config.stop_timeout != _USUAL["stop_timeout"]:
        found["StopTimeout"] = config.stop_timeout
    return found


def _health(check: HealthCheck) -> dict[str, Any]:
    told = {"Test": list(check.test), "Interval": check.interval, "Timeout": check.timeout}
    told |= {"StartPeriod": check.start_period, "StartInterval": check.start_interval, "Retries": check.retries}
    return {key: value for key, value in told.items() if value}


def host_config(config: ContainerConfig) -> dict[str, Any]:
    """Give the settings of its surroundings: Docker's HostConfig."""
    return {
        **_surroundings(config),
        **_limits(config),
        **_WITHOUT_SETTING,
        **({"Init": True} if config.init else {}),
        **_mounts(config),
        **({"Annotations": _pairs(config.annotations)} if config.annotations else {}),
    }


def _surroundings(config: ContainerConfig) -> dict[str, Any]:
    typed = [mount for mount in config.mounts if mount.option == "volume" and not mount.anonymous]
    protected = not (config.privileged or config.unmasked)
    unmasked: list[str] | None = [] if config.unmasked else None
    return {
        "Binds": [_bind(mount) for mount in typed] or None,
        "LogConfig": {"Type": config.log_driver, "Config": _pairs(config.log_options)},
        "NetworkMode": config.network,
        "PortBindings": _bindings(config),
        "RestartPolicy": {"Name": config.restart or "no", "MaximumRetryCount": config.restart_most},
        **_shared(config),
        "VolumesFrom": list(config.volumes_from) or None,
        "PublishAllPorts": config.publish_all,
        "AutoRemove": config.remove,
        "CapAdd": list(config.cap_add) or None,
        "CapDrop": list(config.cap_drop) or None,
        "Dns": list(config.dns),
        "DnsOptions": list(config.dns_options),
        "DnsSearch": list(config.dns_search),
        "ExtraHosts": list(config.extra_hosts) or None,
        "GroupAdd": list(config.groups) or None,
        "OomScoreAdj": config.oom_score_adj,
        "Privileged": config.privileged,
        "ReadonlyRootfs": config.read_only,
        "SecurityOpt": _security(config) or unmasked,
        "ShmSize": config.shm_size,
        "MaskedPaths": list(filesystem.MASKED_PATHS) if protected else unmasked,
        "ReadonlyPaths": list(filesystem.READ_ONLY_PATHS) if protected else unmasked,
    }


def _shared(config: ContainerConfig) -> dict[str, Any]:
    devices = [
        {"PathOnHost": each.source, "PathInContainer": each.target, "CgroupPermissions": each.access}
        for each in config.devices
    ]
    return {
        "CgroupParent": config.cgroup_parent,
        "CgroupnsMode": config.cgroupns,
        "DeviceCgroupRules": list(config.device_rules) or None,
        "Devices": devices,
        "IpcMode": config.ipc,
        "PidMode": config.pid,
        "UTSMode": config.uts,
        "UsernsMode": config.userns,
        **({"Sysctls": _pairs(config.sysctls)} if config.sysctls else {}),
    }


def _rates(entries: tuple[str, ...], what: str) -> list[dict[str, Any]]:
    split = (entry.rpartition(":") for entry in entries)
    return [{"Path": path, what: int(value)} for path, _, value in split if value.isdigit()]


def _limits(config: ContainerConfig) -> dict[str, Any]:
    limits = config.resources
    return {
        "Memory": limits.memory,
        "MemorySwap": limits.memory_swap or 2 * limits.memory,
        "NanoCpus": limits.nano_cpus,
        "CpuShares": limits.cpu_shares,
        "CpusetCpus": limits.cpuset_cpus,
        "PidsLimit": limits.pids_limit,
        "Ulimits": [{"Name": u.name, "Hard": u.hard, "Soft": u.soft} for u in config.ulimits] or None,
        "MemoryReservation": limits.memory_reservation,
        "MemorySwappiness": limits.memory_swappiness if limits.memory_swappiness >= 0 else None,
        "OomKillDisable": limits.oom_kill_disable,
        "CpuPeriod": limits.cpu_period,
        "CpuQuota": limits.cpu_quota,
        "CpuRealtimePeriod": limits.cpu_rt_period,
        "CpuRealtimeRuntime": limits.cpu_rt_runtime,
        "CpusetMems": limits.cpuset_mems,
        "BlkioWeight": limits.blkio_weight,
        "BlkioWeightDevice": _rates(limits.blkio_weight_device, "Weight"),
        "BlkioDeviceReadBps": _rates(limits.device_read_bps, "Rate") or None,
        "BlkioDeviceWriteBps": _rates(limits.device_write_bps, "Rate") or None,
        "BlkioDeviceReadIOps": _rates(limits.device_read_iops, "Rate") or None,
        "BlkioDeviceWriteIOps": _rates(limits.device_write_iops, "Rate") or None,
    }


_WITHOUT_SETTING: dict[str, Any] = {
    **dict.fromkeys(("DeviceRequests", "Links")),
    **dict.fromkeys(("CpuCount", "CpuPercent", "IOMaximumBandwidth", "IOMaximumIOps", "KernelMemory"), 0),
    **dict.fromkeys(("Cgroup", "ContainerIDFile", "Isolation", "VolumeDriver"), ""),
    "KernelMemoryTCP": 0,
    "ConsoleSize": [0, 0],
    "Runtime": "pyrun",
}


def _pairs(given: tuple[str, ...]) -> dict[str, str]:
    return {key: value for key, _, value in (each.partition("=") for each in given)}


def _bind(mount: Mount) -> str:
    return f"{mount.source}:{mount.target}{':' if mount.options else ''}{mount.options}"


def _is_declared(mount: Mount) -> bool:
    return mount.anonymous and mount.option == "volume"


def _mounts(config: ContainerConfig) -> dict[str, Any]:
    """Give what --mount and --tmpfs asked for, as Docker does."""
    long = [_long(mount) for mount in config.mounts if mount.option == "mount"]
    memory = {mount.target: mount.options for mount in config.mounts if mount.option == "tmpfs"}
    return {**({"Mounts": long} if long else {}), **({"Tmpfs": memory} if memory else {})}


def _long(mount: Mount) -> dict[str, Any]:
    found: dict[str, Any] = {"Type": mount.kind}
    if mount.source and not mount.anonymous:
        found["Source"] = mount.source
    found["Target"] = mount.target
    if mount.read_only:
        found["ReadOnly"] = True
    bind: dict[str, Any] = {"Propagation": mount.propagation} if mount.propagation else {}
    bind |= {} if mount.recursive else {"NonRecursive": True}
    volume: dict[str, Any] = {"NoCopy": True} if mount.nocopy else {}
    volume |= {"Labels": _pairs(mount.labels)} if mount.labels else {}
    volume |= {"DriverConfig": {"Options": _pairs(mount.settings)}} if mount.settings else {}
    words = {key: value for key, _, value in (each.partition("=") for each in mount.options.split(","))}
    bases = {"size": ("SizeBytes", 10), "mode": ("Mode", 8)}
    memory = {name: int(words[key], base) for key, (name, base) in bases.items() if key in words}
    options = {"BindOptions": bind, "VolumeOptions": volume, "TmpfsOptions": memory}
    return found | {key: value for key, value in options.items() if value}


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
