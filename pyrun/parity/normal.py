"""Outputs without what is random, or what each engine calls in its own way. Pure."""

import re

_COMMON = tuple(
    (re.compile(pattern, re.MULTILINE), plain)
    for pattern, plain in (
        (r"\b172\.(1[7-9]|2\d|3[01])\.", "172.X."),
        (r"\b02:42:ac:1[0-9a-f]", "02:42:ac:XX"),
        (r"\b[0-9a-f]{64}\b", "ID"),
        (r"^(docker|pyrun|Error response from daemon): .*$", "COMPLAINT"),
        (r"^(Error: .*|no matching subnet for .*)$", "COMPLAINT"),
        (r"^(See|Run) 'docker .*$\n?", ""),
    )
)


def normalised(text: str, own: tuple[tuple[str, str], ...]) -> str:
    """Give *text* as it is compared: what is common to all, then what a scenario says of its *own*."""
    for pattern, plain in _COMMON:
        text = pattern.sub(plain, text)
    for each, plain in own:
        text = re.sub(each, plain, text, flags=re.MULTILINE)
    return text
