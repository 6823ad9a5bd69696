"""Constants of a template: numbers, characters and text as Go writes them."""

from pyrun.typed import Any

_SIMPLE = {"a": 7, "b": 8, "f": 12, "n": 10, "r": 13, "t": 9, "v": 11, "\\": 92, "'": 39, '"': 34}
_LENGTHS = {"x": 2, "u": 4, "U": 8}


def constant(kind: str, text: str) -> Any:
    """Give the value of a constant. Errors: ValueError with Go's words."""
    if kind == "bool":
        return text == "true"
    if kind == "raw":
        return text[1:-1].replace("\r", "")
    if kind == "string":
        return _unquoted(text, '"')
    if kind == "char":
        value = _unquoted(text, "'")
        if len(value) != 1:
            raise ValueError(f"malformed character constant: {text}" if value else "invalid syntax")
        return ord(value)
    return _number(text)


def _number(text: str) -> "int | float":
    plain = text.replace("_", "")
    digits = plain.lstrip("+-")
    try:
        if any(c in plain for c in ".eE") and digits[:2].lower() != "0x":
            return float(plain)
        octal = len(digits) > 1 and digits.isdigit() and digits.startswith("0")
        value = int(plain, 8 if octal else 0)
    except (ValueError, OverflowError):
        value = 1 << 64
    if not -(1 << 63) <= value < 1 << 63:
        raise ValueError(f'illegal number syntax: "{text}"')
    return value


def _unquoted(text: str, mark: str) -> str:
    """Undo the escapes of a quoted text. Errors: ValueError."""
    inner, at = text[1:-1], 0
    found = bytearray()
    while at < len(inner):
        char, at = inner[at], at + 1
        if char != "\\":
            found += char.encode("utf-8", "surrogateescape")
            continue
        code, length, is_byte = _escape(inner, at, mark)
        at += length
        found += bytes([code]) if is_byte and mark == '"' else chr(code).encode("utf-8", "replace")
    return found.decode("utf-8", "replace")


def _escape(inner: str, at: int, mark: str) -> "tuple[int, int, bool]":
    """Give the code behind a backslash, how long it is, and whether it is a byte's."""
    letter = inner[at]
    try:
        if letter in _SIMPLE and letter not in {"'": '"', '"': "'"}[mark]:
            return _SIMPLE[letter], 1, False
        if letter in _LENGTHS:
            length = _LENGTHS[letter]
            digits = inner[at + 1 : at + 1 + length]
            code = int(digits, 16)
            if len(digits) == length and code < 0x110000:
                return code, 1 + length, letter == "x"
        if letter in "01234567" and len(inner[at : at + 3]) == 3:
            return int(inner[at : at + 3], 8) & 0xFF, 3, True
    except ValueError:
        pass
    raise ValueError("invalid syntax")
