"""Files and directories of our own, read with care; every verb does so. Written are they by `pyrun.kernel.files`."""

import errno
import os
import stat

from pyrun.errors import PyrunError
from pyrun.typed import Iterator

_READING = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC


def read_limited(path: str, limit: int = 1 << 20) -> bytes:
    """Read a regular file of at most *limit* bytes. Errors: OSError; EFBIG, ELOOP, EINVAL not regular."""
    fd = os.open(path, _READING)
    try:
        return _read_regular(fd, limit)
    finally:
        os.close(fd)


def listed(directory: str) -> list[str]:
    """List a directory of ours; nothing where it does not exist. Errors: PyrunError."""
    try:
        return os.listdir(directory)
    except FileNotFoundError:
        return []
    except OSError as cause:
        raise PyrunError(f"state: {directory}: {os.strerror(cause.errno or 0).lower()}") from cause


def contents(directory: str, limit: int = 1 << 16) -> Iterator[bytes]:
    """Give the files of a directory of ours, each whole; what cannot be read, or is larger, is left out.

    For hundreds of small records, of which nobody but root has written any: three calls for each. Errors: OSError.
    """
    opened, read, closed, flags = os.open, os.read, os.close, _READING
    place = opened(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        for name in os.listdir(place):
            try:
                fd = opened(name, flags, dir_fd=place)
            except OSError:
                continue
            try:
                content = read(fd, limit + 1)
            except OSError:
                continue
            finally:
                closed(fd)
            if len(content) <= limit:
                yield content
    finally:
        closed(place)


def _read_regular(fd: int, limit: int) -> bytes:
    status = os.fstat(fd)
    if not stat.S_ISREG(status.st_mode):
        raise OSError(errno.EINVAL, "not a regular file")
    if status.st_size > limit:
        raise OSError(errno.EFBIG, "file too large")
    content = os.read(fd, min(limit, max(status.st_size, 4095)) + 1)
    if len(content) == status.st_size > 0:  # all of it, as nearly always; what the kernel makes up has no size
        return content
    while len(content) <= limit and (portion := os.read(fd, 65536)):
        content += portion
    if len(content) > limit:
        raise OSError(errno.EFBIG, "file too large")
    return content
