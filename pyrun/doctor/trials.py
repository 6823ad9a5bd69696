"""Things that are tried in a child, which leaves everything that it makes with its namespaces when it ends."""

import os

from pyrun.errors import PyrunError
from pyrun.kernel import syscalls
from pyrun.typed import Callable


def tried(action: "Callable[[], object]", namespaces: int = 0) -> str:
    """Do *action* in a child with new *namespaces* (CLONE_NEW…); give what went wrong, or nothing."""
    report, reported = os.pipe2(os.O_CLOEXEC)
    child = os.fork()
    if child == 0:
        os._exit(_told(action, namespaces, reported))
    os.close(reported)
    with os.fdopen(report, "rb") as file:
        problem = file.read().decode(errors="replace")
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    return problem or ("" if status == 0 else f"ended with {status}")


def _told(action: "Callable[[], object]", namespaces: int, reported: int) -> int:
    try:
        if namespaces:
            syscalls.unshare(namespaces)
        if namespaces & syscalls.CLONE_NEWNS:
            syscalls.mount("none", "/", flags=syscalls.MS_REC | syscalls.MS_PRIVATE)
        action()
    except OSError as problem:
        os.write(reported, os.strerror(problem.errno or 0).lower().encode())
    except PyrunError as problem:
        os.write(reported, problem.message.encode())
    except BaseException as problem:  # never a traceback
        os.write(reported, type(problem).__name__.encode())
    return 0
