"""Verbs about a container's files: what was typed becomes a call of the runtime."""

import os
import sys

from pyrun.cli.complaints import arguments, complain
from pyrun.cli.reader import Values
from pyrun.errors import PyrunError
from pyrun.typed import Callable

_STREAM = "-"


def _cp(values: Values) -> int:
    from pyrun import chronicle, store
    from pyrun.cli import meters
    from pyrun.runtime import copying

    source, target = arguments(values)
    for name, given in (("source", source), ("destination", target)):
        if not given:
            raise PyrunError(f"cp: {name} cannot be empty", 1)
    (origin, path), (receiver, place) = _split(source), _split(target)
    if origin and receiver:
        raise PyrunError("cp: copying between containers is not supported", 1, "copy to this host in between")
    if not (origin or receiver):
        raise PyrunError("cp: one of both must be a container", 1, "as in pyrun cp NAME:/file .")
    if not (path if origin else place):
        raise PyrunError("cp: the path in the container cannot be empty", 1)
    container = store.find(origin or receiver)
    with meters.meter(f"copying {'from' if origin else 'to'} {container.name}", bool(values["quiet"])) as progress:
        options = copying.Options(bool(values["archive"]), bool(values["follow_link"]), progress)
        if target == _STREAM:
            notes = copying.read_archive(container, path, 1, options)
        elif origin:
            notes = copying.copy_out(container, path, place, options)
        elif source == _STREAM:
            notes = copying.write_archive(container, _StandardInput(), place, options)
        else:
            notes = copying.copy_in(container, path, place, options)
    chronicle.container(container.id, container.config, "archive-path" if origin else "extract-to-dir")
    _tell("cp", notes)
    return 0


def _split(argument: str) -> tuple[str, str]:
    """Give container and path; what begins with / or . or has no colon is a path of this host."""
    name, colon, path = argument.partition(":")
    return (name, path) if colon and not argument.startswith(("/", ".")) else ("", argument)


def _diff(values: Values) -> int:
    from pyrun import store
    from pyrun.runtime import changes

    plain = not os.isatty(1)
    for change in changes.changes(store.find(arguments(values)[0])):
        path = os.fsdecode(change.path)
        shown = path if plain or path.isprintable() else "".join(c if c.isprintable() else repr(c)[1:-1] for c in path)
        sys.stdout.buffer.write(f"{change.kind} {shown}\n".encode(errors="surrogateescape"))
    return 0


def _export(values: Values) -> int:
    from pyrun import chronicle, store
    from pyrun.cli import meters
    from pyrun.kernel import files
    from pyrun.runtime import exporting

    output = values["output"]
    if not output and os.isatty(1):
        raise PyrunError("export: not written to a terminal", 1, "use -o FILE, or redirect it")
    container = store.find(arguments(values)[0])
    if not isinstance(output, str) or not output:
        _tell("export", exporting.export(container, 1))
        chronicle.container(container.id, container.config, "export")
        return 0
    with files.replacing(_checked(output)) as fd, meters.meter(f"exporting {container.name}", False) as progress:
        _tell("export", exporting.export(container, fd, meters.growing(fd, progress)))
    chronicle.container(container.id, container.config, "export")
    return 0


def _checked(path: str) -> str:
    """Give a path that can be written to. Errors: PyrunError."""
    directory = os.path.dirname(path) or "."
    if not os.path.isdir(directory):
        raise PyrunError(f"export: {directory}: no such directory", 1)
    if os.path.lexists(path) and not os.path.isfile(path):
        raise PyrunError(f"export: {path}: is no regular file", 1)
    return path


def _tell(verb: str, notes: list[str]) -> None:
    for note in notes:
        complain(f"{verb}: {note}")


class _StandardInput:
    def read(self, count: int, /) -> bytes:
        """Read at most *count* bytes."""
        return os.read(0, count)


VERBS: dict[str, Callable[[Values], int]] = {"cp": _cp, "diff": _diff, "export": _export}
