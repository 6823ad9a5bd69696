"""What of the kernel containers need: each feature is tried in a child, or read where trying would leave something."""

import errno
import os

from pyrun import paths
from pyrun.doctor import Finding, fail, ok, trials, unseen, warn
from pyrun.kernel import links, nf_tables, syscalls
from pyrun.typed import Iterator

_NAMESPACES = {
    "mnt": (syscalls.CLONE_NEWNS, "CONFIG_NAMESPACES"),
    "uts": (syscalls.CLONE_NEWUTS, "CONFIG_UTS_NS"),
    "ipc": (syscalls.CLONE_NEWIPC, "CONFIG_IPC_NS"),
    "pid": (syscalls.CLONE_NEWPID, "CONFIG_PID_NS"),
    "net": (syscalls.CLONE_NEWNET, "CONFIG_NET_NS"),
    "cgroup": (syscalls.CLONE_NEWCGROUP, "CONFIG_CGROUPS"),
}
_FILE_SYSTEMS = {
    "tmpfs": "CONFIG_TMPFS",
    "devpts": "CONFIG_UNIX98_PTYS",
    "mqueue": "CONFIG_POSIX_MQUEUE",
    "sysfs": "CONFIG_SYSFS",
}
_NO_UPPER = ("overlay", "nfs", "nfs4", "vfat", "exfat", "9p", "fuse.sshfs")  # hold no overlay's changes
_NOT_THERE = "the kernel has it not, or its module cannot be loaded"
_MAC = "02:42:00:00:00:0"


def _rebuilt(option: str, module: str = "") -> str:
    """Give the command that shows whether a kernel option is set, after that which loads its module."""
    look = f"grep {option}= /boot/config-$(uname -r)"
    return f"modprobe {module} || {look}" if module else look


def _namespaces() -> Iterator[Finding]:
    missing = [name for name in _NAMESPACES if not os.path.exists(f"/proc/self/ns/{name}")]
    for name in missing:
        option = _NAMESPACES[name][1]
        yield fail("namespaces", f"{name} is not there", f"the kernel is built without {option}", _rebuilt(option))
    if os.geteuid() != 0:
        yield unseen("namespaces", "only root can make them")
        return
    flags = sum(flag for name, (flag, _) in _NAMESPACES.items() if name not in missing)
    problem = trials.tried(lambda: None, flags)
    if problem:
        yield fail(
            "namespaces", f"cannot be made: {problem}", "no capability SYS_ADMIN, a limit, or a filter", _why_not()
        )
    elif not missing:
        yield ok("namespaces", f"{', '.join(_NAMESPACES)} can be made")


def _why_not() -> str:
    return "sysctl user.max_mnt_namespaces; grep -E 'CapEff|Seccomp:' /proc/self/status"


def _file_systems() -> Iterator[Finding]:
    with open("/proc/filesystems") as file:
        known = {line.split()[-1] for line in file}
    for name, option in _FILE_SYSTEMS.items():
        if name not in known:
            yield fail(
                "file systems", f"{name} is not there", f"the kernel is built without {option}", _rebuilt(option)
            )
    if known >= set(_FILE_SYSTEMS):
        yield ok("file systems", f"{', '.join(_FILE_SYSTEMS)} are there")


def _overlay() -> Iterator[Finding]:
    if os.geteuid() != 0:
        yield unseen("overlay", "only root can mount")
    elif problem := trials.tried(_mount_overlay, syscalls.CLONE_NEWNS):
        yield fail(
            "overlay",
            f"cannot be mounted: {problem}",
            "containers write to an overlay of their own (CONFIG_OVERLAY_FS)",
            _rebuilt("CONFIG_OVERLAY_FS", "overlay"),
        )
    else:
        yield ok("overlay", "can be mounted")
    kind = _kind_of(paths.STATE)
    if kind in _NO_UPPER:
        yield fail(
            "overlay",
            f"{paths.STATE} is on {kind}",
            "an overlay cannot keep its changes there",
            f"mount another file system, as ext4, xfs or tmpfs, at {paths.STATE}",
        )


def _mount_overlay() -> None:
    top = "/tmp" if os.path.isdir("/tmp") else "/run"
    syscalls.mount("none", top, "tmpfs")
    for name in ("lower", "upper", "work", "merged"):
        os.mkdir(f"{top}/{name}")
    options = f"lowerdir={top}/lower,upperdir={top}/upper,workdir={top}/work"
    syscalls.mount("none", f"{top}/merged", "overlay", 0, options)


def _kind_of(path: str) -> str:
    """Give the type of the file system that a path is on, by the longest mount point above it."""
    best, kind = "", ""
    with open("/proc/self/mountinfo") as file:
        for row in file:
            head, _, tail = row.partition(" - ")
            point = head.split(" ")[4]
            if (path + "/").startswith(point.rstrip("/") + "/") and len(point) >= len(best):
                best, kind = point, tail.split(" ")[0]
    return kind


def _calls() -> Iterator[Finding]:
    try:
        syscalls.mount_setattr(-1, syscalls.MOUNT_ATTR_NODEV)
    except OSError as problem:
        if problem.errno == errno.EPERM and os.geteuid() != 0:
            yield unseen("mount_setattr", "only root can call it")
        elif problem.errno not in (errno.EBADF, errno.EINVAL):  # which say that it looked at what it got
            yield _no_call("mount_setattr", problem, "Linux 5.12 or later is needed, or a filter forbids it")
        else:
            yield ok("mount_setattr", "is there")
    try:
        os.close(os.pidfd_open(os.getpid()))
    except OSError as problem:
        yield _no_call("pidfd", problem, "Linux 5.3 or later is needed, or a filter forbids it")
    else:
        yield ok("pidfd", "is there")


def _no_call(name: str, problem: OSError, cause: str) -> Finding:
    text = os.strerror(problem.errno or 0).lower()
    return fail(name, text, cause, "uname -r; grep Seccomp: /proc/self/status")


def _seccomp() -> Iterator[Finding]:
    try:
        with open("/proc/sys/kernel/seccomp/actions_avail") as file:
            actions = file.read().split()
    except OSError:
        actions = []
    if "errno" in actions:
        yield ok("seccomp", "filters can be loaded")
    else:
        cause = "the kernel is built without CONFIG_SECCOMP_FILTER"
        yield fail("seccomp", "filters cannot be loaded", cause, _rebuilt("CONFIG_SECCOMP_FILTER"))


def _network() -> Iterator[Finding]:
    if os.geteuid() != 0:
        yield unseen("bridge and veth", "only root can make them")
        return
    for name, option, action in (
        ("bridge", "CONFIG_BRIDGE", _add_bridge),
        ("veth", "CONFIG_VETH", _add_veth),
    ):
        if problem := trials.tried(action, syscalls.CLONE_NEWNET):
            cause = f"{_NOT_THERE} ({option})" if "not permitted" not in problem else "no capability NET_ADMIN"
            yield fail(name, f"cannot be made: {problem}", cause, _rebuilt(option, name))
        else:
            yield ok(name, "can be made")


def _add_bridge() -> None:
    links.AddBridge("tried0", f"{_MAC}1").apply()


def _add_veth() -> None:
    _add_bridge()
    links.AddVeth("tried1", "tried2", os.getpid(), "tried0", f"{_MAC}2", f"{_MAC}3").apply()


def _netfilter() -> Iterator[Finding]:
    if os.geteuid() != 0:
        yield unseen("nf_tables", "only root can ask")
        return
    if nf_tables.is_supported("inet"):
        yield ok("nf_tables", "is there")
    else:
        cause = f"{_NOT_THERE} (CONFIG_NF_TABLES_INET)"
        yield warn("nf_tables", "is not there", cause, _rebuilt("CONFIG_NF_TABLES_INET", "nf_tables"))
    if nf_tables.is_supported("bridge"):
        yield ok("nf_tables bridge", "is there: containers send under their own addresses only")
    else:
        cause = f"containers can send under another's address: {_NOT_THERE} (CONFIG_NF_TABLES_BRIDGE)"
        yield warn("nf_tables bridge", "is not there", cause, _rebuilt("CONFIG_NF_TABLES_BRIDGE", "nf_tables"))


def _keys() -> Iterator[Finding]:
    problem = trials.tried(lambda: syscalls.join_session_keyring(b"pyrun-tried"))
    if problem:
        cause = "containers share the caller's session keyring (CONFIG_KEYS), or a quota is reached"
        yield warn("keyrings", f"cannot be made: {problem}", cause, "cat /proc/key-users")
    else:
        yield ok("keyrings", "can be made")


def _ipv6() -> Iterator[Finding]:
    there = os.path.exists("/proc/sys/net/ipv6/conf/all/disable_ipv6")
    yield ok("IPv6", "is there" if there else "is not there: networks have IPv4 alone")


CHECKS = (
    ("namespaces", _namespaces),
    ("file systems", _file_systems),
    ("overlay", _overlay),
    ("system calls", _calls),
    ("seccomp", _seccomp),
    ("bridge and veth", _network),
    ("nf_tables", _netfilter),
    ("keyrings", _keys),
    ("IPv6", _ipv6),
)
