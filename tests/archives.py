"""Archives as hostile as they come, byte by byte: what no writer of archives would write."""

import io
import os
import stat
from pathlib import Path

from pyrun.archive import compression, tar, unpack
from pyrun.kernel import trees

OURS = unpack.Policy(owner=(os.getuid(), os.getgid()))


def header(name: bytes = b"f", kind: bytes = b"0", size: int = 0, **fields: "bytes | int") -> bytes:
    """Make one header's block with a right checksum; numbers that do not fit in octal are put in binary."""
    block = bytearray(512)
    values = {
        "mode": 0o644,
        "uid": 0,
        "gid": 0,
        "mtime": 0,
        "link": b"",
        "magic": b"ustar\x0000",
        "more": b"",
        "prefix": b"",
        **fields,
    }
    places = {"mode": (100, 8), "uid": (108, 8), "gid": (116, 8), "size": (124, 12), "mtime": (136, 12)}
    block[: len(name[:100])] = name[:100]
    for field, (at, length) in places.items():
        block[at : at + length] = _number({**values, "size": size}[field], length)
    for content, at in (
        (kind, 156),
        (values["link"], 157),
        (values["magic"], 257),
        (values["prefix"], 345),
        (values["more"], 386),
    ):
        assert isinstance(content, bytes)
        block[at : at + len(content)] = content
    block[148:156] = b" " * 8
    block[148:156] = b"%06o\0 " % sum(block)
    return bytes(block)


def _number(value: "bytes | int", length: int) -> bytes:
    if isinstance(value, bytes):
        return value.ljust(length, b"\0")
    if 0 <= value < 8 ** (length - 1):
        return b"%0*o\0" % (length - 1, value)
    return (b"\x80" if value >= 0 else b"\xff") + value.to_bytes(length - 1, "big", signed=value < 0)


def member(name: bytes, content: bytes = b"", kind: bytes = b"0", **fields: "bytes | int") -> bytes:
    """Make a member: header, content, padding."""
    return header(name, kind, len(content), **fields) + content + bytes(-len(content) % 512)


def pax(kind: bytes = b"x", **records: bytes) -> bytes:
    """Make a pax header; in keywords, two underscores stand for a dot."""
    return member(b"pax", b"".join(record(k.replace("__", "."), v) for k, v in records.items()), kind)


def record(key: str, value: bytes) -> bytes:
    """Make a pax record, whose length counts itself."""
    body = b" %s=%s\n" % (key.encode(), value)
    length = len(body)
    while len(str(length)) + len(body) != length:
        length = len(str(length)) + len(body)
    return b"%d" % length + body


def archive(*members: bytes) -> bytes:
    """Put members together, with the end mark."""
    return b"".join(members) + bytes(1024)


def link(name: bytes, target: bytes) -> bytes:
    """Make a symbolic link."""
    return header(name, b"2", link=target)


def hardlink(name: bytes, target: bytes) -> bytes:
    """Make a hard link."""
    return header(name, b"1", link=target)


def unpacked(
    content: "bytes | list[tar.Member]", place: Path, policy: unpack.Policy = OURS, at: bytes = b""
) -> unpack.Report:
    """Unpack an archive, or members, into the directory *place*, which is made."""
    place.mkdir(exist_ok=True)
    members = tar.members(compression.plain(io.BytesIO(content))) if isinstance(content, bytes) else content
    with trees.opened(str(place)) as fd:
        return unpack.unpack(members, fd, policy, at)


def outside(place: Path) -> object:
    """Describe what is beside the directory."""
    secret = place.parent / "outside" / "secret"
    return (
        sorted(os.listdir(place.parent / "outside")),
        secret.read_text(),
        secret.stat().st_nlink,
        secret.stat().st_mode,
    )


UNTOUCHED = (["secret"], "secret", 1, stat.S_IFREG | 0o644)
