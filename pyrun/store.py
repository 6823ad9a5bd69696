"""The containers of this host: found, named, and their status derived from what lives.

A container exists while its durable directory does; it is somebody's business
while its lock is held. No status is ever stored. Nothing is changed here: making
and retiring containers is in `pyrun.keeping`.
"""

import os

from pyrun import paths, records
from pyrun.contexts import suppress
from pyrun.errors import Corrupt, NotFound, PyrunError, UsageError
from pyrun.kernel import locks, processes
from pyrun.spec import ContainerConfig
from pyrun.typed import Iterator, NamedTuple

FORGOTTEN = ".forgotten"  # behind the name of a container's directory that is being removed
NEW_VOLUME = ".new."  # followed by the signature of the process that makes it
NEW_TREE = ".pyrun-"  # before the name of a root file system that is being made or removed
UNSEEN = 255  # the exit code of a program whose end nobody saw
_HEX = set("0123456789abcdef")


class Status(NamedTuple):
    """What is true of a container now; times in seconds since the epoch, 0 never."""

    state: str  # created, running, paused, restarting, exited or corrupt
    pid: int = 0
    started: float = 0.0
    finished: float = 0.0
    exit_code: int = 0
    oom_killed: bool = False
    monitored: bool = False  # somebody holds its lock
    restarts: int = 0  # how often its policy started it again
    error: str = ""  # why it could not be started
    health: str = ""  # starting, healthy or unhealthy; empty without a check

    @property
    def is_up(self) -> bool:
        """Claim that its program lives."""
        return self.state in ("running", "paused")


class Container(NamedTuple):
    """A container by its directory; *config* is None when its record is corrupt."""

    id: str
    config: "ContainerConfig | None"
    problem: str = ""

    @property
    def name(self) -> str:
        """Give the name, or the short id where the record cannot tell."""
        return self.config.name if self.config else self.id[:12]

    def status(self) -> Status:
        """Derive the status from the process, the boot, the lock and the record of the exit."""
        if self.config is None:
            return Status("corrupt", monitored=locks.is_held(lock_path(self.id)))
        directory = paths.container(self.id)
        try:
            start, end = (
                records.read_start(f"{directory}/start.json"),
                records.read_exit(f"{directory}/exit.json"),
            )
        except Corrupt:
            return Status("corrupt", monitored=locks.is_held(lock_path(self.id)))
        monitored = locks.is_held(lock_path(self.id))
        began = start.at if start else 0.0
        ended = end if end and end.started == began else None  # else of an earlier start
        if start is None:
            code, error = (ended.code, ended.error) if ended else (0, "")
            return Status("created", exit_code=code, monitored=monitored, error=error)
        if ended is None and (monitored or processes.is_alive(start.process, processes.boot_id())):
            state = "paused" if self._is_paused() else "running"
            found = Status(state, start.process.pid, start.at, monitored=monitored, restarts=start.restarts)
            return found._replace(health=self._health(is_up=True)) if self.config.health.is_wanted else found
        state = "restarting" if monitored and os.path.lexists(paths.restarting(self.id)) else "exited"
        code, at, oom, _, error = ended or records.Exit(UNSEEN, start.at)
        ill = self._health(is_up=False) if self.config.health.is_wanted else ""
        return Status(state, 0, start.at, at, code, oom, monitored, start.restarts, error, ill)

    def _health(self, is_up: bool) -> str:
        from pyrun import health

        return health.status(self.id, is_up)

    def _is_paused(self) -> bool:
        """Ask the kernel, where somebody has paused it."""
        if not os.path.lexists(paths.paused(self.id)):
            return False
        from pyrun.kernel import cgroups

        return cgroups.is_frozen(cgroups.hierarchies(), self.id)

    def process(self) -> processes.Process:
        """Name the living init process. Errors: PyrunError when the container does not run."""
        process = self.living()
        if process is None:
            raise PyrunError(f"container {self.name} is not running", 1)
        return process

    def living(self) -> "processes.Process | None":
        """Name the init process while it lives; once it has ended, its keeper takes a moment to write so.

        Errors: Corrupt.
        """
        start = records.read_start(f"{paths.container(self.id)}/start.json")
        return start.process if start and processes.is_alive(start.process, processes.boot_id()) else None


def lock_path(identity: str) -> str:
    """Give the path of a container's lock."""
    return f"{paths.LOCKS}/{identity}"


def containers() -> list[Container]:
    """List all containers, newest first; corrupt ones come last."""
    found = [load(identity) for identity in _identities()]
    return sorted(found, key=lambda c: c.config.created if c.config else 0.0, reverse=True)


def find(reference: str) -> Container:
    """Find a container by name, with or without a slash before it as `inspect` shows it, id or its unique beginning.

    Errors: NotFound, UsageError when several ids begin so.
    """
    reference = reference.removeprefix("/")
    if reference and "/" not in reference:
        with suppress(OSError):
            found = load(os.readlink(f"{paths.NAMES}/{reference}"))
            renamed = found.config and found.config.name != reference  # somebody was interrupted in renaming it
            if os.path.isdir(paths.container(found.id)) and not renamed:
                return found
    matches = [i for i in _identities() if i.startswith(reference)] if _is_hex(reference) else []
    if len(matches) == 1:
        return load(matches[0])
    from pyrun import near

    if matches:
        hint = near.either([f"{load(identity).name} ({identity[:12]})" for identity in matches])
        raise UsageError(f"container: {reference}: several ids begin so", 1, hint)
    raise NotFound(f"no such container: {reference}", hint=near.hint(reference, listed(paths.NAMES)))


def abandoned() -> list[str]:
    """List the containers whose keeper has died: nobody holds their lock any more."""
    return locks.unheld(paths.LOCKS, listed(paths.LOCKS))


def interrupted() -> list[str]:
    """List what a reboot in the middle of a start, or of a run with --rm, left of containers."""
    kept = set(listed(paths.LOCKS))  # of most a look at the list tells enough
    found = [name for name in listed(paths.CONTAINERS) if name not in kept and _is_identity(name)]
    boot = processes.boot_id() if found else ""
    return [identity for identity in found if _is_interrupted(identity, boot)]


def forgotten() -> list[str]:
    """List the containers whose removal was begun."""
    return [name.removesuffix(FORGOTTEN) for name in listed(paths.CONTAINERS) if name.endswith(FORGOTTEN)]


def nameless() -> list[tuple[str, str]]:
    """List the names, with the id they lead to, of containers that are no more."""
    found, known = [], set(listed(paths.CONTAINERS))
    for name in listed(paths.NAMES):
        try:
            identity = os.readlink(f"{paths.NAMES}/{name}")
        except OSError:
            continue
        if identity not in known:
            found.append((name, identity))
    places = (paths.container, lock_path)
    return [(name, it) for name, it in found if not any(os.path.lexists(place(it)) for place in places)]


def unfinished_volumes() -> list[str]:
    """List what those who were killed in making or removing a volume left among the volumes."""
    found = [name for name in listed(paths.VOLUMES) if name.startswith(".")]
    return [name for name in found if not _is_being_made(name)]


def unfinished_trees() -> list[str]:
    """List what nobody works at any more among the root file systems: the lock is on the directory itself."""
    return locks.unheld(paths.ROOTFS, [name for name in listed(paths.ROOTFS) if name.startswith(NEW_TREE)])


def is_comparison_left() -> bool:
    """Claim that somebody who compared with Docker was killed: what was made for that is still there."""
    return os.path.isdir(paths.PARITY) and not locks.is_held(f"{paths.PARITY}/lock")


def _is_being_made(entry: str) -> bool:
    return entry.startswith(NEW_VOLUME) and processes.is_signed_by_living(entry.removeprefix(NEW_VOLUME))


def unserved() -> list[str]:
    """List the containers whose ports and names were served by somebody who has died."""
    return locks.unheld(paths.RUNTIMES, listed(paths.RUNTIMES), paths.SERVICES)


def unchecked() -> list[str]:
    """List the containers whose health was checked by somebody who has died."""
    return locks.unheld(paths.CHECKS, listed(paths.CHECKS))


def load(identity: str) -> Container:
    """Read a container by its whole id; what is wrong with its record is told in it."""
    try:
        config = records.read_config(f"{paths.container(identity)}/config.json")
        if config.id != identity:
            raise Corrupt(f"record: {identity}: belongs to another container")
        return Container(identity, config)
    except (Corrupt, FileNotFoundError) as problem:
        return Container(identity, None, str(problem))


def listed(directory: str) -> list[str]:
    """List a directory of ours; nothing where it does not exist. Errors: PyrunError."""
    try:
        return os.listdir(directory)
    except FileNotFoundError:
        return []
    except OSError as cause:
        raise PyrunError(f"state: {directory}: {os.strerror(cause.errno or 0).lower()}") from cause


def _is_interrupted(identity: str, boot: str) -> bool:
    directory = paths.container(identity)
    if os.path.lexists(lock_path(identity)):
        return False
    try:
        start = records.read_start(f"{directory}/start.json")
        if start is None:
            left = not os.path.lexists(paths.kept(identity))
        else:
            left = start.process.boot != boot and records.read_config(f"{directory}/config.json").remove
    except FileNotFoundError:
        left = True
    except Corrupt:
        left = False
    return left and not os.path.lexists(lock_path(identity))


def _identities() -> Iterator[str]:
    return filter(_is_identity, listed(paths.CONTAINERS))


def _is_identity(name: str) -> bool:
    return len(name) == 64 and _is_hex(name)


def _is_hex(text: str) -> bool:
    return bool(text) and not set(text) - _HEX
