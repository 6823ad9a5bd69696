"""Verbs that help the person who types."""

from pyrun.cli.declared import Verb, switch, value

_VERBS = (
    Verb(
        "doctor",
        "Look whether this host is fit for containers, and what would help",
        (
            switch("Only what is not as it should be", "--quiet", "-q"),
            value("FORMAT", "table or json", "--format"),
        ),
        "",
        0,
        0,
    ),
    Verb("completion", "Print what makes a shell complete pyrun's words", (), "bash|zsh|fish", 1, 1),
    Verb(
        "__complete",
        "Print what may stand in the place of the last word",
        (),
        "-- [WORD]...",
        0,
        -1,
        options_first=True,
        hidden=True,
    ),
)
VERBS = {verb.name: verb for verb in _VERBS}
