"""The declared verbs as click commands: help, errors and suggestions. The only module that imports click."""

import difflib

import click

from pyrun import __version__
from pyrun.cli.declarations import GROUPS, VERBS, Option, Verb
from pyrun.cli.reader import Values
from pyrun.errors import UsageError
from pyrun.typed import Any, NoReturn


class _Group(click.Group):
    """A group that suggests near verbs."""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> "tuple[str | None, click.Command | None, list[str]]":
        if args and args[0] not in self.commands and not args[0].startswith("-"):
            near = difflib.get_close_matches(args[0], self.commands, 1)
            hint = f"did you mean {near[0]}?" if near else f"see {ctx.command_path} --help"
            raise UsageError(f"{args[0]}: no such command", hint=hint)
        return super().resolve_command(ctx, args)


def parse(argv: list[str]) -> "tuple[str, Values] | None":
    """Read a command line with click; None when help or the version was printed.

    Errors: UsageError in one line, with a suggestion where there is one.
    """
    try:
        result: Any = _group().main(argv, prog_name="pyrun", standalone_mode=False)
    except click.exceptions.NoArgsIsHelpError as problem:
        click.echo(problem.format_message(), err=True)
        raise SystemExit(125) from None
    except click.UsageError as problem:
        _complain(problem)
    except click.exceptions.Exit as end:
        raise SystemExit(end.exit_code) from None
    except click.Abort:
        raise SystemExit(130) from None
    return result if isinstance(result, tuple) else None


def _complain(problem: click.UsageError) -> NoReturn:
    text = problem.format_message().rstrip(".").replace("\n", " ")
    where = f"{problem.ctx.command_path if problem.ctx else 'pyrun'} --help"
    if isinstance(problem, click.NoSuchOption):
        near = difflib.get_close_matches(problem.option_name, problem.possibilities or (), 1, 0)
        hint = f"did you mean {near[0]}?" if near else f"see {where}"
        raise UsageError(f"{problem.option_name}: no such option", hint=hint) from problem
    raise UsageError(text[:1].lower() + text[1:], hint=f"see {where}") from problem


def _group() -> click.Group:
    settings = {"help_option_names": ["--help"], "max_content_width": 100}
    group = _Group("pyrun", help="Containers with Docker-style bridge networking, without a daemon.")
    group.context_settings = settings
    group = click.version_option(__version__, prog_name="pyrun", message="%(prog)s %(version)s")(group)
    groups = {"": group}
    for name, summary in GROUPS.items():
        groups[name] = _Group(name, help=f"{summary}.", short_help=summary)
        group.add_command(groups[name])
    for verb in VERBS.values():
        groups[verb.name.rpartition(" ")[0]].add_command(_command(verb))
    return group


def _command(verb: Verb) -> click.Command:
    parameters: list[click.Parameter] = [_option(option) for option in verb.options]
    if verb.most:
        metavar = verb.arguments
        parameters.append(click.Argument(["arguments"], nargs=-1, required=bool(verb.least), metavar=metavar))
    settings = {"allow_interspersed_args": not verb.options_first}

    def result(**values: Any) -> "tuple[str, Values]":
        values.setdefault("arguments", ())
        count = len(values["arguments"])
        if count < verb.least or (0 <= verb.most < count):
            raise click.UsageError(f"expected {verb.arguments}, got {count}")
        return verb.name, values

    return click.Command(
        verb.name.rpartition(" ")[2],
        params=parameters,
        help=verb.summary + ".",
        callback=result,
        context_settings=settings,
        short_help=verb.summary,
    )


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
