"""JSON objects as a template sees them: with Docker's types of `shapes`, or as JSON has them."""

from pyrun.cli.shapes import DECLARED
from pyrun.templates.values import MISSING, Loose, Nil, Number, Struct, Table, Time
from pyrun.typed import Any

_ZEROS: dict[str, Any] = {"": "", "0": 0, "?": False, "t": "", "[]": Nil("slice", "[]string"), "*": Nil("pointer")}


def typed(shape: str, raw: Any) -> Any:
    """Give an object as Docker's own types show it; fields that Docker has not are found at the end."""
    return _struct(shape, raw, pointer=False)


def untyped(raw: Any) -> Any:
    """Give an object as Docker shows it where its types do not help: as JSON has it, numbers being text."""
    if isinstance(raw, dict):
        return {name: untyped(each) for name, each in raw.items()}
    if isinstance(raw, list | tuple):
        return Loose(untyped(each) for each in raw)
    if isinstance(raw, bool) or not isinstance(raw, int | float):
        return raw
    return Number(raw)


def _struct(shape: str, raw: "dict[str, Any]", pointer: bool) -> Struct:
    fields: dict[str, Any] = {}
    known = set()
    for word in DECLARED[shape].split():
        names, _, kind = word.partition(":")
        name, _, key = names.partition("=")
        known.add(key or name)
        fields[name] = _value(kind, raw.get(key or name))
    own = {name: raw[name] for name in raw if name not in known}
    return Struct("struct {}" if shape == "nothing" else shape, {**own, **fields}, raw, pointer, set(own))


def _value(kind: str, raw: Any) -> Any:
    if kind in DECLARED:
        return _struct(kind, raw or {}, pointer=False)
    if kind[:1] == "*" and kind[1:]:
        return Nil("pointer", kind) if raw is None else _struct(kind[1:], raw, pointer=True)
    if kind[:1] == "{":
        return _map(kind[1:-1], raw)
    if kind[:1] == "[" and kind != "[]":
        if raw is None:
            return Nil("slice", f"[]{kind[1:-1]}")
        return [_value(kind[1:-1], each) for each in raw]
    if raw is None:
        return _ZEROS[kind]
    if kind == "t":
        return Time(raw)
    return list(raw) if isinstance(raw, tuple) else raw


def _map(of: str, raw: Any) -> Any:
    """Make a map; of plain text if nothing else is said."""
    named = of.startswith("!")
    of = of.removeprefix("!")
    zero = Nil("slice") if of[:1] == "[" else Nil("pointer", of) if of[:1] == "*" else "" if not of else MISSING
    name = f"map[{'nat.Port' if named else 'string'}]{'[]' + of[1:-1] if of[:1] == '[' else of or 'string'}"
    entries = {key: _value(of, each) if of else each for key, each in (raw or {}).items()}
    return Table(entries, zero, named, name)
