"""The values that a template meets, where Python has no word for what Go tells apart.

Text, numbers, truths, lists and dictionaries (Go's maps) are Python's own; None is Go's untyped nil.
"""

from pyrun.typed import Any, Callable


class TemplateError(Exception):
    """What is wrong with a template, or with what it asks of a value; the message has the position.

    Where *field* is not there, *known* are those that are.
    """

    def __init__(self, message: str, field: str = "", known: "tuple[str, ...]" = ()) -> None:
        super().__init__(message)
        self.field = field
        self.known = known


class _Missing:
    """What a map gives for a key that it has not."""

    def __bool__(self) -> bool:
        return False


MISSING = _Missing()


class Nil:
    """A pointer, list or map of a certain type that is none."""

    def __init__(self, kind: str, type_name: str = "") -> None:
        self.kind = kind  # pointer, slice or map
        self.type = type_name or kind

    def __bool__(self) -> bool:
        return False

    def __len__(self) -> int:
        return 0


class Number(str):
    """A number of a JSON document, which stays the text that it was: Go's json.Number."""

    __slots__ = ()


class Time(str):
    """A moment as Go prints it; *raw* is how JSON has it."""

    raw: str

    def __new__(cls, raw: str) -> "Time":
        """Print 2026-01-02T03:04:05.600Z as 2026-01-02 03:04:05.6 +0000 UTC."""
        date, _, clock = raw.removesuffix("Z").partition("T")
        seconds, _, fraction = clock.partition(".")
        digits = fraction.rstrip("0")
        made = super().__new__(cls, f"{date} {seconds}{'.' if digits else ''}{digits} +0000 UTC")
        made.raw = raw
        return made


class Loose(list):  # type: ignore[type-arg]
    """A list of whatever JSON had."""


class Struct:
    """A value of fields in a fixed order; *raw* is the JSON object that it was read from."""

    def __init__(self, type_name: str, fields: "dict[str, Any]", raw: Any, pointer: bool, hidden: "set[str]") -> None:
        self.type = type_name
        self.fields = fields
        self.raw = raw
        self.pointer = pointer
        self.hidden = hidden  # fields that are found, but are not Docker's: not printed


class Table(dict):  # type: ignore[type-arg]
    """A map whose values all have one type: *zero* is what a key has that is not there.

    Where the keys have a type of their own, as ports do, plain text is no key for `index`.
    """

    def __init__(self, entries: "dict[str, Any]", zero: Any, named_keys: bool = False, type_name: str = "") -> None:
        super().__init__(entries)
        self.zero = zero
        self.named_keys = named_keys
        self.type = type_name


class Object:
    """What gives its fields when it is asked, as a row of a listing: *fields* without, *methods* with one argument."""

    def __init__(
        self, type_name: str, fields: "dict[str, Callable[[], Any]]", methods: "dict[str, Callable[[str], Any]]"
    ) -> None:
        self.type = type_name
        self.fields = fields
        self.methods = methods


def type_of(value: Any) -> str:
    """Give the name of a value's type, as Go has it."""
    if isinstance(value, Struct | Object):
        return ("*" if isinstance(value, Object) or value.pointer else "") + value.type
    if isinstance(value, Nil):
        return value.type
    if isinstance(value, Table) and value.type:
        return value.type
    if isinstance(value, dict):
        return "map[string]interface {}"
    if isinstance(value, list):
        return "[]interface {}" if isinstance(value, Loose) else "[]string"
    for kind, name in ((Number, "json.Number"), (bool, "bool"), (int, "int"), (float, "float64"), (str, "string")):
        if isinstance(value, kind):
            return name
    return "<nil>"


def truth(value: Any) -> bool:
    """Tell whether a value counts as true: what is empty or zero does not, a struct always does."""
    return isinstance(value, Struct | Object) or bool(value)
