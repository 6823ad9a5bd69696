"""The containers of this host: found, named, and their status derived from what lives.

A container exists while its durable directory does; it is somebody's business
while its lock is held. No status is ever stored.
"""

import os
from collections.abc import Iterator
from contextlib import suppress
from typing import NamedTuple

from pyrun import paths, records
from pyrun.errors import Corrupt, NotFound, PyrunError, UsageError
from pyrun.journal import FileJournal, unwind_journal
from pyrun.kernel import files, locks, processes
from pyrun.spec import ContainerConfig

_HEX = set("0123456789abcdef")


class Status(NamedTuple):
    """What is true of a container now; times in seconds since the epoch, 0 never."""

    state: str  # created, running, exited or corrupt
    pid: int = 0
    started: float = 0.0
    finished: float = 0.0
    exit_code: int = 0
    oom_killed: bool = False
    monitored: bool = False  # somebody holds its lock


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
        if start is None:
            return Status("created", monitored=monitored)
        alive = end is None and (monitored or processes.is_alive(start.process, processes.boot_id()))
        if alive:
            return Status("running", start.process.pid, start.at, monitored=monitored)
        code, at, oom = end or records.Exit(255, start.at)
        return Status("exited", 0, start.at, at, code, oom, monitored)

    def process(self) -> processes.Process:
        """Name the living init process. Errors: PyrunError when the container does not run."""
        start = records.read_start(f"{paths.container(self.id)}/start.json")
        if start is None or not processes.is_alive(start.process, processes.boot_id()):
            raise PyrunError(f"container {self.name} is not running", 1)
        return start.process


def lock_path(identity: str) -> str:
    """Give the path of a container's lock."""
    return f"{paths.LOCKS}/{identity}"


def containers() -> list[Container]:
    """List all containers, newest first; corrupt ones come last."""
    found = [_load(identity) for identity in _identities()]
    return sorted(found, key=lambda c: c.config.created if c.config else 0.0, reverse=True)


def find(reference: str) -> Container:
    """Find a container by name, id or the unique beginning of its id.

    Errors: NotFound, UsageError when several ids begin so.
    """
    if reference and "/" not in reference:
        with suppress(OSError):
            identity = os.readlink(f"{paths.NAMES}/{reference}")
            if os.path.isdir(paths.container(identity)):
                return _load(identity)
    matches = [i for i in _identities() if i.startswith(reference)] if _is_hex(reference) else []
    if len(matches) > 1:
        raise UsageError(f"container: {reference}: several ids begin so", 1)
    if not matches:
        raise NotFound(f"no such container: {reference}")
    return _load(matches[0])


def claim(identity: str) -> int:
    """Become the keeper of a new container: its lock, held from the start. Errors: OSError."""
    for _ in range(64):  # the last container's keeper may remove the empty directories just now
        prepare()
        with suppress(FileNotFoundError):
            lock = locks.create_locked(lock_path(identity))
            os.makedirs(paths.runtime(identity), 0o700)
            return lock
    raise PyrunError(f"state: {paths.RUN}: cannot be made")


def prepare() -> None:
    """Make the directories that all containers share. Errors: PyrunError naming the directory."""
    for path in (paths.STATE, paths.CONTAINERS, paths.NAMES, paths.RUN, paths.LOCKS):
        try:
            os.mkdir(path, 0o700)
        except FileExistsError:
            if os.path.islink(path) or not os.path.isdir(path):
                raise PyrunError(f"state: {path}: is not a directory of ours") from None
        except OSError as cause:
            raise PyrunError(f"state: {path}: {cause.strerror}") from cause


def journal(identity: str) -> FileJournal:
    """Give the journal of a container whose lock we hold."""
    return FileJournal(f"{paths.runtime(identity)}/journal")


def birth_journal(identity: str) -> FileJournal:
    """Give the journal of what a container keeps after its end: its files and its name."""
    return FileJournal(f"{paths.runtime(identity)}/birth")


def confirm(identity: str) -> None:
    """Let the container exist beyond its end: from now on only `forget` removes it."""
    with suppress(FileNotFoundError):
        os.unlink(f"{paths.runtime(identity)}/birth")


def retire(identity: str, lock: int) -> list[Exception]:
    """Undo what the container's journals name, then let go of its lock; give what could not be undone."""
    failures = unwind_journal(f"{paths.runtime(identity)}/journal")
    failures += unwind_journal(f"{paths.runtime(identity)}/birth")
    if not failures:
        with suppress(OSError):
            files.remove_tree(paths.runtime(identity))
            os.unlink(lock_path(identity))
    os.close(lock)
    tidy()
    return failures


def reconcile() -> list[Exception]:
    """Clean up after keepers that died; what still runs is left running. Cheap when there is nothing."""
    failures: list[Exception] = []
    for identity in _listed(paths.LOCKS):
        lock = locks.take_abandoned(lock_path(identity))
        if lock is None:
            continue
        if _is_orphan(identity):
            _confirm_orphan(identity)
            os.close(lock)
        else:
            failures += retire(identity, lock)
    _forget_interrupted()
    return failures


def forget(container: Container) -> None:
    """Remove a container that does not run: its files and its name. Errors: PyrunError, OSError."""
    files.remove_tree(paths.container(container.id))
    for name in [container.config.name] if container.config else _listed(paths.NAMES):
        files.Unlink(f"{paths.NAMES}/{name}", container.id).apply()


def _is_orphan(identity: str) -> bool:
    """Claim that the container runs without its monitor: it goes on, and is retired when it ends."""
    with suppress(Corrupt):
        start = records.read_start(f"{paths.container(identity)}/start.json")
        return start is not None and processes.is_alive(start.process, processes.boot_id())
    return False


def _confirm_orphan(identity: str) -> None:
    """Confirm on behalf of a monitor that died between starting the program and confirming."""
    container = _load(identity)
    if container.config and not container.config.remove:
        confirm(identity)


def _forget_interrupted() -> None:
    """Drop what a reboot in the middle of a start, or of a run with --rm, left of a container."""
    boot = processes.boot_id()
    for identity in _identities():
        directory = paths.container(identity)
        if os.path.lexists(lock_path(identity)):
            continue
        try:
            start = records.read_start(f"{directory}/start.json")
            interrupted = start is None or (
                start.process.boot != boot and records.read_config(f"{directory}/config.json").remove
            )
        except FileNotFoundError:
            interrupted = True
        except Corrupt:
            interrupted = False
        if interrupted and not os.path.lexists(lock_path(identity)):
            forget(_load(identity))
    for name in _listed(paths.NAMES):
        with suppress(OSError):
            identity = os.readlink(f"{paths.NAMES}/{name}")
            if not os.path.lexists(paths.container(identity)) and not os.path.lexists(lock_path(identity)):
                files.Unlink(f"{paths.NAMES}/{name}", identity).apply()


def _load(identity: str) -> Container:
    try:
        config = records.read_config(f"{paths.container(identity)}/config.json")
        if config.id != identity:
            raise Corrupt(f"record: {identity}: belongs to another container")
        return Container(identity, config)
    except (Corrupt, FileNotFoundError) as problem:
        return Container(identity, None, str(problem))


def _identities() -> Iterator[str]:
    return (name for name in _listed(paths.CONTAINERS) if len(name) == 64 and _is_hex(name))


def _is_hex(text: str) -> bool:
    return bool(text) and not set(text) - _HEX


def _listed(directory: str) -> list[str]:
    try:
        return os.listdir(directory)
    except FileNotFoundError:
        return []
    except OSError as cause:
        raise PyrunError(f"state: {directory}: {cause.strerror}") from cause


def tidy() -> None:
    """Remove the empty directories under /run, so that the last container leaves nothing there."""
    for path in (f"{paths.RUN}/containers", paths.LOCKS, paths.NETWORKS, paths.RUN):
        with suppress(OSError):
            os.rmdir(path)
