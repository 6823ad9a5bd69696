"""What a container sees as its file system: configuration in, operations out.

The list is Docker's (daemon/pkg/oci/defaults.go); nothing here touches anything.
"""

from pyrun import paths
from pyrun.kernel import mounts, nodes, peers, sharing
from pyrun.kernel import protection as protected
from pyrun.operation import Operation
from pyrun.spec import ContainerConfig, Mount
from pyrun.typed import NamedTuple

MASKED_PATHS = (
    "/proc/acpi",
    "/proc/asound",
    "/proc/interrupts",
    "/proc/kcore",
    "/proc/keys",
    "/proc/latency_stats",
    "/proc/sched_debug",
    "/proc/scsi",
    "/proc/timer_list",
    "/proc/timer_stats",
    "/sys/devices/virtual/powercap",
    "/sys/firmware",
)
READ_ONLY_PATHS = ("/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger")

DEVICES = (
    ("/dev/null", 1, 3),
    ("/dev/zero", 1, 5),
    ("/dev/full", 1, 7),
    ("/dev/random", 1, 8),
    ("/dev/urandom", 1, 9),
    ("/dev/tty", 5, 0),
)
DEVICE_LINKS = (
    ("/dev/ptmx", "pts/ptmx"),
    ("/dev/fd", "/proc/self/fd"),
    ("/dev/stdin", "/proc/self/fd/0"),
    ("/dev/stdout", "/proc/self/fd/1"),
    ("/dev/stderr", "/proc/self/fd/2"),
)
_CORE = ("/dev/core", "/proc/kcore")
_SAFE = "nosuid,nodev,noexec"
_PTS = "ptmxmode=0666,mode=0620,gid=5"
_OF_CGROUPS = "its cgroups"


class RequestedDevice(NamedTuple):
    """A device that --device asked for, as the host has it."""

    target: str  # absolute path in the container
    kind: str  # c or b
    major: int
    minor: int
    mode: int
    owner: int
    group: int
    access: str  # any of r, w and m


class HostView(NamedTuple):
    """What the plan has to know about the host: looked up before, so that the plan stays pure."""

    cgroup_mounts: tuple[tuple[str, str, str], ...] = ()  # (fstype, parameters, directory below /sys/fs/cgroup)
    devices: tuple[tuple[str, str, int, int, int, int, int], ...] = ()  # for --privileged: the host's nodes
    thermal_throttle: tuple[str, ...] = ()  # /sys/devices/system/cpu/cpu*/thermal_throttle
    init_program: str = ""  # host path of the --init program
    kcore: bool = False  # the kernel has /proc/kcore
    requested: "tuple[RequestedDevice, ...]" = ()  # for --device
    disks: tuple[tuple[str, int, int], ...] = ()  # (path, major, minor): those that limits name
    memory_of: str = ""  # path of the mount namespace whose /dev/shm is shared, with --ipc container:
    own_groups: tuple[tuple[str, str], ...] = ()  # (directory on the host, below /sys/fs/cgroup), with --cgroupns host
    missing: tuple[str, ...] = ()  # directories of the host that volumes name, and their parents, yet to be made


def abbreviations(identity: str) -> dict[str, str]:
    """Give what is too long to be read, and the shell variable that stands for it."""
    return {root(identity): "$ROOT", identity: "$ID"}


def root(identity: str) -> str:
    """Give the directory where the root is assembled, in the container's own mount namespace."""
    return f"{paths.runtime(identity)}/root"


def preamble(identity: str) -> str:
    """Give the commands that set the variables by which others are shortened."""
    place = root(identity).replace(identity, "$ID")
    return (
        f"host$ export ID={identity}  # the container\n"
        f"host$ export ROOT={place}  # where its root file system is assembled\n"
    )


def filesystem(config: ContainerConfig, host: HostView, binds: tuple[tuple[str, str], ...]) -> list[Operation]:
    """List all mounts up to the point where the container's root becomes the root.

    *binds* are the (host file, path) pairs of hosts, hostname and resolv.conf.
    """
    at = root(config.id)
    own = paths.container(config.id)
    plan: list[Operation] = [
        *(peers.KeepPeer(each.source, each.recursive) for each in config.mounts if _is_peer(each)),
        mounts.MakePrivate(),
        mounts.MountOverlay(config.rootfs, f"{own}/upper", f"{own}/work", at),
        mounts.MountFilesystem("proc", "proc", at, "/proc", _SAFE, reason="processes of this PID namespace"),
        *_devices(config, host, at),
        *_sys(config, host, at),
        *_placeholders(at),
        *_mounts(config, at, binds),
    ]
    if config.init:
        reason = "--init: reaps zombies, passes signals on"
        plan.append(mounts.BindMount(host.init_program, at, "/sbin/docker-init", "ro,nodev", False, reason=reason))
    if config.read_only:
        plan.append(mounts.MakeRootReadOnly(at))
    plan.append(mounts.PivotRoot(at))
    return plan


def view(config: ContainerConfig, binds: tuple[tuple[str, str], ...], closed: bool) -> list[Operation]:
    """List what shows the files of a container that does not run, in a mount namespace made for it.

    That is, as for Docker's `cp`, the root with its volumes, and nothing that is in memory; *closed* only to be
    looked at, because somebody else has mounted it, or may at any time. It is assembled where nothing is removed
    while a container is there: a directory that is removed takes what others have mounted on it along.
    """
    at = paths.RUNTIMES
    own = paths.container(config.id)
    kept = config._replace(mounts=tuple(mount for mount in config.mounts if mount.kind != "tmpfs"))
    plan: list[Operation] = [
        mounts.MakePrivate(),
        mounts.MountOverlay(config.rootfs, f"{own}/upper", f"{own}/work", at, closed=closed),
        *_mounts(kept, at, binds),
    ]
    if config.read_only:
        plan.append(mounts.MakeRootReadOnly(at))
    return [*plan, mounts.PivotRoot(at)]


def source(mount: Mount) -> str:
    """Give where the host has what is mounted; empty for what is in memory."""
    return paths.volume_files(mount.source) if mount.kind == "volume" else mount.source


def protection(config: ContainerConfig, host: HostView) -> list[Operation]:
    """List what is hidden from the program or made read-only for it, after the pivot."""
    if config.privileged or config.unmasked:
        return []
    return [
        *(protected.ReadOnlyPath(path) for path in READ_ONLY_PATHS),
        *(protected.MaskPath(path) for path in (*MASKED_PATHS, *host.thermal_throttle)),
    ]


_HOSTFILES = "pyrun writes this file for the container"


def _devices(config: ContainerConfig, host: HostView, at: str) -> list[Operation]:
    mount = mounts.MountFilesystem
    links = (*DEVICE_LINKS, _CORE) if host.kcore else DEVICE_LINKS
    plan: list[Operation] = [
        mount("tmpfs", "tmpfs", at, "/dev", "nosuid,strictatime", "mode=755,size=65536k", "devices of its own"),
        *(nodes.MakeNode(at, path, "c", major, minor) for path, major, minor in DEVICES),
        mount("devpts", "devpts", at, "/dev/pts", "nosuid,noexec", _PTS, "its terminals"),
        *_shared_memory(config, host, at),
        mount("mqueue", "mqueue", at, "/dev/mqueue", _SAFE, "", "POSIX message queues"),
        *(nodes.MakeSymlink(at, path, target) for path, target in links),
    ]
    known = {path for path, *_ in (*DEVICES, *links)} | {"/dev/console"}
    directories: list[str] = []
    wanted = {row[0]: (*row, "--privileged") for row in (host.devices if config.privileged else ())}
    wanted |= {each.target: (*each[:-1], "--device") for each in host.requested}
    for path, kind, major, minor, mode, owner, group, reason in wanted.values():
        parts = path.split("/")
        for parent in ("/".join(parts[:depth]) for depth in range(3, len(parts))):
            if parent not in directories:
                directories.append(parent)
                plan.append(nodes.MakeDeviceDirectory(at, parent))
        if path not in known:
            plan.append(nodes.MakeNode(at, path, kind, major, minor, mode, owner, group, reason))
    return plan


def _shared_memory(config: ContainerConfig, host: HostView, at: str) -> list[Operation]:
    if config.ipc == "none":
        return []
    if config.ipc == "host":
        return [mounts.BindMount("/dev/shm", at, "/dev/shm", _SAFE, False, reason="POSIX shared memory of the host")]
    if host.memory_of:
        return [sharing.ShareMemory(host.memory_of, at)]
    shm = f"mode=1777,size={config.shm_size}"
    return [mounts.MountFilesystem("tmpfs", "shm", at, "/dev/shm", _SAFE, shm, "POSIX shared memory")]


def _sys(config: ContainerConfig, host: HostView, at: str) -> list[Operation]:
    access = _SAFE if config.privileged else f"ro,{_SAFE}"
    mount = mounts.MountFilesystem
    plan: list[Operation] = [mount("sysfs", "sysfs", at, "/sys", access, reason="what the kernel tells")]
    v1 = [entry for entry in host.cgroup_mounts if entry[2]]
    if v1:
        plan.append(mount("tmpfs", "tmpfs", at, "/sys/fs/cgroup", _SAFE, "mode=755,size=64k", _OF_CGROUPS, make=False))
    for source, directory in host.own_groups:
        target = f"/sys/fs/cgroup/{directory}"
        plan.append(mounts.BindMount(source, at, target, access, False, reason=_OF_CGROUPS))
    for fstype, parameters, directory in () if host.own_groups else host.cgroup_mounts:
        target = f"/sys/fs/cgroup/{directory}".rstrip("/")
        plan.append(mount(fstype, "cgroup", at, target, access, parameters, _OF_CGROUPS, make=bool(directory)))
    if v1 and not config.privileged:
        plan.append(mounts.RemountReadOnly(at, "/sys/fs/cgroup"))
    return plan


def _placeholders(at: str) -> list[Operation]:
    return [
        nodes.MakePlaceholder(at, "/.dockerenv"),
        nodes.MakePlaceholder(at, "/etc", directory=True),
        nodes.MakeSymlink(at, "/etc/mtab", "/proc/mounts"),
    ]


def _mounts(config: ContainerConfig, at: str, binds: tuple[tuple[str, str], ...]) -> list[Operation]:
    """List what is mounted by request, and the files of ours among it: what lies deeper comes later."""
    own = "ro,nodev" if config.read_only else "nodev"
    plan = [(path, mounts.BindMount(source, at, path, own, False, reason=_HOSTFILES)) for source, path in binds]
    found: list[tuple[str, Operation]] = [*plan, *((mount.target, _volume(mount, at)) for mount in config.mounts)]
    ordered = [operation for _, operation in sorted(found, key=lambda entry: entry[0].count("/"))]
    closed = [mount.target for mount in config.mounts if mount.kind == "tmpfs" and mount.read_only]
    return [*ordered, *(mounts.RemountReadOnly(at, target, "as its options say") for target in closed)]


def _volume(mount: Mount, at: str) -> Operation:
    if mount.kind == "tmpfs":
        return mounts.MountTmpfs(at, mount.target, *_tmpfs_options(mount.options), "a volume in memory")
    options = "ro,nodev" if mount.read_only else "nodev"
    if mount.kind == "volume":
        reason = "a volume of its own" if mount.anonymous else f"the volume {mount.source}"
        return mounts.BindMount(source(mount), at, mount.target, options, True, True, reason)
    kept = mount.propagation if _is_peer(mount) else ""
    made = mount.create_source
    return mounts.BindMount(mount.source, at, mount.target, options, mount.recursive, made, propagation=kept)


def _is_peer(mount: Mount) -> bool:
    """Claim that what is mounted below it on the host later shows in the container, or even the other way round."""
    return mount.propagation.removeprefix("r") in ("shared", "slave")


def _tmpfs_options(given: str) -> tuple[str, str]:
    """Give mount attributes and parameters: safe unless told otherwise. It is closed when all below it is mounted."""
    kept = _SAFE.split(",")
    parameters = []
    for option in filter(None, given.split(",")):
        flag = option if option.startswith("no") else f"no{option}"
        if "=" in option:
            parameters.append(option)
        elif flag in _SAFE.split(","):
            kept = [each for each in kept if each != flag] + ([flag] if flag == option else [])
    return ",".join(each for each in _SAFE.split(",") if each in kept), ",".join(parameters)
