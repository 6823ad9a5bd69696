"""Keeping containers: claimed under a lock, confirmed, retired; what dead keepers left is cleaned.

Who exists, and in what state, is found in `pyrun.store`.
"""

import os
from contextlib import suppress

from pyrun import paths, records, store
from pyrun.errors import Corrupt, PyrunError
from pyrun.journal import FileJournal, unwind_journal
from pyrun.kernel import files, locks, processes, trees
from pyrun.store import Container, lock_path


def claim(identity: str) -> int:
    """Become the keeper of a new container: its lock, held from the start. Errors: OSError."""
    lock = -1
    for _ in range(64):  # the last container's keeper may remove the empty directories just now
        with suppress(FileNotFoundError):
            prepare()
            lock = lock if lock >= 0 else locks.create_locked(lock_path(identity))
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
    own = paths.runtime(identity)
    plugs = sorted(name for name in store.listed(own) if name.startswith(paths.PLUG))
    failures = [failure for name in plugs for failure in unwind_journal(f"{own}/{name}")]
    failures += unwind_journal(f"{own}/journal")
    failures += unwind_journal(f"{paths.runtime(identity)}/birth")
    if not failures:
        with suppress(OSError):
            trees.remove_tree(paths.runtime(identity))
            os.unlink(lock_path(identity))
    os.close(lock)
    tidy()
    return failures


def reconcile() -> list[Exception]:
    """Clean up after keepers that died; what still runs is left running. Cheap when there is nothing."""
    failures: list[Exception] = []
    for identity in store.abandoned():
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
    trees.remove_tree(paths.container(container.id))
    for name in [container.config.name] if container.config else store.listed(paths.NAMES):
        files.Unlink(f"{paths.NAMES}/{name}", container.id).apply()


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


def _forget_interrupted() -> None:
    for identity in store.interrupted():
        forget(store.load(identity))
    for name, identity in store.nameless():
        files.Unlink(f"{paths.NAMES}/{name}", identity).apply()


def tidy() -> None:
    """Remove the empty directories under /run, so that the last container leaves nothing there."""
    for path in (paths.RUNTIMES, paths.LOCKS, paths.NETWORKS, paths.RUN):
        with suppress(OSError):
            os.rmdir(path)
