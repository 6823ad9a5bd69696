"""What --help prints, made of declarations and pages: 80 columns, headings that stand out on a terminal."""

from pyrun.cli import manual, screen
from pyrun.cli.declared import GROUPS, Option, Verb, every
from pyrun.typed import Sequence

_WIDTH, _COLUMN = 80, 30


def overview() -> str:
    """Give the first page: what people want to do, and the verbs for it."""
    verbs = every()
    lines = ["Usage: pyrun VERB [OPTION]... [ARGUMENT]...", ""]
    lines += ["Containers with Docker-style bridge networking, without a daemon.", ""]
    for heading, names in manual.sections(verbs):
        lines += [f"{heading}:", *_table([(name, manual.summary(name, verbs)) for name in names], 14), ""]
    lines += ["Begin with:", "  pyrun run -it --rm debian-rootfs bash", ""]
    lines += ["pyrun VERB --help explains a verb; pyrun doctor looks whether this host is fit."]
    return _shown(lines)


def group(name: str) -> str:
    """Give the page of a group: its verbs."""
    verbs = every()
    rows = [(verb.name.split()[-1], verb.summary) for verb in manual.members(name, verbs)]
    rows += [(alias.split()[1], f"The same as pyrun {of}") for alias, of in manual.aliases(name)]
    lines = [f"Usage: pyrun {name} VERB [OPTION]... [ARGUMENT]...", "", f"{GROUPS[name]}.", "", "Verbs:"]
    width = max(len(row[0]) for row in rows) + 4
    return _shown([*lines, *_table(rows, width), "", f"pyrun {name} VERB --help explains a verb."])


def verb(declared: Verb, typed: str) -> str:
    """Give the page of a verb, which may have been *typed* by another of its names."""
    page = manual.page(declared.name)
    some = " [OPTION]..." if any(not option.hidden for option in declared.options) else ""
    lines = [f"Usage: pyrun {typed}{some} {declared.arguments}".rstrip(), "", f"{declared.summary}."]
    for paragraph in filter(None, page.text.split("\n\n")):
        lines += ["", *_wrapped(paragraph)]
    others = [name for name in manual.spellings(declared) if name != typed]
    lines += ["", "Also typed:", *(f"  pyrun {name}" for name in others)] if others else []
    for heading, options in manual.grouped(declared):
        lines += ["", f"{heading}:", *_table([(_flags(option), option.help) for option in options], _COLUMN)]
    if page.examples:
        lines += ["", "Examples:"]
        for command, meaning in page.examples:
            lines += [f"  # {meaning}", f"  {command}"]
    lines += ["", "Exit codes:", *_table(page.codes, 8)]
    return _shown(lines)


def _flags(option: Option) -> str:
    """Write an option as it is typed: short ones first, where there is none its place stays empty."""
    short = [flag for flag in option.flags if len(flag) == 2]
    long = [flag for flag in option.flags if len(flag) > 2]
    written = ", ".join((*short, *long))
    return f"{'' if short else '    '}{written} {option.metavar}".rstrip()


def _table(rows: "Sequence[tuple[str, str]]", column: int) -> list[str]:
    """Lay pairs out, the second ones from a *column* on; what is longer pushes its partner to the next line."""
    lines = []
    for left, right in rows:
        first = f"  {left}"
        texts = _wrapped(right, _WIDTH - column)
        if len(first) + 2 > column:
            lines += [first, *(" " * column + text for text in texts)]
        else:
            lines += [(first if not at else "").ljust(column) + text for at, text in enumerate(texts or [""])]
    return [line.rstrip() for line in lines]


def _wrapped(text: str, width: int = _WIDTH) -> list[str]:
    """Break a paragraph into lines, between words only."""
    lines: list[str] = []
    for word in text.split():
        if lines and len(lines[-1]) + 1 + len(word) <= width:
            lines[-1] += f" {word}"
        else:
            lines.append(word)
    return lines


def _shown(lines: list[str]) -> str:
    """Join the lines, headings bold on a terminal."""
    bold = screen.is_coloured()
    return "\n".join(screen.painted(line, "bold") if bold and _is_heading(line) else line for line in lines)


def _is_heading(line: str) -> bool:
    return line.endswith(":") and not line.startswith(" ")
