"""Go's Sprintf: flags, widths, and its complaints, which stand in the text."""

import re

from pyrun.templates import printing
from pyrun.templates.lexer import quoted
from pyrun.templates.values import Nil, Number, Struct, type_of
from pyrun.typed import Any, NamedTuple

_VERB = re.compile(r"%([-+# 0]*)(\[[^\]]*\])?(\*|\d+)?(?:\.(\*|\d*))?(\[[^\]]*\])?(.?)", re.DOTALL)
_WIDEST = 1_000_000


class _Spec(NamedTuple):
    flags: str
    width: int
    precision: int  # -1: none
    verb: str


class _Given:
    """The values, and which comes next."""

    def __init__(self, values: "tuple[Any, ...]") -> None:
        self.values = values
        self.at = 0
        self.ordered = True

    def choose(self, mark: "str | None") -> bool:
        """Go to the value that [n] names."""
        if not mark:
            return True
        self.ordered = False
        number = mark[1:-1]
        if not number.isascii() or not number.isdigit() or not 0 < int(number) <= len(self.values):
            return False
        self.at = int(number) - 1
        return True

    def whole(self) -> "int | None":
        """Take a width or a precision."""
        value = self.values[self.at] if self.at < len(self.values) else None
        self.at += self.at < len(self.values)
        return value if type(value) is int and abs(value) <= _WIDEST else None


def sprintf(form: str, values: "tuple[Any, ...]") -> str:
    """Write values after a format."""
    given = _Given(values)
    found, at = "", 0
    for match in _VERB.finditer(form):
        if match.start() < at:
            continue
        found += form[at : match.start()] + _directive(match, given)
        at = match.end()
    found += form[at:]
    if given.ordered and given.at < len(values):
        extra = ", ".join(_extra(value) for value in values[given.at :])
        found += f"%!(EXTRA {extra})"
    return found


def _extra(value: Any) -> str:
    return "<nil>" if value is None else f"{type_of(value)}={printing.shown(value)}"


def _directive(match: "re.Match[str]", given: _Given) -> str:
    flags, index, width, precision, late, verb = match.groups()
    if not verb:
        return "%!(NOVERB)"
    if verb == "%":
        return "%"
    if not given.choose(index):
        return f"%!{verb}(BADINDEX)"
    complaint = ""
    wide = given.whole() if width == "*" else int(width or 0)
    exact = given.whole() if precision == "*" else -1 if precision is None else int(precision or 0)
    if wide is None or wide > _WIDEST:
        complaint, wide = "%!(BADWIDTH)", 0
    if exact is None or exact > _WIDEST:
        complaint, exact = complaint + "%!(BADPREC)", -1
    if not given.choose(late):
        return f"{complaint}%!{verb}(BADINDEX)"
    if given.at >= len(given.values):
        return f"{complaint}%!{verb}(MISSING)"
    value = given.values[given.at]
    given.at += 1
    if wide < 0:
        flags, wide = flags + "-", -wide
    if verb == "v":
        flags = flags.replace("+", "")  # it asks for the names of a struct's fields there
    return complaint + _written(_Spec(flags, wide, exact, verb), value)


def _written(spec: _Spec, value: Any) -> str:
    """Write one value; of a list, a map or a struct each part by itself."""
    if spec.verb == "T":
        return _padded(spec, type_of(value))
    if value is None:
        return _padded(spec, "<nil>") if spec.verb == "v" else f"%!{spec.verb}(<nil>)"
    if spec.verb == "p":
        return f"%!p({_extra(value)})"
    if isinstance(value, list):
        return f"[{' '.join(_written(spec, each) for each in value)}]"
    if isinstance(value, dict):
        entries = sorted(value.items())
        return f"map[{' '.join(f'{_written(spec, key)}:{_written(spec, each)}' for key, each in entries)}]"
    if isinstance(value, Struct) and not value.pointer:
        return f"{{{' '.join(_written(spec, each) for each in value.fields.values())}}}"
    if isinstance(value, Nil | Struct):
        return _padded(spec, printing.shown(value))
    return _single(spec, value)


def _single(spec: _Spec, value: Any) -> str:
    if isinstance(value, bool):
        text = printing.shown(value) if spec.verb in "tv" else None
    elif isinstance(value, int):
        text = _whole(spec, value)
    elif isinstance(value, float):
        text = _floating(spec, value)
    else:
        text = _text(spec, str(value))
    if text is None:
        return f"%!{spec.verb}({_extra(value)})"
    return _padded(spec, text, isinstance(value, int | float) and not isinstance(value, bool | Number))


def _whole(spec: _Spec, value: int) -> "str | None":
    if spec.verb in "vdxXobO":
        prefix = {"x": "0x", "X": "0X", "o": "0", "b": "0b"}.get(spec.verb, "") if "#" in spec.flags else ""
        prefix = "0o" if spec.verb == "O" else prefix
        digits = format(abs(value), {"v": "d", "O": "o"}.get(spec.verb, spec.verb))
        digits = digits.rjust(max(0, spec.precision), "0")
        return ("-" if value < 0 else _plus(spec)) + prefix + digits
    valid = 0 <= value < 0x110000 and not 0xD800 <= value < 0xE000
    if spec.verb == "c":
        return chr(value) if valid else "\ufffd"
    if spec.verb == "q":
        return "'" + quoted(chr(value) if valid else "\ufffd")[1:-1].replace('\\"', '"').replace("'", "\\'") + "'"
    if spec.verb == "U":
        return f"U+{value:04X}" + (f" '{chr(value)}'" if "#" in spec.flags and valid else "")
    return None


def _plus(spec: _Spec) -> str:
    return "+" if "+" in spec.flags else " " if " " in spec.flags else ""


def _floating(spec: _Spec, value: float) -> "str | None":
    if spec.verb not in "veEfFgG":
        return None
    verb = "g" if spec.verb == "v" else spec.verb
    text = printing.floating(value, verb, spec.precision)
    return text if text.startswith(("-", "+")) else _plus(spec) + text


def _text(spec: _Spec, text: str) -> "str | None":
    if spec.precision >= 0:
        text = text[: spec.precision]
    if spec.verb == "v":
        return quoted(text) if "#" in spec.flags else text
    if spec.verb == "s":
        return text
    if spec.verb == "q":
        return f"`{text}`" if "#" in spec.flags and "`" not in text and text.isprintable() else quoted(text)
    if spec.verb in "xX":
        separator = " " if " " in spec.flags else ""
        digits = text.encode().hex(separator) if separator else text.encode().hex()
        return digits.upper() if spec.verb == "X" else digits
    return None


def _padded(spec: _Spec, text: str, number: bool = False) -> str:
    if len(text) >= spec.width:
        return text
    if "-" in spec.flags:
        return text.ljust(spec.width)
    if "0" in spec.flags and (not number or spec.precision < 0 or "." in text):
        sign = text[:1] if number and text[:1] in tuple("+- ") else ""
        return sign + text[len(sign) :].rjust(spec.width - len(sign), "0")
    return text.rjust(spec.width)
