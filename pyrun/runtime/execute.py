"""`exec`: a helper joins the container's namespaces by pidfd and forks the program there.

The helper gives away nothing of ours: it cannot be dumped from before it
joins, and imports nothing afterwards. The caller's client stays outside.
"""

import _signal as signal  # type: ignore[import-not-found]  # signal itself imports enum
import os
import select

from pyrun import chronicle, paths
from pyrun.contexts import suppress
from pyrun.errors import PyrunError
from pyrun.kernel import (
    accounts,
    capabilities,
    cgroups,
    credentials,
    interpreter,
    processes,
    seccomp,
    syscalls,
    terminal,
    trampoline,
    trees,
)
from pyrun.operation import perform
from pyrun.runtime import channel, console, program
from pyrun.runtime.channel import (
    EXITED,
    FAILED,
    GONE,
    KILL_ALL,
    READY,
    RESIZE,
    SIGNAL,
    STARTED,
    Channel,
    failure,
    read_failure,
)
from pyrun.runtime.program import Program
from pyrun.spec import ContainerConfig, ExecConfig, ProcessConfig
from pyrun.store import Container
from pyrun.typed import NamedTuple, NoReturn

_NAMESPACES = (
    syscalls.CLONE_NEWNS
    | syscalls.CLONE_NEWUTS
    | syscalls.CLONE_NEWIPC
    | syscalls.CLONE_NEWNET
    | syscalls.CLONE_NEWPID
    | syscalls.CLONE_NEWCGROUP
)


class Visit(NamedTuple):
    """All that the helper needs, made before it joins anything."""

    container: ContainerConfig
    config: ExecConfig
    pidfd: int
    groups: tuple[int, ...]  # descriptors of the entrances to its control groups
    program: Program
    client: Channel
    report: int  # our end
    window: bytes  # the caller's, so that the program never sees another size
    id: str  # for the chronicle
    chronicle: int  # descriptor, for its end


def take_cover(container: Container, command: list[str]) -> None:
    """Start over as *command* from a sealed copy of our interpreter, where the container could lay hands on it."""
    config = container.config
    if config is None or not (config.privileged or config.cap_add) or interpreter.is_sealed():
        return
    if "SYS_PTRACE" in capabilities.resolve(
        config.cap_add, config.cap_drop, config.privileged, capabilities.bounding()
    ):
        interpreter.execute_sealed(command)


def execute(container: Container, config: ExecConfig) -> int:
    """Run a program in a running container; give its exit code. Errors: PyrunError."""
    pidfd, made = opened(container)
    if not config.detach:
        console.check_terminal(config.tty, config.interactive)
    former = signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
    ours, outer = begin(pidfd, made, config)
    if config.detach:
        _started(ours, failed=1)  # whatever it was, as in Docker
        return 0
    keys = console.parse_keys(config.detach_keys)
    attached = console.Console(ours, config.tty, keys, proxy=False)
    signal.pthread_sigmask(signal.SIG_SETMASK, former)
    master = _started(ours)
    ends = outer if master < 0 else (os.dup(master) if config.interactive else -1, master, -1)
    return attached.run(console.Ends(*ends))


def begin(
    pidfd: int, made: ContainerConfig, config: ExecConfig, apart: str = ""
) -> tuple[Channel, tuple[int, int, int]]:
    """Let a helper run a program in a container that is `opened`; give the channel to it and our ends of its stdio.

    It tells there that the program was STARTED, or has FAILED, and that it has EXITED. Signals have to be blocked.
    *apart* is a group that was made below the container's, by which whatever the program starts is known.
    """
    ours, theirs = channel.pair()
    inner, outer = _pipes(config)
    groups = cgroups.hierarchies()
    known = cgroups.telling(groups)
    entrances = [each.entrance(made.id, f"{apart}/" if apart and each == known else "") for each in groups]
    visit = _prepare(made, config, pidfd, theirs, inner)._replace(groups=_opened_groups(entrances))
    _note_beginning(visit)
    if os.fork() == 0:
        ours.close()
        _close(outer)
        _visit(visit)
    theirs.close()
    for fd in {
        *inner,
        *visit.groups,
        visit.pidfd,
        visit.report,
        visit.program.report,
        visit.program.trampoline,
    }:
        os.close(fd)
    return ours, outer


def opened(container: Container) -> tuple[int, ContainerConfig]:
    """Open the process of a running container, and give its record. Errors: PyrunError."""
    if container.config is None:
        raise PyrunError(f"container {container.name}: {container.problem}", 1)
    state = container.status().state
    if state == "paused":
        raise PyrunError(f"container {container.name} is paused, unpause the container before exec", 1)
    if state == "restarting":
        raise PyrunError(f"container {container.name} is restarting, wait until it is running", 1)
    try:
        if state == "running":
            return processes.open_process(container.process()), container.config
    except ProcessLookupError:
        pass
    raise PyrunError(f"container {container.name} is not running", 1)


def _note_beginning(visit: Visit) -> None:
    words = f"{visit.config.args[0]} {' '.join(visit.config.args[1:])}"  # Docker's; a single word has a blank behind it
    for action in ("exec_create", "exec_start"):
        chronicle.container(visit.container.id, visit.container, f"{action}: {words}", execID=visit.id)


def _prepare(
    container: ContainerConfig, config: ExecConfig, pidfd: int, client: Channel, stdio: tuple[int, int, int]
) -> Visit:
    available = capabilities.bounding()
    kept = capabilities.resolve(container.cap_add, container.cap_drop, container.privileged, available)
    policy = "unconfined" if container.privileged and not container.seccomp else container.seccomp
    report, reported = os.pipe2(os.O_CLOEXEC)
    merged = {e.partition("=")[0]: e for e in (*container.env, *(["TERM=xterm"] if config.tty else []), *config.env)}
    process = ProcessConfig(
        config.args,
        tuple(merged.values()),
        config.cwd or container.cwd,
        False,
        available if config.privileged else kept,
        container.no_new_privileges,
        seccomp.program(policy, kept, paths.SECCOMP_CACHE),
        policy or "default",
        container.ulimits,
        f"_ses.{container.id}",
    )
    become = Program(process, trampoline.make(), reported, stdio)
    about = (_window(), os.urandom(32).hex(), chronicle.opened())
    return Visit(container, config, pidfd, (), become, client, report, *about)


def _window() -> bytes:
    return terminal.size(0 if terminal.is_terminal(0) else 1)


def _opened_groups(entrances: list[str]) -> tuple[int, ...]:
    found = []
    for path in entrances:
        with suppress(FileNotFoundError):
            found.append(os.open(path, os.O_WRONLY | os.O_CLOEXEC))
    return tuple(found)


def _visit(visit: Visit) -> NoReturn:
    """Be the helper: join, fork the program, pass on signals and its exit code."""
    try:
        os.setsid()
        code = _join_and_wait(visit)
        visit.client.send(EXITED, bytes([code]))
        os._exit(0)
    except PyrunError as problem:
        visit.client.send(FAILED, failure(problem.code, problem.message))
    except OSError as problem:
        if processes.wait_end(visit.pidfd, 0):  # while we joined: ESRCH, or ENOMEM where its process 1 is gone
            visit.client.send(FAILED, failure(1, f"container {visit.container.name} is not running"))
        else:
            visit.client.send(FAILED, failure(125, f"exec: {os.strerror(problem.errno or 0).lower()}"))
    except BaseException as problem:  # never a traceback: it would read the container's files
        visit.client.send(FAILED, failure(125, f"exec: internal error: {type(problem).__name__}"))
    os._exit(125)


def _join_and_wait(visit: Visit) -> int:
    assert len(os.listdir("/proc/self/task")) == 1  # namespaces and control groups are a thread's, not a process's
    if visit.container.oom_score_adj:
        perform([credentials.AdjustOomScore(visit.container.oom_score_adj)], "container")
    ours, theirs = channel.pair()
    capabilities.set_undumpable()  # before the container can see us
    program.seal()
    syscalls.setns(visit.pidfd, _NAMESPACES)
    pid = os.fork()
    if pid == 0:
        ours.close()
        _become(visit, theirs)
    theirs.close()
    for fd in {*visit.program.stdio, visit.program.report}:
        os.close(fd)
    pidfd = os.pidfd_open(pid)
    kind, content, master = ours.receive()
    if kind == FAILED:
        os.waitpid(pid, 0)  # else it is left to the container's first process, which may reap nobody
        code, message = read_failure(content)
        raise PyrunError(message, code)
    number = os.read(visit.report, 4)
    if number:
        os.waitpid(pid, 0)
        raise program.explain_failure(int.from_bytes(number, "little"), visit.config.args[0])
    visit.client.send(STARTED, b"", master)
    if visit.config.detach:
        os._exit(0)
    _serve(visit.client, pid, pidfd, master)
    code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    code = code if code >= 0 else 128 - code
    end = {"execID": visit.id, "exitCode": str(code)}
    chronicle.container(visit.container.id, visit.container, "exec_die", visit.chronicle, **end)
    return code


def _serve(client: Channel, pid: int, pidfd: int, master: int) -> None:
    """Pass the client's messages on until the program *pid* has ended."""
    poll = select.poll()
    poll.register(pidfd, select.POLLIN)
    poll.register(client.fd, select.POLLIN)
    while True:
        ready = dict(poll.poll())
        if ready.get(client.fd):
            kind, content, _ = client.receive()
            if kind == KILL_ALL:
                with suppress(ProcessLookupError):
                    os.killpg(pid, signal.SIGKILL)  # it leads a session, and nobody has waited for it
            elif kind == SIGNAL and content:
                processes.send_signal(pidfd, content[0])
            elif kind == RESIZE and master >= 0:
                terminal.resize(master, content)
            elif kind == GONE:
                poll.unregister(client.fd)
        if ready.get(pidfd):
            return


def _become(visit: Visit, parent: Channel) -> NoReturn:
    """Be the program's process: join its groups, give up everything, execute."""
    try:
        for fd in visit.groups:
            os.write(fd, b"0")
        os.setsid()
        with trees.opened("/") as root:
            account = accounts.resolve(root, visit.config.user or visit.container.user, visit.container.groups)
        stdio, master = visit.program.stdio, -1
        if visit.config.tty:
            master, peer = terminal.open_pty("/")
            terminal.make_controlling(peer)
            terminal.resize(master, visit.window)
            stdio = (peer, peer, peer)
        become = visit.program._replace(stdio=stdio)

        def ready() -> None:
            parent.send(READY, b"", master)

        program.become(become, account, ready)
    except PyrunError as problem:
        code = 126 if problem.code == 125 else problem.code  # Docker's, where nothing else is known
        parent.send(FAILED, failure(code, problem.message))
    except OSError as problem:
        parent.send(FAILED, failure(126, f"exec: {os.strerror(problem.errno or 0).lower()}"))
    except BaseException as problem:
        parent.send(FAILED, failure(125, f"exec: internal error: {type(problem).__name__}"))
    os._exit(125)


def _pipes(config: ExecConfig) -> tuple[tuple[int, int, int], tuple[int, int, int]]:
    """Make the program's stdio: its ends and ours."""
    null = os.open("/dev/null", os.O_RDWR | os.O_CLOEXEC)
    if config.detach or config.tty:
        return (null, null, null), (-1, -1, -1)
    stdin_r, stdin_w = os.pipe2(os.O_CLOEXEC) if config.interactive else (null, -1)
    stdout_r, stdout_w = os.pipe2(os.O_CLOEXEC)
    stderr_r, stderr_w = os.pipe2(os.O_CLOEXEC)
    return (stdin_r, stdout_w, stderr_w), (stdin_w, stdout_r, stderr_r)


def _started(control: Channel, failed: int = 0) -> int:
    """Wait for the program to run; give the terminal's master or -1. Errors: PyrunError, its code *failed* if given."""
    kind, content, master = control.receive()
    if kind == FAILED:
        code, message = read_failure(content)
        raise PyrunError(message, failed or code)
    if kind != STARTED:
        raise PyrunError("exec: the helper ended unexpectedly")
    return master


def _close(fds: tuple[int, ...]) -> None:
    for fd in fds:
        if fd >= 0:
            os.close(fd)
