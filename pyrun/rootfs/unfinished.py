"""Root file systems that are being made or removed: beside their place under a name of their own, and locked.

Such a directory becomes a tree, or stops being one, by one rename. The lock is on the directory itself, so that it
goes with whoever worked there; what nobody works at any more is removed by the next command.
"""

import fcntl
import os

from pyrun import leftovers, paths
from pyrun.contexts import contextmanager, suppress
from pyrun.errors import PyrunError
from pyrun.leftovers import NEW_TREE
from pyrun.typed import Iterator

_UNDECIDED = f"{NEW_TREE}-"  # of what is taken away, and may come back
_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


def name_beside(path: str, prefix: str = NEW_TREE) -> str:
    """Give a new name for *path* while it is unfinished."""
    directory, _, name = path.rpartition("/")
    return f"{directory}/{prefix}{name}.{os.urandom(4).hex()}"


@contextmanager
def made(path: str) -> Iterator[int]:
    """Give the descriptor of a directory that becomes *path* when the block ends well, and nothing when it does not.

    By then all of it is on the disk. Errors: PyrunError when *path* is taken, OSError.
    """
    from pyrun.kernel import syscalls, trees

    refuse_taken(path)
    place, fd = _begun(path)
    try:
        os.fchmod(fd, 0o755)
        yield fd
        syscalls.syncfs(fd)
        with suppress(FileExistsError):
            syscalls.rename_new(os.fsencode(place), os.fsencode(path))
            _sync(path.rpartition("/")[0])
            return
        refuse_taken(path)
    except BaseException:
        with suppress(OSError, PyrunError):  # the next command tries again, and tells
            trees.remove_tree(place)
        raise
    finally:
        os.close(fd)


def refuse_taken(path: str) -> None:
    """Raise PyrunError when *path* is there already."""
    if os.path.lexists(path):
        name = path.rpartition("/")[2]
        raise PyrunError(f"rootfs: {name}: the name is already in use", 1, f"another name, or pyrun rootfs rm {name}")


def sweep(directory: str = paths.ROOTFS) -> list[Exception]:
    """Remove what nobody works at any more, put back what was to be removed perhaps; give what could not be done."""
    from pyrun.kernel import syscalls, trees

    failures: list[Exception] = []
    for entry in leftovers.unfinished_trees(directory):
        path = f"{directory}/{entry}"
        try:
            with _worked_at(path):
                if entry.startswith(_UNDECIDED):
                    name = entry.removeprefix(_UNDECIDED).rpartition(".")[0]
                    with suppress(FileExistsError):  # else another one has that name by now
                        syscalls.rename_new(os.fsencode(path), os.fsencode(f"{directory}/{name}"))
                        continue
                trees.remove_tree(path)
        except (FileNotFoundError, BlockingIOError):  # somebody else removes it
            continue
        except (OSError, PyrunError) as failure:
            failures.append(failure)
    return failures


@contextmanager
def _worked_at(path: str) -> Iterator[None]:
    fd = os.open(path, _DIRECTORY)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    finally:
        os.close(fd)


@contextmanager
def removed(path: str) -> Iterator[str]:
    """Take the directory *path* away; give its name meanwhile. It comes back when the block raises, else it is deleted.

    Killed within the block, the next command lets it come back. Errors: PyrunError when something is mounted in it,
    OSError.
    """
    from pyrun.kernel import syscalls, trees

    trees.refuse_mounts_below(path)
    fd, gone = os.open(path, _DIRECTORY), name_beside(path, _UNDECIDED)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX)
        os.rename(path, gone)
        try:
            yield gone
        except BaseException:
            syscalls.rename_new(os.fsencode(gone), os.fsencode(path))
            raise
        decided = name_beside(path)
        os.rename(gone, decided)
        trees.remove_tree(decided)
    finally:
        os.close(fd)


def _begun(path: str) -> tuple[str, int]:
    """Make the directory that becomes *path*, locked."""
    while True:
        place = name_beside(path)
        os.mkdir(place, 0o700)
        with suppress(FileNotFoundError):
            fd = os.open(place, _DIRECTORY)
            fcntl.flock(fd, fcntl.LOCK_EX)
            if os.path.lexists(place):  # else it was swept before it was locked
                return place, fd
            os.close(fd)


def _sync(directory: str) -> None:
    fd = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
