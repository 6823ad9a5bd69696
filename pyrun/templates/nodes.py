"""What a template consists of, each part with its place in the text, and with `str` as Go writes it in errors."""

from pyrun.typed import Any, NamedTuple


class Text(NamedTuple):
    """What is copied as it is."""

    pos: int
    text: str


class Dot(NamedTuple):
    """The value at hand."""

    pos: int

    def __str__(self) -> str:
        return "."


class Nil(NamedTuple):
    """No value."""

    pos: int

    def __str__(self) -> str:
        return "nil"


class Constant(NamedTuple):
    """A number, a truth or a text, and how it was typed."""

    pos: int
    typed: str
    value: Any

    def __str__(self) -> str:
        return self.typed


class Field(NamedTuple):
    """Fields of the value at hand."""

    pos: int
    names: tuple[str, ...]

    def __str__(self) -> str:
        return "".join(f".{name}" for name in self.names)


class Variable(NamedTuple):
    """A variable, and fields of it."""

    pos: int
    name: str  # with the $
    names: tuple[str, ...] = ()

    def __str__(self) -> str:
        return self.name + "".join(f".{name}" for name in self.names)


class Chain(NamedTuple):
    """Fields of what stands in parentheses."""

    pos: int
    node: Any
    names: tuple[str, ...]

    def __str__(self) -> str:
        inner = f"({self.node})" if isinstance(self.node, Pipe) else str(self.node)
        return inner + "".join(f".{name}" for name in self.names)


class Function(NamedTuple):
    """The name of a function."""

    pos: int
    name: str

    def __str__(self) -> str:
        return self.name


class Command(NamedTuple):
    """One stage of a pipeline: what is called, and its arguments."""

    pos: int
    words: tuple[Any, ...]

    def __str__(self) -> str:
        return " ".join(f"({word})" if isinstance(word, Pipe) else str(word) for word in self.words)


class Pipe(NamedTuple):
    """A pipeline, and the variables that its value goes to."""

    pos: int
    variables: tuple[str, ...]
    assigns: bool  # to variables that are there
    commands: tuple[Command, ...]

    def __str__(self) -> str:
        sign = " = " if self.assigns else " := "
        start = ", ".join(self.variables) + sign if self.variables else ""
        return start + " | ".join(map(str, self.commands))


class Action(NamedTuple):
    """A pipeline whose value is printed, unless it goes to a variable."""

    pos: int
    pipe: Pipe


class Branch(NamedTuple):
    """An if, a with or a range."""

    pos: int
    kind: str
    pipe: Pipe
    body: tuple[Any, ...]
    other: tuple[Any, ...]


class Jump(NamedTuple):
    """A break or a continue."""

    pos: int
    kind: str


class Call(NamedTuple):
    """A template used inside another."""

    pos: int
    name: str
    quoted: str
    pipe: "Pipe | None"

    def __str__(self) -> str:
        return f"{{{{template {self.quoted}{f' {self.pipe}' if self.pipe else ''}}}}}"


class Tree(NamedTuple):
    """A whole template, and those defined in it."""

    text: str
    body: tuple[Any, ...]
    defined: "dict[str, tuple[Any, ...]]"
