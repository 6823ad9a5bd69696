"""The process that a lab stands by: it makes the host, then looks after orphans. With it the kernel ends all the rest.

The host is that of `pyrun.testing.warden`, with process numbers, a host name and an /etc of its own, and an internet
that has pages and names.
"""

import _signal as signal  # type: ignore[import-not-found]  # signal itself imports enum
import os
import time

from pyrun import paths
from pyrun.contexts import suppress
from pyrun.errors import PyrunError
from pyrun.kernel import files, syscalls, sysctls
from pyrun.lab import building, standing
from pyrun.lab.standing import Standing
from pyrun.testing import warden
from pyrun.typed import NoReturn

_NEW = syscalls.CLONE_NEWPID | syscalls.CLONE_NEWNS | syscalls.CLONE_NEWNET | syscalls.CLONE_NEWUTS
_MS_BIND = 0x1000  # linux/mount.h
_OWN = "/run/lab"  # of what runs in the lab; of its records whoever is outside knows


def main(kind: str, seed: int, fault: str, lock: int) -> NoReturn:
    """Make a lab, and say on standard output that it is ready, or what went wrong on standard error."""
    os.set_inheritable(lock, False)
    os.setsid()
    os.umask(0o022)
    syscalls.unshare(_NEW)
    if os.fork():
        os._exit(0)
    signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
    lab = Standing(kind, int(os.readlink("/proc/self")), os.stat("/proc/self/ns/pid").st_ino, time.time(), False, seed)
    lab = lab._replace(fault=fault)
    standing.write(lab)
    try:
        _make(lab)
        standing.write(lab._replace(ready=True))
        os.write(1, b"ready\n")
        null = os.open("/dev/null", os.O_RDWR)
        for fd in (0, 1, 2):
            os.dup2(null, fd)
        _bury()
    except (OSError, PyrunError) as problem:
        os.write(2, f"{problem}\n".encode())
    finally:
        os._exit(1)


def _make(lab: Standing) -> None:
    records = os.open(paths.LAB, os.O_PATH | os.O_CLOEXEC)
    syscalls.mount("none", "/", flags=syscalls.MS_REC | syscalls.MS_PRIVATE)
    syscalls.mount("proc", "/proc", "proc")
    syscalls.sethostname(b"lab")
    groups: list[str] = []
    warden.own_groups(groups, f"{warden.GROUP}{lab.pid}")
    far = warden.internet()
    warden.own_files(far, groups)
    for directory in (paths.RUN, paths.LAB, _OWN, f"{_OWN}/etc", f"{_OWN}/work", f"{_OWN}/sys"):
        with suppress(FileExistsError):
            os.mkdir(directory, 0o755)
    syscalls.mount(f"/proc/self/fd/{records}", paths.LAB, flags=_MS_BIND)
    os.close(records)
    _own_etc()
    _own_links()
    files.write_new(building.FAR, str(far).encode())
    warden.connect(far, ipv6=False)
    with suppress(OSError):  # where bridges do not ask iptables at all
        sysctls.write("net/bridge/bridge-nf-call-iptables", "0")
    building.furnish()
    building.build(lab)


def _own_etc() -> None:
    """Let what the learner writes in /etc stay in the lab."""
    options = f"lowerdir=/etc,upperdir={_OWN}/etc,workdir={_OWN}/work"
    syscalls.mount("overlay", "/etc", "overlay", options=options)
    with suppress(FileNotFoundError):
        os.unlink("/etc/resolv.conf")  # mostly a link to where nothing is here
    with suppress(FileExistsError):
        os.mkdir("/etc/netns", 0o755)


def _own_links() -> None:
    """Let /sys show the links of the lab, for programs like brctl; the rest of it is the machine's."""
    with suppress(OSError):
        syscalls.mount("sysfs", f"{_OWN}/sys", "sysfs")
        for part in ("class/net", "devices/virtual/net"):
            syscalls.mount(f"{_OWN}/sys/{part}", f"/sys/{part}", flags=_MS_BIND)
        syscalls.umount(f"{_OWN}/sys")


def _bury() -> NoReturn:
    while True:
        try:
            os.waitpid(-1, 0)
        except ChildProcessError:  # the learner has killed the internet
            signal.pause()
