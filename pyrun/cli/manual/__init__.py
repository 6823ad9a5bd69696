"""What is told of verbs beyond their declarations: how they belong together, longer words, examples, exit codes.

Loaded for help and manual pages alone. A verb without a page has its summary and its options. A page may be
there before its verb.
"""

from pyrun.cli.declared import ALIASES, GROUPS, Option, Verb, in_container
from pyrun.typed import NamedTuple

_CODES = (
    ("0", "done"),
    ("1", "something that was named is not there, or could not be done"),
    ("125", "the line was not understood, or pyrun itself failed"),
)


class Page(NamedTuple):
    """More of a verb; examples are pairs of a command and what it does, codes of an exit code and its meaning."""

    text: str = ""  # paragraphs, empty lines between
    examples: tuple[tuple[str, str], ...] = ()
    codes: tuple[tuple[str, str], ...] = _CODES
    groups: tuple[tuple[str, str], ...] = ()  # heading, and the options under it; all others are under Options


# What people want to do, in the order of the first page: the verbs and groups that are declared are listed.
SECTIONS = (
    (
        "Run and live with containers",
        "run exec create start stop restart kill wait pause unpause rename update attach rm prune",
    ),
    ("Look", "ps inspect logs top stats port diff events"),
    ("Networks", "network netns lab"),
    ("Files", "cp export rootfs volume"),
    ("This host", "doctor info parity system completion version help"),
)
_TOPICS = ("running", "containers", "networks", "host", "lab")


def page(name: str) -> Page:
    """Give what more is told of a verb, by its whole name."""
    for topic in _TOPICS:
        found: Page | None = __import__(f"{__name__}.{topic}", fromlist=("PAGES",)).PAGES.get(name)
        if found is not None:
            return found
    return Page()


def grouped(verb: Verb) -> list[tuple[str, list[Option]]]:
    """Give the options that people see, under their headings; what no heading has is under Options, the last."""
    left = [option for option in verb.options if not option.hidden]
    found = []
    for heading, flags in page(verb.name).groups:
        under = [option for option in left if set(option.flags) & set(flags.split())]
        left = [option for option in left if option not in under]
        found += [(heading, under)] if under else []
    return [*found, *([("Options" if not found else "More options", left)] if left else [])]


def sections(verbs: "dict[str, Verb]") -> list[tuple[str, list[str]]]:
    """Sort the names of verbs and groups into the sections; what no section names comes last."""
    seen = {name.split()[0] for name, verb in verbs.items() if not verb.hidden} | {"help"}
    left = seen - {"container"}
    found = []
    for heading, names in SECTIONS:
        here = [name for name in names.split() if name in left]
        left -= set(here)
        found += [(heading, here)] if here else []
    return [*found, *([("More", sorted(left))] if left else [])]


def members(group: str, verbs: "dict[str, Verb]") -> list[Verb]:
    """Give the verbs of a group, in the order of their declaration."""
    own = [verb for name, verb in verbs.items() if name.startswith(f"{group} ") and not verb.hidden]
    return own + [verb for name, verb in verbs.items() if group == "container" and in_container(name)]


def aliases(group: str) -> list[tuple[str, str]]:
    """Give the other names that verbs have in a group, and the verbs."""
    return [(alias, name) for alias, name in ALIASES.items() if alias.split()[0] == group]


def summary(name: str, verbs: "dict[str, Verb]") -> str:
    """Say in a line what a verb of one word, or a group, is for."""
    if name == "help":
        return "Explain a verb: pyrun help VERB"
    if name in verbs:
        return verbs[name].summary
    words = " ".join(verb.name.split()[1] for verb in members(name, verbs))
    return words or GROUPS.get(name, "")


def spellings(verb: Verb) -> list[str]:
    """List all ways to type a verb."""
    own = [f"container {verb.name}"] if in_container(verb.name) else []
    return list(dict.fromkeys([verb.name, *own, *(alias for alias, name in ALIASES.items() if name == verb.name)]))
