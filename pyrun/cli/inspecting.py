"""`inspect` and `network inspect`: each name looked for in turn, written as JSON or after a template."""

import sys

from pyrun.cli import shapes
from pyrun.cli.complaints import complain
from pyrun.errors import NotFound, PyrunError, UsageError, show
from pyrun.typed import Any, Callable, NamedTuple

MYPY = False  # mypy takes it to be true
if MYPY:
    from pyrun.kernel.cgroups import Hierarchy


class Place(NamedTuple):
    """Where a kind of object is looked for."""

    kind: str
    shape: str
    find: "Callable[[str], dict[str, Any]]"  # Errors: NotFound, PyrunError


def places(kind: "str | None", sized: bool) -> "list[Place]":
    """Give where names are looked for, in this order; *kind* chooses one. Errors: UsageError."""
    groups: list[Hierarchy] = []
    found = [
        Place("container", shapes.CONTAINER, lambda reference: _container(reference, sized, groups)),
        NETWORK,
        VOLUME,
    ]
    chosen = [place for place in found if kind in (None, place.kind)]
    if not chosen:
        raise UsageError(f"type: {show(kind or '')}: expected one of {', '.join(place.kind for place in found)}", 1)
    return chosen


def perform(v: Any, looked: "list[Place]") -> int:
    """Write what the arguments name; give the exit code. Errors: PyrunError for what is no template."""
    form = v["format"]
    if form:
        from pyrun.cli import formats

        formats.check(form)
    found: list[tuple[str, dict[str, Any]]] = []
    problems: list[PyrunError] = []
    for reference in v["arguments"]:
        try:
            found.append(_found(reference, looked))
        except PyrunError as problem:
            problems.append(problem)
    text, wrong = _written(form, found)
    sys.stdout.write(text)
    for told in (*wrong, *problems):
        complain(told)
    return 1 if wrong or problems else 0


def _written(form: "str | None", found: "list[tuple[str, dict[str, Any]]]") -> "tuple[str, list[PyrunError]]":
    if form:
        from pyrun.cli import formats

        return formats.objects(form, found)
    from pyrun import documents

    return documents.printed([each for _, each in found]) + "\n", []


def _found(reference: str, looked: "list[Place]") -> "tuple[str, dict[str, Any]]":
    """Give an object, its fields in Docker's order, and its shape. Errors: NotFound, PyrunError."""
    missing: list[NotFound] = []
    for place in looked:
        try:
            return place.shape, shapes.ordered(place.shape, place.find(reference))
        except NotFound as problem:
            missing.append(problem)
    if len(missing) == 1:
        raise missing[0]
    hint = next((problem.hint for problem in missing if problem.hint.startswith("did")), "")
    raise NotFound(f"no such object: {show(reference)}", hint=hint)


def _container(reference: str, sized: bool, groups: "list[Hierarchy]") -> "dict[str, Any]":
    """Describe a container; *groups* is what is known of this host's control groups, filled by the first one."""
    from pyrun import store
    from pyrun.kernel import cgroups
    from pyrun.runtime import inspection

    container = store.find(reference)
    groups[:] = groups or cgroups.hierarchies()
    told = inspection.describe(container, tuple(groups))
    if sized and container.config is not None:
        from pyrun.runtime import sizes

        told["SizeRw"], told["SizeRootFs"] = sizes.of(container.config)
    return told


def _network(reference: str) -> "dict[str, Any]":
    from pyrun.runtime import network_inspection, network_listing

    return network_inspection.describe(network_listing.find(reference))


def _volume(reference: str) -> "dict[str, Any]":
    from pyrun import volume_store
    from pyrun.cli import volume_verbs

    return volume_verbs.described(volume_store.find(reference))


NETWORK = Place("network", shapes.NETWORK, _network)
VOLUME = Place("volume", shapes.VOLUME, _volume)
