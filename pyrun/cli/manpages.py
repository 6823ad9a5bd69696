"""Manual pages made of declarations and pages, as roff: pyrun(1), one for each group and one for each verb.

The macros are man's; see groff_man(7).
"""

import os

from pyrun import __version__
from pyrun.cli import manual
from pyrun.cli.declared import GROUPS, Option, Verb, every

_DESCRIPTION = (
    "pyrun runs programs in containers: on a root file system of their own, in namespaces of their own, on a bridge as"
    " Docker's. There is no daemon: each container has a small process that outlives whoever started it, and every"
    " command cleans up after those that were killed.\n\nMost verbs need root."
)
_FILES = (
    ("/var/lib/pyrun", "containers, networks and named root file systems"),
    ("/run/pyrun", "what is undone when a container ends; gone after a reboot"),
)
_ENVIRONMENT = (
    ("PYRUN_FIREWALL", "auto, iptables or nftables: what the firewall rules of new networks are made with"),
    ("NO_COLOR", "whatever its value, no colours"),
)


def pages() -> "dict[str, str]":
    """Give all pages by the names of their files."""
    verbs = every()
    found = {"pyrun.1": _overview(verbs)}
    for group in GROUPS:
        found[f"pyrun-{group}.1"] = _group(group, verbs)
    for verb in verbs.values():
        if not verb.hidden:
            found[f"{_named(verb.name)}.1"] = _verb(verb)
    return found


def write(directory: str) -> None:
    """Write all pages into a directory, and remove those of verbs that are no more. Errors: OSError."""
    os.makedirs(directory, exist_ok=True)
    found = pages()
    for name in os.listdir(directory):
        if (name == "pyrun.1" or name.startswith("pyrun-")) and name.endswith(".1") and name not in found:
            os.unlink(f"{directory}/{name}")
    for name, text in found.items():
        with open(f"{directory}/{name}", "w") as file:
            file.write(text)


def _overview(verbs: "dict[str, Verb]") -> str:
    lines = [*_head("pyrun", "containers with Docker-style bridge networking, without a daemon")]
    lines += [".SH SYNOPSIS", ".B pyrun", r".I VERB \fR[\fIOPTION\fR]... [\fIARGUMENT\fR]..."]
    lines += [".SH DESCRIPTION", *_paragraphs(_DESCRIPTION), ".SH VERBS"]
    for heading, names in manual.sections(verbs):
        lines += [f".SS {_quoted(heading)}"]
        for name in names:
            members = manual.members(name, verbs) if name in GROUPS else []
            for each in [verb.name for verb in members] or [name]:
                lines += _item(rf"\fBpyrun {_text(each)}\fR", verbs[each].summary if each in verbs else _HELP)
    lines += [".SH ENVIRONMENT", *(line for name, text in _ENVIRONMENT for line in _item(rf"\fB{name}\fR", text))]
    lines += [".SH FILES", *(line for name, text in _FILES for line in _item(rf"\fI{name}\fR", text))]
    return _page([*lines, *_see(sorted(_named(name) for name, verb in verbs.items() if not verb.hidden))])


_HELP = "Explain a verb: pyrun help VERB"


def _group(name: str, verbs: "dict[str, Verb]") -> str:
    lines = [*_head(f"pyrun-{name}", _lower(GROUPS[name]))]
    lines += [".SH SYNOPSIS", f".B pyrun {name}", r".I VERB \fR[\fIOPTION\fR]... [\fIARGUMENT\fR]...", ".SH VERBS"]
    members = manual.members(name, verbs)
    for verb in members:
        lines += _item(rf"\fBpyrun {name} {_text(verb.name.split()[-1])}\fR", verb.summary)
    return _page([*lines, *_see(["pyrun", *(_named(verb.name) for verb in members)])])


def _verb(verb: Verb) -> str:
    page = manual.page(verb.name)
    lines = [*_head(_named(verb.name), _lower(verb.summary)), ".SH SYNOPSIS"]
    for at, spelling in enumerate(manual.spellings(verb)):
        lines += [*([".br"] if at else []), f".B {_text(f'pyrun {spelling}')}", _synopsis(verb)]
    if page.text:
        lines += [".SH DESCRIPTION", *_paragraphs(page.text)]
    groups = manual.grouped(verb)
    lines += [".SH OPTIONS"] if groups else []
    for heading, options in groups:
        lines += [f".SS {_quoted(heading)}"] if len(groups) > 1 else []
        for option in options:
            lines += _item(_flags(option), option.help)
    lines += [".SH EXAMPLES"] if page.examples else []
    for command, meaning in page.examples:
        lines += [".PP", _text(meaning), ".PP", ".RS 4", ".EX", _text(command), ".EE", ".RE"]
    lines += [".SH EXIT STATUS", *(line for code, text in page.codes for line in _item(rf"\fB{_text(code)}\fR", text))]
    group = [f"pyrun-{verb.name.split()[0]}"] if " " in verb.name else []
    return _page([*lines, *_see(["pyrun", *group])])


def _head(name: str, summary: str) -> list[str]:
    title = f'.TH {_text(name).upper()} 1 "" "pyrun {__version__}" "pyrun"'
    return [title, ".SH NAME", rf"{_text(name)} \- {_text(summary)}"]


def _synopsis(verb: Verb) -> str:
    some = r"[\fIOPTION\fR]... " if any(not option.hidden for option in verb.options) else ""
    return (some + _text(verb.arguments)).strip() or r"\&"


def _flags(option: Option) -> str:
    flags = ", ".join(rf"\fB{_text(flag)}\fR" for flag in sorted(option.flags, key=len))
    return rf"{flags} \fI{_text(option.metavar)}\fR" if option.metavar else flags


def _see(names: list[str]) -> list[str]:
    refer = [rf".BR {_text(name)} (1){',' if at < len(names) - 1 else ''}" for at, name in enumerate(names)]
    return [".SH SEE ALSO", *refer]


def _item(tag: str, text: str) -> list[str]:
    return [".TP", tag, _text(text)]


def _paragraphs(text: str) -> list[str]:
    return [line for paragraph in text.split("\n\n") for line in (".PP", _text(paragraph))]


def _named(verb: str) -> str:
    return f"pyrun-{verb.replace(' ', '-')}"


def _lower(text: str) -> str:
    return text[:1].lower() + text[1:]


def _page(lines: list[str]) -> str:
    return "".join(f"{line}\n" for line in lines)


def _quoted(heading: str) -> str:
    return f'"{_text(heading)}"'


def _text(text: str) -> str:
    """Write words so that roff takes none of them for its own; whatever is not ASCII by its number."""
    escaped = text.replace("\\", "\\e").replace("-", "\\-").replace("'", "\\(aq").replace("^", "\\(ha")
    escaped = escaped.replace("`", "\\(ga").replace("~", "\\(ti")
    named = "".join(c if c.isascii() else f"\\[u{ord(c):04X}]" for c in escaped)
    return f"\\&{named}" if named.startswith((".", "\\(aq")) else named
