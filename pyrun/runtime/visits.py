"""Work inside the network namespace of a running container, by a child that never comes back.

The child joins by pidfd, so that it is this container or none; it joins nothing
else, imports nothing afterwards, and tells over a pipe what went wrong.
"""

import _signal as signal  # type: ignore[import-not-found]  # signal itself imports enum
import os

from pyrun.errors import PyrunError
from pyrun.kernel import capabilities, syscalls
from pyrun.operation import Operation, perform
from pyrun.typed import Callable, NoReturn


def perform_inside(pidfd: int, plan: "Callable[[], list[Operation]]") -> None:
    """Perform what *plan*, called inside, gives there. Errors: PyrunError."""
    assert len(os.listdir("/proc/self/task")) == 1
    report, reported = os.pipe2(os.O_CLOEXEC)
    parent = os.getpid()
    child = os.fork()
    if child == 0:
        _visit(pidfd, plan, reported, parent)
    os.close(reported)
    problem = _read(report)
    os.close(report)
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    if code or problem:
        raise PyrunError(problem.decode(errors="replace") or "network: ended unexpectedly inside the container", 1)


def _visit(pidfd: int, plan: "Callable[[], list[Operation]]", reported: int, parent: int) -> NoReturn:
    try:
        capabilities.set_death_signal(signal.SIGKILL)
        capabilities.set_undumpable()  # before the container's namespace is ours
        if os.getppid() != parent:
            os._exit(125)
        syscalls.setns(pidfd, syscalls.CLONE_NEWNET)
        perform(plan(), "container")
        os._exit(0)
    except PyrunError as problem:
        _tell(reported, f"{problem.message} ({problem.hint})" if problem.hint else problem.message)
    except ProcessLookupError:
        _tell(reported, "container: is not running")
    except OSError as problem:
        _tell(reported, f"network: inside the container: {os.strerror(problem.errno or 0).lower()}")
    except BaseException as problem:  # never a traceback
        _tell(reported, f"network: internal error: {type(problem).__name__}")
    os._exit(125)


def _tell(reported: int, text: str) -> None:
    os.write(reported, text.encode(errors="replace"))


def _read(report: int) -> bytes:
    content = b""
    while portion := os.read(report, 4096):
        content += portion
    return content
