"""Programs of the host that pyrun starts: found at fixed places, with a clean environment.

Never used after entering a container's mount namespace (CVE-2022-1227).
"""

import os
import select

from pyrun.errors import PyrunError
from pyrun.typed import NamedTuple

_DIRECTORIES = ("/usr/sbin", "/sbin", "/usr/bin", "/bin", "/usr/local/sbin", "/usr/local/bin")
_ENVIRONMENT = {"PATH": ":".join(_DIRECTORIES), "LC_ALL": "C"}
_OUTPUT_MAX = 1 << 22
_PATIENCE = 60.0  # seconds, after which something is wrong with a program that takes milliseconds
_SIGKILL = 9


class Outcome(NamedTuple):
    """How a program ended: its exit code, what it printed and what it complained of."""

    code: int
    output: str
    complaint: str


def find(*names: str) -> str:
    """Give the path of the first of *names* that this host has; empty when it has none."""
    for name in names:
        for directory in _DIRECTORIES:
            if os.access(f"{directory}/{name}", os.X_OK):
                return f"{directory}/{name}"
    return ""


def run(path: str, *arguments: str, given: str = "") -> Outcome:
    """Run a program with *given* as its standard input.

    Errors: OSError when it cannot be started, PyrunError when it does not end: it is killed then.
    """
    return outcome(start(path, *arguments, given=given))


class Started(NamedTuple):
    """A program that runs, and where its output goes: `outcome` has to be asked for, once."""

    path: str
    pid: int
    output: int
    complaint: int


def start(path: str, *arguments: str, given: str = "") -> Started:
    """Start a program, for what can be done beside it. Errors: OSError."""
    files = source, output, complaint = _file(given), _file(""), _file("")
    try:
        actions = [(os.POSIX_SPAWN_DUP2, fd, at) for at, fd in enumerate(files)]
        pid = os.posix_spawn(path, [path, *arguments], _ENVIRONMENT, file_actions=actions, setsigmask=())
    except BaseException:
        os.close(output)
        os.close(complaint)
        raise
    finally:
        os.close(source)
    return Started(path, pid, output, complaint)


def outcome(program: Started) -> Outcome:
    """Wait for a program to end. Errors: PyrunError when it does not: it is killed then."""
    try:
        ended = _await(program.pid)
        _, status = os.waitpid(program.pid, 0)
        if not ended:
            raise PyrunError(f"{program.path}: did not end within {_PATIENCE} s")
        return Outcome(os.waitstatus_to_exitcode(status), _content(program.output), _content(program.complaint))
    finally:
        os.close(program.output)
        os.close(program.complaint)


def _await(pid: int) -> bool:
    """Wait for a child to end; kill it when its time is over. Tell whether it ended by itself."""
    pidfd = os.pidfd_open(pid)
    try:
        poll = select.poll()
        poll.register(pidfd, select.POLLIN)
        ended = bool(poll.poll(int(_PATIENCE * 1000)))
        if not ended:
            os.kill(pid, _SIGKILL)
        return ended
    finally:
        os.close(pidfd)


def _file(content: str) -> int:
    """Give an anonymous file: unlike a pipe it takes any amount without a second process or thread."""
    fd = os.memfd_create("pyrun", os.MFD_CLOEXEC)
    os.write(fd, content.encode())
    os.lseek(fd, 0, os.SEEK_SET)
    return fd


def _content(fd: int) -> str:
    return os.pread(fd, _OUTPUT_MAX, 0).decode(errors="replace")
