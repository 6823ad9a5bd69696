"""The numbers in an archive's headers: octal, binary and decimal; nothing that Python would let pass beside them."""

from pyrun.archive.source import broken

_DIGITS, _OCTAL = set(b"0123456789"), set(b"01234567")
_LIMIT = 1 << 63


def field(text: bytes) -> int:
    """Read octal digits or, with the highest bit set, a number in two's complement. Errors: PyrunError."""
    if text[0] in (0x80, 0xFF):
        value = int.from_bytes(text[1:], "big") - (0 if text[0] == 0x80 else 1 << 8 * len(text[1:]))
        return _limited(value)
    digits = text.partition(b"\0")[0].strip(b" ")
    if set(digits) - _OCTAL:
        raise broken("a number in a header")
    return int(digits or b"0", 8)


def decimal(text: bytes) -> int:
    """Read decimal digits. Errors: PyrunError."""
    if not text or len(text) > 19 or set(text) - _DIGITS:
        raise broken("a number in a header")
    return _limited(int(text))


def nanoseconds(text: bytes) -> int:
    """Read decimal seconds, with a sign and a fraction if there are. Errors: PyrunError."""
    whole, _, fraction = text.removeprefix(b"-").partition(b".")
    value = decimal(whole) * 10**9 + decimal((fraction[:9] or b"0").ljust(9, b"0"))
    return -value if text.startswith(b"-") else value


def _limited(value: int) -> int:
    if not -_LIMIT < value < _LIMIT:
        raise broken("a number in a header")
    return value
