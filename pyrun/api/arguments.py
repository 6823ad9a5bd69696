"""Keyword arguments become the words of a command line, by the same declarations that the command line is read with.

Values are checked for their shape here, with a suggestion for a word that is unknown; what they mean is checked by
the verb itself.
"""

import os
import shlex
import time
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from pyrun import near
from pyrun.api.option_types import Moment
from pyrun.cli import declared
from pyrun.cli.declared import Option
from pyrun.errors import UsageError

OURS = {  # what the command line has for people at a terminal, or is told by other arguments here
    "run": "detach detach_keys sig_proxy explain dry_run cidfile attach",
    "create": "cidfile attach",
    "exec": "interactive detach_keys",
    "attach": "detach_keys no_stdin sig_proxy",
}
_MEANS = {"ports": "publish", "volumes": "volume", "labels": "label", "mounts": "mount", "remove": "rm"}
_PORTS = "[IP:][HOSTPORT:]PORT"


def words(verb: str, given: Mapping[str, object], arguments: Sequence[str] = ()) -> list[str]:
    """Give the command line of a verb. Errors: UsageError for a word that is unknown, or a value of a wrong shape."""
    known = options(verb)
    line = verb.split()
    for name, value in given.items():
        if name not in known:
            raise _unknown(verb, name, known)
        if value is not None:
            line += _option(name, known[name], value)
    return [*line, "--", *arguments]


def options(verb: str) -> dict[str, Option]:
    """Give the options of a verb by their names here."""
    found = {option.key: option for option in declared.declaration(verb).options if not option.hidden}
    for name, key in _MEANS.items():
        if key in found and name not in found:
            found[name] = found.pop(key)
    for key in OURS.get(verb, "explain").split():
        found.pop(key, None)
    return found


def texts(verb: str, name: str, value: object) -> list[str]:
    """Give a value of an option as the words that it is typed with. Errors: UsageError."""
    return [] if value is None else _texts(name, options(verb)[name], value)


def moment(what: str, given: "Moment | None") -> "int | None":
    """Give a moment in nanoseconds since the epoch. Errors: PyrunError."""
    from pyrun import moments

    if given is None:
        return None
    if isinstance(given, datetime):
        given = given.timestamp()
    return moments.parse(what, given if isinstance(given, str) else f"{given:.9f}", time.time_ns())


def program(command: "str | Sequence[str] | None") -> list[str]:
    """Give the words of a program; a string is split as a shell would, but no shell runs it. Errors: UsageError."""
    if command is None:
        return []
    try:
        found = shlex.split(command) if isinstance(command, str) else [str(word) for word in command]
    except ValueError as problem:
        raise UsageError(f"command: {command!r}: {str(problem).lower()}") from None
    if any("\0" in word for word in found):
        raise UsageError("command: a word cannot contain a NUL byte")
    return found


def _option(name: str, option: Option, value: object) -> list[str]:
    flag = option.flags[0]
    if not option.metavar:
        if not isinstance(value, bool):
            raise UsageError(f"{name}: {value!r}: expected True or False")
        return [flag if value else f"{flag}=false"] if value != option.default else []
    texts = _texts(name, option, value)
    if any("\0" in text for text in texts):
        raise UsageError(f"{name}: a value cannot contain a NUL byte")
    return [f"{flag}={text}" for text in texts]


def _texts(name: str, option: Option, value: Any) -> list[str]:
    if not option.multiple:
        return [_text(name, value)]
    if isinstance(value, Mapping):
        return _pairs(name, option.metavar, value)
    if isinstance(value, Sequence | set | frozenset) and not isinstance(value, str | bytes):
        return [text for each in value for text in _texts(name, option, each)]
    return [_text(name, value)]


def _text(name: str, value: Any) -> str:
    own = getattr(value, "_as_option", None)
    if own:
        return str(own())
    if isinstance(value, os.PathLike):
        value = os.fspath(value)
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise UsageError(f"{name}: {value!r}: expected text or a number")
    return str(value)


def _pairs(name: str, metavar: str, value: Mapping[Any, Any]) -> list[str]:
    """Write a mapping as the option wants it, which its metavar tells: K=V, K:V, or K=V,K=V for one whole mapping."""
    if metavar == _PORTS:
        return [text for port, places in value.items() for text in _published(name, port, places)]
    if metavar.endswith(",…"):
        return [",".join(_field(name, key, each) for key, each in value.items())]
    separator = next((character for character in metavar if character in "=:"), "")
    if not separator:
        raise UsageError(f"{name}: expected {metavar}, not a mapping")
    return [_pair(name, separator, key, each) for key, each in value.items()]


def _pair(name: str, separator: str, key: Any, value: Any) -> str:
    if value is None:
        return _text(name, key)
    parts = value if isinstance(value, tuple) else (value,)
    return f"{_text(name, key)}{separator}{':'.join(_text(name, part) for part in parts)}"


def _field(name: str, key: Any, value: Any) -> str:
    text = str(value).lower() if isinstance(value, bool) else _text(name, value)
    if "," in text:
        raise UsageError(f"{name}: {text!r}: a comma cannot be written here")
    return f"{_text(name, key)}={text}"


def _published(name: str, port: Any, places: Any) -> list[str]:
    """Write a port of the container and where it is published: a port, (address, port), a list of those, or None."""
    if isinstance(places, list):
        return [text for place in places for text in _published(name, port, place)]
    target = _text(name, port)
    if places is None:
        return [target]
    if isinstance(places, tuple):
        address, *ports = [_text(name, part) for part in places]
        address = f"[{address}]" if ":" in address else address
        return [":".join([address, *(ports or [""]), target])]
    return [f"{_text(name, places)}:{target}"]


def _unknown(verb: str, name: str, known: Mapping[str, Option]) -> UsageError:
    meant = {key: name for name, key in _MEANS.items() if name in known}
    found = meant.get(name) or near.nearest(name, known)
    hint = f"did you mean {found}?" if found else f"see pyrun {verb} --help"
    return UsageError(f"{verb}: {name}: no such option", hint=hint)
