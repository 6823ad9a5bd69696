"""From a process in its namespaces to the container's program: power given up in order, then execve.

Shared by `run` (init) and `exec`. Nothing is imported, and nothing of the
container is opened through Python, once the root is the container's; the order
follows the kernel's rules, see security.md "Required order of the final child stage".
"""

import os
import resource
import signal
import stat
import sys
from typing import NamedTuple

from pyrun.errors import PyrunError
from pyrun.kernel import capabilities, syscalls, trampoline
from pyrun.kernel.accounts import Account
from pyrun.spec import Ulimit

_TRAP = {"import", "compile", "exec", "ctypes.dlopen", "subprocess.Popen", "os.system", "os.posix_spawn"}
_HIGHEST_SIGNAL = 64


class Program(NamedTuple):
    """What to become; descriptors are ours, everything else is plain data."""

    args: tuple[str, ...]
    env: tuple[str, ...]
    cwd: str
    make_cwd: bool
    keep: frozenset[str]  # capabilities
    no_new_privileges: bool
    filter: "bytes | None"  # compiled seccomp policy
    ulimits: tuple[Ulimit, ...]
    trampoline: int
    report: int
    stdio: tuple[int, int, int]


def seal() -> None:
    """Make sure that from here on Python loads nothing: the container's files are not ours to run."""
    sys.path[:], sys.meta_path[:], sys.path_hooks[:] = [], [], []
    sys.path_importer_cache.clear()
    sys.addaudithook(_tripwire)


def give_up(program: Program, account: Account) -> None:
    """Drop privileges in the order the kernel asks for. Errors: OSError, PyrunError."""
    for limit in program.ulimits:
        _limit(limit)
    os.umask(0o022)
    if program.make_cwd:
        _make_directory(program.cwd)
    if program.no_new_privileges:
        capabilities.set_no_new_privileges()
    elif program.filter:
        syscalls.seccomp(program.filter)  # needs CAP_SYS_ADMIN, which is gone below
    capabilities.limit_bounding(program.keep)
    capabilities.keep_across_setuid()
    os.setgroups(list(account.groups))
    os.setresgid(account.gid, account.gid, account.gid)
    os.setresuid(account.uid, account.uid, account.uid)
    capabilities.verify_user(account.uid, account.gid, list(account.groups))
    capabilities.set_process(program.keep if account.uid == 0 else frozenset())
    capabilities.set_undumpable()  # a change of user resets it
    _enter_directory(program.cwd)
    if program.no_new_privileges and program.filter:
        syscalls.seccomp(program.filter)


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


def execute(program: Program, path: str) -> None:
    """Become the program: signals as a program expects them, no descriptor but three, execve."""
    for number in range(1, _HIGHEST_SIGNAL + 1):
        if number not in (signal.SIGKILL, signal.SIGSTOP) and number not in (32, 33):
            signal.signal(number, signal.SIG_DFL)
    argv, env = [os.fsencode(a) for a in program.args], [os.fsencode(e) for e in program.env]
    _arrange(program)
    signal.pthread_sigmask(signal.SIG_SETMASK, ())
    trampoline.execute(trampoline.REPORT + 1, os.fsencode(path), argv, env)


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


def _limit(limit: Ulimit) -> None:
    number = getattr(resource, f"RLIMIT_{limit.name.upper()}")
    try:
        resource.setrlimit(number, (limit.soft, limit.hard))
    except (OSError, ValueError) as cause:
        raise PyrunError(
            f"ulimit: {limit.name}: cannot be set to {limit.soft}:{limit.hard}",
            hint="raising a limit above ours needs CAP_SYS_RESOURCE",
        ) from cause


def _make_directory(path: str) -> None:
    """Make the working directory as Docker does, with its parents."""
    made = ""
    for part in path.strip("/").split("/"):
        made += f"/{part}"
        try:
            os.mkdir(made, 0o755)
        except OSError:
            continue


def _enter_directory(path: str) -> None:
    """Change into *path*; what lies outside the root is refused (CVE-2024-21626)."""
    try:
        os.chdir(path)
        inside = os.getcwd().startswith("/")
    except OSError as cause:
        code = 126 if cause.errno == 13 else 127
        raise PyrunError(f"workdir: {path}: {os.strerror(cause.errno or 0).lower()}", code) from cause
    if not inside:
        raise PyrunError(f"workdir: {path}: lies outside the container", 126)


def _tripwire(event: str, arguments: tuple[object, ...]) -> None:
    if event in _TRAP or (event == "open" and arguments[1] is not None):
        os.write(2, f"pyrun: {event} inside a container refused\n".encode())
        os._exit(125)
