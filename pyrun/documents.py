"""JSON as pyrun reads it: strictly, and by the interpreter's own scanner.

The half of `json` that is written in Python compiles regular expressions; importing it takes longer than `ps`
reads all containers. Writing is left to `json`: only commands that take longer anyhow do it.
"""

from pyrun.typed import Any

try:
    from _json import make_scanner
except ImportError:  # an interpreter without it
    from json.scanner import py_make_scanner as make_scanner  # type: ignore[attr-defined,no-redef,unused-ignore]

_SPACE = " \t\n\r"


def parse(content: bytes) -> Any:
    """Read a JSON document. Errors: ValueError, also for a key that stands twice and for NaN; RecursionError."""
    text = content.decode().strip(_SPACE)
    try:
        document, end = _scan(text, 0)
    except (StopIteration, SystemError):  # the latter where it finds no json.decoder to take its error from
        raise ValueError("not a JSON document") from None
    if end != len(text):
        raise ValueError("more than one JSON document")
    return document


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
