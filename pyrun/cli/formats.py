"""`--format` for every verb: `rows` for what lists, `objects` for what inspects. Only what has a template imports this.

What a template may contain is told in docs/format.md; that Docker's plain tables need none is `tables`' business.
"""

from pyrun import documents, templates
from pyrun.cli import tables, views
from pyrun.errors import PyrunError
from pyrun.templates import Object, Template, TemplateError
from pyrun.templates.functions import HEADING_FUNCTIONS
from pyrun.typed import Any, Callable, Iterable

_WRONG_TEMPLATE = 64  # what Docker's inspect ends with
_LISTED = 16  # how many names are worth a hint
_BREAKS = (("\\t", "\t"), ("\\n", "\n"))
_Methods = dict[str, Callable[[str], Any]]


def rows(
    form: str,
    kind: str,
    headings: "dict[str, str]",
    found: "Iterable[Any]",
    cells: "Callable[[Any], dict[str, Callable[[], Any]]]",
    labels: "Callable[[Any], Iterable[str]] | None" = None,
) -> str:
    """Write a listing after *form*: a template for each of *found*, or `table` and a template, with headings above.

    *headings* has the placeholders, each with its heading; *cells* gives for one of *found* what each placeholder is,
    to be called when it is asked for. *labels*, if these things have any, gives one's own as KEY=VALUE, for
    `.Label "KEY"`. Errors: PyrunError in one line, with the placeholders there are.
    """
    is_table = form.startswith("table")
    text = form.removeprefix("table").strip(" ")
    for written, meant in _BREAKS:
        text = text.replace(written, meant)
    template = _read(text, 1)
    lines = []
    own: _Methods = {}
    if is_table:
        own = {"Label": _heading} if labels else {}
        first = Object(kind, constant(headings), own)
        lines.append(_executed(template, first, HEADING_FUNCTIONS))
    for each in found:
        own = {"Label": _label(labels(each))} if labels else {}
        lines.append(_executed(template, Object(kind, cells(each), own)))
    whole = "".join(f"{line}\n" for line in lines)
    return tables.aligned(whole) if is_table else whole


def objects(form: str, found: "list[tuple[str, dict[str, Any]]]") -> "tuple[str, list[PyrunError]]":
    """Write objects after *form*, a template or json, as Docker's inspect does; give what is wrong beside it.

    Each comes with its shape, see `shapes`; one that has none is written as it is.

    A template is tried with Docker's types, where a map gives nothing for a key that it has not, and where that
    fails with the names that JSON has, of which each has to be there. Errors: PyrunError for what is no template.
    """
    if form == "json":
        return documents.line([each for _, each in found]) + "\n", []
    template = _read(form, _WRONG_TEMPLATE)
    written, problems = "", []
    for shape, each in found:
        try:
            written += _object(template, shape, each) + "\n"
        except TemplateError as problem:
            problems.append(_complaint(problem, 1))
    return written or "\n", problems


def check(form: str) -> None:
    """Refuse what is no template before anything is looked for. Errors: PyrunError."""
    if form != "json":
        _read(form, _WRONG_TEMPLATE)


def _object(template: Template, shape: str, raw: "dict[str, Any]") -> str:
    if not shape:
        return template.execute(raw, strict=True)
    try:
        return template.execute(views.typed(shape, raw))
    except TemplateError:
        return template.execute(views.untyped(raw), strict=True)


def _read(text: str, code: int) -> Template:
    try:
        return templates.parse(text)
    except TemplateError as problem:
        raise _complaint(problem, code) from None


def _executed(template: Template, row: Object, functions: Any = None) -> str:
    try:
        return template.execute(row, functions=functions)
    except TemplateError as problem:
        raise _complaint(problem, 1) from None


def _complaint(problem: TemplateError, code: int) -> PyrunError:
    """Say what is wrong, and what was meant."""
    hint = ""
    if problem.field and problem.known:
        from pyrun import near

        meant = near.nearest(problem.field, problem.known)
        listed = f"there are .{', .'.join(problem.known)}" if len(problem.known) <= _LISTED else ""
        hint = f"did you mean .{meant}?" if meant else listed
    return PyrunError(f"template parsing error: {problem}", code, hint)


def constant(cells: "dict[str, Any]") -> "dict[str, Callable[[], Any]]":
    """Give cells that are known already as `rows` wants them."""
    return {name: _always(cell) for name, cell in cells.items()}


def _always(word: Any) -> "Callable[[], Any]":
    return lambda: word


def _heading(key: str) -> str:
    """Give the heading of a label's column."""
    return key.rpartition(".")[2].replace("-", " ").replace("_", " ")


def _label(labels: "Iterable[str]") -> "Callable[[str], Any]":
    there = dict(label.partition("=")[::2] for label in labels)
    return lambda key: there.get(key, "")
