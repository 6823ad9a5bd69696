"""What those who were killed left of containers, volumes and trees, seen by a look at names and locks.

Cheap enough for every command; nothing is changed here. Cleaning up is in `pyrun.keeping`; of networks such a look is
in `pyrun.network.standing`.
"""

import os

from pyrun import paths
from pyrun.contexts import suppress
from pyrun.errors import Corrupt
from pyrun.kernel import locks, reading

FORGOTTEN = ".forgotten"  # behind the name of a container's directory that is being removed
NEW_VOLUME = ".new."  # followed by the signature of the process that makes it
NEW_TREE = ".pyrun-"  # before the name of a root file system that is being made or removed


def are_there() -> bool:
    """Claim that somebody left something of these, as every command asks; most often nobody has.

    Names of nobody are not asked for: only who removes a container's directory by hand leaves them.
    """
    locked, durable = reading.listed(paths.LOCKS), reading.listed(paths.CONTAINERS)
    if locks.unheld(paths.LOCKS, locked) or _interrupted(durable, locked) or _forgotten(durable):
        return True
    if locks.unheld(paths.RUNTIMES, reading.listed(paths.UNWATCHED), paths.SERVICES) or unchecked():
        return True  # of who is watched, the monitor says so, as long as it lives itself
    return bool(unfinished_volumes() or unfinished_trees())


def abandoned() -> list[str]:
    """List the containers whose keeper has died: nobody holds their lock any more."""
    return locks.unheld(paths.LOCKS, reading.listed(paths.LOCKS))


def interrupted() -> list[str]:
    """List what a reboot in the middle of a start, or of a run with --rm, left of containers."""
    locked = reading.listed(paths.LOCKS)  # first: who is about to make a container has the lock before
    return _interrupted(reading.listed(paths.CONTAINERS), locked)


def forgotten() -> list[str]:
    """List the containers whose removal was begun."""
    return _forgotten(reading.listed(paths.CONTAINERS))


def nameless() -> list[tuple[str, str]]:
    """List the names, with the id they lead to, of containers that are no more."""
    found = []
    for name in reading.listed(paths.NAMES):
        with suppress(OSError):
            identity = os.readlink(f"{paths.NAMES}/{name}")
            if is_gone(identity):
                found.append((name, identity))
    return found


def is_gone(identity: str) -> bool:
    """Claim that there is no such container, and nobody about to make it."""
    return not any(os.path.lexists(place(identity)) for place in (paths.container, paths.lock))


def unserved() -> list[str]:
    """List the containers whose ports and names were served by somebody who has died."""
    return locks.unheld(paths.RUNTIMES, reading.listed(paths.RUNTIMES), paths.SERVICES)


def unchecked() -> list[str]:
    """List the containers whose health was checked by somebody who has died."""
    return locks.unheld(paths.CHECKS, reading.listed(paths.CHECKS))


def unfinished_volumes() -> list[str]:
    """List what those who were killed in making or removing a volume left among the volumes."""
    found = [name for name in reading.listed(paths.VOLUMES) if name.startswith(".")]
    return [name for name in found if not _is_being_made(name)]


def unfinished_trees(directory: str = paths.ROOTFS) -> list[str]:
    """List what nobody works at any more among the root file systems: the lock is on the directory itself."""
    return locks.unheld(directory, [name for name in reading.listed(directory) if name.startswith(NEW_TREE)])


def is_comparison_left() -> bool:
    """Claim that somebody who compared with Docker was killed: what was made for that is still there."""
    return os.path.isdir(paths.PARITY) and not locks.is_held(f"{paths.PARITY}/lock")


def _interrupted(durable: list[str], locked: list[str]) -> list[str]:
    """List those among the entries of the containers' directory; of most a look at the locks' tells enough."""
    found = [name for name in set(durable).difference(locked) if paths.is_identity(name)]
    if not found:
        return []
    from pyrun.kernel import processes

    boot = processes.boot_id()
    return [identity for identity in found if _is_interrupted(identity, boot)]


def _forgotten(durable: list[str]) -> list[str]:
    return [name.removesuffix(FORGOTTEN) for name in durable if name.endswith(FORGOTTEN)]


def _is_interrupted(identity: str, boot: str) -> bool:
    from pyrun import records

    directory = paths.container(identity)
    if os.path.lexists(paths.lock(identity)):
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
    return left and not os.path.lexists(paths.lock(identity))


def _is_being_made(entry: str) -> bool:
    from pyrun.kernel import processes

    return entry.startswith(NEW_VOLUME) and processes.is_signed_by_living(entry.removeprefix(NEW_VOLUME))
