"""Namespaces of the process itself, as operations: leaving for new ones, joining those of another."""

import os

from pyrun.kernel import syscalls
from pyrun.kernel.files import quote
from pyrun.typed import NamedTuple

_OPTIONS = (
    (syscalls.CLONE_NEWNS, "--mount"),
    (syscalls.CLONE_NEWUTS, "--uts"),
    (syscalls.CLONE_NEWIPC, "--ipc"),
    (syscalls.CLONE_NEWNET, "--net"),
    (syscalls.CLONE_NEWPID, "--pid --fork"),
    (syscalls.CLONE_NEWCGROUP, "--cgroup"),
)
PRIVATE = syscalls.CLONE_NEWNS | syscalls.CLONE_NEWUTS | syscalls.CLONE_NEWIPC | syscalls.CLONE_NEWCGROUP


class Unshare(NamedTuple):
    """Leave for new namespaces; a new PID namespace is for the next child."""

    flags: int

    def apply(self) -> None:
        syscalls.unshare(self.flags)

    def inverse(self) -> None:
        return None

    def shell(self) -> str:
        options = " ".join(option for flag, option in _OPTIONS if self.flags & flag)
        return f"exec unshare {options} --propagation unchanged bash"

    def why(self) -> str:
        return "a view of its own: what is made here is seen only here"


class JoinNetwork(NamedTuple):
    """Share a network namespace that somebody else made."""

    path: str  # /proc/PID/ns/net, or where it is mounted

    def apply(self) -> None:
        fd = os.open(self.path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            syscalls.setns(fd, syscalls.CLONE_NEWNET)
        finally:
            os.close(fd)

    def inverse(self) -> None:
        return None

    def shell(self) -> str:
        return f"exec nsenter --net={quote(self.path)} bash"

    def why(self) -> str:
        return "one network for two containers"


class Join(NamedTuple):
    """Share a namespace of another process, of the kind *flag*; a PID namespace is for the next child."""

    path: str  # /proc/PID/ns/…
    flag: int
    reason: str

    def apply(self) -> None:
        fd = os.open(self.path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            syscalls.setns(fd, self.flag)
        finally:
            os.close(fd)

    def inverse(self) -> None:
        return None

    def shell(self) -> str:
        option = next(name for flag, name in _OPTIONS if flag == self.flag).partition(" ")[0]
        return f"exec nsenter {option}={quote(self.path)} bash"

    def why(self) -> str:
        return self.reason


class SetHostname(NamedTuple):
    """Name the machine, as the container sees it."""

    name: str

    def apply(self) -> None:
        syscalls.sethostname(self.name.encode())

    def inverse(self) -> None:
        return None

    def shell(self) -> str:
        return f"hostname {quote(self.name)}"

    def why(self) -> str:
        return "the name it answers to"
