"""Terminals: a container's pseudo-terminal, taken from its own devpts, and the caller's raw mode. See pty(7)."""

import ctypes
import errno
import fcntl
import os
import stat
import struct
import sys
import termios

from pyrun.contexts import suppress
from pyrun.errors import PyrunError
from pyrun.kernel.trees import NO_LINKS, open_in_root, opened

_TIOCSPTLCK, _TIOCGPTN, _TIOCGPTPEER = 0x40045431, 0x80045430, 0x5441
_DEVPTS_MAGIC, _PTMX_INODE = 0x1CD1, 2
_SIZE = struct.Struct("=HHHH")
_libc = ctypes.CDLL(None)
_libc.fstatfs.argtypes, _libc.fstatfs.restype = [ctypes.c_int, ctypes.c_void_p], ctypes.c_int

Attributes = list["int | list[bytes | int]"]


def open_pty(root: str) -> tuple[int, int]:
    """Give master and peer of a new terminal of the devpts at /dev/pts inside *root*.

    The peer comes from the master, never from a path (CVE-2025-52565).
    Errors: OSError, PyrunError when that is no devpts.
    """
    flags = os.O_RDWR | os.O_NOCTTY | os.O_CLOEXEC
    with opened(root) as top:
        master = open_in_root(top, "/dev/pts/ptmx", flags, NO_LINKS)
    try:
        _require_multiplexer(master)
        fcntl.ioctl(master, _TIOCSPTLCK, struct.pack("=i", 0))
        return master, fcntl.ioctl(master, _TIOCGPTPEER, flags)
    except BaseException:
        os.close(master)
        raise


def _require_multiplexer(fd: int) -> None:
    """Refuse what only looks like devpts' ptmx: a node 5:2 elsewhere, or another device mounted there."""
    status = os.fstat(fd)
    filesystem = ctypes.create_string_buffer(256)  # struct statfs is 120 bytes, its first word the magic
    known = _libc.fstatfs(fd, filesystem) == 0
    magic = int.from_bytes(filesystem.raw[: ctypes.sizeof(ctypes.c_long)], sys.byteorder)
    device = stat.S_ISCHR(status.st_mode) and status.st_rdev == os.makedev(5, 2)
    if not (known and magic == _DEVPTS_MAGIC and device and status.st_ino == _PTMX_INODE):
        raise PyrunError("terminal: /dev/pts/ptmx: is not the multiplexer of a devpts")


def number(master: int) -> int:
    """Give the N of /dev/pts/N."""
    return int(struct.unpack("=I", fcntl.ioctl(master, _TIOCGPTN, b"\0" * 4))[0])


def make_controlling(peer: int) -> None:
    """Make *peer* the controlling terminal of our session, which must have none."""
    fcntl.ioctl(peer, termios.TIOCSCTTY, 0)


def is_terminal(fd: int) -> bool:
    """Claim that *fd* is an open terminal."""
    try:
        return os.isatty(fd)
    except OSError:
        return False


def size(fd: int) -> bytes:
    """Give the window size as struct winsize; zeroes where there is none."""
    try:
        return bytes(fcntl.ioctl(fd, termios.TIOCGWINSZ, bytes(_SIZE.size)))
    except OSError:
        return bytes(_SIZE.size)


def resize(fd: int, window: bytes) -> None:
    """Set the window size from struct winsize; that the terminal is gone is no error."""
    try:
        fcntl.ioctl(fd, termios.TIOCSWINSZ, window)
    except OSError as cause:
        if cause.errno not in (errno.EIO, errno.EBADF, errno.ENOTTY):
            raise


def make_raw(fd: int) -> Attributes:
    """Pass every key through as it is; give what `restore` takes. See cfmakeraw(3).

    Errors: PyrunError when the terminal was hung up.
    """
    try:
        before: Attributes = termios.tcgetattr(fd)
        raw = termios.tcgetattr(fd)
    except termios.error as cause:
        raise PyrunError(f"terminal: descriptor {fd}: {cause.args[-1].lower()}") from cause
    raw[0] &= ~(
        termios.IGNBRK | termios.BRKINT | termios.PARMRK | termios.ISTRIP
        | termios.INLCR | termios.IGNCR | termios.ICRNL | termios.IXON
    )  # fmt: skip
    raw[1] &= ~termios.OPOST
    raw[2] = raw[2] & ~(termios.CSIZE | termios.PARENB) | termios.CS8
    raw[3] &= ~(termios.ECHO | termios.ECHONL | termios.ICANON | termios.ISIG | termios.IEXTEN)
    raw[6][termios.VMIN], raw[6][termios.VTIME] = 1, 0
    _set(fd, termios.TCSANOW, raw)
    return before


def restore(fd: int, before: Attributes) -> None:
    """Give the terminal back as it was; that it was hung up meanwhile is no error."""
    with suppress(PyrunError):
        _set(fd, termios.TCSADRAIN, before)


def _set(fd: int, when: int, attributes: Attributes) -> None:
    """Set what a terminal does, in the background only once we are in front: until then SIGTTOU stops us.

    Python repeats interrupted system calls, but not these (PEP 475). Errors: PyrunError.
    """
    while True:
        try:
            return termios.tcsetattr(fd, when, attributes)
        except termios.error as cause:
            if cause.args[0] != errno.EINTR:
                raise PyrunError(f"terminal: descriptor {fd}: {cause.args[-1].lower()}") from cause
