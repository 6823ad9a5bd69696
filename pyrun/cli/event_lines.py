"""What `events` prints: which events, and each in a line as Docker writes it."""

from pyrun import documents
from pyrun.moments import written
from pyrun.runtime.events import Event
from pyrun.typed import Any, Callable

KEYS = ("container", "daemon", "event", "image", "label", "network", "plugin", "rootfs", "scope", "type", "volume")
_BEGINNINGS = ("health_status", "exec_create", "exec_start")  # what else is told in the action stands behind a colon
_OURS = ("container", "network", "volume", "rootfs")


def chosen(wanted: "dict[str, tuple[str, ...]]") -> Callable[[Event], bool]:
    """Give what tells whether an event is among those wanted: one of the values of each key, all of the labels."""
    tests = [(_TESTS[key], values) for key, values in wanted.items()]
    return lambda event: all(test(event, values) for test, values in tests)


def line(event: Event) -> str:
    """Write an event as people read it."""
    pairs = ", ".join(f"{key}={value}" for key, value in sorted(event.attributes.items()))
    text = f"{written(event.at)} {event.kind} {event.action} {event.actor} ({pairs})"
    return text if text.isprintable() else "".join(c if c.isprintable() else repr(c)[1:-1] for c in text)


def message(event: Event) -> "dict[str, Any]":
    """Give the JSON object that Docker has for an event."""
    old: dict[str, Any] = {}
    if event.kind == "container":
        old = {"status": event.action, "id": event.actor}
        old |= {"from": event.attributes["image"]} if event.attributes.get("image") else {}
    return {
        **old,
        "Type": event.kind,
        "Action": event.action,
        "Actor": {"ID": event.actor, "Attributes": dict(sorted(event.attributes.items()))},
        "scope": "local",
        "time": event.at // 1_000_000_000,
        "timeNano": event.at,
    }


def form(given: "str | None") -> Callable[[Event], str]:
    """Give what writes an event, by what --format asks for. Errors: PyrunError (64, as Docker's) for no template."""
    if not given:
        return line
    if given == "json":
        return lambda event: documents.line(message(event))
    from pyrun.cli import shapes, views
    from pyrun.errors import PyrunError
    from pyrun.templates import TemplateError, parse

    try:
        template = parse(given)
    except TemplateError as problem:
        raise PyrunError(f"template parsing error: {problem}", 64) from None

    def write(event: Event) -> str:
        try:
            return template.execute(views.typed(shapes.EVENT, message(event)))
        except TemplateError as problem:
            raise PyrunError(f"template parsing error: {problem}", 64) from None

    return write


def _is(kind: str) -> Callable[[Event, "tuple[str, ...]"], bool]:
    """Give the test for the thing of a *kind* that an event is about: its name, or the beginning of name or id."""

    def test(event: Event, values: "tuple[str, ...]") -> bool:
        names = (event.actor, event.attributes.get("name", ""))
        return event.kind == kind and any(name.startswith(value) for value in values for name in names)

    return test


def _action(event: Event, values: "tuple[str, ...]") -> bool:
    if any(value in _BEGINNINGS for value in values):
        return any(event.action.startswith(value) for value in values)
    return event.action in values


def _image(event: Event, values: "tuple[str, ...]") -> bool:
    name = event.attributes.get("image" if event.kind == "container" else "name", "")
    return event.actor in values or name in values or name.partition(":")[0] in values


def _labels(event: Event, values: "tuple[str, ...]") -> bool:
    found = event.attributes
    wanted = [value.partition("=") for value in values]
    return all(key in found and (not equals or found[key] == text) for key, equals, text in wanted)


_TESTS: "dict[str, Callable[[Event, tuple[str, ...]], bool]]" = {
    **{kind: _is(kind) for kind in (*_OURS, "daemon", "plugin")},
    "event": _action,
    "image": _image,
    "label": _labels,
    "scope": lambda _, values: "local" in values,
    "type": lambda event, values: event.kind in values,
}
