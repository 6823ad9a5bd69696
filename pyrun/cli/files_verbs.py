"""Verbs about a container's files: what was typed becomes a call of the runtime."""

import os
import sys

from pyrun.cli.complaints import arguments, complain
from pyrun.cli.reader import Values
from pyrun.contexts import nullcontext
from pyrun.errors import PyrunError
from pyrun.typed import Callable

_STREAM = "-"
_EVERY = 0.2  # seconds between looks at a file that grows


def _cp(values: Values) -> int:
    from pyrun import chronicle, store
    from pyrun.cli.progress import Progress
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
    progress = Progress(f"copy {'from' if origin else 'to'} {container.name}")
    seen = None if values["quiet"] else progress.seen
    options = copying.Options(bool(values["archive"]), bool(values["follow_link"]), seen)
    try:
        if target == _STREAM:
            notes = copying.read_archive(container, path, 1, options)
        elif origin:
            notes = copying.copy_out(container, path, place, options)
        elif source == _STREAM:
            notes = copying.write_archive(container, _StandardInput(), place, options)
        else:
            notes = copying.copy_in(container, path, place, options)
    finally:
        progress.clear()
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
    from pyrun.kernel import files
    from pyrun.runtime import exporting

    output = values["output"]
    if not output and os.isatty(1):
        raise PyrunError("export: not written to a terminal", 1, "use -o FILE, or redirect it")
    container = store.find(arguments(values)[0])
    with files.replacing(_checked(output)) if isinstance(output, str) and output else nullcontext(1) as fd:
        notes = exporting.export(container, fd, lambda child: _watch(f"export {container.name}", fd, child))
    chronicle.container(container.id, container.config, "export")
    _tell("export", notes)
    return 0


def _watch(what: str, fd: int, child: int) -> None:
    """Tell how the file *fd* grows until the process of the pidfd *child* has ended."""
    from pyrun.cli.progress import Progress
    from pyrun.kernel import processes

    progress = Progress(what)
    while not processes.wait_end(child, _EVERY):
        progress.seen(os.fstat(fd).st_size)
    progress.clear()


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
