"""Compressed streams read as what they hold: told by their first bytes, in this process, in bounded memory.

Never by a program: the one that is found may be the archive's own (CVE-2022-1227). The only user of zstandard.
"""

from pyrun.archive.source import PIECE, Stream, broken
from pyrun.typed import Any, Callable

_WINDOW = 128 << 20  # bytes of memory for what came before; as much as xz -9 and zstd --long need
_PORTION = 1 << 18
_HEAD = 6  # bytes that tell


def plain(stream: Stream) -> Stream:
    """Give what *stream* holds, whether compressed by gzip, bzip2, xz, zstd or not at all.

    Errors: PyrunError, also while reading, for what is broken or needs too much memory.
    """
    head = b""
    while len(head) < _HEAD and (more := stream.read(_HEAD - len(head))):
        head += more
    whole = _Begun(head, stream)
    return next((reader(whole) for magic, reader in _READERS if head.startswith(magic)), whole)


class _Begun:
    """A stream of which the first bytes have been read already."""

    def __init__(self, head: bytes, stream: Stream) -> None:
        self._head, self._stream = head, stream

    def read(self, count: int, /) -> bytes:
        if not self._head:
            return self._stream.read(count)
        head, self._head = self._head[:count], self._head[count:]
        return head


class _Guarded:
    """A stream whose decompressor's own errors become ours, and that is asked for much at a time."""

    def __init__(self, stream: Stream, *failures: "type[Exception]") -> None:
        self._stream, self._failures = stream, failures
        self._ready, self._at = b"", 0

    def read(self, count: int, /) -> bytes:
        if self._at == len(self._ready):
            self._ready, self._at = self._next(), 0
        content = self._ready[self._at : self._at + count]
        self._at += len(content)
        return content

    def _next(self) -> bytes:
        try:
            return self._stream.read(PIECE)
        except self._failures as cause:
            if isinstance(cause, OSError) and cause.errno:
                raise
            raise broken(str(cause).rstrip(".").lower()) from cause


class _Decompressed:
    """What one decompressor after another gives: compressed streams may be strung together."""

    def __init__(self, stream: Stream, start: "Callable[[], Any]") -> None:
        self._stream, self._start = stream, start
        self._current: Any = start()
        self._given = b""

    def read(self, count: int, /) -> bytes:
        content = b""
        while not content and (not self._current.eof or self._began_next()):
            if self._current.needs_input and not self._given:
                self._given = self._stream.read(_PORTION)
                if not self._given:
                    raise broken("the compressed stream ends too soon")
            given, self._given = self._given, b""
            content = self._current.decompress(given, count)
        return content

    def _began_next(self) -> bool:
        """Go on with the stream that follows, if one does: zeros that pad the last one are none."""
        rest = self._current.unused_data
        while not (rest := rest.lstrip(b"\0")):
            rest = self._stream.read(_PORTION)
            if not rest:
                return False
        self._current, self._given = self._start(), rest
        return True


class _Gunzip:
    """zlib's decompressor in the shape that those of bz2 and lzma have."""

    def __init__(self) -> None:
        import zlib

        self._inner = zlib.decompressobj(31)  # 15 bits of window, and 16 for gzip's header

    def __getattr__(self, name: str) -> object:
        return getattr(self._inner, name)

    @property
    def needs_input(self) -> bool:
        return not self._inner.unconsumed_tail

    def decompress(self, given: bytes, count: int) -> bytes:
        return self._inner.decompress(self._inner.unconsumed_tail + given, count)


def _gzip(stream: Stream) -> Stream:
    import zlib

    return _Guarded(_Decompressed(stream, _Gunzip), zlib.error)


def _bzip2(stream: Stream) -> Stream:
    import bz2

    return _Guarded(_Decompressed(stream, bz2.BZ2Decompressor), OSError, ValueError)


def _xz(stream: Stream) -> Stream:
    import lzma

    return _Guarded(_Decompressed(stream, lambda: lzma.LZMADecompressor(lzma.FORMAT_XZ, _WINDOW)), lzma.LZMAError)


def _zstd(stream: Stream) -> Stream:
    try:
        import zstandard
    except ImportError:
        raise broken("zstd can only be read where the Python package zstandard is installed") from None
    decompressor = zstandard.ZstdDecompressor(max_window_size=_WINDOW)
    source: Any = stream  # of which it reads, and nothing else
    return _Guarded(decompressor.stream_reader(source, read_across_frames=True), zstandard.ZstdError)


_READERS = (
    (b"\x1f\x8b", _gzip),
    (b"BZh", _bzip2),
    (b"\xfd7zXZ\0", _xz),
    (b"\x28\xb5\x2f\xfd", _zstd),
)
