"""The words of a template: text, and what stands between {{ and }}.

A word that is none ends the list; the parser tells of it when it gets there.
"""

import re

from pyrun.typed import NamedTuple

KEYWORDS = frozenset("block break continue define else end if range template with".split())
_SPACE = " \t\r\n"
_WORDS = re.compile(
    r"""
      (?P<right>[ \t\r\n]+-\}\}|\}\})
    | (?P<space>[ \t\r\n]+)
    | (?P<declare>:=) | (?P<assign>=) | (?P<pipe>\|) | (?P<comma>,) | (?P<open>\() | (?P<close>\))
    | (?P<string>"(?:[^"\\\n]|\\[^\n])*") | (?P<raw>`[^`]*`) | (?P<char>'(?:[^'\\\n]|\\[^\n])*')
    | (?P<number>[+-]?(?:0[xX][0-9a-fA-F_]*|0[bB][01_]*|0[oO][0-7_]*|
        \.?[0-9][0-9_]*(?:\.[0-9_]*)?(?:[eE][+-]?[0-9_]*)?)|[+-])
    | (?P<variable>\$\w*) | (?P<field>\.[^\W\d]\w*) | (?P<dot>\.) | (?P<word>[^\W\d]\w*)
    """,
    re.VERBOSE,
)
_UNCLOSED = {'"': "unterminated quoted string", "`": "unterminated raw quoted string"}


class Word(NamedTuple):
    """One word; *kind* is a keyword's own name, or a group's of the pattern above, or text, left, eof, error."""

    kind: str
    text: str
    pos: int
    line: int

    def __str__(self) -> str:
        if self.kind == "eof":
            return "EOF"
        if self.kind in KEYWORDS or self.kind in ("nil", "dot"):
            return f"<{self.text}>"
        return f"{quoted(self.text[:10])}..." if len(self.text) > 10 else quoted(self.text)


def quoted(text: str) -> str:
    """Write text in double quotes, as Go's %q does."""
    plain = {"\\": "\\\\", '"': '\\"', "\n": "\\n", "\t": "\\t", "\r": "\\r", "\a": "\\a", "\b": "\\b"}
    plain |= {"\f": "\\f", "\v": "\\v"}
    return '"' + "".join(plain.get(c) or (c if c.isprintable() else _escaped(c)) for c in text) + '"'


def _escaped(char: str) -> str:
    number = ord(char)
    return f"\\x{number:02x}" if number < 128 else f"\\u{number:04x}" if number < 0x10000 else f"\\U{number:08x}"


def words(text: str) -> list[Word]:
    """Cut a template into words."""
    found: list[Word] = []
    at = 0
    while True:
        left = text.find("{{", at)
        if left < 0:
            break
        start = _inside(text, left + 2)
        _add(found, text, at, text[at:left].rstrip(_SPACE) if start > left + 2 else text[at:left])
        found.append(_word("left", "{{", text, left))
        at = _comment(text, start, found) if text.startswith("/*", start) else _action(text, start, found)
        if found and found[-1].kind == "error":
            return found
    _add(found, text, at, text[at:])
    return [*found, _word("eof", "", text, len(text))]


def _word(kind: str, word: str, text: str, pos: int) -> Word:
    return Word(kind, word, pos, 1 + text.count("\n", 0, pos))


def _add(found: list[Word], text: str, pos: int, plain: str) -> None:
    if plain:
        found.append(_word("text", plain, text, pos))


def _inside(text: str, at: int) -> int:
    """Give where an action begins, behind a marker that trims."""
    trims = text[at : at + 1] == "-" and text[at + 1 : at + 2] in tuple(_SPACE)
    return at + 2 if trims else at


def _comment(text: str, at: int, found: list[Word]) -> int:
    """Leave a comment out; give what follows it."""
    found.pop()
    end = text.find("*/", at)
    if end < 0:
        found.append(_word("error", "unclosed comment", text, at))
        return at
    close = re.compile(r"[ \t\r\n]-\}\}|\}\}").match(text, end + 2)
    if not close:
        found.append(_word("error", "comment ends before closing delimiter", text, at))
        return at
    return _after(text, close.group(), close.end())


def _after(text: str, right: str, at: int) -> int:
    """Give where text goes on behind }}, which may trim."""
    if right == "}}":
        return at
    return at + len(text[at:]) - len(text[at:].lstrip(_SPACE))


def _action(text: str, at: int, found: list[Word]) -> int:
    """Take the words of an action; give what follows it."""
    depth = 0
    while at < len(text):
        match = _WORDS.match(text, at)
        kind, word = (match.lastgroup or "", match.group()) if match else ("", "")
        depth += (kind == "open") - (kind == "close")
        if not match or _is_bad(kind, word, text, at):
            found.append(_word(*_bad(text, at, kind, word), text, at))
            return at
        if kind == "right" and depth > 0:
            found.append(_word("error", "unclosed left paren", text, at))
            return at
        found.append(_word(_own_kind(kind, word), word, text, at))
        if kind == "right":
            return _after(text, word, match.end())
        at = match.end()
    found.append(_word("error", "unclosed action", text, at))
    return at


def _own_kind(kind: str, word: str) -> str:
    if kind != "word":
        return kind
    return word if word in KEYWORDS or word == "nil" else "bool" if word in ("true", "false") else "function"


def _is_bad(kind: str, word: str, text: str, at: int) -> bool:
    """Claim that a word runs into something that cannot follow it."""
    after = text[at + len(word) : at + len(word) + 1]
    if kind == "number":
        return after.isalnum() or after == "_"
    if kind in ("field", "variable", "word"):
        return bool(after) and after not in _SPACE + ".,|:()=" and not text.startswith("}}", at + len(word))
    return False


def _bad(text: str, at: int, kind: str, word: str) -> tuple[str, str]:
    """Give the kind and the text of a word that is none."""
    char = text[at]
    if kind == "number" or char in "+-":
        return "error", f"bad number syntax: {quoted(text[at : at + max(1, len(word)) + bool(kind)])}"
    if kind:
        after = text[at + len(word)]
        return "error", f"bad character U+{ord(after):04X} '{after}'"
    if char in _UNCLOSED:
        return "error", _UNCLOSED[char]
    if char == "'":
        return "error", "unterminated character constant"
    if char == ":":
        return "error", "expected :="
    if char.isascii() and char.isprintable():
        return "other", char
    shown = f" '{char}'" if char.isprintable() else ""
    return "error", f"unrecognized character in action: U+{ord(char):04X}{shown}"
