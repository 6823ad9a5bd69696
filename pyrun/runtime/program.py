"""From a process in its namespaces to the container's program: power given up in order, then execve.

Shared by `run` (init) and `exec`. Nothing is imported, and nothing of the
container is opened through Python, once the root is the container's. What is
given up, and in which order, is planned in `pyrun.plan.process`.
"""

import _signal as signal  # type: ignore[import-not-found]  # signal itself imports enum
import os
import stat
import sys

from pyrun.errors import PyrunError
from pyrun.kernel import syscalls, trampoline
from pyrun.kernel.accounts import Account
from pyrun.kernel.files import quote
from pyrun.operation import perform
from pyrun.plan.process import process
from pyrun.spec import ProcessConfig
from pyrun.typed import Callable, NamedTuple

_TRAP = {"import", "compile", "exec", "ctypes.dlopen", "subprocess.Popen", "os.system", "os.posix_spawn"}
_HIGHEST_SIGNAL = 64


class Program(NamedTuple):
    """What to become, and the descriptors that it takes."""

    config: ProcessConfig
    trampoline: int
    report: int
    stdio: tuple[int, int, int]


class Execute(NamedTuple):
    """Become the program: signals as a program expects them, no descriptor but three, execve."""

    program: Program
    path: str

    def apply(self) -> None:
        for number in range(1, _HIGHEST_SIGNAL + 1):
            if number not in (signal.SIGKILL, signal.SIGSTOP) and number not in (32, 33):
                signal.signal(number, signal.SIG_DFL)
        config = self.program.config
        argv, env = [os.fsencode(a) for a in config.args], [os.fsencode(e) for e in config.env]
        _arrange(self.program)
        signal.pthread_sigmask(signal.SIG_SETMASK, ())
        trampoline.execute(trampoline.REPORT + 1, os.fsencode(self.path), argv, env)

    def inverse(self) -> None:
        return None

    def shell(self) -> str:
        config = self.program.config
        words = (*config.env, self.path or config.args[0], *config.args[1:])
        return f"exec env -i {' '.join(quote(word) for word in words)}"

    def why(self) -> str:
        return "the container's program"


def seal() -> None:
    """Make sure that from here on Python loads nothing: the container's files are not ours to run."""
    sys.path[:], sys.meta_path[:], sys.path_hooks[:] = [], [], []
    sys.path_importer_cache.clear()
    sys.addaudithook(_tripwire)


def become(program: Program, account: Account, ready: Callable[[], None]) -> None:
    """Give up power, find the program, call *ready*, and become the program. Errors: PyrunError."""
    config = at_home(program.config, account)
    perform(process(config, account), "container")
    path = find(config.args, config.env)
    ready()
    perform([Execute(program._replace(config=config), path)], "container")


def at_home(config: ProcessConfig, account: Account) -> ProcessConfig:
    """Add HOME from the container's passwd, where the environment has none."""
    if any(entry.startswith("HOME=") for entry in config.env):
        return config
    return config._replace(env=(*config.env, f"HOME={account.home}"))


def find(args: tuple[str, ...], env: tuple[str, ...]) -> str:
    """Find the program as execvp(3) would, in the container. Errors: PyrunError with exit code 126 or 127."""
    name = args[0]
    if "/" in name:
        return name
    path = next((e.partition("=")[2] for e in reversed(env) if e.startswith("PATH=")), "")
    for directory in path.split(":"):
        candidate = f"{directory or '.'}/{name}"
        try:
            mode = os.stat(candidate).st_mode
        except OSError:
            continue
        if stat.S_ISREG(mode) and os.access(candidate, os.X_OK, effective_ids=True):
            return candidate
    raise PyrunError(f'exec: "{name}": executable file not found in $PATH', 127)


def explain_failure(number: int, path: str) -> PyrunError:
    """Say why the kernel did not execute the program, with Docker's exit code."""
    reason = os.strerror(number).lower()
    code = 127 if number in (2, 20) else 126
    hint = "it, or the interpreter it names, is not in the container" if number == 2 else ""
    return PyrunError(f'exec: "{path}": {reason}', code, hint)


def _arrange(program: Program) -> None:
    """Put stdio at 0-2, the report pipe at 3, the trampoline at 4, and close everything else."""
    high = [os.dup(fd) for fd in (*program.stdio, program.report, program.trampoline)]
    base = max(high) + 1
    for at, fd in enumerate(high):
        os.dup2(fd, base + at, inheritable=False)
    for at in range(5):
        os.dup2(base + at, at, inheritable=at < 4)
    syscalls.close_range(5)


def _tripwire(event: str, arguments: tuple[object, ...]) -> None:
    if event in _TRAP or (event == "open" and arguments[1] is not None):
        os.write(2, f"pyrun: {event} inside a container refused\n".encode())
        os._exit(125)
