"""Process 1 of a container, from fork to execve: it builds its own surroundings and becomes the program.

Its parent, the monitor, does the host's part meanwhile; they talk over the
messages of `pyrun.runtime.channel`. It never returns.
"""

import _signal as signal  # type: ignore[import-not-found]  # signal itself imports enum
import os

from pyrun.errors import PyrunError
from pyrun.kernel import accounts, capabilities, terminal, trees
from pyrun.kernel.mounts import BindMount
from pyrun.operation import Operation, perform
from pyrun.runtime import program as programs
from pyrun.runtime.channel import ENDPOINT, FAILED, NAMESPACES, READY, START, Channel, failure
from pyrun.runtime.program import Program
from pyrun.spec import ContainerConfig
from pyrun.typed import NamedTuple, NoReturn


class Job(NamedTuple):
    """All that init needs, made by the monitor before the fork."""

    config: ContainerConfig
    root: str  # where the root is assembled
    joining: list[Operation]  # control groups, then namespaces
    filesystem: list[Operation]  # up to, not including, the pivot
    sandbox: list[Operation]
    pivot: list[Operation]  # hostname, the pivot, and what is hidden after it
    program: Program
    parent: Channel
    unneeded: tuple[int, ...]  # the monitor's descriptors, its lock among them


def become(job: Job) -> NoReturn:
    """Do the job; whatever goes wrong is told to the parent, and nothing is left running."""
    try:
        _become(job)
    except PyrunError as problem:
        text = f"{problem.message} ({problem.hint})" if problem.hint else problem.message
        job.parent.send(FAILED, failure(problem.code, text))
    except OSError as problem:
        job.parent.send(FAILED, failure(125, f"init: {os.strerror(problem.errno or 0).lower()}"))
    except BaseException as problem:  # never a traceback: it would read the container's files
        job.parent.send(FAILED, failure(125, f"init: internal error: {type(problem).__name__}: {problem}"))
    os._exit(125)


def _become(job: Job) -> None:
    for fd in job.unneeded:
        os.close(fd)
    capabilities.set_death_signal(signal.SIGKILL)
    capabilities.set_undumpable()
    os.setsid()
    os.umask(0)  # modes below are meant as they are written; the program gets 022
    perform(job.joining, "container")
    job.parent.send(NAMESPACES)
    perform(job.filesystem, "container")
    stdio, console = _stdio(job)
    _expect(job, ENDPOINT)
    perform(job.sandbox, "container")
    account = _account(job)
    programs.seal()
    perform(job.pivot, "container")

    def ready() -> None:
        job.parent.send(READY, b"", console)
        _expect(job, START)
        capabilities.set_death_signal(0)  # the container outlives its monitor

    programs.become(job.program._replace(stdio=stdio), account, ready)


def _account(job: Job) -> accounts.Account:
    with trees.opened(job.root) as root:
        return accounts.resolve(root, job.config.user, job.config.groups)


def _stdio(job: Job) -> tuple[tuple[int, int, int], int]:
    """Give the program's stdio, and the terminal's master or -1."""
    if not job.config.tty:
        return job.program.stdio, -1
    master, peer = terminal.open_pty(job.root)
    perform([_console(job, master)], "container")
    terminal.make_controlling(peer)
    return (peer, peer, peer), master


def _console(job: Job, master: int) -> Operation:
    source = f"{job.root}/dev/pts/{terminal.number(master)}"
    return BindMount(source, job.root, "/dev/console", "", False, reason="the container's own terminal")


def _expect(job: Job, kind: bytes) -> None:
    if job.parent.receive()[0] != kind:
        os._exit(125)  # the monitor is gone: there is nobody to tell
