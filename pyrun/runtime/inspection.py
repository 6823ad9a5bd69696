"""What `inspect` tells: Docker's shape, and beside it what the kernel says now, asked by pyroute2.

Docker never shows the host's end of the cable; pyrun does (HostInterface).
"""

import time

from pyrun import paths
from pyrun.kernel import cgroups, controllers, processes
from pyrun.network import driver
from pyrun.spec import ContainerConfig
from pyrun.store import Container, Status
from pyrun.typed import Any


def describe(container: Container) -> dict[str, Any]:
    """Give everything that is known of a container. Errors: PyrunError."""
    status = container.status()
    config = container.config
    if config is None:
        return {"Id": container.id, "State": {"Status": "corrupt", "Error": container.problem}}
    own = paths.container(container.id)
    return {
        "Id": container.id,
        "Created": _time(config.created),
        "Path": config.args[0],
        "Args": list(config.args[1:]),
        "State": _state(status),
        "Image": config.image,
        "ResolvConfPath": f"{own}/resolv.conf",
        "HostnamePath": f"{own}/hostname",
        "HostsPath": f"{own}/hosts",
        "LogPath": f"{own}/container.log",
        "Name": f"/{config.name}",
        "Driver": "overlay",
        "Platform": "linux",
        "GraphDriver": {
            "Name": "overlay",
            "Data": {"LowerDir": config.rootfs, "UpperDir": f"{own}/upper", "WorkDir": f"{own}/work"},
        },
        "HostConfig": _host_config(config),
        "Mounts": [_mount(mount._asdict()) for mount in config.mounts],
        "Config": _config(config),
        "Limits": controllers.limits(cgroups.hierarchies(), container.id) if status.pid else {},
        "NetworkSettings": _network_settings(container, config, status),
    }


def _state(status: Status) -> dict[str, Any]:
    return {
        "Status": status.state,
        "Running": status.state == "running",
        "Paused": False,
        "Restarting": False,
        "OOMKilled": status.oom_killed,
        "Dead": False,
        "Pid": status.pid,
        "ExitCode": status.exit_code,
        "Error": "",
        "StartedAt": _time(status.started),
        "FinishedAt": _time(status.finished),
        "MonitorAlive": status.monitored,
    }


def _config(config: ContainerConfig) -> dict[str, Any]:
    return {
        "Hostname": config.hostname,
        "User": config.user,
        "Tty": config.tty,
        "OpenStdin": config.interactive,
        "Env": list(config.env),
        "Cmd": list(config.args),
        "Image": config.image,
        "WorkingDir": config.cwd,
        "StopSignal": config.stop_signal,
        "StopTimeout": config.stop_timeout,
    }


def _host_config(config: ContainerConfig) -> dict[str, Any]:
    limits = config.resources
    return {
        "NetworkMode": config.network,
        "AutoRemove": config.remove,
        "CapAdd": list(config.cap_add),
        "CapDrop": list(config.cap_drop),
        "Dns": list(config.dns),
        "DnsOptions": list(config.dns_options),
        "DnsSearch": list(config.dns_search),
        "ExtraHosts": list(config.extra_hosts),
        "GroupAdd": list(config.groups),
        "OomScoreAdj": config.oom_score_adj,
        "Privileged": config.privileged,
        "ReadonlyRootfs": config.read_only,
        "Init": config.init,
        "SecurityOpt": _security(config),
        "ShmSize": config.shm_size,
        "Memory": limits.memory,
        "MemorySwap": limits.memory_swap or 2 * limits.memory,
        "NanoCpus": limits.nano_cpus,
        "CpuShares": limits.cpu_shares,
        "CpusetCpus": limits.cpuset_cpus,
        "PidsLimit": limits.pids_limit,
        "Ulimits": [{"Name": u.name, "Soft": u.soft, "Hard": u.hard} for u in config.ulimits],
    }


def _security(config: ContainerConfig) -> list[str]:
    found = ["no-new-privileges"] if config.no_new_privileges else []
    return found + ([f"seccomp={config.seccomp}"] if config.seccomp else [])


def _mount(mount: dict[str, Any]) -> dict[str, Any]:
    return {
        "Type": mount["kind"],
        "Source": mount["source"],
        "Destination": mount["target"],
        "Mode": mount["options"],
        "RW": not mount["read_only"],
        "Propagation": "rprivate" if mount["kind"] == "bind" else "",
    }


def _network_settings(container: Container, config: ContainerConfig, status: Status) -> dict[str, Any]:
    held = driver.endpoint_of(container.id) if config.network == "bridge" else None
    if held is None:
        return {"SandboxKey": "", "IPAddress": "", "MacAddress": "", "Gateway": "", "Networks": {}}
    net, address = held
    link = _links(status.pid)
    endpoint = {
        "IPAddress": address,
        "IPPrefixLen": net.prefix,
        "Gateway": net.gateway,
        "MacAddress": link.get("MacAddress", ""),
        "HostInterface": link.get("HostInterface", ""),
        "HostInterfaceIndex": link.get("HostInterfaceIndex", 0),
        "InterfaceIndex": link.get("InterfaceIndex", 0),
        "Bridge": net.bridge,
    }
    key = f"{paths.NETNS}/pyrun-{config.name}"
    return {"SandboxKey": key, **endpoint, "Networks": {net.name: endpoint}}


def _links(pid: int) -> dict[str, Any]:
    """Ask the kernel for both ends of the container's cable."""
    from pyroute2 import IPRoute, NetNS

    if not pid or not processes.identify(pid):
        return {}
    with NetNS(f"/proc/{pid}/ns/net") as inside, IPRoute() as outside:
        inner = next(iter(inside.link("dump", ifname="eth0")), None)
        if inner is None:
            return {}
        outer = next((x for x in outside.link("dump") if x["index"] == inner.get_attr("IFLA_LINK")), None)
        return {
            "MacAddress": inner.get_attr("IFLA_ADDRESS"),
            "InterfaceIndex": inner["index"],
            "HostInterface": outer.get_attr("IFLA_IFNAME") if outer else "",
            "HostInterfaceIndex": outer["index"] if outer else 0,
        }


def _time(seconds: float) -> str:
    if not seconds:
        return "0001-01-01T00:00:00Z"
    nanoseconds = int(seconds * 1_000_000_000)
    text = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(nanoseconds // 1_000_000_000))
    return f"{text}.{nanoseconds % 1_000_000_000:09d}Z"
