"""What stands in a log, as it is to be shown: from a portion of a json-file log to what its streams said.

Most records were written together with others, and differ from their neighbours by nothing but the text: such a run
is read at once, as one piece of JSON, because a record by itself takes many times longer.
"""

from pyrun import documents
from pyrun.typed import Any, Iterator, NamedTuple

_BEGIN, _AFTER_TEXT = b'{"log":"', b'","stream":"'
_WINDOW = 4096  # bytes that are searched for a run's end at first


class View(NamedTuple):
    """Which records are shown and how; times as in a record, without the Z; empty is no limit."""

    since: str = ""
    until: str = ""
    timestamps: bool = False
    details: bool = False

    @property
    def is_plain(self) -> bool:
        """Claim that every record is shown, and nothing but its text."""
        return not (self.since or self.until or self.timestamps or self.details)


PLAIN = View()


Piece = tuple[str, bytes]  # a stream's name, and what it said


def shown(portion: bytes, view: View) -> tuple[list[Piece], bool]:
    """Give what a portion of whole lines says, in order, and whether a record was later than what is to be shown.

    What one stream said without the other in between is one piece; what is no record is left out.
    """
    found: list[tuple[str, list[bytes]]] = []
    over = False
    try:
        for stream, content in _pieces(portion, view):
            if not found or found[-1][0] != stream:
                found.append((stream, []))
            found[-1][1].append(content)
    except _Over:
        over = True
    return [(stream, b"".join(parts)) for stream, parts in found], over


class _Over(Exception):
    """A record is later than what is to be shown."""


def _pieces(portion: bytes, view: View) -> Iterator[Piece]:
    at = 0
    while at < len(portion):
        end = portion.find(b"\n", at) + 1 or len(portion)
        text_end = portion.rfind(_AFTER_TEXT, at, end)
        if text_end < 0 or not portion.startswith(_BEGIN, at):
            yield from _by_itself(portion[at:end], view)
        else:
            tail = portion[text_end:end]
            end = _end_of_run(portion, end, tail)
            yield from _run(portion[at:end], tail, view)
        at = end


def _end_of_run(portion: bytes, end: int, tail: bytes) -> int:
    """Give where the records end that have the same *tail* as the one that ends at *end*."""
    window = _WINDOW
    while end < len(portion):
        line = portion.find(b"\n", end) + 1
        if not line or not portion.startswith(tail, line - len(tail)):
            return end
        last = portion.rfind(tail, end, max(end + window, line)) + len(tail)
        if portion.count(b"\n", end, last) != portion.count(tail, end, last):
            return line
        end, window = last, window * 2
    return end


def _run(records: bytes, tail: bytes, view: View) -> Iterator[Piece]:
    """Give what records with the same *tail* say."""
    prefix: str | None = ""
    if view.is_plain:
        stream = "stderr" if tail.startswith(_AFTER_TEXT + b'stderr"') else "stdout"
    else:
        try:
            fields = documents.parse(b'{"log":"' + tail)
            stream, prefix = str(fields["stream"]), _prefix(fields, view)
        except (ValueError, TypeError, KeyError, RecursionError):
            return
    if prefix is None:
        return
    text = records[len(_BEGIN) : -len(tail)]
    try:
        text = b'"%s%s"' % (prefix.encode(), text.replace(tail + _BEGIN, prefix.encode()))
        yield stream, documents.parse(text).encode("utf-8", "surrogatepass")
    except (ValueError, TypeError):
        for line in records.splitlines():
            yield from _by_itself(line, view)


def _by_itself(line: bytes, view: View) -> Iterator[Piece]:
    """Give what one line says, unless it is torn or no record at all."""
    try:
        record = documents.parse(line)
        stream, content = str(record["stream"]), str(record["log"])
        prefix = "" if view.is_plain else _prefix(record, view)
    except (ValueError, TypeError, KeyError, RecursionError):
        return
    if prefix is not None:
        yield stream, (prefix + content).encode("utf-8", "surrogatepass")


def _prefix(record: "dict[str, Any]", view: View) -> "str | None":
    """Give what stands before each line of a record, None when it is not shown. Errors: _Over, KeyError."""
    moment = str(record["time"])
    plain = moment.removesuffix("Z")
    if view.until and plain > view.until:
        raise _Over
    if plain < view.since:
        return None
    prefix = f"{moment} " if view.timestamps else ""
    return f"{prefix}{_details(record.get('attrs') or {})} " if view.details else prefix


def _details(extras: "dict[str, Any]") -> str:
    """Give the extras as Docker does: sorted, and escaped as in a URL's query."""
    return ",".join(f"{_query(key)}={_query(str(value))}" for key, value in sorted(extras.items()))


def _query(text: str) -> str:
    kept = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.~"
    escaped = (chr(byte) if chr(byte) in kept else "+" if byte == 32 else f"%{byte:02X}" for byte in text.encode())
    return "".join(escaped)
