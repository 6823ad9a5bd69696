"""Whose turn it is to change a network: locks of files, held for milliseconds, gone with whoever holds them.

What is done in a turn is in `pyrun.network.driver`.
"""

import fcntl
import os

from pyrun import paths
from pyrun.contexts import contextmanager, suppress
from pyrun.network.definitions import DEFAULT
from pyrun.typed import Iterator


@contextmanager
def designing() -> Iterator[None]:
    """Choose address pools while nobody else does: the directory of definitions is the lock."""
    for path in (paths.STATE, paths.DEFINITIONS):
        with suppress(FileExistsError):
            os.mkdir(path, 0o700)
    fd = os.open(paths.DEFINITIONS, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX)
        yield
    finally:
        os.close(fd)


@contextmanager
def locked(name: str, make: bool = True) -> Iterator[bool]:
    """Hold a network's lock; its directory may vanish with the last container while we wait.

    With *make* the directory is made; without, this yields False where there is none.
    """
    fd = _take_lock(paths.network(name), make)
    try:
        yield fd >= 0
    finally:
        if fd >= 0:
            os.close(fd)


def _take_lock(directory: str, make: bool) -> int:
    below = (f"{directory}/leases", f"{directory}/endpoints")
    while True:
        for path in (paths.RUN, paths.NETWORKS, directory, *below) if make else ():
            with suppress(FileExistsError, FileNotFoundError):
                os.mkdir(path, 0o700)
        try:
            fd = os.open(f"{directory}/lock", os.O_RDWR | os.O_CLOEXEC | (os.O_CREAT if make else 0), 0o600)
        except FileNotFoundError:
            if not make:
                return -1
            continue
        fcntl.flock(fd, fcntl.LOCK_EX)
        if os.fstat(fd).st_nlink and (not make or all(map(os.path.isdir, below))):
            return fd
        os.close(fd)


@contextmanager
def sweeping() -> Iterator[None]:
    """Say, as long as this lasts, that we are going to sweep: others leave the idle network alone."""
    try:
        fd = os.open(f"{paths.network(DEFAULT)}/sweeper", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except FileNotFoundError:
        yield
        return
    try:
        fcntl.flock(fd, fcntl.LOCK_SH)
        yield
    finally:
        os.close(fd)


def is_about_to_be_swept(name: str) -> bool:
    """Claim that somebody is in `sweeping`; they share that lock, so only an exclusive one tells."""
    try:
        fd = os.open(f"{paths.network(name)}/sweeper", os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(fd)
    return False
