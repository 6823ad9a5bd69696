"""Changes in a directory, told by the kernel instead of asked for again and again; see inotify(7)."""

import ctypes
import os
import select

_libc = ctypes.CDLL(None, use_errno=True)
_libc.inotify_init1.argtypes = [ctypes.c_int]
_libc.inotify_init1.restype = ctypes.c_int
_libc.inotify_add_watch.argtypes = [ctypes.c_int, ctypes.c_char_p, ctypes.c_uint32]
_libc.inotify_add_watch.restype = ctypes.c_int
_MODIFY, _MOVED_TO, _CREATE, _DELETE, _DELETE_SELF, _MOVE_SELF = 0x2, 0x80, 0x100, 0x200, 0x400, 0x800
_ONLY_DIRECTORY = 0x01000000
_EVENTS = 65536  # bytes


class Watch:
    """A directory under watch: what is written, made, renamed and removed in it wakes who waits."""

    def __init__(self, directory: str) -> None:
        """Watch *directory*. Errors: OSError; ENOENT it is not there, EMFILE too many watch."""
        self._fd = _checked(_libc.inotify_init1(os.O_CLOEXEC | os.O_NONBLOCK))
        mask = _MODIFY | _MOVED_TO | _CREATE | _DELETE | _DELETE_SELF | _MOVE_SELF | _ONLY_DIRECTORY
        try:
            _checked(_libc.inotify_add_watch(self._fd, os.fsencode(directory), mask))
        except OSError:
            os.close(self._fd)
            raise

    def wait(self, seconds: float) -> None:
        """Wait until something has changed since the last call, at most *seconds*."""
        poll = select.poll()
        poll.register(self._fd, select.POLLIN)
        if poll.poll(max(0, int(seconds * 1000))):
            os.read(self._fd, _EVENTS)

    def close(self) -> None:
        """End it."""
        os.close(self._fd)


def _checked(result: int) -> int:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    return result
