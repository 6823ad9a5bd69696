"""Verbs that watch what runs."""

from pyrun.cli.declared import Verb, switch, value

VERBS = {
    verb.name: verb
    for verb in (
        Verb(
            "stats",
            "Show what containers take of the machine, live",
            (
                switch("Also those that do not run", "--all", "-a"),
                value("FORMAT", "table, table TEMPLATE, json, or a Go template", "--format"),
                switch("Measure once and end", "--no-stream"),
                switch("Do not shorten ids", "--no-trunc"),
            ),
            "[CONTAINER]...",
            0,
            -1,
        ),
        Verb("top", "List a container's processes", (), "CONTAINER [PS-OPTIONS]...", 1, -1, options_first=True),
    )
}
