"""The end of a start: what was made is taken apart, its end written down, and by policy the program started again.

A monitor comes here when the program has ended, or when it could not be started.
"""

import os
import sys
import time

from pyrun import chronicle, keeping, paths, records, store
from pyrun.contexts import suppress
from pyrun.errors import Corrupt, PyrunError
from pyrun.kernel import cgroups, locks, processes
from pyrun.network import driver, turns
from pyrun.plan import filesystem
from pyrun.runtime import restarts
from pyrun.runtime.channel import EXITED, FAILED, Channel, failure
from pyrun.spec import ContainerConfig
from pyrun.typed import NamedTuple, NoReturn

_GRACE = 0.5  # seconds an idle network is kept for the next container
_CODE = "import sys; sys.path[:] = sys.argv[1].split(':'); from pyrun.runtime.{} import {} as go; go(sys.argv[2:])"


def command(module: str, function: str, *words: str) -> list[str]:
    """Give the command that goes on as a bare interpreter: a function of a module of ours, called with *words*."""
    return [sys.executable, "-I", "-S", "-c", _CODE.format(module, function), ":".join(sys.path), *words]


class Over(NamedTuple):
    """A container whose program has ended, as its monitor holds it."""

    identity: str
    pid: int
    lock: int
    listener: int


def resume(arguments: list[str]) -> NoReturn:
    """Take over from the lean process: the container's program has ended.

    Its id, process, lock and listener, and the channels of those who are attached.
    """
    identity, *numbers = arguments
    pid, lock, listener, *clients = map(int, numbers)
    finish(Over(identity, pid, lock, listener), [Channel(fd) for fd in clients])


def finish(over: Over, clients: list[Channel], explained: bool = False) -> NoReturn:
    """Write down how it ended, take everything apart, tell the clients, and start it again or leave."""
    identity = over.identity
    code = os.waitstatus_to_exitcode(os.waitpid(over.pid, 0)[1])
    code = code if code >= 0 else 128 - code
    config, start = store.load(identity).config, _start_of(identity)
    killed = cgroups.oom_kills(cgroups.hierarchies(), identity) > 0
    end = records.Exit(code, time.time(), killed, start.at if start else 0.0)
    again = _next(config, start, end)
    if again:
        keeping.mark(paths.restarting(identity))  # before the end is known, so that nobody takes it for the last
    write_down(identity, end, config)
    if killed:
        chronicle.container(identity, config, "oom")
    chronicle.container(identity, config, "die", exitCode=str(code))
    if again:
        complain(identity, keeping.take_apart(identity, restarting=True))
    else:
        locks.leave_word(over.lock, b"%d" % code)
        complain(identity, keeping.retire(identity, over.lock))
    if explained:
        driver.sweep()
    for client in clients:
        client.send(EXITED, bytes([code]))
        client.close()
    if again:
        for fd in (over.lock, over.listener):
            os.set_inheritable(fd, True)
        words = command("monitor", "again", identity, str(over.lock), str(over.listener), *again)
        os.execv(words[0], words)
    leave_network()


def _start_of(identity: str) -> "records.Start | None":
    with suppress(Corrupt):
        return records.read_start(f"{paths.container(identity)}/start.json")
    return None


def _next(config: "ContainerConfig | None", start: "records.Start | None", end: records.Exit) -> tuple[str, ...]:
    """Tell the count of starts by its policy with the next one, and the seconds before that; nothing for none."""
    if config is None or start is None:
        return ()
    ended = restarts.Ended(end.code, processes.lived(start.process), start.restarts, not keeping.may_restart(config.id))
    if not restarts.again(config.restart, config.restart_most, ended):
        return ()
    return str(start.restarts + 1), str(restarts.delay(start.delay, ended.lived))


def give_up(identity: str, lock: int) -> NoReturn:
    """Leave a container as it has ended: somebody does not want it started again."""
    end = records.read_exit(f"{paths.container(identity)}/exit.json")
    locks.leave_word(lock, b"%d" % (end.code if end else store.UNSEEN))
    complain(identity, keeping.retire(identity, lock))
    leave_network()


def write_down(identity: str, end: records.Exit, config: "ContainerConfig | None") -> None:
    """Write the end of a container down, as far as there is room."""
    try:
        durable = bool(config and not config.remove)
        records.write_exit(f"{paths.container(identity)}/exit.json", end, durable)
    except OSError as problem:
        complain(identity, [problem])


def abandon(
    identity: str,
    lock: int,
    problem: Exception,
    client: "Channel | None" = None,
    explained: bool = False,
    first: bool = False,
) -> NoReturn:
    """Undo a start that failed, and say why; a *first* one leaves no trace but that."""
    code = problem.code if isinstance(problem, PyrunError) else 125
    hint = problem.hint if isinstance(problem, PyrunError) else ""
    text = str(problem) if isinstance(problem, PyrunError) else _words(problem)
    for long, short in filesystem.abbreviations(identity).items():
        text = text.replace(long, short)
    text = f"{text} ({hint})" if hint else text
    if lock >= 0:
        _note_failure(identity, code, text, first)
        complain(identity, keeping.retire(identity, lock))
    if explained:
        driver.sweep()
    if client:
        client.send(FAILED, failure(code, text))
        client.close()
    leave_network()


def _words(problem: Exception) -> str:
    """Say what went wrong with the container's own files; where it is not known of which, it is one of pyrun's."""
    if isinstance(problem, OSError) and problem.errno:
        return f"state: {problem.filename or paths.STATE}: {os.strerror(problem.errno).lower()}"
    return f"monitor: {type(problem).__name__}: {problem}"


def _note_failure(identity: str, code: int, text: str, first: bool) -> None:
    """Write down why a container that stays could not be started."""
    if first:
        keeping.unmark(f"{paths.container(identity)}/start.json")
    start = _start_of(identity)
    if start is not None or os.path.lexists(paths.kept(identity)):
        end = records.Exit(code, time.time(), False, start.at if start else 0.0, text)
        write_down(identity, end, store.load(identity).config)


def leave_network() -> NoReturn:
    """Take the network down, unless another container comes within a moment."""
    with turns.sweeping():
        time.sleep(_GRACE)
    driver.sweep()
    keeping.tidy()
    os._exit(0)


def complain(identity: str, failures: "list[Exception]") -> None:
    """Leave a note where somebody who looks for left-overs finds it, as far as there is room."""
    if not failures:
        return
    with suppress(OSError):
        text = "".join(f"{identity[:12]}: {failure}\n" for failure in failures)
        fd = os.open(f"{paths.STATE}/problems.log", os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
        os.write(fd, text.encode(errors="replace"))
        os.close(fd)


def redirect(keep_errors: bool) -> None:
    """Let go of the caller's terminal and pipes."""
    null = os.open("/dev/null", os.O_RDWR | os.O_CLOEXEC)
    for fd in (0, 1) if keep_errors else (0, 1, 2):
        os.dup2(null, fd)
    os.close(null)
