"""Keeping containers: claimed under a lock, confirmed, retired; what dead keepers left is cleaned.

Who exists, and in what state, is found in `pyrun.store`.
"""

import fcntl
import os

from pyrun import chronicle, leftovers, paths, records, store
from pyrun.contexts import contextmanager, suppress
from pyrun.errors import Corrupt, PyrunError
from pyrun.journal import FileJournal, unwind_journal
from pyrun.kernel import files, locks, processes, reading, trees
from pyrun.network import standing
from pyrun.spec import ContainerConfig
from pyrun.store import Container
from pyrun.typed import Callable, Iterator


def claim(identity: str) -> int:
    """Become the keeper of a new container: its lock, held from the start. Errors: OSError."""
    lock = -1
    for _ in range(64):  # the last container's keeper may remove the empty directories just now
        with suppress(FileNotFoundError):
            prepare()
            lock = lock if lock >= 0 else locks.create_locked(paths.lock(identity))
            os.mkdir(paths.runtime(identity), 0o700)
            return lock
    raise PyrunError(f"state: {paths.RUN}: cannot be made")


def prepare() -> None:
    """Make the directories that all containers share.

    Errors: PyrunError naming the directory; FileNotFoundError when somebody has just removed its parent.
    """
    for path in (paths.STATE, paths.CONTAINERS, paths.NAMES, paths.RUN, paths.LOCKS, paths.RUNTIMES):
        try:
            os.mkdir(path, 0o700)
        except FileExistsError:
            if os.path.islink(path) or (os.path.lexists(path) and not os.path.isdir(path)):
                raise PyrunError(f"state: {path}: is not a directory of ours") from None
        except FileNotFoundError:
            raise
        except OSError as cause:
            raise PyrunError(f"state: {path}: {os.strerror(cause.errno or 0).lower()}") from cause


def journal(identity: str) -> FileJournal:
    """Give the journal of a container whose lock we hold."""
    return FileJournal(f"{paths.runtime(identity)}/journal")


def endpoint_journal(identity: str, network: str) -> FileJournal:
    """Give the journal of a container's plug into a network, which may be taken out before the container ends."""
    return FileJournal(f"{paths.runtime(identity)}/{paths.PLUG}{network}")


def birth_journal(identity: str) -> FileJournal:
    """Give the journal of what a container keeps after its end: its files and its name."""
    return FileJournal(f"{paths.runtime(identity)}/birth")


def confirm(identity: str) -> None:
    """Let the container exist beyond its end: from now on only `forget` removes it."""
    with suppress(FileNotFoundError):
        os.unlink(f"{paths.runtime(identity)}/birth")


def retire(identity: str, lock: int) -> list[Exception]:
    """Undo what the container's journals name, then let go of its lock; give what could not be undone."""
    failures = take_apart(identity)
    birth = f"{paths.runtime(identity)}/birth"
    born = store.load(identity).config if os.path.exists(birth) else None
    if not failures:  # else it stays where `ps` and `rm -f` find it
        failures += unwind_journal(birth)
    if born and not failures:
        chronicle.container(identity, born, "destroy")
    if not failures:
        discard(identity)
    os.close(lock)
    tidy()
    return failures


def take_apart(identity: str, restarting: bool = False) -> list[Exception]:
    """Undo what was made for a start of the container; its lock stays held. Give what could not be undone."""
    own = paths.runtime(identity)
    with changing(identity):
        plugs = sorted(name for name in reading.listed(own) if name.startswith(paths.PLUG))
        _settle(identity, {name.removeprefix(paths.PLUG) for name in plugs})
        left = [end.network for end in standing.plugs(identity)]
        failures = [failure for name in plugs for failure in unwind_journal(f"{own}/{name}")]
        for net in left:
            chronicle.network(net, "disconnect", identity)
        _note_unmounts(identity)
        failures += unwind_journal(f"{own}/journal")
        if not restarting:
            unmark(paths.restarting(identity))
        unmark(paths.paused(identity))
    return failures


def _note_unmounts(identity: str) -> None:
    """Note that the volumes of a container, of which there mostly are none, are not mounted any more."""
    if os.path.isdir(paths.VOLUMES) and os.path.exists(f"{paths.runtime(identity)}/journal"):
        config = store.load(identity).config
        for mount in config.mounts if config else ():
            if mount.kind == "volume":
                chronicle.volume(mount.source, "unmount", identity)


def note_unseen_end(identity: str) -> None:
    """Note in the chronicle that the program has ended, for its monitor, which has died."""
    own = paths.container(identity)
    if os.path.exists(f"{own}/start.json") and not os.path.exists(f"{own}/exit.json"):
        chronicle.container(identity, store.load(identity).config, "die", exitCode=str(store.UNSEEN))


def discard(identity: str) -> None:
    """Remove the container's journals and its lock: there is nothing any more that they name."""
    with suppress(OSError):
        unmark(paths.checks(identity))
        unmark(paths.unwatched(identity))
        trees.remove_tree(paths.runtime(identity))
        os.unlink(paths.lock(identity))


@contextmanager
def changing(identity: str) -> Iterator[bool]:
    """Be the only one who changes a container's plugs and record, also while it runs; yield whether it exists.

    Its monitor holds the other lock for life. Who wants a network's lock as well takes it after this one.
    """
    try:
        fd = os.open(paths.container(identity), os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except FileNotFoundError:
        yield False
        return
    try:
        fcntl.flock(fd, fcntl.LOCK_EX)
        yield os.path.isdir(paths.container(identity))
    finally:
        os.close(fd)


@contextmanager
def starting_over(identity: str) -> Iterator[None]:
    """Let those who follow a container know that it will start again, until that has happened or failed."""
    fd = -1
    with suppress(OSError):
        fd = os.open(paths.again(identity), os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        fcntl.flock(fd, fcntl.LOCK_EX)
    try:
        yield
    finally:
        unmark(paths.again(identity))
        if fd >= 0:
            fcntl.flock(fd, fcntl.LOCK_UN)  # the new monitor has a copy of the descriptor
            os.close(fd)


def rewrite(config: ContainerConfig) -> None:
    """Write a container's record anew, within `changing`. Errors: OSError."""
    records.write_config(f"{paths.container(config.id)}/config.json", config, not config.remove)


def mark(path: str) -> None:
    """Make one of the marks that `pyrun.paths` names. Errors: OSError."""
    os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600))


def leave_unwatched(identity: str) -> None:
    """Mark that nobody watches who serves a container. Somebody may tidy the directory away meanwhile."""
    while True:
        with suppress(FileExistsError):
            os.mkdir(paths.UNWATCHED, 0o700)
        with suppress(FileNotFoundError):
            return mark(paths.unwatched(identity))


def forbid_restart(identity: str) -> None:
    """Mark that somebody has ended a container: no policy starts it again. Errors: OSError."""
    try:
        mark(paths.stopped(identity))
    except OSError:  # no room, and for removing something there has to be a way
        with suppress(FileNotFoundError):  # nobody keeps it
            mark(paths.unwanted(identity))


def may_restart(identity: str) -> bool:
    """Claim that nobody has ended a container for good."""
    return not (os.path.lexists(paths.stopped(identity)) or os.path.lexists(paths.unwanted(identity)))


def unmark(path: str) -> None:
    """Remove a mark, if it is there. Errors: OSError."""
    with suppress(FileNotFoundError):
        os.unlink(path)


def reconcile() -> list[Exception]:
    """Clean up after keepers that died; what still runs is left running. Cheap when there is nothing."""
    failures = _each(leftovers.abandoned(), _retire_abandoned)
    failures += _each(leftovers.interrupted(), _forget_interrupted)
    for name, identity in leftovers.nameless():
        files.Unlink(f"{paths.NAMES}/{name}", identity).apply()
    failures += _each(leftovers.forgotten(), _remove_forgotten)  # after their names, which nobody asks for otherwise
    if leftovers.unfinished_volumes():
        from pyrun import volume_store

        failures += _each(leftovers.unfinished_volumes(), volume_store.discard)
    return failures


def forget(container: Container) -> None:
    """Remove a container that does not run: its files and its name. Errors: PyrunError, OSError.

    It is gone at one moment: killed at any time, this leaves the whole container or none.
    """
    own = paths.container(container.id)
    with changing(container.id):
        trees.refuse_mounts_below(own)
        with suppress(FileNotFoundError):  # somebody else forgets it just now
            os.rename(own, own + leftovers.FORGOTTEN)
    for name in _names_of(container):
        files.Unlink(f"{paths.NAMES}/{name}", container.id).apply()
    trees.remove_tree(own + leftovers.FORGOTTEN)
    chronicle.container(container.id, container.config, "destroy")


def _names_of(container: Container) -> list[str]:
    """List names that may lead to a container: its own; all where there are too many, as after a rename was killed."""
    names = reading.listed(paths.NAMES)
    whole = container.config and len(names) <= len(reading.listed(paths.CONTAINERS))
    return [container.config.name] if container.config and whole else names


def forget_volumes(config: ContainerConfig) -> None:
    """Remove the volumes that were made for a container which is gone. Errors: PyrunError, OSError."""
    if any(mount.anonymous for mount in config.mounts):
        from pyrun import volume_store

        volume_store.remove_anonymous(config)


def _each(identities: list[str], step: Callable[[str], list[Exception]]) -> list[Exception]:
    """Take a step for each container, of which one's trouble is not that of the others."""
    failures: list[Exception] = []
    for identity in identities:
        try:
            failures += step(identity)
        except (PyrunError, OSError) as failure:
            failures.append(PyrunError(f"container {identity[:12]}: {failure}"))
    return failures


def _retire_abandoned(identity: str) -> list[Exception]:
    lock = locks.take_abandoned(paths.lock(identity))
    if lock is None:
        return []
    if _is_orphan(identity):
        _confirm_orphan(identity)
        os.close(lock)
        return []
    note_unseen_end(identity)
    failures = retire(identity, lock)
    hint = f"pyrun rm -f {identity[:12]}"
    return [PyrunError(f"container {identity[:12]}: {failure}", hint=hint) for failure in failures]


def _settle(identity: str, plugged: set[str]) -> None:
    """Let the record name those networks only that the container is on, if somebody was interrupted in changing it."""
    if not any(identity in standing.unsettled_containers(name) for name in standing.names()):
        return
    config = store.load(identity).config
    if config and config.has_sandbox:
        kept = tuple(each for each in config.attachments if each.network in plugged)
        rewrite(config._replace(attachments=kept))


def _is_orphan(identity: str) -> bool:
    """Claim that the container runs without its monitor: it goes on, and is retired when it ends."""
    with suppress(Corrupt):
        start = records.read_start(f"{paths.container(identity)}/start.json")
        return start is not None and processes.is_alive(start.process, processes.boot_id())
    return False


def _confirm_orphan(identity: str) -> None:
    """Confirm on behalf of a monitor that died between starting the program and confirming."""
    container = store.load(identity)
    if container.config and not container.config.remove:
        confirm(identity)


def _forget_interrupted(identity: str) -> list[Exception]:
    container = store.load(identity)
    forget(container)
    if container.config:
        forget_volumes(container.config)
    return []


def _remove_forgotten(identity: str) -> list[Exception]:
    trees.remove_tree(paths.container(identity) + leftovers.FORGOTTEN)
    return []


def tidy() -> None:
    """Remove the empty directories under /run, so that the last container leaves nothing there."""
    for path in (paths.RUNTIMES, paths.LOCKS, paths.CHECKS, paths.UNWATCHED, paths.NETWORKS, paths.HELD, paths.RUN):
        with suppress(OSError):
            os.rmdir(path)
