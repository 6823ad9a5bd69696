"""The verbs of the lab: who makes it, goes there and ends it, and what is asked about the tasks in it.

What looks at the lab goes inside first, as a twin of this process: see `pyrun.lab.entering`.
"""

import os
import sys

from pyrun import options
from pyrun.cli.reader import Values
from pyrun.errors import PyrunError, UsageError
from pyrun.typed import Any, Callable

_FAREWELL = "The lab goes on: pyrun lab shell leads back, pyrun lab stop ends it."


def _start(values: Values) -> int:
    from pyrun.cli import lab_text
    from pyrun.lab import entering, standing, starting

    v: Any = values
    kind = v["arguments"][0]
    if kind not in standing.KINDS:
        raise UsageError(f"lab: {options.show(kind)}: there are bridge and broken", hint="see pyrun lab ls")
    if kind != "broken" and (v["seed"] or v["fault"]):
        raise UsageError("lab: only broken has faults")
    seed = _number(v["seed"]) if v["seed"] else 0
    lab = starting.start(kind, seed, v["fault"] or "")
    lab_text.write(lab_text.introduction(lab))
    sys.stdout.flush()
    if os.isatty(0) and os.isatty(1) and not v["no_shell"]:
        directory = os.getcwd()
        entering.enter(lab, _FAREWELL)
        entering.shell(directory, [])
    lab_text.write(lab_text.paragraph("pyrun lab shell leads into it; pyrun lab stop ends it."))
    return 0


def _shell(values: Values) -> int:
    from pyrun.lab import entering, standing

    v: Any = values
    lab, directory = standing.find(), os.getcwd()
    command = [*v["arguments"]]
    entering.enter(lab, "" if command or not os.isatty(0) else _FAREWELL)
    entering.shell(directory, command[1:] if command[:1] == ["--"] else command)


def _check(values: Values) -> int:
    from pyrun.cli import lab_text
    from pyrun.lab import entering, grade, standing

    v: Any = values
    form = _form(v["format"])
    lab = standing.find()
    wanted = _stage(lab, v["arguments"][0]) if v["arguments"] else ""
    entering.enter(lab)
    results = grade.examine(lab)
    if form == "json":
        lab_text.write_json(grade.document(lab, results))
    else:
        lab_text.write(lab_text.examined(lab, results, wanted))
    return 0 if all(result.done for result in results if wanted in ("", result.name)) else 1


def _hint(values: Values) -> int:
    from pyrun.cli import lab_text
    from pyrun.lab import entering, helping, standing

    v: Any = values
    lab = standing.find()
    wanted = _stage(lab, v["arguments"][0]) if v["arguments"] else ""
    entering.enter(lab)
    lab_text.write(lab_text.hint(helping.hint(lab, wanted)))
    return 0


def _solve(values: Values) -> int:
    from pyrun import operation
    from pyrun.cli import lab_text
    from pyrun.lab import entering, helping, standing

    v: Any = values
    lab = standing.find()
    word = v["arguments"][0] if v["arguments"] else ""
    wanted = word if word in ("", "all") else _stage(lab, word)
    entering.enter(lab)
    operation.observers.append(operation.explain_to(1))
    for line in helping.solve(lab, wanted):
        lab_text.write(lab_text.paragraph(line))
        sys.stdout.flush()  # beside the commands, which are not buffered
    return 0


def _reset(values: Values) -> int:
    from pyrun import operation
    from pyrun.lab import entering, helping, standing

    v: Any = values
    lab = standing.find()
    word = v["arguments"][0]
    wanted = word if word == "all" else _stage(lab, word)
    entering.enter(lab)
    if wanted != "all":
        operation.observers.append(operation.explain_to(1))
    helping.reset(lab, wanted)
    sys.stdout.write("The lab is as at its beginning.\n" if wanted == "all" else f"Stage {wanted} is taken back.\n")
    return 0


def _status(_: Values) -> int:
    from pyrun.cli import lab_text
    from pyrun.lab import entering, grade, standing

    lab = standing.find()
    entering.enter(lab)
    lab_text.write(lab_text.status(lab, grade.examine(lab) if lab.kind == "bridge" else []))
    return 0


def _ls(_: Values) -> int:
    from pyrun.cli import tables
    from pyrun.lab import standing

    lab = standing.look()
    rows = [(kind, "running" if lab and lab.kind == kind else "", text) for kind, text in standing.KINDS.items()]
    sys.stdout.write(tables.columns([("LAB", "STATUS", "WHAT IT IS"), *rows]))
    return 0


def _stop(_: Values) -> int:
    from pyrun.lab import standing

    lab = standing.look()
    if lab is None:
        raise PyrunError("lab: none is running", 1)
    standing.stop(lab)
    return 0


def _faults(values: Values) -> int:
    from pyrun.cli import lab_text
    from pyrun.lab import faults

    v: Any = values
    found = list(faults.FAULTS.values())
    if _form(v["format"]) == "json":
        fields = [{"Seed": at, "Name": f.name, "Symptom": f.symptom, "Found": f.found} for at, f in enumerate(found, 1)]
        lab_text.write_json(fields)
        return 0
    lab_text.write(lab_text.faults(found))
    return 0


def _stage(lab: Any, word: str) -> str:
    from pyrun.lab import stages

    if lab.kind == "broken":
        raise UsageError("lab: broken has no stages: it is one fault", code=1)
    return stages.find(word).name


def _number(text: str) -> int:
    if not text.isascii() or not text.isdigit() or not 0 < int(text) < 1 << 31:
        raise UsageError(f"seed: {options.show(text)}: expected a number from 1")
    return int(text)


def _form(text: "str | None") -> str:
    if text not in (None, "", "text", "json"):
        raise UsageError(f"format: {options.show(str(text))}: use text or json")
    return text or "text"


VERBS: dict[str, Callable[[Values], int]] = {
    "lab start": _start,
    "lab shell": _shell,
    "lab check": _check,
    "lab hint": _hint,
    "lab solve": _solve,
    "lab reset": _reset,
    "lab status": _status,
    "lab ls": _ls,
    "lab stop": _stop,
    "lab faults": _faults,
}
