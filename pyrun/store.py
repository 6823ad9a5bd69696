"""The containers of this host: found, named, and their status derived from what lives.

A container exists while its durable directory does; it is somebody's business
while its lock is held. No status is ever stored. Nothing is changed here: making
and retiring containers is in `pyrun.keeping`.
"""

import os

from pyrun import paths, records
from pyrun.contexts import suppress
from pyrun.errors import Corrupt, NotFound, PyrunError, UsageError
from pyrun.kernel import locks, processes, reading
from pyrun.spec import ContainerConfig
from pyrun.typed import Iterator, NamedTuple

UNSEEN = 255  # the exit code of a program whose end nobody saw


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
            return Status("corrupt", monitored=locks.is_held(paths.lock(self.id)))
        directory = paths.container(self.id)
        try:
            start, end = (
                records.read_start(f"{directory}/start.json"),
                records.read_exit(f"{directory}/exit.json"),
            )
        except Corrupt:
            return Status("corrupt", monitored=locks.is_held(paths.lock(self.id)))
        monitored = locks.is_held(paths.lock(self.id))
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
    matches = (
        [i for i in _identities() if i.startswith(reference)] if reference and not set(reference) - paths.HEX else []
    )
    if len(matches) == 1:
        return load(matches[0])
    from pyrun import near

    if matches:
        hint = near.either([f"{load(identity).name} ({identity[:12]})" for identity in matches])
        raise UsageError(f"container: {reference}: several ids begin so", 1, hint)
    raise NotFound(f"no such container: {reference}", hint=near.hint(reference, reading.listed(paths.NAMES)))


def load(identity: str) -> Container:
    """Read a container by its whole id; what is wrong with its record is told in it."""
    try:
        config = records.read_config(f"{paths.container(identity)}/config.json")
        if config.id != identity:
            raise Corrupt(f"record: {identity}: belongs to another container")
        return Container(identity, config)
    except (Corrupt, FileNotFoundError) as problem:
        return Container(identity, None, str(problem))


def _identities() -> Iterator[str]:
    return filter(paths.is_identity, reading.listed(paths.CONTAINERS))
