"""Reads a plain, well-formed command line without click, whose import takes longer than most verbs.

What is not understood completely is left to click, which explains it. The tests
prove that both read the same.
"""

from pyrun.cli.declared import Option, Verb, named
from pyrun.errors import UsageError

Values = dict[str, "bool | str | tuple[str, ...] | None"]
Known = dict[str, Option]
_TRUE, _FALSE = ("1", "t", "T", "true", "True", "TRUE"), ("0", "f", "F", "false", "False", "FALSE")


class Unclear(Exception):
    """The line has to be explained by somebody with words."""


def read(argv: list[str]) -> "tuple[str, Values] | None":
    """Give verb and values, or None for a line that is not plain. Errors: UsageError for a switch that is no truth."""
    verb, words = named(argv)
    if verb is None:
        return None
    try:
        return verb.name, _read(verb, words)
    except Unclear:
        return None


def empty(verb: Verb) -> Values:
    """Give the values of a line without options."""
    values: Values = {}
    for option in verb.options:
        values[option.key] = option.default if not option.metavar else () if option.multiple else None
    return values


def _read(verb: Verb, words: list[str]) -> Values:
    values = empty(verb)
    known = flags(verb)
    arguments: list[str] = []
    at = 0
    while at < len(words):
        word = words[at]
        at += 1
        if word == "--" or not word.startswith("-") or word == "-":
            arguments += words[at:] if word == "--" else [word]
            if word == "--" or verb.options_first:
                arguments += words[at:] if word != "--" else []
                break
        else:
            at = take(word, words, at, known, values)
    if len(arguments) < verb.least or (0 <= verb.most < len(arguments)):
        raise Unclear
    values["arguments"] = tuple(arguments)
    return values


def flags(verb: Verb) -> Known:
    """Give the options of a verb by each of their spellings."""
    return {flag: option for option in verb.options for flag in option.flags}


def take(word: str, words: list[str], at: int, known: Known, values: Values) -> int:
    """Read the option *word* and its value, which may be the word *at*; give what follows.

    Errors: Unclear, UsageError for a switch that is no truth.
    """
    return (_long if word.startswith("--") else _short)(word, words, at, known, values)


def _long(word: str, words: list[str], at: int, known: Known, values: Values) -> int:
    flag, equals, value = word.partition("=")
    option = known.get(flag)
    if option is None:
        raise Unclear
    if not option.metavar:
        values[option.key] = not equals or _truth(flag, value)
        return at
    if not equals:
        value, at = _next(words, at)
    _take(option, value, values)
    return at


def _short(word: str, words: list[str], at: int, known: Known, values: Values) -> int:
    letters = word[1:]
    while letters:
        flag, letters = f"-{letters[0]}", letters[1:]
        option = known.get(flag)
        if option is None:
            raise Unclear
        if not option.metavar:
            equals = letters.startswith("=")
            values[option.key] = not equals or _truth(flag, letters[1:])
            letters = "" if equals else letters
            continue
        value = letters.removeprefix("=")
        if not letters:
            value, at = _next(words, at)
        _take(option, value, values)
        break
    return at


def _truth(flag: str, text: str) -> bool:
    """Read the value of a switch as Docker does: pflag's way, which is Go's."""
    if text not in (*_TRUE, *_FALSE):
        shown = text if text.isprintable() and text else repr(text)
        raise UsageError(f"{flag}: {shown[:120]}: expected true or false")
    return text in _TRUE


def _next(words: list[str], at: int) -> tuple[str, int]:
    if at >= len(words):
        raise Unclear
    return words[at], at + 1


def _take(option: Option, value: str, values: Values) -> None:
    former = values[option.key]
    values[option.key] = (*former, value) if isinstance(former, tuple) else value
