"""The monitor: one small process per container that makes it, outlives every client, and takes it apart.

It holds the container's lock for as long as there is anything to take apart;
the kernel lets go of the lock if it is killed, and the next command goes on.
"""

import _signal as signal  # type: ignore[import-not-found]  # signal itself imports enum
import os
import sys
import time

from pyrun import keeping, paths, records, store
from pyrun.errors import PyrunError
from pyrun.kernel import cgroups, locks, namespaces, processes, syscalls, trampoline
from pyrun.network import driver, turns
from pyrun.operation import OperationFailed, observers, perform
from pyrun.plan import container as plan
from pyrun.plan import filesystem
from pyrun.runtime import host, init, logged, plugging, program
from pyrun.runtime.channel import (
    ENDPOINT,
    EXITED,
    FAILED,
    NAMESPACES,
    READY,
    START,
    STARTED,
    Channel,
    failure,
    pair,
    read_failure,
)
from pyrun.runtime.logwriter import LogWriter
from pyrun.runtime.relay import QUIET, Relay
from pyrun.spec import ContainerConfig, Endpoint
from pyrun.typed import NamedTuple, NoReturn

_SETTLED = 1.0  # seconds after which a detached container's monitor becomes lean
_GRACE = 0.5  # seconds an idle network is kept for the next container
_PRIVATE_PIDS = syscalls.CLONE_NEWPID


class Running(NamedTuple):
    """A started container as its monitor holds it."""

    config: ContainerConfig
    pid: int
    pidfd: int
    relay: Relay
    lock: int
    explained: bool  # somebody watches: the end is told when all of it is over


def keep(config: ContainerConfig, client: Channel, stdio: tuple[int, int, int], explained: bool) -> NoReturn:
    """Be the monitor of a new container, in a process of its own; *stdio* are our ends of the client's pipes."""
    os.setsid()
    os.umask(0)  # every mode below is meant as it is written
    signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals() - {signal.SIGCHLD})
    _redirect(keep_errors=explained)
    lock = -1
    try:
        lock = keeping.claim(config.id)
        running = _start(config, lock, client, stdio, explained)
    except Exception as problem:  # whatever it is, what was made has to be unmade
        _abandon(config.id, lock, client, problem, explained)
    if config.detach:
        observers.clear()
        _redirect(keep_errors=False)
        running.relay.detach()
    _live(running, client)


def resume(arguments: list[str]) -> NoReturn:
    """Take over from the lean process: the container's program has ended."""
    identity, pid, lock, code_paths = arguments
    del code_paths
    _finish(identity, int(pid), int(lock), None)


def _start(
    config: ContainerConfig, lock: int, client: Channel, stdio: tuple[int, int, int], explained: bool
) -> Running:
    """Make the container and let its program run; what fails is raised, with everything made in the journal."""
    ends, sockets = _claimed(config)
    around = _prepared(config, ends)
    inner, outer = _pipes(config)
    report, reported = os.pipe2(os.O_CLOEXEC)
    ours, theirs = pair()
    unneeded = (lock, ours.fd, client.fd, report, *(fd for fd in (*outer, *stdio) if fd >= 0))
    unneeded += tuple(fd for _, fd in sockets)
    job = _job(config, around, ends, theirs, reported, inner, unneeded)
    pid = _fork(job)
    for fd in {*inner, reported, job.program.trampoline}:
        os.close(fd)
    theirs.close()
    pidfd = os.pidfd_open(pid)
    try:
        master = _meet(config, around, ends, sockets, pid, ours)
        for _, fd in sockets:
            os.close(fd)
        log = LogWriter(logged.prepared(config))
        ours_of_it = (os.dup(master) if config.interactive else -1, master, -1) if master >= 0 else outer
        relay = Relay(ours_of_it, master, pidfd, log)
        relay.attach(client, stdio)
        _let_go(config, pid, ours, report)
    except BaseException:
        processes.send_signal(pidfd, signal.SIGKILL)
        os.waitpid(pid, 0)
        raise
    ours.close()
    client.send(STARTED)
    return Running(config, pid, pidfd, relay, lock, explained)


def _claimed(config: ContainerConfig) -> tuple[list[Endpoint], plugging.Sockets]:
    """Take ports, name and addresses, each of which only one can have; ports first, for which nothing is made."""
    early = plugging.reserve(config)
    _claim(config)
    ends = plugging.lease(config)
    sockets = early if early is not None else plugging.reserve(config, ends) or ()
    return plugging.publish(ends, tuple(port for port, _ in sockets)), sockets


def _prepared(config: ContainerConfig, ends: list[Endpoint]) -> plan.Surroundings:
    """Make what init finds: sources of volumes, files of its own, limits."""
    around = host.look_around(config)
    perform(plan.sources(around))
    perform(plan.hostfiles(config.id, host.hostfile_contents(config, ends, around.ipv6)))
    perform(plan.limits(config, around), "host", keeping.journal(config.id))
    return around


def _claim(config: ContainerConfig) -> None:
    try:
        perform(plan.birth(config, host.top_of(config)), "host", keeping.birth_journal(config.id))
    except OperationFailed as problem:
        if problem.errno == 17 and problem.operation.shell().startswith("ln "):
            other = os.readlink(f"{paths.NAMES}/{config.name}")[:12]
            raise PyrunError(f"container: {config.name}: the name is already in use by container {other}") from problem
        raise
    records.write_config(f"{paths.container(config.id)}/config.json", config, not config.remove)


def _pipes(config: ContainerConfig) -> tuple[tuple[int, int, int], tuple[int, int, int]]:
    """Make the container's stdio: its ends and ours."""
    null = os.open("/dev/null", os.O_RDWR | os.O_CLOEXEC)
    if config.tty:
        return (null, null, null), (-1, -1, -1)
    stdin_r, stdin_w = os.pipe2(os.O_CLOEXEC) if config.interactive else (null, -1)
    stdout_r, stdout_w = os.pipe2(os.O_CLOEXEC)
    stderr_r, stderr_w = os.pipe2(os.O_CLOEXEC)
    return (stdin_r, stdout_w, stderr_w), (stdin_w, stdout_r, stderr_r)


def _job(
    config: ContainerConfig,
    around: plan.Surroundings,
    ends: list[Endpoint],
    channel: Channel,
    report: int,
    stdio: tuple[int, int, int],
    unneeded: tuple[int, ...],
) -> init.Job:
    """Prepare all that init needs, so that it looks up and imports nothing by itself."""
    become = program.Program(host.process(config), trampoline.make(), report, stdio)
    mounted, pivot = plan.assembled(config, around, host.binds(config))
    return init.Job(
        config,
        filesystem.root(config.id),
        plan.joining(config, around),
        mounted,
        plan.configured(config, around, ends),
        plan.closed(config, around, pivot),
        become,
        channel,
        unneeded,
    )


def _fork(job: init.Job) -> int:
    """Fork init into a new PID namespace; our next child is born in our own again."""
    assert len(os.listdir("/proc/self/task")) == 1
    own = os.open("/proc/self/ns/pid", os.O_RDONLY | os.O_CLOEXEC)
    try:
        perform([namespaces.Unshare(_PRIVATE_PIDS)])
        try:
            pid = os.fork()
            if pid == 0:
                os.close(own)
                init.become(job)
        finally:
            syscalls.setns(own, _PRIVATE_PIDS)
    finally:
        os.close(own)
    return pid


def _meet(
    config: ContainerConfig,
    around: plan.Surroundings,
    ends: list[Endpoint],
    sockets: plugging.Sockets,
    pid: int,
    channel: Channel,
) -> int:
    """Do our part of the setup while init does its own; give the terminal's master or -1."""
    _receive(channel, NAMESPACES)
    try:
        perform(plan.visible(config, pid), "host", keeping.journal(config.id))
        for end in ends:
            plugging.plug_in(end, pid, around.ipv6, keeping.endpoint_journal(config.id, end.network.name))
        plugging.serve(config, ends, pid, sockets)
    except PyrunError:
        if channel.is_ready():  # init has failed meanwhile, and with it went the sandbox: that is the reason
            _receive(channel, READY)
        raise
    channel.send(ENDPOINT)
    return _receive(channel, READY)


def _let_go(config: ContainerConfig, pid: int, channel: Channel, report: int) -> None:
    """Write down who runs, let it, and see that it does. Errors: PyrunError with exit code 126 or 127."""
    start = records.Start(processes.identify(pid), time.time())
    records.write_start(f"{paths.container(config.id)}/start.json", start, not config.remove)
    channel.send(START)
    number = os.read(report, 4)
    os.close(report)
    if number:
        raise program.explain_failure(int.from_bytes(number, "little"), config.args[0])
    kind, content, _ = channel.receive()  # execve closes its end; a failure just before is told here
    if kind == FAILED:
        code, message = read_failure(content)
        raise PyrunError(message, code)
    if not config.remove:
        keeping.confirm(config.id)


def _receive(channel: Channel, expected: bytes) -> int:
    kind, content, descriptor = channel.receive()
    if kind == FAILED:
        code, message = read_failure(content)
        raise PyrunError(message, code)
    if kind != expected:
        raise PyrunError("init: ended unexpectedly", hint="killed, or out of memory during setup")
    return descriptor


def _live(running: Running, client: Channel) -> NoReturn:
    outcome = running.relay.run(time.monotonic() + _SETTLED)
    if outcome == QUIET:
        _become_lean(running)
    running.relay.detach_output()
    _finish(running.config.id, running.pid, running.lock, running.relay.client and client, running.explained)


def _become_lean(running: Running) -> NoReturn:
    """Execute a bare interpreter in our place: a detached container costs no more memory than it must."""
    relay = running.relay
    stdin = relay.given.target
    outputs = {flow.stream: flow.source for flow in relay.flows}
    kept = [stdin, outputs.get("stdout", -1), outputs.get("stderr", -1), relay.master, running.pidfd]
    for fd in (*kept, running.lock):
        if fd >= 0:
            os.set_inheritable(fd, True)
    code = "import sys; sys.path[:] = sys.argv[1].split(':'); from pyrun.runtime.{} import {} as go; go(sys.argv[2:])"
    python = [sys.executable, "-I", "-S", "-c"]
    path = ":".join(sys.path)
    identity, log = running.config.id, logged.description(running.config)
    after = [
        *python,
        code.format("monitor", "resume"),
        path,
        identity,
        str(running.pid),
        str(running.lock),
        path,
    ]
    os.execv(sys.executable, [*python, code.format("relay", "main"), path, log, *map(str, kept), *after])


def _finish(identity: str, pid: int, lock: int, client: "Channel | None", explained: bool = False) -> NoReturn:
    """Write down how it ended, take everything apart, tell the client, and leave the network if it is idle."""
    code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    code = code if code >= 0 else 128 - code
    container = store.find(identity)
    killed = cgroups.oom_kills(cgroups.hierarchies(), identity) > 0
    durable = bool(container.config and not container.config.remove)
    try:
        records.write_exit(f"{paths.container(identity)}/exit.json", records.Exit(code, time.time(), killed), durable)
    except OSError as problem:
        _complain(identity, [problem])
    locks.leave_word(lock, b"%d" % code)
    _complain(identity, keeping.retire(identity, lock))
    if explained:
        driver.sweep()
    if client:
        client.send(EXITED, bytes([code]))
        client.close()
    _leave_network()


def _leave_network() -> NoReturn:
    """Take the network down, unless another container comes within a moment."""
    with turns.sweeping():
        time.sleep(_GRACE)
    driver.sweep()
    keeping.tidy()
    os._exit(0)


def _abandon(identity: str, lock: int, client: Channel, problem: Exception, explained: bool) -> NoReturn:
    """Undo a start that failed, and say why."""
    if lock >= 0:
        _complain(identity, keeping.retire(identity, lock))
    if explained:
        driver.sweep()
    code = problem.code if isinstance(problem, PyrunError) else 125
    hint = problem.hint if isinstance(problem, PyrunError) else ""
    text = str(problem) if isinstance(problem, PyrunError) else f"monitor: {problem}"
    for long, short in filesystem.abbreviations(identity).items():
        text = text.replace(long, short)
    client.send(FAILED, failure(code, f"{text} ({hint})" if hint else text))
    client.close()
    _leave_network()


def _complain(identity: str, failures: "list[Exception]") -> None:
    """Leave a note where somebody who looks for left-overs finds it."""
    if failures:
        text = "".join(f"{identity[:12]}: {failure}\n" for failure in failures)
        fd = os.open(f"{paths.STATE}/problems.log", os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
        os.write(fd, text.encode(errors="replace"))
        os.close(fd)


def _redirect(keep_errors: bool) -> None:
    """Let go of the caller's terminal and pipes."""
    null = os.open("/dev/null", os.O_RDWR | os.O_CLOEXEC)
    for fd in (0, 1) if keep_errors else (0, 1, 2):
        os.dup2(null, fd)
    os.close(null)
