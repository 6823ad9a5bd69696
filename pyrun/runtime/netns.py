"""`netns exec`: a program of the host, with the host's files, in a container's network namespace.

Nothing of the container's files is opened, so it need not be trusted. Unlike
`ip netns exec` the mounts stay as they are: /sys shows the host's links.
"""

import _signal as signal  # type: ignore[import-not-found]  # signal itself imports enum
import os

from pyrun.errors import PyrunError
from pyrun.kernel import syscalls
from pyrun.runtime import topology
from pyrun.store import Container
from pyrun.typed import NoReturn

_IGNORED_BY_PYTHON = (signal.SIGPIPE, signal.SIGXFSZ)


def execute(container: Container, command: list[str], umask: int) -> NoReturn:
    """Become the program. Errors: PyrunError, 127 when there is no such program, 126 when it cannot be executed."""
    with topology.opened(container) as (_, pidfd):
        syscalls.setns(pidfd, syscalls.CLONE_NEWNET)
    os.umask(umask)
    for number in _IGNORED_BY_PYTHON:
        signal.signal(number, signal.SIG_DFL)
    try:
        os.execvp(command[0], command)
    except (FileNotFoundError, NotADirectoryError):
        raise PyrunError(f"netns exec: {command[0]}: not found on this host", 127) from None
    except OSError as cause:
        raise PyrunError(f"netns exec: {command[0]}: {os.strerror(cause.errno or 0).lower()}", 126) from None
