"""Words to a tree: Go's grammar of templates, and its words for what is wrong with one."""

from pyrun.templates import nodes
from pyrun.templates.constants import constant
from pyrun.templates.lexer import Word, quoted, words
from pyrun.templates.values import TemplateError
from pyrun.typed import Any

_OPERANDS = frozenset("bool char dot field function number nil raw string variable open".split())
_VALUES = (nodes.Dot, nodes.Nil, nodes.Constant)


def parsed(text: str, functions: "dict[str, Any]") -> nodes.Tree:
    """Read a template. Errors: TemplateError."""
    return _Parser(text, functions).tree()


class _Parser:
    """One pass over the words of a template."""

    def __init__(self, text: str, functions: "dict[str, Any]") -> None:
        self.text = text
        self.functions = functions
        self.words = words(text)
        self.at = 0
        self.variables = ["$"]
        self.ranges = 0
        self.defined: dict[str, tuple[Any, ...]] = {}

    def tree(self) -> nodes.Tree:
        body, stop = self._list(top=True)
        if stop != "eof":
            raise self._wrong(f"unexpected {{{{{stop}}}}}")
        return nodes.Tree(self.text, body, self.defined)

    def _wrong(self, message: str) -> TemplateError:
        line = self.words[min(max(0, self.at - 1), len(self.words) - 1)].line
        return TemplateError(f"template: :{line}: {message}")

    def _unexpected(self, word: Word, context: str) -> TemplateError:
        return self._wrong(word.text if word.kind == "error" else f"unexpected {word} in {context}")

    def _next(self) -> Word:
        word = self.words[min(self.at, len(self.words) - 1)]
        self.at += 1
        return word

    def _peek(self) -> Word:
        return self.words[min(self.at, len(self.words) - 1)]

    def _next_word(self) -> Word:
        """Give the next word that is no space."""
        word = self._next()
        return self._next() if word.kind == "space" else word

    def _peek_word(self) -> Word:
        word = self._next_word()
        self.at -= 1
        return word

    def _list(self, top: bool = False) -> "tuple[tuple[Any, ...], str]":
        """Read up to an end, an else or the end of the text; give what was read, and which it was."""
        found: list[Any] = []
        while True:
            word = self._next()
            if word.kind == "eof":
                return tuple(found), "eof"
            if word.kind == "text":
                found.append(nodes.Text(word.pos, word.text))
                continue
            if word.kind != "left":
                raise self._unexpected(word, "input")
            if self._peek_word().kind == "define" and top:
                self._define()
                continue
            node = self._action()
            if isinstance(node, str):
                return tuple(found), node
            found.append(node)

    def _inner(self, what: str) -> "tuple[tuple[Any, ...], str]":
        body, stop = self._list()
        if stop == "eof":
            raise self._wrong("unexpected EOF")
        return body, stop

    def _action(self) -> Any:
        """Read an action behind its {{; an end or an else is told by its name."""
        word = self._next_word()
        if word.text in ("if", "with", "range") and word.kind == word.text:
            return self._branch(word.kind, word.pos)
        if word.kind == "end" or word.kind == "else":
            return self._stop(word.kind)
        if word.kind in ("break", "continue"):
            return self._jump(word)
        if word.kind in ("template", "block"):
            return self._template(word.kind)
        self.at -= 1
        pipe = self._pipeline("command", "right")
        return nodes.Action(pipe.pos, pipe)

    def _stop(self, kind: str) -> str:
        if kind == "else" and self._peek_word().kind == "if":
            return kind
        word = self._next_word()
        if word.kind != "right":
            raise self._unexpected(word, kind)
        return kind

    def _jump(self, word: Word) -> nodes.Jump:
        after = self._next_word()
        if after.kind != "right":
            raise self._unexpected(after, f"{{{{{word.kind}}}}}")
        if not self.ranges:
            raise self._wrong(f"{{{{{word.kind}}}}} outside {{{{range}}}}")
        return nodes.Jump(word.pos, word.kind)

    def _branch(self, kind: str, pos: int) -> nodes.Branch:
        known = len(self.variables)
        pipe = self._pipeline(kind, "right")
        self.ranges += kind == "range"
        body, stop = self._inner(kind)
        self.ranges -= kind == "range"
        other: tuple[Any, ...] = ()
        if stop == "else":
            other = self._other(kind)
        del self.variables[known:]
        return nodes.Branch(pos, kind, pipe, body, other)

    def _other(self, kind: str) -> "tuple[Any, ...]":
        """Read what follows an else; `else if` is an if that shares the end."""
        word = self._peek_word()
        if kind == "if" and word.kind == "if" and self.words[self.at - 1].kind != "right":
            self._next_word()
            return (self._branch("if", word.pos),)
        if self.words[self.at - 1].kind != "right":
            raise self._unexpected(self._next_word(), "input")
        other, stop = self._inner("else")
        if stop != "end":
            raise self._wrong(f"expected end; found {{{{{stop}}}}}")
        return other

    def _define(self) -> None:
        self._next_word()
        name = self._name(self._next_word(), "define clause")[0]
        word = self._next_word()
        if word.kind != "right":
            raise self._unexpected(word, "define clause")
        self.defined[name] = self._own_body("define clause")

    def _own_body(self, context: str) -> "tuple[Any, ...]":
        """Read the body of a template inside this one: it sees no variables but $."""
        outer, self.variables = self.variables, ["$"]
        ranges, self.ranges = self.ranges, 0
        body, stop = self._list()
        if stop != "end":
            raise self._wrong("unexpected EOF" if stop == "eof" else f"unexpected {{{{{stop}}}}} in {context}")
        self.variables, self.ranges = outer, ranges
        return body

    def _name(self, word: Word, context: str) -> tuple[str, str]:
        if word.kind not in ("string", "raw"):
            raise self._unexpected(word, context)
        name = str(self._constant(word).value)
        return name, quoted(name)

    def _template(self, kind: str) -> nodes.Call:
        context = f"{kind} clause"
        word = self._next_word()
        name, shown = self._name(word, context)
        pipe = None
        if self._peek_word().kind == "right" and kind == "template":
            self._next_word()
        else:
            pipe = self._pipeline(context, "right")
        if kind == "block":
            self.defined[name] = self._own_body(context)
        return nodes.Call(word.pos, name, shown, pipe)

    def _pipeline(self, context: str, end: str) -> nodes.Pipe:
        pos = self._peek_word().pos
        names, assigns = self._declared(context)
        commands: list[nodes.Command] = []
        while True:
            word = self._next_word()
            if word.kind == end:
                break
            if word.kind not in _OPERANDS:
                raise self._unexpected(word, context)
            self.at -= 1
            commands.append(self._command())
        if not commands:
            raise self._wrong(f"missing value for {context}")
        for stage, command in enumerate(commands[1:], 2):
            if isinstance(command.words[0], _VALUES):
                raise self._wrong(f"non executable command in pipeline stage {stage}")
        return nodes.Pipe(pos, names, assigns, tuple(commands))

    def _declared(self, context: str) -> "tuple[tuple[str, ...], bool]":
        """Read `$x :=`, `$x =`, or for a range `$i, $x :=`; they are known from here on."""
        names: tuple[str, ...] = ()
        while self._peek_word().kind == "variable":
            before = self.at
            name, sign = self._next_word().text, self._next_word()
            if sign.kind in ("declare", "assign"):
                self._known(name, sign.kind == "assign")
                return (*names, name), sign.kind == "assign"
            if sign.kind != "comma":
                self.at = before
                break
            names = (*names, name)
            self._known(name, False)
            if context != "range" or len(names) > 1:
                raise self._wrong(f"too many declarations in {context}")
            if self._peek_word().kind not in ("variable", "right", "close"):
                raise self._wrong("range can only initialize variables")
        return names, False

    def _known(self, name: str, assigned: bool) -> None:
        if assigned and name not in self.variables:
            raise self._wrong(f"undefined variable {quoted(name)}")
        self.variables.append(name)

    def _command(self) -> nodes.Command:
        pos = self._peek_word().pos
        found: list[Any] = []
        while True:
            self._peek_word()
            operand = self._operand()
            if operand is not None:
                found.append(operand)
            word = self._next()
            if word.kind == "space":
                continue
            if word.kind in ("right", "close"):
                self.at -= 1
            elif word.kind != "pipe":
                raise self._unexpected(word, "operand")
            break
        if not found:
            raise self._wrong("empty command")
        return nodes.Command(pos, tuple(found))

    def _operand(self) -> Any:
        """Read a value and the fields that follow it at once."""
        node = self._term()
        if node is None or self._peek().kind != "field":
            return node
        pos, names = self._peek().pos, []
        while self._peek().kind == "field":
            names.append(self._next().text[1:])
        if isinstance(node, nodes.Field):
            return nodes.Field(pos, (*node.names, *names))
        if isinstance(node, nodes.Variable):
            return nodes.Variable(pos, node.name, (*node.names, *names))
        if isinstance(node, nodes.Constant | nodes.Nil | nodes.Dot):
            raise self._wrong(f"unexpected . after term {quoted(str(node))}")
        return nodes.Chain(pos, node, tuple(names))

    def _term(self) -> Any:
        word = self._next_word()
        if word.kind == "function":
            if word.text not in self.functions:
                raise self._wrong(f"function {quoted(word.text)} not defined")
            return nodes.Function(word.pos, word.text)
        if word.kind == "variable":
            if word.text not in self.variables:
                raise self._wrong(f"undefined variable {quoted(word.text)}")
            return nodes.Variable(word.pos, word.text)
        if word.kind in ("dot", "nil"):
            return (nodes.Dot if word.kind == "dot" else nodes.Nil)(word.pos)
        if word.kind == "field":
            return nodes.Field(word.pos, (word.text[1:],))
        if word.kind == "open":
            return self._pipeline("parenthesized pipeline", "close")
        if word.kind in ("bool", "char", "number", "string", "raw"):
            return self._constant(word)
        self.at -= 1
        return None

    def _constant(self, word: Word) -> nodes.Constant:
        try:
            return nodes.Constant(word.pos, word.text, constant(word.kind, word.text))
        except ValueError as problem:
            raise self._wrong(str(problem)) from None
