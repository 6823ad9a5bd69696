"""The terminal that standard output may be: how wide it is, whether it takes colours, how much room text takes."""

import os

_COLOURS = {"red": 31, "green": 32, "yellow": 33, "blue": 34, "magenta": 35, "cyan": 36, "dim": 2, "bold": 1}


def width() -> int:
    """Give the width of the terminal; 0 where standard output is none, or has none."""
    try:
        return os.get_terminal_size(1).columns if os.isatty(1) else 0
    except OSError:
        return 0


def is_coloured() -> bool:
    """Claim that standard output shows colours, and that nobody asked for none: see no-color.org."""
    return os.isatty(1) and not os.environ.get("NO_COLOR") and os.environ.get("TERM", "dumb") != "dumb"


def painted(text: str, colour: str) -> str:
    """Give text in a colour; it takes no more places than before. Whether to paint is asked of `is_coloured`."""
    return f"\x1b[{_COLOURS[colour]}m{text}\x1b[0m" if text and colour else text


def printable(text: str) -> str:
    """Show control characters instead of sending them to the terminal."""
    return text if text.isprintable() else "".join(c if c.isprintable() else repr(c)[1:-1] for c in text)


def places(text: str) -> int:
    """Count the places that text takes on a line: two for a wide character, none for one that combines."""
    return len(text) if text.isascii() else sum(map(_places, text))


def _places(char: str) -> int:
    import unicodedata

    if unicodedata.combining(char) or unicodedata.category(char) == "Cf":
        return 0
    return 2 if unicodedata.east_asian_width(char) in ("W", "F") else 1


def shortened(text: str, most: int, end: bool = False) -> str:
    """Cut text to at most so many places, of which the last shows that something is missing; or keep its *end*."""
    if places(text) <= most:
        return text
    if end and most > 1:
        return shortened(text[::-1], most)[::-1]
    taken, kept = 0, ""
    for char in text:
        taken += places(char)
        if taken > max(most - 1, 1):
            break
        kept += char
    return f"{kept}…" if most > 1 else kept
