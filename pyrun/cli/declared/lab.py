"""Verbs of the lab: a private host on which people learn networking."""

from pyrun.cli.declared import Verb, switch, value

_FORMAT = value("FORMAT", "text or json", "--format", kind="text|json")
_STAGE = "[STAGE]"
_VERBS = (
    Verb(
        "lab start",
        "Make a private host to learn on, and open a shell there",
        (
            value("NUMBER", "Which fault broken has; the same number is the same fault", "--seed"),
            value("NAME", "The fault by its name, for instructors: see pyrun lab faults", "--fault", kind="@faults"),
            switch("Open no shell", "--no-shell"),
        ),
        "bridge|broken",
        1,
        1,
    ),
    Verb("lab shell", "Open a shell in the lab, or run a command", (), "[COMMAND [ARG]...]", 0, -1, options_first=True),
    Verb("lab check", "Look what is right, what is not, and why", (_FORMAT,), _STAGE, 0, 1),
    Verb("lab hint", "Give a hint; asked again, a clearer one", (), _STAGE, 0, 1),
    Verb("lab solve", "Perform a stage, or mend the fault, as commands that are shown", (), f"{_STAGE}|all", 0, 1),
    Verb("lab reset", "Take a stage back, or everything", (), "STAGE|all", 1, 1),
    Verb("lab status", "Say what the task is, and how far it is done", (), "", 0, 0),
    Verb("lab ls", "List the labs that there are", (), "", 0, 0),
    Verb("lab stop", "End the lab, with all that is in it", (), "", 0, 0),
    Verb("lab faults", "List the faults of broken, for instructors", (_FORMAT,), "", 0, 0),
)
VERBS = {verb.name: verb for verb in _VERBS}
