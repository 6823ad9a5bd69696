"""Filters of listings as Docker reads them: KEY=VALUE, and names by pattern. Pure."""

from pyrun.errors import UsageError
from pyrun.typed import Iterable

Filters = dict[str, tuple[str, ...]]
_PLAIN = set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-/")


def read(given: "Iterable[str]", known: "tuple[str, ...]") -> Filters:
    """Give the values wanted of each key. Errors: UsageError."""
    found: Filters = {}
    for text in given:
        key, equals, value = text.partition("=")
        key = key.strip().lower()
        if not equals:
            raise UsageError(f"filter: {_show(text)}: expected KEY=VALUE", hint=f"keys: {', '.join(known)}")
        if key not in known:
            raise UsageError(f"filter: {_show(key)}: not known", 1, f"keys: {', '.join(known)}")
        found[key] = (*found.get(key, ()), value.strip())
    return found


def refuse(key: str, value: str, expected: str) -> UsageError:
    """Give the error for a value that a key cannot have."""
    return UsageError(f"filter: {key}={_show(value)}: expected {expected}", 1)


def matches(patterns: "Iterable[str]", text: str) -> bool:
    """Claim that one of the patterns, regular expressions, is in a text; what is no pattern never is."""
    return any(_finds(pattern, text) for pattern in patterns)


def _finds(pattern: str, text: str) -> bool:
    if not set(pattern) - _PLAIN:
        return pattern in text
    import re

    try:
        return re.search(pattern, text) is not None
    except (re.error, RecursionError, OverflowError):
        return False


def has_labels(wanted: "Iterable[str]", labels: "Iterable[str]") -> bool:
    """Claim that all labels wanted are there: KEY with any value, or KEY=VALUE."""
    there = dict(label.partition("=")[::2] for label in labels)
    return all(
        key in there and (not equals or there[key] == value)
        for key, equals, value in (each.partition("=") for each in wanted)
    )


def _show(text: str) -> str:
    shown = text if text.isprintable() and text else repr(text)
    return shown if len(shown) <= 120 else f"{shown[:119]}…"
