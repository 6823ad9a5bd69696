"""What scripts leave in either engine, told from what is the user's own, and removed.

Containers are known by the tree of the run. A network or volume is a script's when it was not there before and the
script has its name, or it is a volume without one.
"""

import re
import time

from pyrun import paths, store, volume_store
from pyrun.errors import PyrunError
from pyrun.network import definitions
from pyrun.parity.engines import TREE, Engine
from pyrun.typed import NamedTuple, Sequence

_WORD = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")
_ABBREVIATION = re.compile("[a-f][0-9a-f]+")  # of an id, by what may be meant for a name
_NAMELESS = re.compile(r"[0-9a-f]{64}")
_BUILT_IN = {"bridge", "host", "none"}
_PATIENCE, _MOMENT = 5, 0.2  # seconds
KINDS = ("containers", "networks", "volumes")
_QUESTIONS = {
    "containers": ("ps", "-a", "--no-trunc", "--format", "{{.ID}} {{.Image}} {{.Names}}"),
    "networks": ("network", "ls", "--format", "{{.Name}}"),
    "volumes": ("volume", "ls", "-q"),
}
_MAKES = {
    "containers": re.compile(r"\brun (?!--rm )|\bcreate\b"),
    "networks": re.compile(r"\bnetwork create\b"),
    "volumes": re.compile(r" -v\b|\bmount\b|\bvolume"),
}
# What shows or takes all that there is: on a host where others have something it is neither comparable nor harmless.
_OF_ALL = re.compile(
    r"\bprune\b|\bE ps\b|\b(container|network|volume|image) (ls|list)\b|\bE (info|images|events|stats)\b"
)


class Found(NamedTuple):
    """What an engine has."""

    containers: frozenset[str]  # of a run, by their ids
    others: frozenset[str]  # ids and names of all other containers
    networks: frozenset[str]
    volumes: frozenset[str]

    def is_empty(self) -> bool:
        """Claim that nobody has anything here, but for containers of a run."""
        return not (self.others or self.networks or self.volumes)


def look(engine: Engine, kinds: Sequence[str] = KINDS) -> Found:
    """Say what an engine has of some *kinds*. Errors: PyrunError."""
    return _of_docker(engine, kinds) if engine.name == "docker" else _of_pyrun()


def _of_docker(engine: Engine, kinds: Sequence[str]) -> Found:
    """Ask Docker, of which every question costs something."""
    answers = engine.answers(*(_QUESTIONS[kind] for kind in kinds))
    listed, networks, volumes = (dict(zip(kinds, answers, strict=True)).get(kind, "") for kind in KINDS)
    rows = [row.split() for row in listed.splitlines()]
    own = {row[0] for row in rows if row[1].partition(":")[0] == TREE}
    others = {word for row in rows if row[0] not in own for word in (row[0], *",".join(row[2:]).split(","))}
    return Found(*map(frozenset, (own, others, set(networks.split()) - _BUILT_IN, volumes.split())))


def _of_pyrun() -> Found:
    tree = f"{paths.ROOTFS}/{TREE}"
    found = store.containers()
    own = {each.id for each in found if each.config and each.config.rootfs == tree}
    others = {word for each in found if each.id not in own for word in (each.id, each.name)}
    return Found(*map(frozenset, (own, others, definitions.names(), volume_store.names())))


def words(script: str) -> frozenset[str]:
    """Give all that may be a name in a script."""
    return frozenset(_WORD.findall(script))


def may_leave(script: str) -> tuple[str, ...]:
    """Give the kinds of what a script may leave."""
    return tuple(kind for kind in KINDS if _MAKES[kind].search(script))


def in_the_way(script: str, before: Found) -> str:
    """Say why a script is not for a host that has this *before*; nothing when it may run."""
    if _OF_ALL.search(script) and not before.is_empty():
        return "shows or takes all that there is, and this host has containers, networks or volumes of its own"
    own = words(script)
    clash = sorted((own & (before.others | before.networks | before.volumes)) | _abbreviations(own, before.others))
    return f"this host has something called {clash[0]} of its own" if clash else ""


def _abbreviations(own: frozenset[str], others: frozenset[str]) -> set[str]:
    """Give the words by which an engine would find a container of others by its id."""
    short = [word for word in own if _ABBREVIATION.fullmatch(word)]
    return {word for word in short for other in others if _NAMELESS.fullmatch(other) and other.startswith(word)}


def remove(engine: Engine, script_words: frozenset[str], before: Found, kinds: Sequence[str] = KINDS) -> list[str]:
    """Remove what a script has left of some *kinds*; say what does not go.

    Docker refuses what somebody removes just now, as who was killed has asked for: that is looked at again.
    """
    late = time.monotonic() + _PATIENCE
    while True:
        left = _removed(engine, script_words, before, kinds) if kinds else []
        if not left or time.monotonic() > late:
            return left
        time.sleep(_MOMENT)


def _removed(engine: Engine, script_words: frozenset[str], before: Found, kinds: Sequence[str]) -> list[str]:
    found = look(engine, kinds)
    more = found.volumes - before.volumes
    left = []
    for verb, names in (
        (("rm", "-f", "-v"), found.containers),
        (("network", "rm"), (found.networks - before.networks) & script_words),
        (("volume", "rm", "-f"), {name for name in more if name in script_words or _NAMELESS.fullmatch(name)}),
    ):
        try:
            if names:
                engine.call(*verb, *sorted(names))
        except PyrunError as problem:
            left.append(str(problem))
    return left
