"""JSON as pyrun reads and writes it: strictly, and by the interpreter's own scanner and encoder.

The half of `json` that is written in Python compiles regular expressions; importing it takes longer than `ps`
reads all containers.
"""

from pyrun.typed import Any

try:
    from _json import make_scanner
except ImportError:  # an interpreter without it
    from json.scanner import py_make_scanner as make_scanner  # type: ignore[attr-defined,no-redef,unused-ignore]

try:
    from _json import encode_basestring_ascii as _quoted
except ImportError:
    from json.encoder import py_encode_basestring_ascii as _quoted  # type: ignore[attr-defined,no-redef,unused-ignore]

try:
    from _json import encode_basestring as _plain
except ImportError:
    from json.encoder import py_encode_basestring as _plain  # type: ignore[attr-defined,no-redef,unused-ignore]

try:
    from _json import make_encoder
except ImportError:
    make_encoder = None  # type: ignore[assignment,misc,unused-ignore]

_WORDS = {None: "null", True: "true", False: "false"}
_SPACE = " \t\n\r"


def parse(content: bytes) -> Any:
    """Read a JSON document. Errors: ValueError, also for a key that stands twice and for NaN; RecursionError."""
    text = content.decode().strip(_SPACE)
    try:
        document, end = _scan(text, 0)
    except (StopIteration, SystemError):  # it has no words of its own for most mistakes: those are json.decoder's
        raise ValueError("not a JSON document") from None
    if end != len(text):
        raise ValueError("more than one JSON document")
    return document


def written(value: Any) -> str:
    """Write a document in one line, as `json` does. Errors: TypeError, ValueError for what JSON has no words for."""
    if make_encoder is None:
        import json

        return json.dumps(value, allow_nan=False)
    return "".join(make_encoder({}, _refuse, _quoted, None, ": ", ", ", False, False, False)(value, 0))


def line(value: Any, escaped: bool = False) -> str:
    """Write a document in one line as Go does: no blanks, no escapes but those of JSON.

    *escaped* writes <, > and & as numbers, as Go does where a type writes itself.
    """
    if make_encoder is None:
        import json

        text = json.dumps(value, allow_nan=False, ensure_ascii=False, separators=(",", ":"))
    else:
        text = "".join(make_encoder({}, _refuse, _plain, None, ":", ",", False, False, False)(value, 0))
    text = text.replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")
    for char in "<>&" if escaped else "":
        text = text.replace(char, f"\\u{ord(char):04x}")
    return text


def _refuse(value: Any) -> Any:
    raise TypeError(f"{type(value).__name__} is not JSON")


def printed(value: Any, margin: str = "\n") -> str:
    """Write a document of dictionaries, lists, strings and numbers for people, as `json` does with an indent of four.

    *margin* is a line's end and the indent of the lines that follow.
    """
    if isinstance(value, str):
        return str(_quoted(value))
    if value is None or isinstance(value, bool):
        return _WORDS[value]
    inner = margin + "    "
    if isinstance(value, dict):
        if make_encoder is not None and value and _PLAIN.issuperset(map(type, value.values())):
            return f"{{{inner}{_line_each(value, inner)[1:-1]}{margin}}}"
        parts = [f"{_quoted(key)}: {printed(each, inner)}" for key, each in value.items()]
        return f"{{{inner}{f',{inner}'.join(parts)}{margin}}}" if parts else "{}"
    if isinstance(value, list | tuple):
        parts = [printed(each, inner) for each in value]
        return f"[{inner}{f',{inner}'.join(parts)}{margin}]" if parts else "[]"
    return repr(value)


def _line_each(value: "dict[str, Any]", margin: str) -> str:
    """Write a document in which nothing is nested, a line for each field: in half the time of asking for each."""
    if margin not in _encoders:
        _encoders[margin] = make_encoder(None, _refuse, _quoted, None, ": ", f",{margin}", False, False, False)
    return "".join(_encoders[margin](value, 0))


_PLAIN = frozenset((str, int, bool, type(None)))
_encoders: "dict[str, Any]" = {}  # by margin


class _Rules:
    """What the scanner asks of a decoder."""

    strict = True  # no control characters in strings
    object_hook = None
    parse_float = float
    parse_int = int
    memo: "dict[str, str]" = {}  # noqa: RUF012  # of the scanner that is written in Python

    @staticmethod
    def object_pairs_hook(pairs: "list[tuple[str, Any]]") -> "dict[str, Any]":
        fields = dict(pairs)
        if len(fields) != len(pairs):
            raise ValueError("a key stands twice")
        return fields

    @staticmethod
    def parse_constant(name: str) -> Any:
        raise ValueError(f"{name} is not a number")


_rules: Any = _Rules
_scan = make_scanner(_rules)
