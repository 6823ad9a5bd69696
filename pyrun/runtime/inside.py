"""A child inside a container's files: of a running one in its mount namespace, of another in a view made for it.

What it sees is Docker's: the root file system and the volumes, nothing of /dev, /proc and /sys. Its root is the
container's before it resolves anything, it keeps no power but that over files, loads nothing afterwards, and talks
through pipes. It enters no PID namespace, so that nothing in the container finds it; that it cannot be dumped covers
those that share the host's. Whatever it mounts dies with it.
"""

import _signal as signal  # type: ignore[import-not-found]  # signal itself imports enum
import errno
import os
import resource
import time

from pyrun import keeping
from pyrun.archive import walk
from pyrun.contexts import contextmanager, suppress
from pyrun.errors import PyrunError
from pyrun.kernel import capabilities, namespaces, processes, syscalls
from pyrun.operation import perform
from pyrun.plan import filesystem
from pyrun.runtime import host, program
from pyrun.spec import ContainerConfig
from pyrun.store import Container
from pyrun.typed import Any, Callable, Iterator, NamedTuple, NoReturn

_POWER = frozenset("CHOWN DAC_OVERRIDE DAC_READ_SEARCH FOWNER FSETID SETFCAP".split())
_KERNELS = ("/dev", "/sys", "/proc")
_PATIENCE = 5.0  # seconds for a container that is restarted to run
_PAUSE = 0.02  # seconds between looks at a container that somebody else works on
_PIPE, _F_SETPIPE_SZ = 1 << 20, 1031
_BROKEN_PIPE = 141  # as a program that was killed by the signal
_NOTES_MAX = 20
_TOLD_MAX = 1 << 14  # bytes: less than a pipe takes before anybody reads


class Place(NamedTuple):
    """Where the child is: what its work starts from."""

    root: int  # O_PATH
    descriptors: int  # its own /proc/self/fd, of the host's /proc
    note: "Callable[[bytes, str], None]"  # for what is worth knowing and no error: a path, and what is with it


class Visit(NamedTuple):
    """What is to be done, by whom."""

    work: "Callable[[Place], None]"  # the child's
    here: "Callable[[int], Any]"  # ours meanwhile, given the child's pidfd
    theirs: int  # the descriptor that the child reads from or writes to; all others but standard ones it closes
    ours: int = -1  # the other end, if it is a pipe
    volumes: bool = True  # they are seen
    writes: bool = False  # the child changes something


class Entrance(NamedTuple):
    """How the child comes inside."""

    enter: "Callable[[], None]"
    namespace: int = -1  # the container's mount namespace, if it runs


def read_from(container: Container, work: "Callable[[Place, int], None]", take: "Callable[[int], Any]") -> list[str]:
    """Let a child write with *work* what *take* reads here; give what is worth knowing. Errors: PyrunError, OSError."""
    ours, theirs = _pipe()
    return perform_inside(container, Visit(lambda place: work(place, theirs), lambda _: take(ours), theirs, ours))


def write_to(container: Container, work: "Callable[[Place, int], None]", give: "Callable[[int], Any]") -> list[str]:
    """Let a child read with *work* what *give* writes here; give what is worth knowing. Errors: PyrunError, OSError."""
    theirs, ours = _pipe()
    return perform_inside(
        container, Visit(lambda place: work(place, theirs), lambda _: give(ours), theirs, ours, writes=True)
    )


def perform_inside(container: Container, visit: Visit) -> list[str]:
    """Let a child do its work, and do ours meanwhile; give what is worth knowing.

    Errors: PyrunError, the child's before ours; BrokenPipeError when nobody reads what it writes; OSError.
    """
    assert len(os.listdir("/proc/self/task")) == 1  # namespaces are a thread's, not a process's
    with _entrance(container, visit) as enter:
        report, reported = os.pipe2(os.O_CLOEXEC)
        parent = os.getpid()
        child = os.fork()
        if child == 0:
            _be_inside(enter, visit, reported, parent)
        os.close(reported)
        if visit.ours >= 0:
            os.close(visit.theirs)
        failure = _failure_of(visit, child)
        problem, notes = _heard(report)
        code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    if problem:
        raise PyrunError(problem, 1)
    if failure and (code or not isinstance(failure, BrokenPipeError)):  # who has all that it needs reads no further
        raise failure
    if code:
        raise BrokenPipeError if code == _BROKEN_PIPE else PyrunError("inside the container: ended unexpectedly", 1)
    return notes


def _failure_of(visit: Visit, child: int) -> "Exception | None":
    """Do our part; give what went wrong, to be told unless the child knows better."""
    pidfd = os.pidfd_open(child)
    try:
        visit.here(pidfd)
    except (PyrunError, OSError) as problem:
        return problem
    finally:
        os.close(pidfd)
        if visit.ours >= 0:
            os.close(visit.ours)
    return None


def _be_inside(enter: "Entrance", visit: Visit, reported: int, parent: int) -> NoReturn:
    notes: list[int] = []

    def note(name: bytes, text: str) -> None:
        notes.append(1)
        if len(notes) <= _NOTES_MAX:
            _tell(reported, b"N", f"{name.decode(errors='backslashreplace')}: {text}")

    code = 125
    try:
        capabilities.set_death_signal(signal.SIGKILL)
        capabilities.set_undumpable()  # before anything of the container's is ours
        if os.getppid() != parent:
            os._exit(code)
        _keep_only({0, 1, 2, visit.theirs, reported, enter.namespace})
        _allow_descriptors()
        descriptors = os.open(walk.OWN_DESCRIPTORS, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        enter.enter()
        capabilities.set_process(_POWER)
        program.seal()
        visit.work(Place(os.open("/", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC), descriptors, note))
        if len(notes) > _NOTES_MAX:
            _tell(reported, b"N", f"and {len(notes) - _NOTES_MAX} more")
        code = 0
    except BrokenPipeError:
        code = _BROKEN_PIPE
    except PyrunError as problem:
        _tell(reported, b"E", f"{problem.message} ({problem.hint})" if problem.hint else problem.message)
    except OSError as problem:
        _tell(reported, b"E", f"inside the container: {os.strerror(problem.errno or 0).lower()}")
    except BaseException as problem:  # never a traceback: it would read the container's files
        _tell(reported, b"E", f"inside the container: internal error: {type(problem).__name__}")
    os._exit(code)


def _keep_only(kept: set[int]) -> None:
    """Close all other descriptors: some are directories of the host."""
    ordered = sorted(fd for fd in kept if fd >= 0)
    for fd, following in zip(ordered, [*ordered[1:], 1 << 31], strict=True):
        if following > fd + 1:
            syscalls.close_range(fd + 1, following - 1)


def _allow_descriptors() -> None:
    """Let a tree be as deep as descriptors last: a directory on the way is one."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def _tell(reported: int, kind: bytes, text: str) -> None:
    content = text.encode(errors="backslashreplace").replace(b"\0", b"?")
    os.write(reported, kind + content[:_TOLD_MAX] + b"\0")


def _heard(report: int) -> tuple[str, list[str]]:
    """Give the problem, if any, and the notes that the child told of."""
    content = b""
    while portion := os.read(report, 1 << 16):
        content += portion
    os.close(report)
    told = [(each[:1], each[1:].decode(errors="backslashreplace")) for each in content.split(b"\0") if each]
    return "".join(text for kind, text in told if kind == b"E"), [text for kind, text in told if kind == b"N"]


def _pipe() -> tuple[int, int]:
    import fcntl

    ends = os.pipe2(os.O_CLOEXEC)
    with suppress(OSError):  # more than this user may have
        fcntl.fcntl(ends[1], _F_SETPIPE_SZ, _PIPE)
    return ends


@contextmanager
def _entrance(container: Container, visit: Visit) -> "Iterator[Entrance]":
    """Give the way inside. A container that does not run is ours meanwhile: nobody starts or removes it."""
    config = container.config
    if config is None:
        raise PyrunError(f"container {container.name}: {container.problem}", 1)
    namespace, lock = _hold(container, visit.writes)
    try:
        if namespace >= 0:
            yield Entrance(_running(namespace, visit.volumes), namespace)
        else:
            yield Entrance(_still(config, visit.volumes, closed=lock < 0))
    finally:
        if namespace >= 0:
            os.close(namespace)
        if lock >= 0:
            keeping.retire(container.id, lock)


def _hold(container: Container, writes: bool) -> tuple[int, int]:
    """Give what a container that runs has mounted, which stays while it is held, or the lock of one that does not run.

    Of one that is restarted just now neither.

    Errors: PyrunError when something is to be written while it is started over and over.
    """
    late = time.monotonic() + _PATIENCE
    while True:
        with suppress(PyrunError, ProcessLookupError):  # it does not run
            return _mounted(container.process()), -1
        with suppress(FileExistsError):  # somebody else works on it, or it is about to run, or to end
            return -1, keeping.claim(container.id)
        if container.status().state == "restarting":
            if not writes:
                return -1, -1
            if time.monotonic() > late:
                raise PyrunError(f"container {container.name}: is restarted over and over", 1, "stop it first")
        time.sleep(_PAUSE)


def _mounted(process: processes.Process) -> int:
    """Give the mount namespace of exactly this process. Errors: ProcessLookupError when it has ended."""
    pidfd = processes.open_process(process)
    try:
        namespace = os.open(f"/proc/{process.pid}/ns/mnt", os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError as cause:  # its namespaces have gone before it
        raise ProcessLookupError(errno.ESRCH, "no such process") from cause
    finally:
        ended = processes.wait_end(pidfd, 0)
        os.close(pidfd)
    if ended:  # its number may be another's by now
        os.close(namespace)
        raise ProcessLookupError(errno.ESRCH, "no such process")
    return namespace


def _running(namespace: int, volumes: bool) -> "Callable[[], None]":
    def enter() -> None:
        syscalls.setns(namespace, syscalls.CLONE_NEWNS)
        os.close(namespace)
        if not volumes:
            tree = syscalls.open_tree(syscalls.AT_FDCWD, b"/", syscalls.OPEN_TREE_CLONE)
            os.chdir(tree)
            os.chroot(".")
            return
        syscalls.unshare(syscalls.CLONE_NEWNS)  # the container keeps what is taken away here
        syscalls.mount("none", "/", "", syscalls.MS_REC | syscalls.MS_PRIVATE)
        for place in _KERNELS:
            with suppress(OSError):  # the container has taken it away itself
                syscalls.umount(place, syscalls.MNT_DETACH | syscalls.UMOUNT_NOFOLLOW)

    return enter


def _still(config: ContainerConfig, volumes: bool, closed: bool) -> "Callable[[], None]":
    mounts = tuple(mount for mount in config.mounts if volumes and os.path.lexists(filesystem.source(mount)))
    binds = tuple(pair for pair in host.binds(config) if volumes and os.path.lexists(pair[0]))
    plan = filesystem.view(config._replace(mounts=mounts, read_only=config.read_only and volumes), binds, closed)

    def enter() -> None:
        namespaces.Unshare(syscalls.CLONE_NEWNS).apply()
        perform(plan, "container")

    return enter
