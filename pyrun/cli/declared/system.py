"""Verbs about pyrun itself and this host."""

from pyrun.cli.declared import Verb, value

_FORMAT = value("FORMAT", "json, or a Go template", "--format", "-f")
VERBS = {
    verb.name: verb
    for verb in (
        Verb("version", "Print the version", (_FORMAT,), "", 0, 0),
        Verb("info", "Print what there is on this host, and what it can", (_FORMAT,), "", 0, 0),
        Verb(
            "events",
            "Print what happens to containers, networks, volumes and root file systems",
            (
                value("KEY=VALUE", "Only such events, as event=die", "--filter", "-f", multiple=True),
                value("FORMAT", "json, or a Go template", "--format"),
                value("TIME", "Also what has happened since then", "--since"),
                value("TIME", "End with what has happened by then", "--until"),
            ),
            "",
            0,
            0,
        ),
    )
}
