"""Capabilities and the other attributes by which a process gives up power, through python-prctl.

Which ones a container keeps is resolved here; the order of giving up is init's. See capabilities(7).
"""

import errno
import os

import prctl

from pyrun.contexts import suppress
from pyrun.errors import UsageError

NAMES = (
    "CHOWN DAC_OVERRIDE DAC_READ_SEARCH FOWNER FSETID KILL SETGID SETUID SETPCAP LINUX_IMMUTABLE "
    "NET_BIND_SERVICE NET_BROADCAST NET_ADMIN NET_RAW IPC_LOCK IPC_OWNER SYS_MODULE SYS_RAWIO SYS_CHROOT "
    "SYS_PTRACE SYS_PACCT SYS_ADMIN SYS_BOOT SYS_NICE SYS_RESOURCE SYS_TIME SYS_TTY_CONFIG MKNOD LEASE "
    "AUDIT_WRITE AUDIT_CONTROL SETFCAP MAC_OVERRIDE MAC_ADMIN SYSLOG WAKE_ALARM BLOCK_SUSPEND AUDIT_READ "
    "PERFMON BPF CHECKPOINT_RESTORE"
).split()

# Docker's fourteen: 0xa80425fb.
DEFAULT = frozenset(
    "CHOWN DAC_OVERRIDE FSETID FOWNER MKNOD NET_RAW SETGID SETUID SETFCAP SETPCAP NET_BIND_SERVICE "
    "SYS_CHROOT KILL AUDIT_WRITE".split()
)


def resolve(add: tuple[str, ...], drop: tuple[str, ...], privileged: bool, available: frozenset[str]) -> frozenset[str]:
    """Give the capabilities of a container, by Docker's rules for ALL.

    *available* is what this host can give. Errors: UsageError for an unknown
    name, or one that was asked for and is not available.
    """
    added, dropped = {_name(name) for name in add}, {_name(name) for name in drop}
    if privileged:
        return available
    missing = sorted(added - available - {"ALL"})
    if missing:
        raise UsageError(f"capability: {missing[0]}: not available on this host")
    kept = set(available) if "ALL" in added else set[str]() if "ALL" in dropped else set(DEFAULT)
    return frozenset((kept - dropped) | (added - {"ALL"})) & available


def check(names: tuple[str, ...]) -> None:
    """Look at names that somebody gave. Errors: UsageError for one that is none."""
    for name in names:
        _name(name)


def bounding() -> frozenset[str]:
    """Give the capabilities of our own bounding set."""
    with open("/proc/self/status") as file:
        mask = next(int(row.split()[1], 16) for row in file if row.startswith("CapBnd"))
    return frozenset(name for number, name in enumerate(NAMES) if mask >> number & 1)


def limit_bounding(kept: frozenset[str]) -> None:
    """Drop all others from the bounding set: no program executed later can have them. Errors: OSError."""
    for number, name in enumerate(NAMES):
        if name not in kept:
            with suppress(ValueError, OSError):  # a number that this kernel does not have
                if prctl.capbset_read(number):
                    prctl.capbset_drop(number)


def keep_across_setuid() -> None:
    """Keep the permitted set when the user id changes; execve(2) ends this."""
    prctl.set_keepcaps(True)


def set_process(kept: frozenset[str]) -> None:
    """Set permitted and effective to *kept*, inheritable (and with it ambient) to nothing. Errors: OSError."""
    flags = (prctl.CAP_PERMITTED, prctl.CAP_EFFECTIVE, prctl.CAP_INHERITABLE)
    wanted = []
    for number, name in enumerate(NAMES[: prctl.CAP_LAST_CAP + 1]):
        wanted += [(number, flag, name in kept and flag != prctl.CAP_INHERITABLE) for flag in flags]
    prctl.set_caps(*wanted)


def set_undumpable() -> None:
    """Make our memory, files and interpreter unreachable through /proc for whoever we join."""
    prctl.set_dumpable(False)


def set_no_new_privileges() -> None:
    """From now on execve(2) gives no privilege; see PR_SET_NO_NEW_PRIVS."""
    prctl.set_no_new_privs(True)


def set_death_signal(signum: int) -> None:
    """Receive *signum* when the parent ends; 0 for none."""
    prctl.set_pdeathsig(signum)


def verify_user(uid: int, gid: int, groups: list[int]) -> None:
    """Check that the kernel took what it was given: some values are taken as *no change*. Errors: OSError."""
    taken = (os.getresuid(), os.getresgid(), sorted(os.getgroups()))
    if taken != ((uid,) * 3, (gid,) * 3, sorted(set(groups))):
        raise OSError(errno.EPERM, os.strerror(errno.EPERM))


def _name(text: str) -> str:
    name = text.upper().removeprefix("CAP_")
    if name != "ALL" and name not in NAMES:
        near = [known for known in NAMES if known.replace("_", "") == name.replace("_", "")]
        raise UsageError(f"capability: {text}: unknown", hint=f"did you mean {near[0]}?" if near else "")
    return name
