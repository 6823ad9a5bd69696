"""Verbs about pyrun itself and this host."""

from pyrun.cli.declared import Verb

VERBS = {
    verb.name: verb
    for verb in (
        Verb("version", "Print the version", (), "", 0, 0),
        Verb(
            "system boot",
            "Start what its restart policy wants to run, after the host has come up",
            (),
            "",
            0,
            0,
        ),
    )
}
