"""stop, kill, wait and remove: what clients do to a running container, by pidfd and lock, without its monitor."""

import _signal as signal  # type: ignore[import-not-found]  # signal itself imports enum
import os

from pyrun import chronicle, keeping, operation, paths, store
from pyrun.contexts import suppress
from pyrun.errors import Corrupt, NotFound, PyrunError
from pyrun.kernel import cgroups, locks, processes
from pyrun.network import driver
from pyrun.runtime import recovery
from pyrun.store import Container
from pyrun.typed import Callable


def stop(container: Container, seconds: "int | None" = None) -> None:
    """Ask the program to end; kill it after *seconds* (the container's own time-out, negative for never)."""
    if container.status().state != "running":
        return
    config = container.config
    patience = seconds if seconds is not None else config.stop_timeout if config else 10
    pidfd = _pidfd(container)
    if pidfd is not None:
        number = config.stop_signal if config else signal.SIGTERM
        chronicle.container(container.id, config, "kill", signal=str(number))
        processes.send_signal(pidfd, number)
        if not processes.wait_end(pidfd, patience if patience >= 0 else None):
            chronicle.container(container.id, config, "kill", signal="9")
            processes.send_signal(pidfd, signal.SIGKILL)
            processes.wait_end(pidfd)
    settle(container)
    chronicle.container(container.id, config, "stop")


def kill(container: Container, number: int) -> None:
    """Send a signal to the program. Errors: PyrunError when the container does not run."""
    pidfd = _pidfd(container)
    if container.status().state != "running" or pidfd is None:
        raise PyrunError(f"container {container.name} is not running", 1)
    chronicle.container(container.id, container.config, "kill", signal=str(number))
    processes.send_signal(pidfd, number)
    if number == signal.SIGKILL:
        processes.wait_end(pidfd)
        settle(container)


def wait(container: Container) -> int:
    """Wait for the container to end; give its exit code, 255 when nobody saw it.

    Errors: PyrunError when nothing is known of it: it never ran, is gone already, or its record is corrupt.
    """
    watched = locks.watch(store.lock_path(container.id))  # before any look: with --rm nothing else stays of it
    pidfd = _pidfd(container)
    if pidfd is not None:
        processes.wait_end(pidfd)
    word = locks.last_word(watched) if watched is not None else b""
    if word:
        return int(word)
    ended = container.status()
    while ended.state == "running":  # its monitor writes the exit code down before it lets go
        locks.wait_released(store.lock_path(container.id))
        ended = container.status()
    if ended.state == "exited":
        return ended.exit_code
    if pidfd is not None:
        return store.UNSEEN
    if ended.state == "corrupt" and os.path.lexists(paths.container(container.id)):
        raise PyrunError(f"container {container.name}: {container.problem or 'its record is corrupt'}", 1)
    raise NotFound(f"no such container: {container.name}")


def remove(container: Container, force: bool) -> None:
    """Remove a container; a running one only by *force*. Errors: PyrunError."""
    status = container.status()
    if status.state == "running" or (status.state == "created" and status.monitored):
        if not force:
            hint = "stop it first, or use rm -f"
            raise PyrunError(f"container {container.name} is running", 1, hint)
        _end(container)
    elif status.state == "corrupt":
        if not force:
            raise PyrunError(
                f"container {container.name}: {container.problem or 'its record is corrupt'}", 1, "use rm -f"
            )
        _end(container)
    settle(container, _discard_damaged if force else None)
    left = recovery.left_by(container)
    failures = operation.unwind(left)
    if failures:
        raise PyrunError(f"container {container.name}: {failures[0]}", 1)
    if left:
        keeping.discard(container.id)
        driver.sweep()
    keeping.forget(container)


def settle(
    container: Container, salvage: "Callable[[Container, list[Exception]], list[Exception]] | None" = None
) -> None:
    """Wait for the monitor to take the container apart, or do it in its place.

    Errors: PyrunError for what cannot be undone, after *salvage* has left it so.
    """
    lock = _take_over(store.lock_path(container.id))
    if lock is None:
        return
    keeping.note_unseen_end(container.id)
    failures = keeping.retire(container.id, lock)
    if failures and salvage:
        failures = salvage(container, failures)
    if failures:
        raise PyrunError(f"container {container.name}: {failures[0]}", 1, "use rm -f")
    driver.sweep()
    keeping.tidy()  # the network's directory was in the way until now


def _discard_damaged(container: Container, failures: list[Exception]) -> list[Exception]:
    """Do without journals that cannot be read; give what else could not be undone."""
    serious = [failure for failure in failures if not isinstance(failure, Corrupt)]
    if not serious:
        keeping.discard(container.id)
    return serious


def _take_over(path: str) -> "int | None":
    """Wait until the lock *path* is ours; None once it is gone."""
    while True:
        lock = locks.take_abandoned(path)
        if lock is not None or not locks.is_held(path):
            return lock
        locks.wait_released(path)


def _end(container: Container) -> None:
    """Kill everything in the container, known by its control groups: its record may lie."""
    pidfd = _pidfd(container)
    if pidfd is not None:
        chronicle.container(container.id, container.config, "kill", signal="9")
        processes.send_signal(pidfd, signal.SIGKILL)
        processes.wait_end(pidfd)
    for hierarchy in cgroups.hierarchies():
        cgroups.kill(hierarchy.group(container.id))


def _pidfd(container: Container) -> "int | None":
    with suppress(PyrunError, ProcessLookupError):
        return processes.open_process(container.process())
    return None
