"""Values as Go prints them: %v and the other verbs of fmt, and JSON."""

from pyrun.templates.lexer import quoted
from pyrun.templates.values import MISSING, Nil, Number, Object, Struct, Time
from pyrun.typed import Any


def printed(value: Any) -> str:
    """Write a value as an action does."""
    if value is MISSING or value is None:
        return "<no value>"
    if isinstance(value, Struct):
        return _fields(value)
    return shown(value)


def shown(value: Any, deep: bool = False) -> str:
    """Write a value as %v does; *deep* inside another one a pointer is an address."""
    if value is None or value is MISSING:
        return "<nil>"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return floating(value)
    if isinstance(value, Struct):
        if value.pointer and deep:
            return f"0xc{id(value) & 0xFFFFFFFFF:09x}"
        return ("&" if value.pointer else "") + _fields(value)
    if isinstance(value, Nil):
        return {"slice": "[]", "map": "map[]"}.get(value.kind, "<nil>")
    if isinstance(value, list):
        return f"[{' '.join(shown(each, True) for each in value)}]"
    if isinstance(value, dict):
        return f"map[{' '.join(f'{key}:{shown(each, True)}' for key, each in sorted(value.items()))}]"
    if isinstance(value, Object):
        return plain_json(value)
    return str(value)


def _fields(value: Struct) -> str:
    return f"{{{' '.join(shown(each, True) for name, each in value.fields.items() if name not in value.hidden)}}}"


def floating(value: float, verb: str = "g", precision: int = -1) -> str:
    """Write a number with the fewest digits that tell it, or with *precision*."""
    if value != value or value in (float("inf"), float("-inf")):
        return {"inf": "+Inf", "-inf": "-Inf"}.get(repr(value), "NaN")
    if verb in "gG" and precision < 0:
        digits, power = _shortest(value)
        if -4 <= power < 6:
            return repr(value).removesuffix(".0")
        return f"{digits}e{power:+03d}"
    if verb in "eEfF" and precision < 0:
        precision = 6
    return f"{value:.{precision}{verb}}"


def _shortest(value: float) -> "tuple[str, int]":
    """Give the digits and the exponent of the shortest text for a number."""
    text = repr(abs(value))
    mantissa, _, exponent = text.partition("e")
    whole, _, fraction = mantissa.partition(".")
    digits = (whole + fraction).lstrip("0").rstrip("0") or "0"
    lead = len(whole.lstrip("0")) or -(len(fraction) - len(fraction.lstrip("0")))
    power = lead - 1 + int(exponent or 0) if value else 0
    sign = "-" if value < 0 else ""
    return sign + digits[0] + (f".{digits[1:]}" if len(digits) > 1 else ""), power


def plain(value: Any) -> Any:
    """Give what JSON has of a value: maps by key, structs in their own order."""
    if value is MISSING or isinstance(value, Nil):
        return None
    if isinstance(value, Number):
        return int(value) if value.lstrip("-").isdigit() else plain(float(value))
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e21:
        return int(value)
    if isinstance(value, Time):
        return value.raw
    if isinstance(value, Struct):
        return value.raw  # structs within are in their own order too
    if isinstance(value, Object):
        return {name: plain(get()) for name, get in sorted(value.fields.items())}
    if isinstance(value, dict):
        return {name: plain(each) for name, each in sorted(value.items())}
    return [plain(each) for each in value] if isinstance(value, list) else value


def plain_json(value: Any) -> str:
    """Write a value as JSON in one line, as Go does."""
    from pyrun import documents

    return documents.line(plain(value), escaped=isinstance(value, Object))


def formatted(form: str, values: "tuple[Any, ...]") -> str:
    """Write values after a format, as Go's Sprintf does, its complaints in the text included."""
    from pyrun.templates.verbs import sprintf

    return sprintf(form, values)


def joined(values: "tuple[Any, ...]") -> str:
    """Write values one after the other, with a blank between two of which none is text: Go's Sprint."""
    text = ""
    for at, value in enumerate(values):
        apart = at and not isinstance(value, str) and not isinstance(values[at - 1], str)
        text += (" " if apart else "") + shown(value)
    return text


__all__ = ["Time", "floating", "formatted", "joined", "plain", "plain_json", "printed", "quoted", "shown"]
