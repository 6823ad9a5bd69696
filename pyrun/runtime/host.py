"""What a start has to know about this host, looked up once and handed to the plans."""

import os
import stat

from pyrun import paths, store
from pyrun.errors import PyrunError
from pyrun.kernel import capabilities, cgroups, programs, seccomp, sysctls
from pyrun.network import hostfiles, standing
from pyrun.network.definitions import DEFAULT
from pyrun.plan import disks
from pyrun.plan.container import Surroundings
from pyrun.plan.filesystem import HostView, RequestedDevice
from pyrun.spec import ContainerConfig, Endpoint, ProcessConfig
from pyrun.typed import Any

_OF_OTHERS = ("pts", "shm", "mqueue", "hugepages")  # file systems of their own in /dev
INITS = ("docker-init", "tini-static", "tini", "catatonit")


def look_around(config: ContainerConfig) -> Surroundings:
    """Look up what plans need. Errors: PyrunError for something that is missing."""
    groups = tuple(each._replace(parent=config.parent_group or cgroups.PARENT) for each in cgroups.hierarchies())
    view = HostView(
        _cgroup_mounts(groups),
        _devices() if config.privileged else (),
        _thermal_throttle(),
        _init_program() if config.init else "",
        os.path.exists("/proc/kcore"),
        _requested(config),
        tuple(_disk(path) for path in disks.named(config.resources)),
        _namespace(config.ipc, "mnt"),
        _own_groups(config, groups),
        _missing_sources(config),
    )
    return Surroundings(
        groups,
        _enabled(groups),
        view,
        sysctls.exists("net/ipv6/conf/all/disable_ipv6"),
        _shared_sandbox(config),
        _namespace(config.pid, "pid"),
        _namespace(config.ipc, "ipc"),
    )


def process(config: ContainerConfig, compiled: bool = True) -> ProcessConfig:
    """Give what the container's program is to be; a preview needs no *compiled* filter.

    Errors: UsageError for what this host cannot give.
    """
    kept = capabilities.resolve(config.cap_add, config.cap_drop, config.privileged, capabilities.bounding())
    policy = "unconfined" if config.privileged and not config.seccomp else config.seccomp
    program = seccomp.program(policy, kept, paths.SECCOMP_CACHE) if compiled else None
    if not compiled and policy != "unconfined":
        program = b""
    return ProcessConfig(
        (("/sbin/docker-init", "--") if config.init else ()) + config.args,
        config.env,
        config.cwd,
        True,
        kept,
        config.no_new_privileges,
        program,
        policy or "default",
        config.ulimits,
        f"_ses.{config.id}",
    )


def top_of(config: ContainerConfig) -> tuple[int, int, int]:
    """Give mode, owner and group of the root file system's top directory. Errors: OSError."""
    status = os.stat(config.rootfs)
    return stat.S_IMODE(status.st_mode), status.st_uid, status.st_gid


def shared_with(config: ContainerConfig) -> str:
    """Give the id of the container whose network this one shares, or nothing."""
    return config.network.removeprefix("container:") if config.network.startswith("container:") else ""


def _shared_sandbox(config: ContainerConfig) -> str:
    if shared_with(config):
        return f"/proc/{store.find(shared_with(config)).process().pid}/ns/net"
    return config.network.removeprefix("ns:") if config.network.startswith("ns:") else ""


def _namespace(mode: str, kind: str) -> str:
    """Give the path of a namespace of the container that *mode* names, or nothing. Errors: PyrunError."""
    _, shared, identity = mode.partition("container:")
    return f"/proc/{store.find(identity).process().pid}/ns/{kind}" if shared else ""


def _own_groups(config: ContainerConfig, groups: tuple[cgroups.Hierarchy, ...]) -> tuple[tuple[str, str], ...]:
    """Give what --cgroupns host shows: of cgroup v1 its own groups, as Docker does."""
    v1 = [group for group in groups if group.version == 1 and config.cgroupns == "host"]
    return tuple((group.group(config.id), os.path.basename(group.path)) for group in v1)


def hostfile_contents(config: ContainerConfig, ends: list[Endpoint], ipv6: bool) -> dict[str, str]:
    """Give what goes into hosts, hostname and resolv.conf, by the network mode's rules."""
    if config.network == "host":
        hosts = (
            _read("/etc/hosts")
            + hostfiles.hosts(config.full_hostname, [], config.extra_hosts, "", False).split("\n", 1)[1]
        )
        resolv = _read("/etc/resolv.conf")
        if config.dns or config.dns_search or config.dns_options:
            resolv = hostfiles.resolv_conf(resolv, config.dns, config.dns_search, config.dns_options)
    else:
        hosts = hosts_text(config, ends, ipv6)
        resolv = resolv_text(config, ends)
    return {"hosts": hosts, "hostname": config.hostname + "\n", "resolv.conf": resolv}


def hosts_text(config: ContainerConfig, ends: list[Endpoint], ipv6: bool) -> str:
    """Give the hosts file of a container that is plugged into networks, or into none."""
    own = [address for end in ends for address in (end.address, end.address6) if address]
    return hostfiles.hosts(config.full_hostname, own, config.extra_hosts, _host_gateway(ends), ipv6)


def resolv_text(config: ContainerConfig, ends: list[Endpoint]) -> str:
    """Give the resolv.conf of a container: with the embedded resolver on networks that somebody created."""
    given = (config.dns, config.dns_search, config.dns_options)
    if any(end.network.name != DEFAULT for end in ends):
        return hostfiles.resolver_conf(hostfiles.host_text(past_stub=False), *given)
    return hostfiles.resolv_conf(hostfiles.host_text(), *given)


def _host_gateway(ends: list[Endpoint]) -> str:
    """Give what host-gateway stands for: `bridge`'s gateway as in Docker, else that of the first network."""
    default = standing.read(DEFAULT)
    if default:
        return default.ipv4.gateway
    return ends[0].network.ipv4.gateway if ends else ""


def binds(config: ContainerConfig) -> tuple[tuple[str, str], ...]:
    """Give the host files that are mounted at /etc, a shared network's with it."""
    own = paths.container(shared_with(config) or config.id)
    taken = {mount.target for mount in config.mounts}
    pairs = [(f"{own}/{name}", f"/etc/{name}") for name in ("resolv.conf", "hostname", "hosts")]
    return tuple(pair for pair in pairs if pair[1] not in taken)


def _missing_sources(config: ContainerConfig) -> tuple[str, ...]:
    """List the directories that -v has to make, parents first."""
    found: list[str] = []
    for mount in config.mounts:
        path = mount.source if mount.create_source else ""
        missing: list[str] = []
        while path and not os.path.lexists(path):
            missing.insert(0, path)
            path = os.path.dirname(path)
        found += [each for each in missing if each not in found]
    return tuple(found)


def _cgroup_mounts(groups: tuple[cgroups.Hierarchy, ...]) -> tuple[tuple[str, str, str], ...]:
    v1 = [group for group in groups if group.version == 1]
    if not v1:
        return (("cgroup2", "", ""),) if groups else ()
    return tuple(("cgroup", ",".join(g.controllers), os.path.basename(g.path)) for g in v1)


def _enabled(groups: tuple[cgroups.Hierarchy, ...]) -> frozenset[str]:
    for group in groups:
        if group.version == 2:
            return frozenset(_read(f"{group.path}/cgroup.subtree_control").split())
    return frozenset()


def _requested(config: ContainerConfig) -> tuple[RequestedDevice, ...]:
    """Look at the devices that --device names, and at those in a directory. Errors: PyrunError."""
    found = []
    for wanted in config.devices:
        source = os.path.realpath(wanted.source)
        rows = _devices(source) if os.path.isdir(source) else ((source, *_facts(wanted.source)),)
        for path, *facts in rows:
            target: Any = (f"{wanted.target}{path.removeprefix(source)}", *facts, wanted.access)
            found.append(RequestedDevice(*target))
    return tuple(found)


def _disk(path: str) -> tuple[str, int, int]:
    _, major, minor, *_ = _facts(path)
    return path, major, minor


def _facts(path: str) -> tuple[str, int, int, int, int, int]:
    """Give kind, numbers, mode, owner and group of a device. Errors: PyrunError."""
    try:
        status = os.stat(path)
    except OSError as cause:
        raise PyrunError(f"device: {path}: {os.strerror(cause.errno or 0).lower()}") from cause
    if not (stat.S_ISCHR(status.st_mode) or stat.S_ISBLK(status.st_mode)):
        raise PyrunError(f"device: {path}: not a device")
    return _told(status)


def _told(status: os.stat_result) -> tuple[str, int, int, int, int, int]:
    kind = "c" if stat.S_ISCHR(status.st_mode) else "b"
    numbers = os.major(status.st_rdev), os.minor(status.st_rdev)
    return kind, *numbers, stat.S_IMODE(status.st_mode), status.st_uid, status.st_gid


def _devices(top: str = "/dev") -> tuple[tuple[str, str, int, int, int, int, int], ...]:
    """List the host's device nodes, for --privileged, or those of a directory."""
    found = []
    for directory, below, names in os.walk(top):
        below[:] = [name for name in below if directory != "/dev" or name not in _OF_OTHERS]
        for name in names:
            status = os.lstat(f"{directory}/{name}")
            if stat.S_ISCHR(status.st_mode) or stat.S_ISBLK(status.st_mode):
                found.append((f"{directory}/{name}", *_told(status)))
    return tuple(found)


def _thermal_throttle() -> tuple[str, ...]:
    base = "/sys/devices/system/cpu"
    names = os.listdir(base) if os.path.isdir(base) else []
    candidates = (f"{base}/{name}/thermal_throttle" for name in names if name[3:].isdigit())
    return tuple(sorted(path for path in candidates if os.path.isdir(path)))


def _init_program() -> str:
    path = programs.find(*INITS)
    if not path:
        raise PyrunError(f"--init: none of {', '.join(INITS)} found", hint="install tini")
    return path


def _read(path: str) -> str:
    try:
        with open(path, errors="replace") as file:
            return file.read(1 << 20)
    except OSError:
        return ""
