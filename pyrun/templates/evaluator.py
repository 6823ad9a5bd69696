"""A template written for a value, as Go does it: what each part asks of the value, and where it complains."""

from pyrun.templates import nodes, printing
from pyrun.templates.functions import FUNCTIONS, Builtin, Wrong
from pyrun.templates.lexer import quoted
from pyrun.templates.values import MISSING, Nil, Object, Struct, TemplateError, truth, type_of
from pyrun.typed import Any, Iterable

_DEEPEST = 60  # templates inside templates
_NOTHING = object()  # no value comes through the pipe


class _Break(Exception):
    """Leave the range."""


class _Continue(Exception):
    """Go on with the next value of the range."""


class Template:
    """A template that has been read."""

    def __init__(self, tree: nodes.Tree) -> None:
        self.tree = tree

    def execute(self, value: Any, strict: bool = False, functions: "dict[str, Builtin] | None" = None) -> str:
        """Write the template for a value; *strict* forbids keys that a map has not. Errors: TemplateError."""
        try:
            run = _Run(self.tree, value, strict, functions or FUNCTIONS)
            run.all(self.tree.body, value)
            return "".join(run.written)
        except RecursionError:
            raise TemplateError("template: nested too deeply") from None


class _Run:
    """One execution: what was written, the variables, and the part at hand."""

    def __init__(self, tree: nodes.Tree, value: Any, strict: bool, functions: "dict[str, Builtin]") -> None:
        self.tree = tree
        self.functions = functions
        self.strict = strict
        self.written: list[str] = []
        self.variables: list[tuple[str, Any]] = [("$", value)]
        self.node: Any = None
        self.name, self.depth = "", 0

    def wrong(self, message: str, field: str = "", known: "Iterable[str]" = ()) -> TemplateError:
        """Give the error for the part at hand; *field* was asked for where only *known* are."""
        before = self.tree.text[: self.node.pos]
        line = before.rpartition("\n")[2]
        where = f"{before.count(chr(10)) + 1}:{len(line.encode())}"
        return TemplateError(
            f"template: :{where}: executing {quoted(self.name)} at <{self.node}>: {message}", field, tuple(known)
        )

    def all(self, body: "tuple[Any, ...]", dot: Any) -> None:
        """Write one part after the other."""
        for node in body:
            if isinstance(node, nodes.Text):
                self.written.append(node.text)
            elif isinstance(node, nodes.Action):
                value = self.pipe(node.pipe, dot)
                if not node.pipe.variables:
                    self.written.append(printing.printed(value))
            elif isinstance(node, nodes.Jump):
                raise _Break if node.kind == "break" else _Continue
            elif isinstance(node, nodes.Call):
                self._template(node, dot)
            else:
                self._branch(node, dot)

    def _template(self, node: nodes.Call, dot: Any) -> None:
        self.node = node
        body = self.tree.defined.get(node.name)
        if body is None:
            raise self.wrong(f"template {node.quoted} not defined")
        if self.depth == _DEEPEST:
            raise self.wrong(f"exceeded maximum template depth ({_DEEPEST})")
        value = self.pipe(node.pipe, dot) if node.pipe else MISSING
        variables, name = self.variables, self.name
        self.variables, self.name, self.depth = [("$", value)], node.name, self.depth + 1
        self.all(body, value)
        self.variables, self.name, self.depth = variables, name, self.depth - 1

    def _branch(self, node: nodes.Branch, dot: Any) -> None:
        known = len(self.variables)
        value = self.pipe(node.pipe, dot)
        if node.kind == "range":
            self._range(node, value, dot)
        elif truth(value):
            self.all(node.body, value if node.kind == "with" else dot)
        else:
            self.all(node.other, dot)
        del self.variables[known:]

    def _range(self, node: nodes.Branch, value: Any, dot: Any) -> None:
        pairs = self._pairs(value)
        if not pairs:
            self.all(node.other, dot)
        known = len(self.variables)
        for key, each in pairs:
            if node.pipe.variables:
                self._set(node.pipe, len(node.pipe.variables) - 1, each)
            if len(node.pipe.variables) > 1:
                self._set(node.pipe, 0, key)
            try:
                self.all(node.body, each)
            except _Continue:
                pass
            except _Break:
                break
            finally:
                del self.variables[known:]

    def _set(self, pipe: nodes.Pipe, at: int, value: Any) -> None:
        """Give a range's variable its next value; the pipeline has made one for each of its names."""
        if pipe.assigns:
            self._assign(pipe.variables[at], value)
        else:
            place = len(self.variables) - len(pipe.variables) + at
            self.variables[place] = (pipe.variables[at], value)

    def _pairs(self, value: Any) -> "list[tuple[Any, Any]]":
        if isinstance(value, list):
            return list(enumerate(value))
        if isinstance(value, dict):
            return sorted(value.items())
        if value is None or value is MISSING or (isinstance(value, Nil) and value.kind != "pointer"):
            return []
        raise self.wrong(f"range can't iterate over {printing.printed(value)}")

    def pipe(self, pipe: nodes.Pipe, dot: Any) -> Any:
        """Give the value of a pipeline, which also goes to its variables."""
        self.node = pipe
        value: Any = _NOTHING
        for command in pipe.commands:
            value = self._command(command, dot, value)
        for name in pipe.variables:
            if pipe.assigns:
                self._assign(name, value)
            else:
                self.variables.append((name, value))
        return value

    def _assign(self, name: str, value: Any) -> None:
        at = next(at for at in range(len(self.variables) - 1, -1, -1) if self.variables[at][0] == name)
        self.variables[at] = (name, value)

    def _command(self, command: nodes.Command, dot: Any, final: Any) -> Any:
        first = command.words[0]
        if isinstance(first, nodes.Function):
            return self._function(first, command, dot, final)
        given = (command.words[1:], final)
        if isinstance(first, nodes.Field | nodes.Variable | nodes.Chain):
            return self._fields(first, dot, given)
        self.node = first
        if len(command.words) > 1 or final is not _NOTHING:
            raise self.wrong(f"can't give argument to non-function {first}")
        if isinstance(first, nodes.Nil):
            raise self.wrong("nil is not a command")
        return self._value(first, dot)

    def _fields(self, node: Any, dot: Any, given: "tuple[Any, Any]" = ((), _NOTHING)) -> Any:
        """Follow fields from the value at hand, from a variable, or from what stands in parentheses."""
        self.node = node
        value, known = dot, False
        if isinstance(node, nodes.Variable):
            value = next(value for name, value in reversed(self.variables) if name == node.name)
            if not node.names and (given[0] or given[1] is not _NOTHING):
                raise self.wrong(f"can't give argument to non-function {node}")
        elif isinstance(node, nodes.Chain):
            value = self._value(node.node, dot)
        for at, name in enumerate(node.names):
            last = at == len(node.names) - 1
            value = self._field(value, name, given if last else ((), _NOTHING), dot, known)
            known = True
        return value

    def _field(self, value: Any, name: str, given: "tuple[Any, Any]", dot: Any, inside: bool) -> Any:
        """Give a field; *inside* a value that was itself a field Go sees no type."""
        called = bool(given[0]) or given[1] is not _NOTHING
        if value is None and inside:
            raise self.wrong(f"nil pointer evaluating interface {{}}.{name}")
        if value is MISSING or value is None:
            if self.strict:
                raise self.wrong(f"nil data; no entry for key {quoted(name)}")
            return MISSING
        if isinstance(value, Nil) and value.kind == "pointer":
            raise self.wrong(f"nil pointer evaluating {value.type}.{name}")
        if isinstance(value, Object):
            return self._of_object(value, name, given, dot)
        if isinstance(value, Struct) and name in value.fields:
            if called:
                raise self.wrong(f"{name} has arguments but cannot be invoked as function")
            return value.fields[name]
        if isinstance(value, dict) or (isinstance(value, Nil) and value.kind == "map"):
            if called:
                raise self.wrong(f"{name} is not a method but has arguments")
            return self._entry(value, name)
        kind = "interface {}" if inside and not isinstance(value, Struct) else type_of(value)
        raise self.wrong(f"can't evaluate field {name} in type {kind}")

    def _entry(self, value: Any, name: str) -> Any:
        if isinstance(value, dict) and name in value:
            return value[name]
        if self.strict:
            raise self.wrong(f"map has no entry for key {quoted(name)}", name, value if isinstance(value, dict) else ())
        return MISSING

    def _of_object(self, value: Object, name: str, given: "tuple[Any, Any]", dot: Any) -> Any:
        count = len(given[0]) + (given[1] is not _NOTHING)
        wanted = int(name in value.methods)
        if not wanted and name not in value.fields:
            raise self.wrong(f"can't evaluate field {name} in type {value.type}", name, (*value.fields, *value.methods))
        if count != wanted:
            raise self.wrong(f"wrong number of args for {name}: want {wanted} got {count}")
        if not wanted:
            return value.fields[name]()
        argument = self._argument(given[0][0], "string", dot) if given[0] else self._fitting(given[1], "string")
        return value.methods[name](argument)

    def _function(self, first: nodes.Function, command: nodes.Command, dot: Any, final: Any) -> Any:
        self.node = first
        function = self.functions[first.name]
        words = command.words[1:]
        count = len(words) + (final is not _NOTHING)
        least = len(function.takes)
        if count < least or (not function.more and count > least):
            want = f"at least {least}" if function.more else str(least)
            raise self.wrong(f"wrong number of args for {first.name}: want {want} got {count}")
        kinds = [*function.takes, *[function.more] * (count - least)]
        if first.name in ("and", "or"):
            return self._short(first.name, words, dot, final)
        values = [self._argument(word, kind, dot) for word, kind in zip(words, kinds, strict=False)]
        if final is not _NOTHING:
            values.append(self._fitting(final, kinds[-1]))
        try:
            return function.call(*values)
        except Wrong as problem:
            self.node = command
            raise self.wrong(f"error calling {first.name}: {problem}") from None

    def _short(self, name: str, words: "tuple[Any, ...]", dot: Any, final: Any) -> Any:
        """Give the first value that decides an `and` or an `or`; what follows is not looked at."""
        value: Any = MISSING
        for word in words:
            value = self._argument(word, "value", dot)
            if truth(value) == (name == "or"):
                return value
        return value if final is _NOTHING else final

    def _argument(self, node: Any, kind: str, dot: Any) -> Any:
        """Give an argument of the type that a function wants of it."""
        self.node = node
        if isinstance(node, nodes.Nil):
            if kind in ("string", "int"):
                raise self.wrong(f"cannot assign nil to {kind}")
            return None
        if isinstance(node, nodes.Constant):
            wanted = {"string": str, "int": int}.get(kind, object)
            name = {"string": "string", "int": "integer"}.get(kind, kind)
            if not isinstance(node.value, wanted) or (wanted is int and isinstance(node.value, bool)):
                raise self.wrong(f"expected {name}; found {node}")
            if kind == "strings":
                raise self.wrong(f"can't handle {node} for arg of type []string")
            return node.value
        return self._fitting(self._value(node, dot), kind)

    def _fitting(self, value: Any, kind: str) -> Any:
        """Let a value through that is of the type wanted."""
        if kind in ("value", "any"):
            return None if value is MISSING and kind == "any" else value
        name = {"strings": "[]string"}.get(kind, kind)
        if value is MISSING or value is None:
            if kind == "strings":
                return []
            raise self.wrong(f"invalid value; expected {name}")
        if kind == "strings":
            fits = isinstance(value, list | Nil) and all(isinstance(each, str) for each in _items(value))
        else:
            fits = type(value) in ({str, printing.Time} if kind == "string" else {int})
        if not fits:
            raise self.wrong(f"wrong type for value; expected {name}; got {type_of(value)}")
        return _items(value) if kind == "strings" else value

    def _value(self, node: Any, dot: Any) -> Any:
        if isinstance(node, nodes.Constant):
            self.node = node
            return node.value
        if isinstance(node, nodes.Dot):
            self.node = node
            return dot
        if isinstance(node, nodes.Pipe):
            return self.pipe(node, dot)
        if isinstance(node, nodes.Function):
            return self._function(node, nodes.Command(node.pos, (node,)), dot, _NOTHING)
        return self._fields(node, dot)


def _items(value: Any) -> "list[Any]":
    return value if isinstance(value, list) else []
