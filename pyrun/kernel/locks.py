"""Locks that a crash lets go of: flock(2) on files that appear already locked.

Whoever holds a container's lock is its monitor; a lock that can be taken
belongs to nobody alive.
"""

import fcntl
import os

from pyrun.contexts import suppress
from pyrun.typed import Iterable

_LOOK = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC


def create_locked(path: str) -> int:
    """Make the lock file *path*, locked from the first moment it can be seen; give its descriptor.

    Errors: OSError; EEXIST somebody has made it, ENOENT its directory is missing.
    """
    directory = path.rpartition("/")[0]
    fd = os.open(directory, os.O_RDWR | os.O_TMPFILE | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX)
        os.link(f"/proc/self/fd/{fd}", path, src_dir_fd=fd)  # with a descriptor it is linkat(2), which follows
    except BaseException:
        os.close(fd)
        raise
    return fd


def take_abandoned(path: str) -> "int | None":
    """Take the lock *path* if nobody holds it; None when it is held or gone."""
    try:
        fd = os.open(path, os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(fd)
        return None
    if os.fstat(fd).st_nlink == 0:  # its last holder removed it while we opened it
        os.close(fd)
        return None
    return fd


def is_held(path: str) -> bool:
    """Claim that somebody alive holds the lock *path*."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(fd)
    return False


def unheld(directory: str, names: Iterable[str], below: str = "") -> list[str]:
    """List those of *names* in a directory whose lock is there, and held by nobody; *below* follows each name.

    For hundreds of locks at once: three calls for each, and no more. /proc/locks tells of all at once, but whoever
    reads it waits for an RCU grace period, 5 to 20 ms. Errors: OSError; nothing is listed where there is no such
    directory.
    """
    found, opened, asked, closed, how = [], os.open, fcntl.flock, os.close, fcntl.LOCK_SH | fcntl.LOCK_NB
    try:
        place = opened(directory, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    except FileNotFoundError:
        return []
    try:
        for name in names:
            try:
                fd = opened(name + below, _LOOK, dir_fd=place)
            except FileNotFoundError:
                continue
            try:
                asked(fd, how)
                found.append(name)
            except BlockingIOError:
                pass
            finally:
                closed(fd)
    finally:
        closed(place)
    return found


def wait_released(path: str) -> None:
    """Wait until nobody holds the lock *path*."""
    fd = watch(path)
    if fd is not None:
        last_word(fd)


def leave_word(fd: int, word: bytes) -> None:
    """Write into the lock *fd* that we hold what those who watch it are to know, also once it is removed."""
    os.pwrite(fd, word, 0)


def watch(path: str) -> "int | None":
    """Open the lock *path* for `last_word`; None when it is gone."""
    with suppress(FileNotFoundError):
        return os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    return None


def last_word(fd: int) -> bytes:
    """Wait until nobody holds the watched lock *fd*, close it, and give the word that was left in it, if any."""
    try:
        fcntl.flock(fd, fcntl.LOCK_SH)
        return os.pread(fd, 64, 0)
    finally:
        os.close(fd)
