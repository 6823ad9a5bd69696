"""What is there to be named on this host, for completion: whatever cannot be read, as without root, is left out."""

import os

from pyrun import options, store
from pyrun.contexts import suppress
from pyrun.errors import PyrunError
from pyrun.typed import Callable, NamedTuple

Candidate = tuple[str, str]  # a word, and what it means
_UNREADABLE = (PyrunError, OSError, ValueError)
_SHORT = 12  # digits of an id, as Docker shows it


class Asked(NamedTuple):
    """What is to be completed: the word so far, the arguments before it, and which containers are meant."""

    verb: str
    word: str
    arguments: tuple[str, ...]
    states: str = ""  # empty: all


def find(source: str, asked: Asked) -> "tuple[list[Candidate], str]":
    """Give the candidates of a source, and the kind of paths that the shell shall add: files, directories or none."""
    if source in ("files", "directories"):
        return [], source
    with suppress(*_UNREADABLE):
        return _SOURCES[source](asked)
    return [], ""


def _containers(asked: Asked) -> "tuple[list[Candidate], str]":
    found = [(container, container.status().state) for container in store.containers()]
    meant = [(c, state) for c, state in found if not asked.states or state in asked.states.split()]
    names = [(c.name, f"{state}, {_image(c)}") for c, state in meant]
    ids = [(c.id[:_SHORT], f"{c.name}, {state}") for c, state in meant if asked.word and c.name != c.id[:_SHORT]]
    return names + [pair for pair in ids if pair[0].startswith(asked.word)], ""


def _running(asked: Asked) -> "tuple[list[Candidate], str]":
    return _containers(asked._replace(states="running paused"))


def _image(container: store.Container) -> str:
    return os.path.basename(container.config.image) if container.config else "record damaged"


def _networks(asked: Asked) -> "tuple[list[Candidate], str]":
    from pyrun.network import definitions

    names = definitions.names()
    if asked.verb == "network disconnect":
        return [*((name, "") for name in names), ("bridge", "")], ""
    predefined = () if asked.verb in ("network rm", "network repair") else definitions.PREDEFINED
    return [*((name, "created") for name in names), *((name, "predefined") for name in predefined)], ""


def _rootfs(asked: Asked) -> "tuple[list[Candidate], str]":
    from pyrun import rootfs

    own = [] if asked.verb.startswith("rootfs ") else [(rootfs.HOST, "this host's own file system, read-only")]
    return [*((name, "root file system") for name in rootfs.names()), *own], ""


def _volumes(asked: Asked) -> "tuple[list[Candidate], str]":
    from pyrun import volume_store

    return [(name, "volume") for name in volume_store.names()], ""


def _mounted(asked: Asked) -> "tuple[list[Candidate], str]":
    """Give what may stand in SOURCE:TARGET[:ro]: volumes and files of the host, then whether it is read-only."""
    source, colon, rest = asked.word.partition(":")
    if not colon:
        return [(f"{name}:", meaning) for name, meaning in find("volumes", asked)[0]], "files"
    target, colon, _ = rest.partition(":")
    return ([(f"{source}:{target}:{way}", "") for way in ("ro", "rw")] if colon else []), ""


def _copied(asked: Asked) -> "tuple[list[Candidate], str]":
    name, colon, path = asked.word.partition(":")
    if colon:
        return [(f"{name}:{place}", "") for place in _within(name, path)], ""
    return [(f"{name}:", meaning) for name, meaning in _containers(asked._replace(word=""))[0]], "files"


def _within(name: str, path: str) -> list[str]:
    """Give the paths in a container that begin as *path*; none where somebody would have to be waited for."""
    from pyrun.runtime import copying

    container, (directory, slash, begun) = store.find(name), path.rpartition("/")
    status = container.status()
    if status.monitored and not status.is_up:
        return []
    found = copying.names(container, directory or "/")
    return [f"{directory}{slash}{each}" for each in found if each.startswith(begun)]


def _faults(_: Asked) -> "tuple[list[Candidate], str]":
    from pyrun.lab import faults

    return [(name, f"seed {faults.seed_of(name)}") for name in faults.FAULTS], ""


def _environment(asked: Asked) -> "tuple[list[Candidate], str]":
    return [(name, "with the value that it has here") for name in sorted(os.environ)], ""


def _ulimits(asked: Asked) -> "tuple[list[Candidate], str]":
    return [(f"{name}=", "") for name in options.ULIMITS], ""


def _signals(asked: Asked) -> "tuple[list[Candidate], str]":
    return [(name, "") for name in options.SIGNALS], ""


def _capabilities(asked: Asked) -> "tuple[list[Candidate], str]":
    from pyrun.kernel import capabilities

    return [("ALL", "all of them"), *((name, "") for name in capabilities.NAMES)], ""


def _devices(asked: Asked) -> "tuple[list[Candidate], str]":
    return [], "" if ":" in asked.word else "files"


_SOURCES: dict[str, Callable[[Asked], "tuple[list[Candidate], str]"]] = {
    "containers": _containers,
    "running": _running,
    "networks": _networks,
    "faults": _faults,
    "rootfs": _rootfs,
    "volumes": _volumes,
    "mounted": _mounted,
    "copied": _copied,
    "environment": _environment,
    "ulimits": _ulimits,
    "signals": _signals,
    "capabilities": _capabilities,
    "devices": _devices,
}
