"""The monitor: one small process per container that makes it, outlives every client, and takes it apart.

It holds the container's lock for as long as there is anything to take apart;
the kernel lets go of the lock if it is killed, and the next command goes on.
"""

import _signal as signal  # type: ignore[import-not-found]  # signal itself imports enum
import os
import select
import time

from pyrun import chronicle, keeping, paths, records, store
from pyrun.errors import PyrunError
from pyrun.kernel import processes, syscalls, trampoline
from pyrun.operation import Operation, observers, perform
from pyrun.plan import container as plan
from pyrun.plan import filesystem
from pyrun.runtime import birth, ending, host, init, logged, plugging, program
from pyrun.runtime.channel import (
    ENDPOINT,
    FAILED,
    NAMESPACES,
    READY,
    START,
    STARTED,
    Channel,
    accepted,
    listening,
    pair,
    read_failure,
)
from pyrun.runtime.logwriter import LogWriter
from pyrun.runtime.relay import QUIET, Relay
from pyrun.spec import ContainerConfig, Endpoint
from pyrun.typed import NamedTuple, NoReturn

_SETTLED = 1.0  # seconds after which a detached container's monitor becomes lean
_PRIVATE_PIDS = syscalls.CLONE_NEWPID


class Begin(NamedTuple):
    """What is to be started, and for whom."""

    config: ContainerConfig
    born: bool  # the container exists already
    client: "Channel | None" = None
    stdio: tuple[int, int, int] = (-1, -1, -1)  # our ends of the client's pipes
    detached: bool = True  # the client leaves once the program runs
    explained: bool = False  # somebody watches: the end is told when all of it is over
    first: bool = True  # it has never run before
    restarts: int = 0
    delay: float = 0.0  # seconds that were waited before this start


class Running(NamedTuple):
    """A started container as its monitor holds it."""

    begin: Begin
    pid: int
    pidfd: int
    relay: Relay
    lock: int
    listener: int


def keep(begin: Begin) -> NoReturn:
    """Be the monitor of a container that is to be started, in a process of its own."""
    os.setsid()
    os.umask(0)  # every mode below is meant as it is written
    signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals() - {signal.SIGCHLD})
    ending.redirect(keep_errors=begin.explained)
    identity, lock = begin.config.id, -1
    try:
        lock = _claimed_lock(begin)
        begin = _looked_up(begin) if begin.born else begin
        running = _start(begin, lock, listening(paths.monitor(identity)))
    except Exception as problem:  # whatever it is, what was made has to be unmade
        ending.abandon(identity, lock, problem, begin.client, begin.explained, begin.first)
    if begin.detached:
        observers.clear()
        ending.redirect(keep_errors=False)
        for client in [*running.relay.clients]:
            running.relay.detach(client)
    _live(running)


def _claimed_lock(begin: Begin) -> int:
    """Become the container's keeper. Errors: PyrunError when somebody else is."""
    try:
        return keeping.claim(begin.config.id)
    except FileExistsError:
        raise PyrunError(f"container {begin.config.name}: somebody else starts or removes it just now", 1) from None


def again(arguments: list[str]) -> NoReturn:
    """Go on where a program has ended, to start it once more after a while, unless somebody ends it before.

    The container's id, its lock and listener, how often it was started by its policy, and the seconds to wait.
    """
    identity, lock, listener, restarts, delay = arguments
    try:
        if not _waits(float(delay), int(listener), identity):
            ending.give_up(identity, int(lock))
        config = store.load(identity).config
        if config is None:
            raise PyrunError("its record is corrupt")
        begin = Begin(config, True, restarts=int(restarts), delay=float(delay))
        running = _start(begin, int(lock), int(listener))
        keeping.unmark(paths.restarting(identity))
    except Exception as problem:
        ending.abandon(identity, int(lock), problem)
    _live(running)


def _waits(seconds: float, listener: int, identity: str) -> bool:
    """Wait before the next start; whoever forbids it, and rings at the listener, ends that."""
    end = time.monotonic() + seconds
    poll = select.poll()
    poll.register(listener, select.POLLIN)
    while keeping.may_restart(identity):
        left = end - time.monotonic()
        if left <= 0:
            return True
        if poll.poll(left * 1000):
            ringing = accepted(listener)
            if ringing:
                ringing.close()
    return False


def _looked_up(begin: Begin) -> Begin:
    """Begin with the record as it is now that nobody else starts the container; its last end is of the past."""
    identity, wanted = begin.config.id, begin.config
    with keeping.changing(identity) as exists:
        container = store.load(identity) if exists else None
        if container is None or container.config is None:
            raise PyrunError(f"no such container: {wanted.name}", 1)
        start = birth.former_start(container)
        keeping.unmark(paths.stopped(identity))
        if container.config.remove:
            birth.note(container.config)
    return begin._replace(config=container.config, first=start is None)


def _start(begin: Begin, lock: int, listener: int) -> Running:
    """Make the container and let its program run; what fails is raised, with everything made in the journal."""
    config = begin.config
    ends, sockets = _claimed(begin)
    around = _prepared(config, ends)
    inner, outer = _pipes(config)
    report, reported = os.pipe2(os.O_CLOEXEC)
    ours, theirs = pair()
    client = begin.client.fd if begin.client else -1
    unneeded = (lock, listener, ours.fd, report, *(fd for fd in (client, *outer, *begin.stdio) if fd >= 0))
    unneeded += tuple(fd for _, fd in sockets)
    job = _job(config, around, ends, theirs, reported, inner, unneeded)
    pid = _fork(job, plan.fork(config, around))
    for fd in {*inner, reported, job.program.trampoline}:
        os.close(fd)
    theirs.close()
    pidfd = os.pidfd_open(pid)
    try:
        master = _meet(config, around, ends, sockets, pid, ours)
        for _, fd in sockets:
            os.close(fd)
        ours_of_it = (os.dup(master) if config.interactive else -1, master, -1) if master >= 0 else outer
        relay = Relay(ours_of_it, master, pidfd, LogWriter(logged.prepared(config)), listener, _once(config))
        if begin.client:
            relay.attach(begin.client, begin.stdio)
        relay.watch(plugging.watched(config.id, ends), paths.unwatched(config.id))
        _let_go(begin, pid, ours, report)
        if config.health.is_wanted:
            from pyrun.runtime import checks

            checks.begin(config, pid)
    except BaseException:
        processes.send_signal(pidfd, signal.SIGKILL)
        os.waitpid(pid, 0)
        raise
    ours.close()
    chronicle.container(config.id, config, "start")
    if begin.client:
        begin.client.send(STARTED)
    return Running(begin, pid, pidfd, relay, lock, listener)


def _once(config: ContainerConfig) -> bool:
    """Claim that the container's input ends with its first client's: it was not made for the background."""
    return config.interactive and not config.detach


def _claimed(begin: Begin) -> tuple[list[Endpoint], plugging.Sockets]:
    """Take ports, name and addresses, each of which only one can have; ports first, for which nothing is made."""
    config = begin.config
    early = plugging.reserve(config)
    if not begin.born:
        birth.bear(config)
    if not begin.detached:
        chronicle.container(config.id, config, "attach")
    perform(plan.place(config), "host", keeping.journal(config.id))
    ends = plugging.lease(config)
    sockets = early if early is not None else plugging.reserve(config, ends) or ()
    return plugging.publish(ends, tuple(port for port, _ in sockets)), sockets


def _prepared(config: ContainerConfig, ends: list[Endpoint]) -> plan.Surroundings:
    """Make what init finds: sources of volumes, files of its own, limits."""
    around = host.look_around(config)
    perform(plan.sources(around))
    if any(mount.kind == "volume" for mount in config.mounts):
        from pyrun import volume_store

        volume_store.attach(config, keeping.journal(config.id))
    perform(plan.hostfiles(config.id, host.hostfile_contents(config, ends, around.ipv6)))
    perform(plan.limits(config, around), "host", keeping.journal(config.id))
    return around


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


def _fork(job: init.Job, joining: list[Operation]) -> int:
    """Fork init into its PID namespace; our next child is born in our own again."""
    assert len(os.listdir("/proc/self/task")) == 1
    own = os.open("/proc/self/ns/pid", os.O_RDONLY | os.O_CLOEXEC)
    try:
        perform(joining)
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
            chronicle.network(end.network, "connect", config.id)
        plugging.serve(config, ends, pid, sockets)
    except PyrunError:
        if channel.is_ready():  # init has failed meanwhile, and with it went the sandbox: that is the reason
            _receive(channel, READY)
        raise
    channel.send(ENDPOINT)
    return _receive(channel, READY)


def _let_go(begin: Begin, pid: int, channel: Channel, report: int) -> None:
    """Write down who runs, let it, and see that it does. Errors: PyrunError with exit code 126 or 127."""
    config = begin.config
    start = records.Start(processes.identify(pid), time.time(), begin.restarts, begin.delay)
    records.write_start(f"{paths.container(config.id)}/start.json", start, not config.remove)
    if not keeping.may_restart(config.id):  # by somebody who looked for the process before it was written down
        raise PyrunError(f"container {config.name}: was ended while it started", 137)
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


def _live(running: Running) -> NoReturn:
    relay, begin = running.relay, running.begin
    outcome = relay.run(time.monotonic() + _SETTLED)
    if outcome == QUIET:
        _become_lean(running)
        relay.run(None)
    relay.detach_output()
    clients = [client.channel for client in relay.clients]
    end = ending.Over(begin.config.id, running.pid, running.lock, running.listener)
    ending.finish(end, clients, begin.explained)


def _become_lean(running: Running) -> None:
    """Execute a bare interpreter in our place: a detached container costs no more memory than it must.

    This comes back where that cannot be just now; we can do all that it does.
    """
    relay, config = running.relay, running.begin.config
    outputs = {source.stream: source.fd for source in relay.sources}
    stdio = (relay.given.target, outputs.get("stdout", -1), outputs.get("stderr", -1))
    kept = [*stdio, relay.master, running.pidfd, running.listener, relay.server]
    kept_open = [fd for fd in (*kept, running.lock) if fd >= 0]
    for fd in kept_open:
        os.set_inheritable(fd, True)
    once = "once" if _once(config) else "always"
    numbers = (running.pid, running.lock, running.listener)
    after = ending.command("ending", "resume", config.id, *map(str, numbers))
    mark = paths.unwatched(config.id)
    words = ending.command("relay", "main", logged.description(config), *map(str, kept), mark, once, *after)
    try:
        os.execv(words[0], words)
    except OSError:  # no memory
        for fd in kept_open:
            os.set_inheritable(fd, False)
