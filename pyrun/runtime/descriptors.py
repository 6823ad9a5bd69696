"""What a monitor does with pipes and other descriptors, with as few imports as it has itself."""

import fcntl
import posix  # os costs a quarter of a megabyte more
import select

from pyrun.contexts import suppress

_MOST_LEFT = 1 << 20  # bytes that a pipe can hold after its writer's end, as long as root did not say otherwise
_F_SETPIPE_SZ, _F_GETPIPE_SZ = 1031, 1032
_TRIES = 100


def make_mark(path: str) -> None:
    """Make an empty file, unless /run is full or pyrun's place there is gone.

    Somebody may tidy the file's directory away meanwhile, but not for ever.
    """
    for _ in range(_TRIES):
        with suppress(OSError):  # it is there
            posix.mkdir(path.rpartition("/")[0], 0o700)
        try:
            posix.mknod(path, 0o100600)
            return
        except FileNotFoundError:
            continue
        except OSError:
            return


def capacity(fd: int) -> int:
    """Give how many bytes a pipe can hold."""
    try:
        return fcntl.fcntl(fd, _F_GETPIPE_SZ)
    except (OSError, ValueError):  # a terminal
        return _MOST_LEFT


def widen(pipe: int, length: int) -> bool:
    """Give *pipe* room for *length* bytes more than it may hold; tell whether it has. See fcntl(2)."""
    try:
        size = fcntl.fcntl(pipe, _F_GETPIPE_SZ)
        fcntl.fcntl(pipe, _F_SETPIPE_SZ, size + length + select.PIPE_BUF)
    except OSError:  # no pipe, or beyond pipe-max-size without CAP_SYS_RESOURCE
        return False
    return True


def ready(fd: int, what: int = select.POLLIN, patience: "int | None" = 0) -> bool:
    """Claim that *fd* is ready, after *patience* milliseconds at most."""
    poll = select.poll()
    poll.register(fd, what)
    return bool(poll.poll(patience))


def close(fd: int) -> None:
    """Close *fd*, if it is one."""
    if fd >= 0:
        try:
            posix.close(fd)
        except OSError:
            return
