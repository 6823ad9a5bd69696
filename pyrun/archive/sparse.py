"""Where the bytes of a file lie, when the holes between them were left out of an archive.

GNU tar has put that down in four ways: in and behind the header (the type S), in one pax record (0.1), of which who
reads pax records makes one for each piece (0.0), and before the content (1.0).
"""

from pyrun.archive.numbers import decimal, field
from pyrun.archive.source import BLOCK, PIECE, Source, broken
from pyrun.typed import Callable, Iterator

Pieces = Iterator["tuple[int, bytes]"]
Map = list["tuple[int, int]"]  # offset and length of what is there
_PIECES = 1 << 16


def content(source: Source, block: bytes, said: "dict[bytes, bytes]") -> "tuple[int, Callable[[], Pieces]]":
    """Give a file's size, and what gives its pieces, of which *source* has all left. Errors: PyrunError."""
    if block[156:157] == b"S":
        size, pieces = field(block[483:495]), _behind(source, block)
    elif b"GNU.sparse.map" in said:
        numbers = said[b"GNU.sparse.map"].split(b",")
        size, pieces = decimal(said.get(b"GNU.sparse.size", b"")), _paired([decimal(each) for each in numbers])
    elif said.get(b"GNU.sparse.major") == b"1":
        size, pieces = decimal(said.get(b"GNU.sparse.realsize", b"")), _before(source)
    elif b"GNU.sparse.major" in said:
        raise broken("sparse in a way that is not known")
    else:
        size, pieces = source.left, [(0, source.left)]
    end = 0
    for offset, length in pieces:
        if offset < end:
            raise broken("the pieces of a sparse file overlap")
        end = offset + length
    if end > size or sum(length for _, length in pieces) != source.left:
        raise broken("the pieces of a sparse file do not fit")
    return size, lambda: _pieces(source, pieces)


def _pieces(source: Source, pieces: Map) -> Pieces:
    for offset, length in pieces:
        for at in range(0, length, PIECE):
            yield offset + at, source.take(min(PIECE, length - at))


def _behind(source: Source, block: bytes) -> Map:
    """Read the old way: four pieces in the header, 21 in each block that follows while one is said to."""
    found, more = _fields(block[386:482]), block[482]
    stored = source.left
    while more:
        block = source.block()
        if not block or len(found) > _PIECES:
            raise broken("the map of a sparse file")
        found += _fields(block[:504])
        more = block[504]
    source.begin(stored)
    return found


def _fields(block: bytes) -> Map:
    pairs = [(block[at : at + 12], block[at + 12 : at + 24]) for at in range(0, len(block), 24)]
    return [(field(offset), field(length)) for offset, length in pairs if offset[0] or length[0]]


def _before(source: Source) -> Map:
    """Read the lines before the content: how many pieces, then of each the offset and the length."""
    lines: list[bytes] = []
    rest, wanted = b"", 1
    while len(lines) < wanted:
        *whole, rest = (rest + source.take(BLOCK)).split(b"\n")
        lines += whole
        wanted = 1 + 2 * decimal(lines[0]) if lines else 1
        if wanted > 2 * _PIECES or len(rest) > BLOCK:
            raise broken("the map of a sparse file")
    return _paired([decimal(each) for each in lines[1:wanted]])


def _paired(numbers: list[int]) -> Map:
    if len(numbers) % 2 or len(numbers) > 2 * _PIECES:
        raise broken("the map of a sparse file")
    return list(zip(numbers[::2], numbers[1::2], strict=True))
