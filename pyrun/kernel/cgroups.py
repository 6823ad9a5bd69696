"""Control groups: which hierarchies this host has, a container's place in each, and who is in it.

Which limits are written is decided in `pyrun.plan.resources`; typed views for
people are in `pyrun.kernel.controllers`. See cgroups(7).
"""

import _signal as signal  # type: ignore[import-not-found]  # signal itself imports enum
import errno
import os
import time

from pyrun import paths
from pyrun.contexts import suppress
from pyrun.kernel.files import quote
from pyrun.typed import Iterator, NamedTuple

PARENT = "pyrun"
V1 = ("memory", "cpu", "cpuacct", "cpuset", "pids", "devices", "freezer", "blkio")


class Hierarchy(NamedTuple):
    """One mounted tree of control groups."""

    path: str  # where it is mounted
    version: int
    controllers: tuple[str, ...]  # names of v1; available ones of v2
    parent: str = ""  # below which a container's group is to be made; empty looks where it is

    def group(self, identity: str) -> str:
        """Give the directory of a container's group."""
        return f"{self.path}/{self.parent or parent_of(identity)}/{identity}"

    def entrance(self, identity: str, below: str = "") -> str:
        """Give the file by which a process of one thread enters a container's group, or one *below* it.

        With cgroup v1 a thread may move itself without the lock that stops all forks and exits of the machine, which
        takes as long as all CPUs need to notice: 10 ms and more.
        """
        return f"{self.group(identity)}/{below}{'tasks' if self.version == 1 else 'cgroup.procs'}"


class MakeGroup(NamedTuple):
    """A group below the one that all containers share."""

    path: str

    def apply(self) -> None:
        for _ in range(64):  # the last container's end may remove the parent just now
            with suppress(FileNotFoundError):
                os.makedirs(os.path.dirname(self.path), 0o755, exist_ok=True)
                os.mkdir(self.path, 0o755)
                return
        raise OSError(errno.EBUSY, os.strerror(errno.EBUSY))

    def inverse(self) -> "RemoveGroup":
        return RemoveGroup(self.path)

    def shell(self) -> str:
        return f"mkdir -p {quote(self.path)}"

    def why(self) -> str:
        return "the container's share of the machine"


class RemoveGroup(NamedTuple):
    """End whoever is left in a group, and remove it with the groups made below it."""

    path: str

    def apply(self) -> None:
        for attempt in range(200):
            try:
                _remove(self.path)
                break
            except OSError as cause:
                if cause.errno not in (errno.EBUSY, errno.ENOTEMPTY) or attempt == 199:
                    raise
                kill(self.path)
                time.sleep(0.001 * min(attempt, 20))
        if os.path.dirname(self.path).endswith(f"/{PARENT}"):  # one that somebody else chose stays
            with suppress(OSError):
                os.rmdir(os.path.dirname(self.path))

    def inverse(self) -> None:
        return None

    def shell(self) -> str:
        return f"xargs -r kill -9 < {quote(self.path)}/cgroup.procs; rmdir {quote(self.path)}"

    def why(self) -> str:
        return "no process of the container is left"


class EnableControllers(NamedTuple):
    """Let the groups below *path* have these controllers (cgroup v2)."""

    path: str
    controllers: tuple[str, ...]

    def apply(self) -> None:
        if not os.path.isdir(self.path):
            with suppress(FileExistsError):
                os.mkdir(self.path, 0o755)
        write(f"{self.path}/cgroup.subtree_control", " ".join(f"+{name}" for name in self.controllers))

    def inverse(self) -> None:
        return None

    def shell(self) -> str:
        names = " ".join(f"+{name}" for name in self.controllers)
        return f"mkdir -p {quote(self.path)} && echo {names} > {quote(self.path)}/cgroup.subtree_control"

    def why(self) -> str:
        return "groups below may be limited"


class WriteLimit(NamedTuple):
    """One limit of a group; *optional* where a kernel without the feature goes on without."""

    path: str
    value: str
    reason: str = "a limit of the container"
    optional: bool = False

    def apply(self) -> None:
        if self.optional and not os.path.exists(self.path):
            return
        write(self.path, self.value)

    def inverse(self) -> None:
        return None

    def shell(self) -> str:
        return f"echo {quote(self.value)} > {quote(self.path)}"

    def why(self) -> str:
        return self.reason


class CopyLimit(NamedTuple):
    """A v1 cpuset is born without CPUs and memory nodes: it takes those of *source*."""

    path: str
    source: str
    missing: bool = False  # only if it has none: it is somebody else's

    def apply(self) -> None:
        if not (self.missing and _read(self.path).strip()):
            write(self.path, _read(self.source).strip())

    def inverse(self) -> None:
        return None

    def shell(self) -> str:
        copy = f"cat {quote(self.source)} > {quote(self.path)}"
        return f'[ -n "$(cat {quote(self.path)})" ] || {copy}' if self.missing else copy

    def why(self) -> str:
        return "a new cpuset has no CPUs at all"


class JoinGroup(NamedTuple):
    """Put the current process, which has one thread, into a group; its children are born there."""

    entrance: str

    def apply(self) -> None:
        write(self.entrance, "0")

    def inverse(self) -> None:
        return None

    def shell(self) -> str:
        return f"echo $$ > {quote(self.entrance)}"

    def why(self) -> str:
        return "before anything runs, so that nothing escapes its limits"


class Freeze(NamedTuple):
    """All processes of a group stopped where they are, or going on."""

    path: str  # the group
    version: int
    frozen: bool

    def apply(self) -> None:
        name, value = self._file()
        write(f"{self.path}/{name}", value)
        for attempt in range(400):
            if _is_frozen(self.path, self.version) == self.frozen:
                return
            time.sleep(0.0005 * min(attempt, 20))
        raise OSError(errno.EBUSY, os.strerror(errno.EBUSY))

    def inverse(self) -> "Freeze":
        return self._replace(frozen=not self.frozen)

    def shell(self) -> str:
        name, value = self._file()
        return f"echo {value} > {quote(f'{self.path}/{name}')}"

    def why(self) -> str:
        return "every process of the container stops where it is" if self.frozen else "every process goes on"

    def _file(self) -> tuple[str, str]:
        if self.version == 2:
            return "cgroup.freeze", "1" if self.frozen else "0"
        return "freezer.state", "FROZEN" if self.frozen else "THAWED"


def freezing(groups: "tuple[Hierarchy, ...]", identity: str, frozen: bool) -> "Freeze | None":
    """Give the operation that stops a container's processes or lets them go on; None where the host cannot."""
    hierarchy = where(groups, "freezer") or next((each for each in groups if each.version == 2), None)
    return Freeze(hierarchy.group(identity), hierarchy.version, frozen) if hierarchy else None


def is_frozen(groups: "tuple[Hierarchy, ...]", identity: str) -> bool:
    """Claim that all processes of a container are stopped."""
    found = freezing(groups, identity, True)
    return found is not None and _is_frozen(found.path, found.version)


def _is_frozen(group: str, version: int) -> bool:
    if version == 1:
        return _read(f"{group}/freezer.state").strip() == "FROZEN"
    return "frozen 1" in _read(f"{group}/cgroup.events").splitlines()


def hierarchies() -> tuple[Hierarchy, ...]:
    """List the hierarchies mounted here: v1, v2, or both (hybrid); see proc_pid_mountinfo(5)."""
    found: dict[str, Hierarchy] = {}
    with open("/proc/self/mountinfo") as file:
        for row in file:
            if " - cgroup" not in row:  # of hundreds, beside an engine that mounts for each container
                continue
            head, _, tail = row.partition(" - ")
            fstype, _, options = tail.split(" ", 2)
            path = head.split(" ")[4]
            if fstype == "cgroup2":
                found[path] = Hierarchy(path, 2, tuple(_read(f"{path}/cgroup.controllers").split()))
            elif fstype == "cgroup":
                names = tuple(name for name in options.strip().split(",") if name in V1)
                if names:
                    found[path] = Hierarchy(path, 1, names)
    v1 = {name for hierarchy in found.values() if hierarchy.version == 1 for name in hierarchy.controllers}
    useful = {"memory", "cpu", "cpuset", "pids", "io"} - v1
    return tuple(h for h in found.values() if h.version == 1 or not v1 or useful & set(h.controllers))


def parent_of(identity: str) -> str:
    """Tell below which group, of any hierarchy, that of a container is."""
    try:
        return os.readlink(parent_mark(identity))
    except OSError:
        return PARENT


def parent_mark(identity: str) -> str:
    """Give the link that leads to what --cgroup-parent chose."""
    return f"{paths.runtime(identity)}/cgroup-parent"


def where(groups: tuple[Hierarchy, ...], controller: str) -> "Hierarchy | None":
    """Find the hierarchy that has *controller*, or None."""
    return next((hierarchy for hierarchy in groups if controller in hierarchy.controllers), None)


def oom_kills(groups: tuple[Hierarchy, ...], identity: str) -> int:
    """Count the processes of the container that the kernel killed for want of memory."""
    memory = where(groups, "memory")
    if memory is None:
        return 0
    name = "memory.oom_control" if memory.version == 1 else "memory.events"
    for row in _read(f"{memory.group(identity)}/{name}").splitlines():
        word, _, value = row.partition(" ")
        if word == "oom_kill":
            return int(value)
    return 0


def kill(path: str) -> None:
    """Send SIGKILL to every process in a group and below, also to those born meanwhile."""
    with suppress(OSError):
        write(f"{path}/cgroup.kill", "1")
        return
    with suppress(OSError):
        write(f"{path}/freezer.state", "THAWED")
    for group in _below(path):
        for pid in _read(f"{group}/cgroup.procs").split():
            if int(pid) > 0:
                with suppress(ProcessLookupError):
                    os.kill(int(pid), signal.SIGKILL)


def telling(groups: "tuple[Hierarchy, ...]") -> "Hierarchy | None":
    """Choose the hierarchy that tells whose a process is, and in which groups apart limit nothing by themselves."""
    return where(groups, "pids") or where(groups, "memory") or (groups[0] if groups else None)


def processes(groups: tuple[Hierarchy, ...], identity: str) -> list[int]:
    """List the processes of a container, as numbers of our own PID namespace."""
    chosen = telling(groups)
    if chosen is None:
        return []
    path = chosen.group(identity)
    return sorted(int(pid) for group in _below(path) for pid in _read(f"{group}/cgroup.procs").split())


def write(path: str, value: str) -> None:
    """Write a control file. Errors: OSError."""
    fd = os.open(path, os.O_WRONLY | os.O_CLOEXEC)
    try:
        os.write(fd, value.encode())
    finally:
        os.close(fd)


def _remove(path: str) -> None:
    for group in reversed(list(_below(path))):
        with suppress(FileNotFoundError):
            os.rmdir(group)


def _below(path: str) -> Iterator[str]:
    """List *path* and the groups below it, parents first."""
    waiting = [path]
    while waiting:
        group = waiting.pop()
        try:
            with os.scandir(group) as entries:
                waiting += [entry.path for entry in entries if entry.is_dir(follow_symlinks=False)]
        except FileNotFoundError:
            continue
        yield group


def _read(path: str) -> str:
    try:
        with open(path) as file:
            return file.read()
    except OSError:
        return ""
