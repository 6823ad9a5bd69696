"""Members written as a tar stream: ustar, with a pax header only where a field is too small, as Docker's are.

Names are the file system's bytes as they are. See pax(1) of POSIX.
"""

import os

from pyrun.archive.source import BLOCK
from pyrun.archive.tar import Member
from pyrun.errors import PyrunError
from pyrun.kernel import files
from pyrun.typed import Iterable

_TYPES = {"file": b"0", "hardlink": b"1", "symlink": b"2", "directory": b"5", "fifo": b"6"}
_EXTENDED = b"x"
_ZEROS = bytes(1 << 16)
_NAME_MAX = 100
_MODE_MAX, _ID_MAX, _NUMBER_MAX = 0o7777777, 0o7777777, 0o77777777777
_END = bytes(2 * BLOCK)


def write(members: Iterable[Member], fd: int) -> None:
    """Write *members* and the end mark to the descriptor *fd*. Errors: PyrunError; BrokenPipeError nobody reads it."""
    for member in members:
        _put(fd, header(member))
        if member.size:
            _write_content(member, fd)
    _put(fd, _END)


def header(member: Member) -> bytes:
    """Give the blocks that say what a member is."""
    name = member.name + b"/" if member.kind == "directory" else member.name
    seconds = member.mtime // 10**9
    said = {b"SCHILY.xattr." + key: value for key, value in member.xattrs}
    if len(name) > _NAME_MAX:
        said[b"path"] = name
    if len(member.target) > _NAME_MAX:
        said[b"linkpath"] = member.target
    numbers = ((b"uid", member.uid, _ID_MAX), (b"gid", member.gid, _ID_MAX), (b"size", member.size, _NUMBER_MAX))
    for key, number, most in (*numbers, (b"mtime", seconds, _NUMBER_MAX)):
        if not 0 <= number <= most:
            said[key] = str(number).encode()
    records = b"".join(_record(key, value) for key, value in said.items())
    plain = _block(name, member, _kind(member), member.size, seconds)
    if not records:
        return plain
    told = member._replace(mode=0o644, uid=0, gid=0, target=b"", device=None)
    return _block(b"PaxHeaders.0/" + name, told, _EXTENDED, len(records), seconds) + _padded(records) + plain


def _kind(member: Member) -> bytes:
    return member.device[0] if member.device else _TYPES[member.kind]


def _block(name: bytes, member: Member, kind: bytes, size: int, seconds: int) -> bytes:
    fields = (
        name[:_NAME_MAX].ljust(_NAME_MAX, b"\0"),
        _octal(member.mode, 8),
        _octal(member.uid, 8),
        _octal(member.gid, 8),
        _octal(size, 12),
        _octal(seconds, 12),
        b" " * 8,
        kind,
        member.target[:_NAME_MAX].ljust(_NAME_MAX, b"\0"),
        b"ustar\00000",
        bytes(64),  # no names of users and groups: whoever reads them has others
        *(_octal(number, 8) for number in (member.device or (b"", 0, 0))[1:]),
    )
    block = b"".join(fields).ljust(BLOCK, b"\0")
    return block[:148] + b"%06o\0 " % sum(block) + block[156:]


def _octal(number: int, width: int) -> bytes:
    """Give a number for a field; one that is too large for it is said in a pax header."""
    return b"%0*o\0" % (width - 1, number if 0 <= number < 8 ** (width - 1) else 0)


def _record(key: bytes, value: bytes) -> bytes:
    """Give a pax record, which begins with its own length."""
    rest = b" " + key + b"=" + value + b"\n"
    length = len(rest) + len(str(len(rest)))
    length = len(rest) + len(str(length))
    return str(length).encode() + rest


def _padded(content: bytes) -> bytes:
    return content + bytes(-len(content) % BLOCK)


def _write_content(member: Member, fd: int) -> None:
    at = 0
    for offset, content in member.pieces():
        _write_zeros(fd, offset - at)
        _put(fd, content)
        at = offset + len(content)
    _write_zeros(fd, member.size - at + -member.size % BLOCK)


def _put(fd: int, content: bytes) -> None:
    try:
        files.write_all(fd, content)
    except BrokenPipeError:
        raise
    except OSError as cause:
        raise PyrunError(f"archive: cannot be written: {os.strerror(cause.errno or 0).lower()}", 1) from cause


def _write_zeros(fd: int, count: int) -> None:
    while count > 0:
        portion = min(count, len(_ZEROS))
        _put(fd, _ZEROS[:portion])
        count -= portion
