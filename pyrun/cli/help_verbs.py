"""Verbs that help the person who types: what the shell may complete, and whether this host is fit."""

import sys

from pyrun import options
from pyrun.cli.complaints import arguments
from pyrun.cli.reader import Values
from pyrun.errors import UsageError
from pyrun.typed import Any, Callable


def _completion(values: Values) -> int:
    from pyrun import near
    from pyrun.cli.completion_scripts import SHELLS

    shell = arguments(values)[0]
    if shell not in SHELLS:
        known = ", ".join(SHELLS)
        raise UsageError(
            f"completion: {options.show(shell)}: unknown shell", hint=near.hint(shell, SHELLS, f"use {known}")
        )
    sys.stdout.write(SHELLS[shell])
    return 0


def _complete(values: Values) -> int:
    """Print the answer as the scripts read it; whatever is wrong is no business of somebody who presses a key."""
    from pyrun.cli import completion

    answer = completion.complete(list(arguments(values)))
    lines = [f"{answer.paths}\t{answer.before}", *(f"{word}\t{meaning}" for word, meaning in answer.words)]
    sys.stdout.write("\n".join(lines) + "\n")
    return 0


def _doctor(values: Values) -> int:
    from pyrun.cli import examination, screen

    v: Any = values
    form = v["format"] or "table"
    if form not in ("table", "json"):
        raise UsageError(f"format: {options.show(form)}: use table or json")
    return examination.print_all(form == "json", bool(v["quiet"]), screen.is_coloured())


VERBS: dict[str, Callable[[Values], int]] = {
    "doctor": _doctor,
    "completion": _completion,
    "__complete": _complete,
}
