"""What `inspect` tells: Docker's shape, and beside it what the kernel says now.

Docker never shows the host's end of the cable; pyrun does (HostInterface).
"""

import time

from pyrun import paths
from pyrun.contexts import suppress
from pyrun.errors import PyrunError
from pyrun.kernel import cgroups, controllers, glance
from pyrun.network import standing
from pyrun.network.definitions import DEFAULT, PREDEFINED
from pyrun.plan import filesystem
from pyrun.plan import network as plan
from pyrun.runtime import network_listing, settings
from pyrun.spec import Attachment, ContainerConfig, Endpoint, Mount
from pyrun.store import Container, Status
from pyrun.typed import Any


def describe(container: Container, groups: tuple[cgroups.Hierarchy, ...]) -> dict[str, Any]:
    """Give everything that is known of a container; *groups* are the hierarchies of this host. Errors: PyrunError."""
    status = container.status()
    config = container.config
    if config is None:
        return {"Id": container.id, "State": {"Status": "corrupt", "Error": container.problem}}
    return {
        "Id": container.id,
        "Created": _time(config.created),
        "Path": config.args[0],
        "Args": list(config.args[1:]),
        "State": _state(status) | _health(container, status),
        "Image": config.image,
        "Name": f"/{config.name}",
        "RestartCount": status.restarts,
        "Driver": "overlay",
        "Platform": "linux",
        "MountLabel": "",
        "ProcessLabel": "",
        "AppArmorProfile": "",
        "ExecIDs": None,
        **_files(config),
        "HostConfig": settings.host_config(config),
        "Mounts": [_mount(mount) for mount in config.mounts if mount.option != "tmpfs"],
        "Config": settings.process_config(config),
        "Limits": controllers.limits(groups, container.id) if status.pid else {},
        "NetworkSettings": _network_settings(container, config, status),
    }


def _files(config: ContainerConfig) -> dict[str, Any]:
    own = paths.container(config.id)
    layers = {
        "LowerDir": config.rootfs,
        "MergedDir": filesystem.root(config.id),
        "UpperDir": f"{own}/upper",
        "WorkDir": f"{own}/work",
    }
    return {
        "ResolvConfPath": f"{own}/resolv.conf",
        "HostnamePath": f"{own}/hostname",
        "HostsPath": f"{own}/hosts",
        "LogPath": f"{own}/container.log" if config.log_driver != "none" else "",
        "GraphDriver": {"Name": "overlay", "Data": layers},
    }


def _state(status: Status) -> dict[str, Any]:
    return {
        "Status": status.state,
        "Running": status.is_up or status.state == "restarting",
        "Paused": status.state == "paused",
        "Restarting": status.state == "restarting",
        "OOMKilled": status.oom_killed,
        "Dead": False,
        "Pid": status.pid,
        "ExitCode": status.exit_code,
        "Error": status.error,
        "StartedAt": _time(status.started),
        "FinishedAt": _time(status.finished),
        "MonitorAlive": status.monitored,
    }


def _health(container: Container, status: Status) -> dict[str, Any]:
    if not status.health:
        return {}
    from pyrun import health

    return {"Health": health.told(container.id, status.is_up)}


def _mount(mount: Mount) -> dict[str, Any]:
    found = {"Type": mount.kind, "Source": mount.source}
    if mount.kind == "volume":
        found |= {"Name": mount.source, "Source": paths.volume_files(mount.source)}
    found["Destination"] = mount.target
    mode = mount.options if mount.kind != "tmpfs" else ""
    if mount.kind == "volume":
        found["Driver"] = "local"
        mode = mode or ("" if mount.anonymous and mount.option == "volume" else "z")
    propagation = (mount.propagation or "rprivate") if mount.kind == "bind" else ""
    return {**found, "Mode": mode, "RW": not mount.read_only, "Propagation": propagation}


def _network_settings(container: Container, config: ContainerConfig, status: Status) -> dict[str, Any]:
    """Give Docker's network part; the fields beside Networks are of `bridge` alone, as Docker has them up to 28."""
    ends = standing.plugs(container.id)
    links = _links(container, ends) if ends and status.is_up else {}
    networks = {end.network.name: _endpoint(end, links.get(end.link, {}), config) for end in ends}
    networks = networks or {name: _unplugged(name, config) for name in _wanted_networks(config)}
    first = networks.get(DEFAULT, {})
    legacy = {key: first.get(key, 0 if key.endswith("Len") else "") for key in _LEGACY}
    key = f"{paths.NETNS}/pyrun-{config.name}" if status.pid and config.network != "host" else ""
    return {
        "Bridge": "",
        "HairpinMode": False,
        "LinkLocalIPv6Address": "",
        "LinkLocalIPv6PrefixLen": 0,
        "SecondaryIPAddresses": None,
        "SecondaryIPv6Addresses": None,
        "SandboxID": container.id if key else "",
        "SandboxKey": key,
        "Ports": _ports(config, ends),
        **legacy,
        "Networks": networks,
    }


_LEGACY = (
    "EndpointID",
    "Gateway",
    "GlobalIPv6Address",
    "GlobalIPv6PrefixLen",
    "IPAddress",
    "IPPrefixLen",
    "IPv6Gateway",
    "MacAddress",
)


def _endpoint(end: Endpoint, link: dict[str, Any], config: ContainerConfig) -> dict[str, Any]:
    """Give Docker's view of a plug, and beside it both ends of the cable."""
    ipv4, ipv6 = end.network.ipv4, end.network.ipv6 if end.address6 else None
    return {
        "IPAMConfig": _wanted(end.network.name, config),
        "Links": None,
        "Aliases": _called(end, config)[1:] if end.network.name != DEFAULT else None,
        "NetworkID": end.network.id,
        "EndpointID": standing.endpoint_id(end),
        "Gateway": ipv4.gateway if not end.network.internal else "",
        "IPAddress": end.address,
        "IPPrefixLen": ipv4.prefix,
        "IPv6Gateway": ipv6.gateway if ipv6 and not end.network.internal else "",
        "GlobalIPv6Address": end.address6,
        "GlobalIPv6PrefixLen": ipv6.prefix if ipv6 else 0,
        "MacAddress": end.mac,
        "DriverOpts": None,
        "GwPriority": end.priority,
        "DNSNames": _called(end, config) if end.network.name != DEFAULT else None,
        "Interface": end.link,
        "InterfaceIndex": link.get("InterfaceIndex", 0),
        "HostInterface": end.host_link,
        "HostInterfaceIndex": link.get("HostInterfaceIndex", 0),
        "Bridge": end.network.bridge,
    }


def _wanted_networks(config: ContainerConfig) -> list[str]:
    """List the networks that it is to be on, with those that no plug leads to."""
    if config.network in ("host", "none"):
        return [config.network]
    return [each.network for each in config.attachments]


def _unplugged(name: str, config: ContainerConfig) -> dict[str, Any]:
    """Give Docker's view of a network that the container is to be on, while it does not run or has no plug there."""
    asked = next((each for each in config.attachments if each.network == name), Attachment(name))
    identity = config.id[:12]
    return {
        "IPAMConfig": _wanted(name, config),
        "Links": None,
        "Aliases": [*asked.aliases, identity] if name not in PREDEFINED else None,
        "NetworkID": _network_id(name),
        "EndpointID": "",
        "Gateway": "",
        "IPAddress": "",
        "IPPrefixLen": 0,
        "IPv6Gateway": "",
        "GlobalIPv6Address": "",
        "GlobalIPv6PrefixLen": 0,
        "MacAddress": "",
        "DriverOpts": None,
        "GwPriority": asked.priority,
        "DNSNames": [config.name, *asked.aliases, identity] if name not in PREDEFINED else None,
    }


def _network_id(name: str) -> str:
    """Give a network's id; nothing once it is removed."""
    with suppress(PyrunError):
        return network_listing.find(name).id
    return ""


def _wanted(network: str, config: ContainerConfig) -> "dict[str, str] | None":
    """Give the addresses that were asked for, if any."""
    asked = next((each for each in config.attachments if each.network == network), None)
    pairs = {"IPv4Address": asked.address, "IPv6Address": asked.address6} if asked else {}
    return {key: address for key, address in pairs.items() if address} or None


def _called(end: Endpoint, config: ContainerConfig) -> list[str]:
    """List the names by which others on the network find the container."""
    return list(dict.fromkeys([end.name, *end.aliases, end.container[:12], config.hostname]))


def _ports(config: ContainerConfig, ends: list[Endpoint]) -> dict[str, Any]:
    """Give Docker's map of exposed ports, with the host ports that lead to them; none where no plug leads outside."""
    if plan.gateway(ends) is None:
        return {}
    found: dict[str, Any] = dict.fromkeys(config.exposed)
    for end in ends:
        for port in end.published:
            key = f"{port.target}/{port.protocol}"
            found[key] = [*(found.get(key) or []), {"HostIp": port.address, "HostPort": str(port.port)}]
    return dict(sorted(found.items()))


def _links(container: Container, ends: list[Endpoint]) -> dict[str, dict[str, Any]]:
    """Ask the kernel for both ends of the container's cables, by the name inside; none where it has just ended."""
    found = {}
    with suppress(PyrunError, OSError):
        pid = container.process().pid
        for end in ends:
            here, there = glance.cable(end.host_link, pid)
            found[end.link] = {"InterfaceIndex": there, "HostInterfaceIndex": here}
    return found


def _time(seconds: float) -> str:
    if not seconds:
        return "0001-01-01T00:00:00Z"
    nanoseconds = int(seconds * 1_000_000_000)
    text = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(nanoseconds // 1_000_000_000))
    return f"{text}.{nanoseconds % 1_000_000_000:09d}Z"
