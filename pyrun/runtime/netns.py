"""`netns exec`: a program of the host, with the host's files, in a container's network namespace.

Nothing of the container's files is opened, so it need not be trusted. Unlike
`ip netns exec` the mounts stay as they are: /sys shows the host's links.
"""

import _signal as signal  # type: ignore[import-not-found]  # signal itself imports enum
import os

from pyrun import store
from pyrun.errors import PyrunError
from pyrun.kernel import syscalls
from pyrun.runtime import topology
from pyrun.typed import NoReturn

_IGNORED_BY_PYTHON = (signal.SIGPIPE, signal.SIGXFSZ)


def execute(name: str, command: list[str], umask: int) -> NoReturn:
    """Become the program in the network of the container called *name*.

    Errors: PyrunError, 127 when there is no such program, 126 when it cannot be executed, else 125.
    """
    _join(name)
    os.umask(umask)
    for number in _IGNORED_BY_PYTHON:
        signal.signal(number, signal.SIG_DFL)
    try:
        os.execvp(command[0], command)
    except (FileNotFoundError, NotADirectoryError):
        raise PyrunError(f"netns exec: {command[0]}: not found on this host", 127) from None
    except OSError as cause:
        raise PyrunError(f"netns exec: {command[0]}: {os.strerror(cause.errno or 0).lower()}", 126) from None


def _join(name: str) -> None:
    try:
        with topology.opened(store.find(name)) as (_, pidfd):
            syscalls.setns(pidfd, syscalls.CLONE_NEWNET)
    except PyrunError as problem:  # elsewhere 1, which here may be what the program ended with
        raise PyrunError(problem.message, 125, problem.hint) from None
