"""Verbs that tell of this host: what there is, and what happens."""

from pyrun.cli.declared import Verb, value

VERBS = {
    verb.name: verb
    for verb in (
        Verb(
            "info",
            "Print what there is on this host, and what it can",
            (value("FORMAT", "json, or a template: '{{.CgroupVersion}}'", "--format", "-f"),),
            "",
            0,
            0,
        ),
        Verb(
            "events",
            "Print what happens to containers, networks, volumes and root file systems",
            (
                value("KEY=VALUE", "Only such events, as event=die", "--filter", "-f", multiple=True),
                value("FORMAT", "json, or a template: '{{.Action}}'", "--format"),
                value("TIME", "Also what has happened since then", "--since"),
                value("TIME", "End with what has happened by then", "--until"),
            ),
            "",
            0,
            0,
        ),
    )
}
