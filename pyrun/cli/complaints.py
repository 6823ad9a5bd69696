"""What is wrong, told in one line; of several arguments each is tried, whatever became of the others."""

import os
import sys

from pyrun.cli.reader import Values
from pyrun.contexts import suppress
from pyrun.errors import NotFound, PyrunError
from pyrun.typed import Any, Callable

_LONGEST = 8000  # letters of a complaint: who has which of all address pools, with the longest names, has 5000
_LONGEST_WORD = 800  # what was typed may have a hundred thousand
heard: "list[PyrunError] | None" = None  # where complaints go instead of standard error: to a caller that is a program


def each(values: Values, change: Callable[[Any], object], announce: bool = True, missing: int = 1) -> int:
    """Change each named container, going on after one that cannot be; print what was named.

    *missing* is the exit code for one that does not exist.
    """
    from pyrun import store

    code = 0
    for reference in arguments(values):
        try:
            change(store.find(reference))
            if announce:
                sys.stdout.write(f"{reference}\n")
                sys.stdout.flush()
        except PyrunError as problem:
            code = max(code, missing if isinstance(problem, NotFound) else 1)
            complain(problem)
    return code


def arguments(values: Values) -> tuple[str, ...]:
    """Give what stands after the options."""
    found: Any = values["arguments"]
    return tuple(found)


def complain(problem: "Exception | str") -> None:
    """Tell the user what is wrong; that nobody can read it, as on a terminal that was hung up, changes no exit code."""
    with suppress(OSError):
        sys.stdout.flush()
    told = problem if isinstance(problem, PyrunError) else PyrunError(str(problem))
    if heard is not None:
        heard.append(told)
        return
    line = one_line(told)
    with suppress(OSError):
        os.write(2, line.encode(errors="backslashreplace"))


def one_line(problem: PyrunError) -> str:
    """Give the line that tells the user what is wrong."""
    text = f"{problem.message} ({problem.hint})" if problem.hint else problem.message
    if len(text) > _LONGEST_WORD:
        text = _cut(" ".join(_cut(word, _LONGEST_WORD) for word in text.split(" ")), _LONGEST)
    plain = "".join(c if c.isprintable() else repr(c)[1:-1] for c in text)
    return f"pyrun: {plain}\n"


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[: most // 2]}…{text[-most // 2 :]}"


def inspected(values: Values, found: list[dict[str, Any]]) -> int:
    """Print objects as JSON, or after a template; give 1 when that did not fit."""
    form = str(values["format"] or "")
    if not form:
        from pyrun import documents

        sys.stdout.write(documents.printed(found) + "\n")
        return 0
    from pyrun.cli import formats

    text, problems = formats.objects(form, [("", each) for each in found])
    sys.stdout.write(text)
    for problem in problems:
        complain(problem)
    return 1 if problems else 0


def performed(body: Callable[[Values], int]) -> Callable[[Values], int]:
    """Let a verb explain, and end with 1 as Docker's do."""

    def verb(values: Values) -> int:
        if values.get("explain"):
            from pyrun import operation

            operation.observers.append(operation.explain_to(2))
        try:
            return body(values)
        except PyrunError as problem:
            problem.code = 1
            raise

    return verb
