"""A tar stream read member after member: ustar, pax, GNU and old ones; nothing is believed before it is bounded.

Not by Python's `tarfile`: also as a parser it takes headers of any size into memory, keeps every member, and in its
releases of before 2025 loops over negative sizes (CVE-2025-8194). Nothing is written here. The format: pax(1) of
POSIX, tar(5) of libarchive, the manual of GNU tar.
"""

from pyrun.archive import sparse
from pyrun.archive.numbers import decimal, field, nanoseconds
from pyrun.archive.source import Source, Stream, broken
from pyrun.errors import PyrunError
from pyrun.typed import Callable, Iterator, NamedTuple

_EXTENSION = 1 << 20  # bytes of a header that says more about the next member
_EXTENSIONS = 8  # of such headers before a member; writers need at most four
_KINDS = {b"0": "file", b"\0": "file", b"7": "file", b"S": "file", b"1": "hardlink", b"2": "symlink", b"5": "directory"}
_KINDS |= {b"6": "fifo", b"3": "device", b"4": "device"}
_LABEL = b"V"  # the name of a volume, of no use
_LONG = {b"L": b"GNU.path", b"K": b"GNU.linkpath"}
_PIECES = (b"GNU.sparse.offset", b"GNU.sparse.numbytes")  # in turns: the way 0.0
_XATTR = b"SCHILY.xattr."
_SHARED = (b"uid", b"gid", b"mtime")  # what a global header can sensibly say of all members
_Said = dict[bytes, bytes]  # the records of the headers before a member's own


def no_pieces() -> sparse.Pieces:
    """Give the pieces of what has none."""
    return iter(())


class Member(NamedTuple):
    """One thing in an archive as it is told there: what it may be is for whoever writes it to say."""

    name: bytes
    kind: str  # file, directory, symlink, hardlink, fifo or device
    mode: int = 0o644
    uid: int = 0
    gid: int = 0
    mtime: int = 0  # nanoseconds since the epoch
    size: int = 0  # of a file, holes included
    target: bytes = b""  # of a symlink; of a hardlink, the name of another member
    xattrs: "tuple[tuple[bytes, bytes], ...]" = ()
    pieces: "Callable[[], sparse.Pieces]" = no_pieces  # offset and bytes; what lies between is a hole
    device: "tuple[bytes, int, int] | None" = None  # of a device file of a tree: its type in archives, major, minor


def refusal(name: bytes, reason: str) -> PyrunError:
    """Make the error that names a member."""
    shown = name[-120:].decode(errors="backslashreplace")
    return PyrunError(f"archive: {'…' if len(name) > 120 else ''}{shown}: {reason}", 1)


def members(stream: Stream) -> Iterator[Member]:
    """Read one member after the other; what a file holds has to be taken before the next one is asked for.

    Errors: PyrunError when it is no archive, or a broken one, or ends before its end mark.
    """
    source = Source(stream)
    shared: _Said = {}
    while (described := _described(source, shared)) is not None:
        header, said = described
        if header.kind != _LABEL:
            yield _member(source, header, said)
        source.skip()
    source.drain()


class _Header(NamedTuple):
    name: bytes
    kind: bytes
    mode: int
    uid: int
    gid: int
    size: int
    mtime: int  # seconds
    target: bytes
    block: bytes


def _described(source: Source, shared: _Said) -> "tuple[_Header, _Said] | None":
    """Read up to the header of a member; give it with what the headers before it say, None at the end mark."""
    said: _Said = {}
    for _ in range(_EXTENSIONS):
        block = source.block()
        if not block:
            raise PyrunError(f"archive: {'ends before its end mark' if source.begun else 'is empty'}", 1)
        if not any(block):
            return None
        header = _header(block)
        if header.kind not in (b"x", b"X", b"g", b"L", b"K"):
            return header, {**shared, **said}
        if header.size > _EXTENSION:
            raise broken(f"a header of {header.size} bytes")
        source.begin(header.size)
        content = source.take(header.size)
        source.skip()
        if header.kind in _LONG:
            said[_LONG[header.kind]] = content.partition(b"\0")[0]
        elif header.kind == b"g":
            shared.update((key, value) for key, value in _records(content).items() if key in _SHARED)
        else:
            said.update(_records(content))
    raise broken("headers without a member")


def _header(block: bytes) -> _Header:
    """Read the block of one header. Errors: PyrunError; with a wrong checksum it is no header at all."""
    if not _is_header(block):
        raise PyrunError("archive: no tar archive, or a broken one", 1)
    name = block[:100].partition(b"\0")[0]
    if block[257:263] == b"ustar\0":
        prefix = block[345:476] if block[508:512] == b"tar\0" else block[345:500]
        name = b"/".join(filter(None, (prefix.partition(b"\0")[0], name)))
    spans = ((100, 108), (108, 116), (116, 124), (124, 136), (136, 148))
    mode, uid, gid, size, mtime = (field(block[start:end]) for start, end in spans)
    if size < 0:
        raise broken("a size below zero")
    return _Header(name, block[156:157], mode, uid, gid, size, mtime, block[157:257].partition(b"\0")[0], block)


def _is_header(block: bytes) -> bool:
    plain = block[:148] + b" " * 8 + block[156:]
    digits = block[148:156].partition(b"\0")[0].strip()
    if not digits or set(digits) - set(b"01234567"):
        return False
    if int(digits, 8) == sum(plain):
        return True
    return int(digits, 8) == sum(plain) - 256 * sum(byte > 127 for byte in plain)  # as some old writers had it


def _records(content: bytes) -> _Said:
    """Read pax records, ``LENGTH KEY=VALUE\\n`` each; those of one piece each become one map. Errors: PyrunError."""
    found, at = {}, 0
    pieces: list[bytes] = []
    while at < len(content):
        space = content.find(b" ", at, at + 8)
        end = at + decimal(content[at : max(space, at)])
        key, equals, value = content[space + 1 : end - 1].partition(b"=")
        if not space < end - 1 < len(content) or content[end - 1] != 10 or not key or not equals:
            raise broken("a pax header")
        if key in _PIECES:
            if key != _PIECES[len(pieces) % 2]:
                raise broken("the map of a sparse file")
            pieces.append(value)
        else:
            found[key] = value
        at = end
    return {**found, **({b"GNU.sparse.map": b",".join(pieces)} if pieces else {})}


def _member(source: Source, header: _Header, said: _Said) -> Member:
    """Make a member of its header and what others say of it: pax has the last word, then GNU."""
    name = said.get(b"path") or said.get(b"GNU.path") or header.name
    kind = _KINDS.get(header.kind)
    if kind is None:
        raise refusal(name, "of a kind that is not known")
    if kind == "file" and name.endswith(b"/"):
        kind = "directory"  # as before POSIX
    size, pieces = 0, no_pieces
    if kind == "file":
        source.begin(decimal(said[b"size"]) if said.get(b"size") else header.size)
        size, pieces = sparse.content(source, header.block, said)
    return Member(
        said.get(b"GNU.sparse.name") or name,
        kind,
        header.mode,
        decimal(said[b"uid"]) if said.get(b"uid") else header.uid,
        decimal(said[b"gid"]) if said.get(b"gid") else header.gid,
        nanoseconds(said[b"mtime"]) if said.get(b"mtime") else header.mtime * 10**9,
        size,
        said.get(b"linkpath") or said.get(b"GNU.linkpath") or header.target,
        tuple((key[len(_XATTR) :], value) for key, value in said.items() if key.startswith(_XATTR)),
        pieces,
    )
