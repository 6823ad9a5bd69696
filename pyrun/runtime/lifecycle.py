"""stop, kill, wait and remove: what clients do to a running container, by pidfd and lock, without its monitor."""

import _signal as signal  # type: ignore[import-not-found]  # signal itself imports enum
import os
import time

from pyrun import chronicle, keeping, operation, paths, store
from pyrun.contexts import suppress
from pyrun.errors import Corrupt, NotFound, PyrunError
from pyrun.kernel import cgroups, locks, processes
from pyrun.network import driver
from pyrun.runtime import channel, recovery
from pyrun.store import Container
from pyrun.typed import Callable

_MOMENT = 0.005  # seconds


def ask(container: Container, wanted: int = 0) -> float:
    """Ask the program to end, whom no policy starts again, by a *wanted* signal or its own.

    Give the moment (monotonic) from which it has its time.
    """
    if container.status().state in ("running", "paused", "restarting"):
        forbid_restart(container)
        pidfd, config = _pidfd(container), container.config
        if pidfd is not None:
            number = wanted or (config.stop_signal if config else signal.SIGTERM)
            chronicle.container(container.id, config, "kill", signal=str(number))
            processes.send_signal(pidfd, number)
            _thaw(container)
            os.close(pidfd)
    return time.monotonic()


def stop(container: Container, seconds: "int | None" = None, asked: "float | None" = None, wanted: int = 0) -> None:
    """Ask the program to end; kill it after *seconds* (the container's own time-out, negative for never).

    *asked* is when somebody has `ask`ed it already, *wanted* a signal other than its own. No policy starts it again.
    Errors: PyrunError.
    """
    if asked is None and container.status().state not in ("running", "paused", "restarting"):
        return
    since, config = ask(container, wanted) if asked is None else asked, container.config
    patience = seconds if seconds is not None else config.stop_timeout if config else 10
    pidfd, left = _pidfd(container), since + patience - time.monotonic() if patience >= 0 else None
    if pidfd is not None and not processes.wait_end(pidfd, left):
        chronicle.container(container.id, config, "kill", signal="9")
        processes.send_signal(pidfd, signal.SIGKILL)
        _thaw(container)  # somebody may have paused it since it was asked
        processes.wait_end(pidfd)
    settle(container)
    chronicle.container(container.id, config, "stop")


def kill(container: Container, number: int) -> None:
    """Send a signal to the program; one that waits to be started again is not, whatever the signal, as with Docker.

    Errors: PyrunError when the container does not run.
    """
    pidfd, status = _pidfd(container), container.status()
    if status.state == "restarting":
        forbid_restart(container)
        chronicle.container(container.id, container.config, "kill", signal=str(number))
        settle(container)
        return
    if not status.is_up or pidfd is None:
        raise PyrunError(f"container {container.name} is not running", 1)
    ending = number in (signal.SIGKILL, container.config.stop_signal if container.config else signal.SIGTERM)
    if ending:
        forbid_restart(container)
    chronicle.container(container.id, container.config, "kill", signal=str(number))
    processes.send_signal(pidfd, number)
    if ending:
        _thaw(container)
    if number == signal.SIGKILL:
        processes.wait_end(pidfd)
        settle(container)


def runs_soon(container: Container) -> bool:
    """Claim that a container runs, or will by its policy; wait for somebody who starts it or takes it apart."""
    while locks.is_held(paths.lock(container.id)):
        if container.status().state in ("running", "paused", "restarting"):
            return True
        time.sleep(_MOMENT)
    return container.status().is_up


def forbid_restart(container: Container) -> None:
    """Let no policy start the container again, also if its monitor waits to do so just now."""
    if os.path.isdir(paths.container(container.id)):
        keeping.forbid_restart(container.id)
    if os.path.lexists(paths.restarting(container.id)):
        with suppress(OSError):
            channel.connected(paths.monitor(container.id)).close()


def wait(container: Container) -> int:
    """Wait for the container's program to end; give its exit code, 255 when nobody saw it, 0 when it never ran.

    Errors: PyrunError when nothing is known of it: it is gone already, or its record is corrupt.
    """
    watched = locks.watch(paths.lock(container.id))  # before any look: with --rm nothing else stays of it
    begun = container.status().started
    pidfd = _pidfd(container)
    if pidfd is not None:
        processes.wait_end(pidfd)
    if container.config and container.config.restart:
        _await_record(container, begun)
    else:
        word = locks.last_word(watched) if watched is not None else b""
        if word:
            return int(word)
    ended = container.status()
    while ended.is_up and ended.started == begun:  # its monitor writes the exit code down before it lets go
        locks.wait_released(paths.lock(container.id))
        ended = container.status()
    if ended.state in ("exited", "restarting"):
        return ended.exit_code
    if ended.state == "created" and os.path.isdir(paths.container(container.id)):
        return ended.exit_code
    if pidfd is not None:
        return store.UNSEEN
    if ended.state == "corrupt" and os.path.lexists(paths.container(container.id)):
        raise PyrunError(f"container {container.name}: {container.problem or 'its record is corrupt'}", 1)
    raise NotFound(f"no such container: {container.name}")


def _await_record(container: Container, begun: float) -> None:
    """Wait until the end of the start at *begun* is written down; the monitor goes on, and keeps its lock."""
    while locks.is_held(paths.lock(container.id)):
        status = container.status()
        if not status.is_up or status.started != begun:
            return
        time.sleep(_MOMENT)


def remove(container: Container, force: bool, volumes: bool = False) -> None:
    """Remove a container, and its own *volumes*; a running one only by *force*. Errors: PyrunError.

    Somebody who starts it just now, or copies its files, is waited for.
    """
    lock = _claim(container, force)
    try:
        left = recovery.left_by(container)
        failures = operation.unwind(left)
        if failures:
            raise PyrunError(f"container {container.name}: {failures[0]}", 1)
        if left:
            driver.sweep()
        if os.path.lexists(paths.container(container.id)):  # else somebody else was faster
            keeping.forget(container)
    finally:
        keeping.discard(container.id)
        os.close(lock)
    keeping.tidy()
    if volumes and container.config:
        keeping.forget_volumes(container.config)


def _claim(container: Container, force: bool) -> int:
    """Have the container to ourselves, so that nobody starts it any more: give its lock, with nothing of it running.

    What runs, or is started at this moment, is ended by *force* alone. Errors: PyrunError.
    """
    while True:
        _end_or_refuse(container, force)
        if not locks.is_held(paths.lock(container.id)):
            settle(container, _discard_damaged if force else None)
            with suppress(FileExistsError):
                return keeping.claim(container.id)
        time.sleep(_MOMENT)


def _end_or_refuse(container: Container, force: bool) -> None:
    status = container.status()
    while not force and status.state == "created" and status.monitored:
        runs_soon(container)  # its files are copied, or it is being started
        status = container.status()
    if status.is_up or status.state == "restarting" or (status.state == "created" and status.monitored):
        if not force:
            hint = "stop it first, or use rm -f"
            raise PyrunError(f"container {container.name} is running", 1, hint)
        forbid_restart(container)
        _end(container)
    elif status.state == "corrupt" and os.path.lexists(paths.container(container.id)):
        if not force:
            raise PyrunError(
                f"container {container.name}: {container.problem or 'its record is corrupt'}", 1, "use rm -f"
            )
        _end(container)


def settle(
    container: Container, salvage: "Callable[[Container, list[Exception]], list[Exception]] | None" = None
) -> None:
    """Wait for the monitor to take the container apart, or do it in its place.

    Errors: PyrunError for what cannot be undone, after *salvage* has left it so.
    """
    lock = _take_over(paths.lock(container.id))
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
    """Wait until the lock *path* is ours; None once it is gone, also when somebody made another in its place."""
    known = 0
    while True:
        lock = locks.take_abandoned(path)
        watched = locks.watch(path) if lock is None else None
        if watched is None:
            return lock
        number = os.fstat(watched).st_ino
        if known not in (0, number):
            os.close(watched)
            return None
        known = number
        locks.last_word(watched)


def _end(container: Container) -> None:
    """Kill everything in the container, known by its control groups: its record may lie."""
    pidfd = _pidfd(container)
    if pidfd is not None:
        chronicle.container(container.id, container.config, "kill", signal="9")
        processes.send_signal(pidfd, signal.SIGKILL)
        _thaw(container)
        processes.wait_end(pidfd)
    for hierarchy in cgroups.hierarchies():
        cgroups.kill(hierarchy.group(container.id))


def _pidfd(container: Container) -> "int | None":
    with suppress(PyrunError, ProcessLookupError):
        return processes.open_process(container.process())
    return None


def _thaw(container: Container) -> None:
    """Let a paused container go on, so that it meets the signal that it was sent."""
    if os.path.lexists(paths.paused(container.id)):
        thaw = cgroups.freezing(cgroups.hierarchies(), container.id, frozen=False)
        if thaw:
            operation.perform([thaw])
        keeping.unmark(paths.paused(container.id))
