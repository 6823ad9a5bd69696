"""What may stand where the cursor is: the words of a line so far become candidates for the last of them.

What a value may be is said in `pyrun.cli.kinds`, what there is on this host in `pyrun.cli.candidates`; how a shell
asks is in `pyrun.cli.completion_scripts`.
"""

from pyrun.cli import candidates, kinds, manual, reader
from pyrun.cli.candidates import Asked, Candidate
from pyrun.cli.declared import GROUPS, Option, Verb, every, named
from pyrun.typed import NamedTuple


class Answer(NamedTuple):
    """Words that may stand there, whole; and whether the shell shall add files or directories, behind *before*."""

    words: list[Candidate]
    paths: str = ""
    before: str = ""


class _Place(NamedTuple):
    """Where the cursor is in the line of a verb."""

    waiting: "Option | None"  # the option whose value it is
    given: "list[Option]"
    arguments: tuple[str, ...]
    options_over: bool  # only arguments follow


def complete(words: list[str]) -> Answer:
    """Give what the last of *words*, which may be empty, can become; those before it are as they were typed."""
    *before, word = words or [""]
    helping = before[:1] == ["help"]
    before = before[1:] if helping else before
    if not before or (len(before) == 1 and before[0] in GROUPS):
        return Answer(_verbs(before, word))
    verb, rest = named(before)
    return _in_verb(verb, _place(verb, rest), word) if verb and not helping else Answer([])


def _verbs(before: list[str], word: str) -> list[Candidate]:
    """Give the verbs that begin with *word*: those of a group, or the first ones of a line."""
    verbs = every()
    if word.startswith("-"):
        found = [("--help", "Print this help"), *([] if before else [("--version", "Print the version")])]
    elif not before:
        found = [(n, manual.summary(n, verbs)) for _, names in manual.sections(verbs) for n in names]
        found.append(("container", GROUPS["container"]))
    else:
        found = [(verb.name.split()[-1], verb.summary) for verb in manual.members(before[0], verbs)]
        found += [(alias.split()[1], verbs[of].summary) for alias, of in manual.aliases(before[0])]
    return [pair for pair in found if pair[0].startswith(word)]


def _place(verb: Verb, words: list[str]) -> _Place:
    """Read what stands before the cursor; whatever is wrong there is not of interest here."""
    known, given, arguments = reader.flags(verb), list[Option](), list[str]()
    waiting, over = None, False
    for word in words:
        if waiting:
            waiting = None
        elif over or not word.startswith("-") or word == "-":
            arguments.append(word)
            over = over or verb.options_first
        elif word == "--":
            over = True
        else:
            found, waiting = _read(word, known)
            given += found
    return _Place(waiting, given, tuple(arguments), over)


def _read(word: str, known: reader.Known) -> "tuple[list[Option], Option | None]":
    """Give the options in a word, and the one whose value has to follow."""
    if word.startswith("--"):
        flag, equals, _ = word.partition("=")
        option = known.get(flag)
        found = [option] if option else []
        return found, option if option and option.metavar and not equals else None
    found = []
    for at, letter in enumerate(word[1:], 1):
        option = known.get(f"-{letter}")
        if option is None or word[at + 1 : at + 2] == "=":
            break
        found.append(option)
        if option.metavar:
            return found, option if at == len(word) - 1 else None
    return found, None


def _in_verb(verb: Verb, place: _Place, word: str) -> Answer:
    if place.waiting:
        return _value(verb, place, place.waiting, "", word)
    if not place.options_over and word.startswith("-"):
        flag, equals, begun = word.partition("=")
        option = reader.flags(verb).get(flag) if word.startswith("--") else None
        if equals:
            return _value(verb, place, option, f"{flag}=", begun) if option and option.metavar else Answer([])
        return Answer(_options(verb, place, word))
    asked = Asked(verb.name, word, place.arguments, _states(verb, place))
    answer = _of_kind(kinds.of_argument(verb, len(place.arguments)), asked, "")
    repeated = {each for each in place.arguments if not verb.options_first}
    return answer._replace(words=[pair for pair in answer.words if pair[0] not in repeated])


def _states(verb: Verb, place: _Place) -> str:
    """Name the states of the containers that are meant by a verb's arguments."""
    flags = {flag for option in place.given for flag in option.flags}
    if verb.name == "logs":
        return "running paused" if "--follow" in flags else ""
    return "" if kinds.ALL.get(verb.name) in flags else kinds.STATES.get(verb.name, "")


def _options(verb: Verb, place: _Place, word: str) -> list[Candidate]:
    """Give the options that begin with *word*, but for those that are there and may be only once."""
    again = [o for o in verb.options if not o.hidden and (o.multiple or o not in place.given)]
    found = [(o.flags[0], o.help) for o in again] + [("--help", "Print this help")]
    if len(word) == 2 and word != "--":
        found += [(flag, o.help) for o in again for flag in o.flags if len(flag) == 2]
    return [pair for pair in found if pair[0].startswith(word)]


def _value(verb: Verb, place: _Place, option: Option, before: str, word: str) -> Answer:
    return _of_kind(kinds.of_option(verb, option), Asked(verb.name, word, place.arguments), before)


def _of_kind(kind: str, asked: Asked, before: str) -> Answer:
    """Give the answer for a value of a kind; *before* is what stands before it in the same word."""
    words: list[Candidate] = []
    paths, behind = "", before
    for item in kind.split("|") if kind else ():
        head, at, source = item.partition("@")
        if not at:
            words.append((item, ""))
        elif not asked.word.startswith(head):
            words.append((head, ""))
        else:
            found, added = candidates.find(source, asked._replace(word=asked.word[len(head) :]))
            words += [(head + name, meaning) for name, meaning in found]
            paths, behind = (added, before + head) if added else (paths, behind)
    seen = {word: meaning for word, meaning in words if word and word.startswith(asked.word) and word.isprintable()}
    return Answer([(before + word, meaning) for word, meaning in seen.items()], paths, behind)
