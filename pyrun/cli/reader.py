"""Reads a plain, well-formed command line without click, whose import takes longer than most verbs.

What is not understood completely is left to click, which explains it. The tests
prove that both read the same.
"""

from pyrun.cli.declarations import Option, Verb, named

Values = dict[str, "bool | str | tuple[str, ...] | None"]
_TRUE, _FALSE = ("true", "1"), ("false", "0")


class _Unclear(Exception):
    """The line has to be explained by somebody with words."""


def read(argv: list[str]) -> "tuple[str, Values] | None":
    """Give verb and values, or None for a line that is not plain."""
    verb, words = named(argv)
    if verb is None:
        return None
    try:
        return verb.name, _read(verb, words)
    except _Unclear:
        return None


def empty(verb: Verb) -> Values:
    """Give the values of a line without options."""
    values: Values = {}
    for option in verb.options:
        values[option.key] = option.default if not option.metavar else () if option.multiple else None
    return values


def _read(verb: Verb, words: list[str]) -> Values:
    values = empty(verb)
    known = {flag: option for option in verb.options for flag in option.flags}
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
        elif word.startswith("--"):
            at = _long(word, words, at, known, values)
        else:
            at = _short(word, words, at, known, values)
    if len(arguments) < verb.least or (0 <= verb.most < len(arguments)):
        raise _Unclear
    values["arguments"] = tuple(arguments)
    return values


def _long(word: str, words: list[str], at: int, known: dict[str, Option], values: Values) -> int:
    flag, equals, value = word.partition("=")
    option = known.get(flag)
    if option is None:
        raise _Unclear
    if not option.metavar:
        if equals and value not in (*_TRUE, *_FALSE):
            raise _Unclear
        values[option.key] = not equals or value in _TRUE
        return at
    if not equals:
        value, at = _next(words, at)
    _take(option, value, values)
    return at


def _short(word: str, words: list[str], at: int, known: dict[str, Option], values: Values) -> int:
    letters = word[1:]
    while letters:
        option, letters = known.get(f"-{letters[0]}"), letters[1:]
        if option is None:
            raise _Unclear
        if not option.metavar:
            if letters.startswith("="):
                raise _Unclear
            values[option.key] = True
            continue
        value = letters.removeprefix("=")
        if not letters:
            value, at = _next(words, at)
        _take(option, value, values)
        break
    return at


def _next(words: list[str], at: int) -> tuple[str, int]:
    if at >= len(words):
        raise _Unclear
    return words[at], at + 1


def _take(option: Option, value: str, values: Values) -> None:
    former = values[option.key]
    values[option.key] = (*former, value) if isinstance(former, tuple) else value
