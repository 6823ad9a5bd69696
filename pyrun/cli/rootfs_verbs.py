"""The verbs about root file systems: what was read becomes calls, and their results become output."""

import sys
import time

from pyrun import documents, options
from pyrun.cli import interruption, screen
from pyrun.cli.complaints import arguments, complain, inspected
from pyrun.cli.reader import Values
from pyrun.errors import PyrunError, UsageError
from pyrun.typed import Any, Callable

_HEADINGS = {
    "Name": "NAME",
    "Size": "SIZE",
    "Files": "FILES",
    "CreatedSince": "CREATED",
    "Containers": "CONTAINERS",
}
_FURTHER = {"CreatedAt": "CREATED AT"}


def _ls(values: Values) -> int:
    from pyrun.cli import tables
    from pyrun.rootfs import library

    form = str(values["format"] or "table")
    if values["quiet"] and form == "table":
        sys.stdout.write("".join(f"{screen.printable(tree.name)}\n" for tree in library.every()))
        return 0
    fields = [_fields(each) for each in library.every_fact()]
    if form == "json":
        text = "".join(f"{documents.written(each)}\n" for each in fields)
    elif form == "table":
        text = tables.shown(list(map(tables.Column, _HEADINGS.values())), [_cells(each) for each in fields])
    else:
        from pyrun.cli import formats

        text = formats.rows(form, "rootfs", {**_HEADINGS, **_FURTHER}, fields, formats.constant)
    sys.stdout.write(text)
    return 0


def _cells(fields: dict[str, str]) -> list[str]:
    return [screen.printable(fields[key]) for key in _HEADINGS]


def _fields(facts: Any) -> dict[str, str]:
    """Give one line's object: all of it words, as Docker's are."""
    from pyrun.cli import ages

    return {
        "Containers": ",".join(container.name for container in facts.containers),
        "CreatedAt": _moment(facts.created),
        "CreatedSince": ages.ago(time.time() - facts.created),
        "Files": str(facts.files),
        "Name": facts.name,
        "Size": ages.size(facts.size, 3),
    }


def _moment(seconds: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S +0000 UTC", time.gmtime(seconds))


def _inspect(values: Values) -> int:
    from pyrun.rootfs import library

    found, code = [], 0
    for name in arguments(values):
        try:
            found.append(_described(library.find(name)))
        except PyrunError as problem:
            code = 1
            complain(problem)
    return inspected(values, found) or code


def _described(tree: Any) -> dict[str, Any]:
    from pyrun.rootfs import library

    facts = library.facts(tree)
    return {
        "Name": tree.name,
        "Path": tree.directory,
        "Created": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(facts.created)),
        "Os": "linux",
        "Architecture": library.architecture(tree),
        "OsRelease": library.release(tree),
        "Size": facts.size,
        "Files": facts.files,
        "Containers": [
            {"Id": container.id, "Name": container.name, "State": container.status().state}
            for container in facts.containers
        ],
    }


def _rm(values: Values) -> int:
    from pyrun import chronicle
    from pyrun.rootfs import library

    code = 0
    for name in arguments(values):
        try:
            library.remove(library.find(name))
            chronicle.note("rootfs", "delete", name, {"name": name})
            sys.stdout.write(f"{name}\n")
            sys.stdout.flush()
        except PyrunError as problem:
            code = 1
            complain(problem)
    return code


def _import(values: Values) -> int:
    from pyrun.cli.progress import Progress
    from pyrun.rootfs import intake

    source, *rest = arguments(values)
    if source == intake.STDIN and not rest:
        raise UsageError("rootfs: standard input has no name", 1, "pyrun rootfs import - NAME")
    path, limit = intake.path_of(*rest or (intake.name_of(source),)), _limit(values)
    interruption.clean_up_when_ended()
    with intake.opened(source) as (fd, size):
        progress = Progress(f"import {path.rpartition('/')[2]}", size)
        return _made(path, intake.members(fd, progress.seen), limit, progress, "import")


def _build(values: Values) -> int:
    from importlib import import_module

    from pyrun.cli.progress import Progress
    from pyrun.rootfs import intake, recipes, unfinished

    kind, *rest = arguments(values)
    if kind not in recipes.KINDS:
        raise UsageError(f"rootfs: {options.show(kind)}: no such recipe", 1, f"there are {', '.join(recipes.KINDS)}")
    path, limit = intake.path_of(*rest or (f"{kind}-rootfs",)), _limit(values)
    unfinished.refuse_taken(path)
    v: Any = values
    packages = tuple(name for each in v["include"] for name in each.split(","))
    interruption.clean_up_when_ended()
    progress = Progress(f"build {path.rpartition('/')[2]}")
    listener = recipes.Listener(lambda text: sys.stderr.write(f"{text}\n"), progress.tell, progress.seen)
    with import_module(f"pyrun.rootfs.recipes.{kind}").members(
        recipes.Wish(v["suite"] or "", packages), listener
    ) as members:
        return _made(path, members, limit, progress, "build")


def _made(path: str, members: Any, limit: int, progress: Any, action: str) -> int:
    from pyrun import chronicle
    from pyrun.rootfs import intake

    name = path.rpartition("/")[2]
    try:
        report = intake.build(path, members, limit)
    finally:
        progress.clear()
    chronicle.note("rootfs", action, name, {"name": name})
    if report.left_out and action == "import":  # a recipe's are no surprise
        files = f"{report.left_out} device file{'s' * (report.left_out > 1)}"
        sys.stderr.write(f"pyrun: {files} left out: a container gets a /dev of its own\n")
    sys.stdout.write(f"{name}\n")
    return 0


def _limit(values: Values) -> int:
    from pyrun.rootfs import intake

    given = values["max_size"]
    return options.size("max-size", given, 1) if isinstance(given, str) else intake.LIMIT


VERBS: dict[str, Callable[[Values], int]] = {
    "rootfs ls": _ls,
    "rootfs import": _import,
    "rootfs build": _build,
    "rootfs inspect": _inspect,
    "rootfs rm": _rm,
}
