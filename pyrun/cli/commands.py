"""The declared verbs as click commands: errors and suggestions; what help says is in `pyrun.cli.helptext`.

The only module that imports click.
"""

import click

from pyrun import __version__, near
from pyrun.cli import dockers, helptext, reader
from pyrun.cli.declared import ALIASES, GROUPS, Option, Verb, declaration, every, in_container, named
from pyrun.cli.reader import Values
from pyrun.contexts import suppress
from pyrun.errors import UsageError
from pyrun.typed import Any, NoReturn


class _Group(click.Group):
    """A group that suggests near verbs, and what does here what Docker has another verb for."""

    def get_help(self, ctx: click.Context) -> str:
        words = ctx.command_path.partition(" ")[2]
        return helptext.group(words) if words else helptext.overview()

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> "tuple[str | None, click.Command | None, list[str]]":
        if args and args[0] not in self.commands and not args[0].startswith("-"):
            place = ctx.command_path.partition(" ")[2]
            self._complain(place, args[0], args[1] if len(args) > 1 else "")
        return super().resolve_command(ctx, args)

    def _complain(self, place: str, word: str, next_word: str) -> NoReturn:
        """Say what was meant by a verb that is not there. Errors: UsageError, always."""
        seen = f"pyrun {place}".rstrip()
        instead = dockers.instead(f"{place} {word}".lstrip(), next_word)
        if instead:
            raise UsageError(f"{word}: not a verb of pyrun", hint=instead)
        raise UsageError(f"{word}: no such command", hint=near.hint(word, self.commands, f"see {seen} --help"))


class _Command(click.Command):
    """A verb whose switches take a value too, as in --rm=false."""

    verb: Verb

    def get_help(self, ctx: click.Context) -> str:
        return helptext.verb(self.verb, ctx.command_path.partition(" ")[2])

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        words, values = _without_truths(self.verb, args)
        ctx.meta["switches"] = {o.key: values[o.key] for o in self.verb.options if not o.metavar}
        return super().parse_args(ctx, words)


def parse(argv: list[str]) -> "tuple[str, Values] | None":
    """Read a command line with click; None when help or the version was printed.

    Errors: UsageError in one line, with a suggestion where there is one.
    """
    try:
        result: Any = _group().main(_asked_for_help(argv), prog_name="pyrun", standalone_mode=False)
    except click.exceptions.NoArgsIsHelpError as problem:
        click.echo(problem.format_message(), err=True)
        raise SystemExit(125) from None
    except click.UsageError as problem:
        _complain(problem, _place_of(argv))
    except click.exceptions.Exit as end:
        raise SystemExit(end.exit_code) from None
    except click.Abort:
        raise SystemExit(130) from None
    return result if isinstance(result, tuple) else None


def _asked_for_help(argv: list[str]) -> list[str]:
    """Write the verb `help` as the option that it stands for: help [VERB], network help [VERB]."""
    for at in (0, 1):
        if argv[at : at + 1] == ["help"] and (at == 0 or argv[0] in GROUPS):
            words = [*argv[:at], *argv[at + 1 :]]
            verb = 2 if words[:1] and words[0] in GROUPS else 1  # what follows the verb may be a program's
            return [*words[:verb], "--help", *words[verb:]]
    return argv


def _place_of(argv: list[str]) -> str:
    """Give the words that a line begins with, as far as they are a verb, behind `pyrun`."""
    verb, rest = named(argv)
    return " ".join(["pyrun", *argv[: len(argv) - len(rest)]] if verb else ["pyrun"])


def _complain(problem: click.UsageError, place: str) -> NoReturn:
    text = problem.format_message().rstrip(".").replace("\n", " ")
    where = f"{problem.ctx.command_path if problem.ctx else place} --help"
    if isinstance(problem, click.NoSuchOption):
        _complain_of_option(problem, where)
    raise UsageError(text[:1].lower() + text[1:], hint=f"see {where}") from problem


def _complain_of_option(problem: click.NoSuchOption, where: str) -> NoReturn:
    """Say what Docker has and pyrun has not, or what was meant: names that are alike beyond their dashes."""
    given = problem.option_name
    command = problem.ctx.command if problem.ctx else None
    verb = command.verb if isinstance(command, _Command) else None
    reason = dockers.without(verb.name if verb else "", given)
    if reason:
        raise UsageError(f"{given}: not supported", hint=reason) from problem
    names = [flag[2:] for option in verb.options for flag in option.flags if flag.startswith("--")] if verb else []
    plain = given.lstrip("-")
    known = [*names, "help", *([] if verb else ["version"])]
    meant = next((word for word in dockers.MEANT.get(plain, ()) if word in names), near.nearest(plain, known))
    hint = f"did you mean --{meant}?" if meant else f"see {where}"
    if not verb and given[:2] in reader.flags(declaration("run")):
        hint = f"options stand behind the verb, as in pyrun run {given}"
    raise UsageError(f"{given}: no such option", hint=hint) from problem


def _group() -> click.Group:
    group = _Group("pyrun")
    group.context_settings = {"help_option_names": ["--help"]}
    version = click.version_option(__version__, "--version", "-v", prog_name="pyrun", message="%(prog)s %(version)s")
    group = version(group)
    groups = {"": group}
    for name in GROUPS:
        groups[name] = _Group(name)
        group.add_command(groups[name])
    verbs = every()
    for verb in verbs.values():
        groups[verb.name.rpartition(" ")[0]].add_command(_command(verb))
    for verb in verbs.values():
        if in_container(verb.name):
            groups["container"].add_command(_command(verb))
    for alias, name in ALIASES.items():
        place, _, word = alias.rpartition(" ")
        groups[place].add_command(_command(verbs[name]), word)
    return group


def _command(verb: Verb) -> click.Command:
    parameters: list[click.Parameter] = [_option(option) for option in verb.options]
    if verb.most:
        metavar = verb.arguments
        parameters.append(click.Argument(["arguments"], nargs=-1, required=bool(verb.least), metavar=metavar))
    settings = {"allow_interspersed_args": not verb.options_first}

    def result(**values: Any) -> "tuple[str, Values]":
        values.setdefault("arguments", ())
        values.update(click.get_current_context().meta["switches"])
        count = len(values["arguments"])
        if count < verb.least or (0 <= verb.most < count):
            raise click.UsageError(f"expected {verb.arguments}, got {count}")
        return verb.name, values

    command = _Command(
        verb.name.rpartition(" ")[2],
        params=parameters,
        callback=result,
        context_settings=settings,
    )
    command.verb = verb
    return command


def _without_truths(verb: Verb, words: list[str]) -> "tuple[list[str], Values]":
    """Give the words with no value at any switch, and the values that the reader makes of them. Errors: UsageError."""
    known, values = reader.flags(verb), reader.empty(verb)
    plain: list[str] = []
    at = 0
    while at < len(words):
        word, at = words[at], at + 1
        named = word.startswith("-") and word not in ("-", "--")
        if word == "--" or not (named or not verb.options_first):
            return [*plain, word, *words[at:]], values
        after = at
        with suppress(reader.Unclear):
            after = reader.take(word, words, at, known, values) if named else at
        head = word.partition("=")[0]
        flags = [head] if word.startswith("--") else [f"-{letter}" for letter in head[1:]]
        switches = named and all(flag in known and not known[flag].metavar for flag in flags)
        plain += [head] if switches else _plain(word, known) + words[at:after]
        at = after
    return plain, values


def _plain(word: str, known: reader.Known) -> list[str]:
    """Give a word of options without the = that may stand between a letter and its value; click takes it for a part."""
    letters, equals, value = word.partition("=")
    found = [letter for letter in letters[1:] if (option := known.get(f"-{letter}")) and option.metavar]
    between = equals and not word.startswith("--") and found and found[0] == letters[-1]
    return [letters, value] if between and letters.index(found[0]) == len(letters) - 1 else [word]


def _option(option: Option) -> click.Option:
    names = [*option.flags, option.key]
    if not option.metavar:
        return click.Option(names, is_flag=True, default=option.default, help=option.help, hidden=option.hidden)
    return click.Option(
        names,
        metavar=option.metavar,
        multiple=option.multiple,
        help=option.help,
        hidden=option.hidden,
        type=click.UNPROCESSED,
    )
