"""Into the lab: a twin of this process goes on there, and a shell for the learner.

The twin has the lab's processes, network, files and host name; whoever began waits for it outside, gives the
terminal back as it was, and cleans when the lab has ended meanwhile.
"""

import _signal as signal  # type: ignore[import-not-found]  # signal itself imports enum
import os

from pyrun.contexts import suppress
from pyrun.errors import PyrunError
from pyrun.kernel import files, processes, syscalls
from pyrun.lab import standing
from pyrun.lab.standing import Standing
from pyrun.typed import Any, NoReturn

_PLACES = syscalls.CLONE_NEWNS | syscalls.CLONE_NEWNET | syscalls.CLONE_NEWUTS
_PROMPT = r"\[\e[1;36m\]lab $(cat " + standing.PROMPT + r" 2>/dev/null)\[\e[0m\]:\w# "
_PATIENCE = 10.0  # seconds for a lab to end
_PF_EXITING = 0x4  # linux/sched.h
_KEYBOARD = (signal.SIGINT, signal.SIGQUIT, signal.SIGTTOU)


def enter(lab: Standing, farewell: str = "") -> None:
    """Be in the lab from here on. Of two processes this returns in the one inside; the other ends with its exit code.

    *farewell* is said outside when the lab still stands afterwards. Errors: PyrunError when the lab has ended.
    """
    pidfd = standing.opened(lab)
    if lab.inside:
        syscalls.setns(pidfd, _PLACES)
        os.close(pidfd)
        return
    syscalls.setns(pidfd, syscalls.CLONE_NEWPID)
    child = os.fork()
    if child:
        _wait(child, lab, pidfd, farewell)
    syscalls.setns(pidfd, _PLACES)
    os.close(pidfd)


def shell(directory: str, command: list[str]) -> NoReturn:
    """Become the learner's shell, or a program, in *directory* if the lab has it. Errors: PyrunError; 127 as usual."""
    with suppress(OSError):
        os.chdir(directory)
    if os.isatty(0) and not command:
        signal.signal(signal.SIGTTOU, signal.SIG_IGN)
        os.setpgid(0, 0)
        os.tcsetpgrp(0, os.getpgrp())
        signal.signal(signal.SIGTTOU, signal.SIG_DFL)
    for number in (signal.SIGPIPE, signal.SIGXFSZ):  # ignored by Python
        signal.signal(number, signal.SIG_DFL)
    os.umask(0o022)
    os.environ["HISTFILE"] = "/run/lab/history"  # of the lab alone
    wanted = command or ["bash", "--rcfile", standing.SHELL, *(["-i"] if os.isatty(0) else [])]
    if not command and not os.isatty(0):
        os.environ["BASH_ENV"] = standing.SHELL
    try:
        os.execvp(wanted[0], wanted)
    except OSError as cause:
        code = 127 if isinstance(cause, FileNotFoundError) else 126
        raise PyrunError(f"lab: {wanted[0]}: {os.strerror(cause.errno or 0).lower()}", code) from None


def write_settings(pyrun: list[str]) -> None:
    """Write what a shell in the lab begins with: *pyrun* is the command that this process was started as."""
    words = " ".join(map(files.quote, pyrun))
    lines = [f'pyrun() {{ {words} "$@"; }}', "export -f pyrun", f"PS1='{_PROMPT}'"]
    files.write_atomically(standing.SHELL, "".join(f"{line}\n" for line in lines).encode(), 0o644)


def _wait(child: int, lab: Standing, pidfd: int, farewell: str) -> NoReturn:
    """Wait for the twin, and end as it did; *pidfd* is of the lab's first process."""
    for number in _KEYBOARD:
        signal.signal(number, signal.SIG_IGN)
    terminal: Any = None
    group = 0
    if os.isatty(0):
        import termios

        terminal, group = termios.tcgetattr(0), os.tcgetpgrp(0)
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    if terminal is not None:
        with suppress(OSError):
            os.tcsetpgrp(0, group)
            termios.tcsetattr(0, termios.TCSADRAIN, terminal)
    if _is_ending(lab.pid):
        processes.wait_end(pidfd, _PATIENCE)
    ended = standing.sweep()
    if farewell:
        ended_too = processes.wait_end(pidfd, 0)
        os.write(1, f"{'The lab has ended.' if ended_too else farewell}\n".encode())
    for problem in ended:
        os.write(2, f"pyrun: {problem}\n".encode())
    os._exit(code if code >= 0 else 128 - code)


def _is_ending(pid: int) -> bool:
    """Claim that a process has begun to end; the first one of a PID namespace waits for all others. See proc(5)."""
    with suppress(FileNotFoundError, ProcessLookupError), open(f"/proc/{pid}/stat", "rb") as file:
        content = file.read()
        return bool(int(content[content.rindex(b")") + 2 :].split()[6]) & _PF_EXITING)
    return True
