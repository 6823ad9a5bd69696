"""Our own interpreter, executed anew from a sealed copy of itself.

A process that joins a container can be looked at by whoever may trace there
(CAP_SYS_PTRACE), though it cannot be dumped. What its /proc/PID/exe opens must not be
the host's file then: that could be written to as soon as nobody executes it (CVE-2019-5736).
"""

import os

from pyrun.kernel import trampoline
from pyrun.typed import NoReturn

_SELF = "/proc/self/exe"


def is_sealed() -> bool:
    """Claim that we are executed from a copy that nobody can change."""
    fd = os.open(_SELF, os.O_RDONLY | os.O_CLOEXEC)
    try:
        return trampoline.is_sealed(fd)
    finally:
        os.close(fd)


def execute_sealed(command: list[str]) -> NoReturn:
    """Start over as *command*, whose first word still says where the interpreter's files are.

    Errors: PyrunError, OSError where anonymous files may not be executed.
    """
    with open(_SELF, "rb") as file:
        copy = trampoline.sealed("pyrun-python", file.read())
    os.execve(copy, command, os.environ)
