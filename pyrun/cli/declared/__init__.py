"""Every verb and option, declared as data: the reader and click's commands are made from it.

Reading a plain command line has to cost nothing: only what is asked for is imported, and an area of verbs has a
module of its own here. Its bodies are in `pyrun.cli.AREA_verbs`.
"""

from pyrun.typed import NamedTuple


class Option(NamedTuple):
    """An option; a switch takes no value, a *multiple* one may be given again."""

    flags: tuple[str, ...]  # the long spelling first
    help: str
    metavar: str = ""  # empty for a switch
    multiple: bool = False
    hidden: bool = False
    default: bool = False  # of a switch
    kind: str = ""  # what its value is, for completion: see pyrun.cli.kinds; mostly its metavar tells

    @property
    def key(self) -> str:
        """Give the name under which the value is found."""
        return self.flags[0].lstrip("-").replace("-", "_")


class Verb(NamedTuple):
    """A verb: what stands after its options is *arguments*, of which the last may repeat."""

    name: str  # the words that are typed: "ps", "network create"
    summary: str
    options: tuple[Option, ...]
    arguments: str  # as in the usage line
    least: int  # how many arguments at least
    most: int  # at most; -1 any number
    options_first: bool = False  # what follows the first argument belongs to the program
    hidden: bool = False  # typed by programs alone


def switch(help_text: str, *flags: str, hidden: bool = False, default: bool = False) -> Option:
    """Declare an option that takes no value."""
    return Option(flags, help_text, "", False, hidden, default, "")


def value(
    metavar: str, help_text: str, *flags: str, multiple: bool = False, hidden: bool = False, kind: str = ""
) -> Option:
    """Declare an option with a value; *metavar* names it in the help, *kind* says what completes it."""
    return Option(flags, help_text, metavar, multiple, hidden, False, kind)


AREAS = {
    "logs": ("logs",),
    "running": ("run", "create", "start", "restart", "attach", "exec"),
    "alteration": ("rename", "pause", "unpause", "update", "prune"),
    "container": ("ps", "stop", "kill", "rm", "inspect", "port", "wait"),
    "files": ("cp", "diff", "export"),
    "network": (
        *("network create", "network ls", "network inspect", "network rm", "network prune"),
        *("network connect", "network disconnect", "network repair"),
    ),
    "volume": ("volume create", "volume ls", "volume inspect", "volume rm", "volume prune"),
    "rootfs": ("rootfs ls", "rootfs import", "rootfs build", "rootfs inspect", "rootfs rm"),
    "sight": ("network diagram", "network why", "netns exec"),
    "system": ("version", "system boot"),
    "host": ("events", "info"),
    "watching": ("stats", "top"),
    "lab": (
        *("lab start", "lab shell", "lab check", "lab hint", "lab solve", "lab reset", "lab status", "lab ls"),
        *("lab stop", "lab faults"),
    ),
    "parity": ("parity",),
    "help": ("doctor", "completion", "__complete"),
}
_OF_THE_HOST = ("system", "host", "help", "parity")  # areas whose verbs of one word are not about containers
GROUPS = {
    "container": "Work with containers",
    "network": "Make and look at networks",
    "rootfs": "Take in, make and look at root file systems",
    "system": "Look after this host",
    "volume": "Make and look at volumes",
    "lab": "Learn container networking by hand, on a private host",
    "netns": "Go where a container's network is",
}
ALIASES = {
    "container ls": "ps",
    "container list": "ps",
    "container ps": "ps",
    "container remove": "rm",
    "network list": "network ls",
    "network remove": "network rm",
    "volume list": "volume ls",
    "volume remove": "volume rm",
}
ALIASES |= {"system info": "info", "system events": "events"}
_AREA_OF = {verb: area for area, verbs in AREAS.items() for verb in verbs}


def named(words: list[str]) -> "tuple[Verb | None, list[str]]":
    """Give the verb that a command line begins with, and what follows it."""
    count = 2 if words and words[0] in GROUPS else 1
    name = canonical(" ".join(words[:count]))
    return (declaration(name) if name in _AREA_OF else None), words[count:]


def canonical(name: str) -> str:
    """Give the name under which a verb is declared: `container stop` is `stop`."""
    plain = name.removeprefix("container ")
    return ALIASES.get(name) or (plain if plain in _AREA_OF and in_container(plain) else name)


def in_container(verb: str) -> bool:
    """Claim that a declared verb is a verb of `container` too."""
    return " " not in verb and area(verb) not in _OF_THE_HOST


def area(verb: str) -> str:
    """Give the area that a declared verb is in."""
    return _AREA_OF[verb]


def declaration(verb: str) -> Verb:
    """Give the declaration of a verb by its whole name."""
    found: Verb = __import__(f"{__name__}.{area(verb)}", fromlist=("VERBS",)).VERBS[verb]
    return found


def every() -> "dict[str, Verb]":
    """Give all declarations, for help and tests."""
    return {verb: declaration(verb) for verb in _AREA_OF}
