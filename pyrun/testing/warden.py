"""The process that a private host stands by: it makes the host, waits for whoever asked for it, and ends it.

It is a bare interpreter with a pipe to the test. When that comes to its end, by the test's own wish or because the
test was killed, all that runs on the host is killed, and the rest goes with the namespaces.
"""

import _signal as signal  # type: ignore[import-not-found]  # signal itself imports enum
import os
import time

from pyrun import paths
from pyrun.contexts import suppress
from pyrun.kernel import cgroups, links, syscalls, sysctls
from pyrun.kernel import rtnetlink as rt
from pyrun.typed import Iterator, NoReturn

UPLINK = "up0"  # of the host and, at its other end, of the internet
HOST, INTERNET = ("198.51.100.2", 24), ("198.51.100.1", 24)  # RFC 5737
HOST6, INTERNET6 = ("2001:db8:1::2", 64), ("2001:db8:1::1", 64)  # RFC 3849
GROUP = "pyrun-lab-"  # and the warden's number: the host's control group, one in each hierarchy
_MS_BIND = 0x1000  # linux/mount.h
_PATIENCE, _AGAIN = 10.0, 0.002  # seconds for what was killed to be gone, and between looks


def main(ipv6: bool) -> NoReturn:
    """Make a host; say its internet's process number on standard output; end it when standard input ends.

    Ends with 1, and says on standard error what is left, if anything is.
    """
    os.setsid()
    caller = os.getppid()  # its thread may be on the host
    machine = _opened("self", "mnt")
    far = internet()
    held = [_opened(far, "net")]  # to the end: else a namespace's number is soon another's
    groups: list[str] = []
    try:
        syscalls.unshare(syscalls.CLONE_NEWNS | syscalls.CLONE_NEWNET)
        held += [_opened("self", "net"), _opened("self", "mnt")]
        syscalls.mount("none", "/", flags=syscalls.MS_REC | syscalls.MS_PRIVATE)
        own_groups(groups, f"{GROUP}{os.getpid()}")
        own_files(far, groups)
        connect(far, ipv6)
        os.write(1, f"{far}\n".encode())
        os.read(0, 1)
    finally:
        syscalls.setns(machine, syscalls.CLONE_NEWNS)  # where the control groups can be seen as such
        left = _ended({os.fstat(fd).st_ino for fd in held}, {os.getpid(), caller, far}, groups)
        os.kill(far, signal.SIGKILL)
        os.waitpid(far, 0)
        deadline = time.monotonic() + _PATIENCE
        left += [line for group in groups for line in removed(group, deadline)]
    os.write(2, "".join(f"{line}\n" for line in left).encode())
    os._exit(1 if left else 0)


def internet() -> int:
    """Fork a process with a network of its own, which ends with us; give its number once the network is there."""
    ready, told = os.pipe()
    alive, _held = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(_held)
        syscalls.unshare(syscalls.CLONE_NEWNET)
        os.write(told, b".")
        os.read(alive, 1)
        os._exit(0)
    os.close(told)
    os.read(ready, 1)
    return pid


def own_groups(made: list[str], name: str) -> None:
    """Make a control group of the host's own in each hierarchy where that can be, to lie over its top; list it."""
    for top in hierarchies():
        own = f"{top}/{name}"
        with suppress(OSError):  # read-only
            os.mkdir(own)
            made.append(own)
        if os.path.exists(f"{own}/cpuset.sched_load_balance"):  # a new cpuset of version 1 has no CPUs at all
            for file in ("cpuset.cpus", "cpuset.mems"):
                cgroups.write(f"{own}/{file}", _content(f"{top}/{file}"))
        for controller in _content(f"{top}/cgroup.controllers").split():
            with suppress(OSError):  # where we are in a container ourselves
                cgroups.write(f"{top}/cgroup.subtree_control", f"+{controller}")


def hierarchies() -> list[str]:
    """List where control groups are mounted, those that pyrun has no use for too: the innermost first."""
    rows = [row.partition(" - ") for row in _content("/proc/self/mountinfo").splitlines()]
    return sorted({head.split()[4] for head, _, tail in rows if tail.split()[0] in ("cgroup", "cgroup2")}, reverse=True)


def own_files(internet: int, groups: list[str]) -> None:
    """Give the host an empty /run and no state of pyrun but the root file systems that the machine has names for."""
    names = -1
    with suppress(FileNotFoundError):
        names = syscalls.open_tree(syscalls.AT_FDCWD, paths.ROOTFS.encode(), syscalls.OPEN_TREE_CLONE)
    with suppress(FileExistsError):
        os.mkdir(paths.STATE, 0o700)
    syscalls.mount("tmpfs", "/run", "tmpfs", options="mode=755")
    syscalls.mount("tmpfs", paths.STATE, "tmpfs", options="mode=700")
    for directory in ("/run/lock", paths.NETNS):
        os.mkdir(directory)
    if names >= 0:
        os.mkdir(paths.ROOTFS, 0o755)
        target = os.open(paths.ROOTFS, os.O_PATH | os.O_CLOEXEC)
        syscalls.mount_setattr(names, attr_set=syscalls.MOUNT_ATTR_RDONLY)
        syscalls.move_mount(names, target)
    with open(f"{paths.NETNS}/internet", "x"):  # where iproute2 looks
        pass
    syscalls.mount(f"/proc/{internet}/ns/net", f"{paths.NETNS}/internet", flags=_MS_BIND)
    for group in groups:
        syscalls.mount(group, group.rpartition("/")[0], flags=_MS_BIND)


def connect(internet: int, ipv6: bool) -> None:
    """Lay a cable to the internet, whose side is set up by a process that joins it."""
    for kind in ("all", "default"):
        with suppress(FileNotFoundError):  # a kernel without IPv6
            sysctls.write(f"net/ipv6/conf/{kind}/accept_dad", "0")
    body = rt.veth(UPLINK, _mac(), UPLINK, internet, _mac(), 0)
    rt.request(rt.RTM_NEWLINK, body, rt.NLM_F_CREATE | rt.NLM_F_EXCL)
    links.SetUp("lo").apply()
    pid = os.fork()
    if pid == 0:
        _set_up_internet(internet, ipv6)
    if os.waitpid(pid, 0)[1]:
        raise OSError("the internet cannot be set up")
    links.SetUp(UPLINK).apply()
    links.AddAddress(UPLINK, *HOST).apply()
    links.AddRoute(INTERNET[0], UPLINK).apply()
    if ipv6:
        links.AddAddress(UPLINK, *HOST6).apply()
        links.AddRoute(INTERNET6[0], UPLINK).apply()


def _set_up_internet(internet: int, ipv6: bool) -> NoReturn:
    try:
        syscalls.setns(_opened(internet, "net"), syscalls.CLONE_NEWNET)
        links.SetUp("lo").apply()
        links.SetUp(UPLINK).apply()
        links.AddAddress(UPLINK, *INTERNET).apply()
        if ipv6:
            links.AddAddress(UPLINK, *INTERNET6).apply()
        os._exit(0)
    finally:
        os._exit(1)


def _ended(own: set[int], spared: set[int], groups: list[str]) -> list[str]:
    """Kill all that runs in namespaces of the host, or in its control groups; tell what does not go."""
    deadline = time.monotonic() + _PATIENCE
    while True:
        for below in [below for group in groups for below, _, _ in os.walk(group)]:
            cgroups.kill(below)  # each by itself: it may be frozen
        found = [*_killed(own, spared), *(pid for group in groups for pid in _members(group))]
        if not found or time.monotonic() > deadline:
            return [f"process {pid} does not end" for pid in found]
        time.sleep(_AGAIN)


def _killed(own: set[int], spared: set[int]) -> Iterator[int]:
    """Kill who is in namespaces of the host; give their numbers."""
    for name in os.listdir("/proc"):
        if not name.isdigit() or int(name) in spared:
            continue
        with suppress(OSError):  # it ends just now
            pidfd = os.pidfd_open(int(name))
            try:
                if own & {_number(name, "net"), _number(name, "mnt")}:
                    signal.pidfd_send_signal(pidfd, signal.SIGKILL)
                    yield int(name)
            finally:
                os.close(pidfd)


def _opened(pid: "int | str", kind: str) -> int:
    return os.open(f"/proc/{pid}/ns/{kind}", os.O_RDONLY | os.O_CLOEXEC)


def _number(pid: "int | str", kind: str) -> int:
    return os.stat(f"/proc/{pid}/ns/{kind}").st_ino


def _members(group: str) -> list[int]:
    return [int(pid) for below, _, _ in os.walk(group) for pid in _content(f"{below}/cgroup.procs").split()]


def removed(group: str, deadline: float) -> list[str]:
    """Remove a control group with all below it; tell what stays although *deadline*, of the monotonic clock, came."""
    while True:
        try:
            for below, _, _ in os.walk(group, topdown=False):
                os.rmdir(below)
            return []
        except OSError as problem:  # busy while its processes are being buried
            if time.monotonic() > deadline:
                return [f"control group {group}: {problem.strerror}"]
        time.sleep(_AGAIN)


def _content(path: str) -> str:
    with suppress(OSError), open(path) as file:
        return file.read().strip()
    return ""


def _mac() -> str:
    return "02:" + os.urandom(5).hex(":")
