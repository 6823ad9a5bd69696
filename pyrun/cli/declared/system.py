"""Verbs about pyrun itself and this host."""

from pyrun.cli.declared import Verb, value

_FORMAT = value("FORMAT", "json, or a template: '{{.Client.Version}}'", "--format", "-f")
VERBS = {
    verb.name: verb
    for verb in (
        Verb("version", "Print the version", (_FORMAT,), "", 0, 0),
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
