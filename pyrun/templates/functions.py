"""The functions that a template may call: Go's own, and those that Docker adds."""

from pyrun.templates import printing
from pyrun.templates.values import MISSING, Nil, Number, Table, truth, type_of
from pyrun.typed import Any, Callable, NamedTuple, NoReturn


class Wrong(Exception):
    """A function cannot do what it was asked for."""


class Builtin(NamedTuple):
    """A function: the types of what it takes, and of any more it takes (empty: no more)."""

    call: "Callable[..., Any]"
    takes: tuple[str, ...]
    more: str = ""


def _is_none(value: Any) -> bool:
    return value is None or value is MISSING


def _length(value: Any) -> int:
    if isinstance(value, str):
        return len(value.encode())
    if isinstance(value, list | dict) or (isinstance(value, Nil) and value.kind != "pointer"):
        return len(value)
    if _is_none(value):
        raise Wrong("len of nil pointer")
    raise Wrong(f"len of type {type_of(value)}")


def _index(value: Any, *keys: Any) -> Any:
    if _is_none(value):
        raise Wrong("index of untyped nil")
    for key in keys:
        if _is_none(value):
            raise Wrong("index of untyped nil")
        if isinstance(value, dict) or (isinstance(value, Nil) and value.kind == "map"):
            value = _of_map(value, key)
        elif isinstance(value, list | str) or (isinstance(value, Nil) and value.kind == "slice"):
            value = _at(value, key)
        else:
            raise Wrong(f"can't index item of type {type_of(value)}")
    return value


def _of_map(value: Any, key: Any) -> Any:
    if not isinstance(key, str) or isinstance(key, Number):
        raise Wrong(f"value has type {type_of(key)}; should be string")
    if isinstance(value, Table) and value.named_keys:
        raise Wrong("value has type string; should be nat.Port")
    zero = value.zero if isinstance(value, Table) else MISSING
    return value.get(key, zero) if isinstance(value, dict) else MISSING


def _at(value: Any, key: Any) -> Any:
    if _is_none(key):
        raise Wrong("cannot index slice/array with nil")
    if type(key) is not int:
        raise Wrong(f"cannot index slice/array with type {type_of(key)}")
    items = value.encode() if isinstance(value, str) else value
    if not 0 <= key < len(items):
        raise Wrong(f"index out of range: {key}")
    return items[key]


def _slice(value: Any, *ends: Any) -> Any:
    if _is_none(value):
        raise Wrong("slice of untyped nil")
    if len(ends) > 3:
        raise Wrong(f"too many slice indexes: {len(ends)}")
    if isinstance(value, str) and len(ends) == 3:
        raise Wrong("cannot 3-index slice a string")
    if not isinstance(value, str | list):
        raise Wrong(f"can't slice item of type {type_of(value)}")
    items: Any = value.encode() if isinstance(value, str) else value
    found = [0, len(items)]
    for at, end in enumerate(ends):
        if type(end) is not int:
            raise Wrong(f"cannot index slice/array with type {type_of(end)}")
        if not 0 <= end <= len(items):
            raise Wrong(f"index out of range: {end}")
        found[at : at + 1] = [end]
    if found[0] > found[1]:
        raise Wrong(f"invalid slice index: {found[0]} > {found[1]}")
    part = items[found[0] : found[1]]
    return part.decode(errors="replace") if isinstance(value, str) else part


def _kind(value: Any) -> str:
    """Give the kind of a value for a comparison. Errors: Wrong for one that has none."""
    for kind, name in ((bool, "bool"), (int, "int"), (float, "float"), (str, "string")):
        if isinstance(value, kind):
            return name
    return ""


def _equal(first: Any, *others: Any) -> bool:
    if not others:
        raise Wrong("missing argument for comparison")
    return any(_same(first, other) for other in others)


def _same(first: Any, other: Any) -> bool:
    nothing = _is_none(first) or isinstance(first, Nil), _is_none(other) or isinstance(other, Nil)
    if any(nothing):
        return all(nothing)
    if _kind(first) != _kind(other):
        raise Wrong("incompatible types for comparison")
    if isinstance(other, list | dict):
        raise Wrong(f"non-comparable type {printing.printed(other)}: {type_of(other)}")
    return bool(first is other or (_kind(first) and first == other))


def _less(first: Any, second: Any) -> bool:
    kinds = _kind(first), _kind(second)
    if not kinds[0] or not kinds[1]:
        raise Wrong("invalid type for comparison")
    if kinds[0] != kinds[1]:
        raise Wrong("incompatible types for comparison")
    if kinds[0] == "bool":
        raise Wrong("invalid type for comparison")
    return bool(first.encode() < second.encode() if kinds[0] == "string" else first < second)


def _call(value: Any, *_: Any) -> NoReturn:
    raise Wrong("call of nil" if _is_none(value) else f"non-function of type {type_of(value)}")


def _text(values: "tuple[Any, ...]") -> str:
    return printing.joined(tuple("<no value>" if _is_none(value) else value for value in values))


def _html(*values: Any) -> str:
    marks = {"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&#34;", "'": "&#39;", "\0": "\ufffd"}
    return "".join(marks.get(c, c) for c in _text(values))


def _js(*values: Any) -> str:
    marks = {"\\": "\\\\", "'": "\\'", '"': '\\"', "<": "\\u003C", ">": "\\u003E", "&": "\\u0026", "=": "\\u003D"}
    return "".join(marks.get(c) or (c if c.isprintable() else f"\\u{ord(c):04X}") for c in _text(values))


def _urlquery(*values: Any) -> str:
    from urllib.parse import quote_plus

    return quote_plus(_text(values))


def _title(text: str) -> str:
    """Begin each word with a capital letter."""
    found = ""
    for at, char in enumerate(text):
        inner = at and (text[at - 1].isalnum() or text[at - 1] == "_")
        found += char if inner else char.title()
    return found


def _pad(text: str, before: int, after: int) -> str:
    return " " * min(before, 1 << 16) + text + " " * min(after, 1 << 16) if text else text


def _truncate(text: str, length: int) -> str:
    """Cut text to so many bytes, and leave no half of a character."""
    if length < 0:
        raise Wrong(f"runtime error: slice bounds out of range [:{length}]")
    return text.encode()[:length].decode(errors="ignore")


def _case(change: "Callable[[str], str]") -> "Callable[[str], str]":
    """Change letters one by one, as Go does: none becomes two."""
    return lambda text: "".join(change(c) if len(change(c)) == 1 else c for c in text)


def _split(text: str, separator: str) -> "list[str]":
    return text.split(separator) if separator else list(text)


FUNCTIONS: dict[str, Builtin] = {
    "and": Builtin(lambda *values: values[-1], ("value",), "value"),
    "or": Builtin(lambda *values: values[-1], ("value",), "value"),
    "not": Builtin(lambda value: not truth(value), ("value",)),
    "call": Builtin(_call, ("value",), "value"),
    "len": Builtin(_length, ("value",)),
    "index": Builtin(_index, ("value",), "value"),
    "slice": Builtin(_slice, ("value",), "value"),
    "print": Builtin(lambda *values: printing.joined(values), (), "any"),
    "printf": Builtin(lambda form, *values: printing.formatted(form, values), ("string",), "any"),
    "println": Builtin(lambda *values: " ".join(map(printing.shown, values)) + "\n", (), "any"),
    "html": Builtin(_html, (), "any"),
    "js": Builtin(_js, (), "any"),
    "urlquery": Builtin(_urlquery, (), "any"),
    "eq": Builtin(_equal, ("value",), "value"),
    "ne": Builtin(lambda first, second: not _equal(first, second), ("value", "value")),
    "lt": Builtin(_less, ("value", "value")),
    "le": Builtin(lambda first, second: _less(first, second) or _equal(first, second), ("value", "value")),
    "gt": Builtin(lambda first, second: not (_less(first, second) or _equal(first, second)), ("value", "value")),
    "ge": Builtin(lambda first, second: not _less(first, second), ("value", "value")),
    "json": Builtin(printing.plain_json, ("any",)),
    "join": Builtin(lambda texts, separator: separator.join(texts), ("strings", "string")),
    "split": Builtin(_split, ("string", "string")),
    "lower": Builtin(_case(str.lower), ("string",)),
    "upper": Builtin(_case(str.upper), ("string",)),
    "title": Builtin(_title, ("string",)),
    "pad": Builtin(_pad, ("string", "int", "int")),
    "truncate": Builtin(_truncate, ("string", "int")),
}
# For a table's headings, which are to stay what they are; only `pad` does to them what it does to the cells.
HEADING_FUNCTIONS: dict[str, Builtin] = {
    **FUNCTIONS,
    **{
        name: FUNCTIONS[name]._replace(call=lambda heading, *_: heading) for name in ("json", "lower", "upper", "title")
    },
    **{name: FUNCTIONS[name]._replace(call=lambda heading, *_: heading) for name in ("truncate", "split")},
    "join": Builtin(lambda heading, _: heading, ("string", "string")),
}
