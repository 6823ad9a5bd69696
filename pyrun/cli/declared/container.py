"""Verbs about containers that are there."""

from pyrun.cli.declared import Verb, switch, value

PS = Verb(
    "ps",
    "List containers",
    (
        switch("Also those that do not run", "--all", "-a"),
        switch("Only ids", "--quiet", "-q"),
        switch("Do not shorten ids and commands", "--no-trunc"),
        value("FORMAT", "table, json, or a template: '{{.Names}}', 'table {{.ID}}\\t{{.Names}}'", "--format"),
        value("KEY=VALUE", "Only those that match", "--filter", "-f", multiple=True),
        value("NUMBER", "Only the newest ones, in whatever state", "--last", "-n"),
        switch("Only the newest one, in whatever state", "--latest", "-l"),
        switch("Also how much they have written", "--size", "-s"),
    ),
    "",
    0,
    0,
)
_SIGNAL = value("SIGNAL", "Signal to send (KILL)", "--signal", "-s")
ENDING = (
    value("SECONDS", "How long to wait before killing", "--time", "-t", "--timeout"),
    value("SIGNAL", "Signal that asks to end, instead of the container's own", "--signal", "-s"),
)
_FORCE = switch("Kill it first if it runs", "--force", "-f")
_VOLUMES = switch("With the volumes that were made for it", "--volumes", "-v")
_INSPECT = (
    value("FORMAT", "json, or a template: '{{.State.Status}}'", "--format", "-f"),
    switch("Also how much a container has written", "--size", "-s"),
    value("TYPE", "Only look for a container, a network or a volume", "--type"),
)
_MANY = "CONTAINER [CONTAINER]..."


VERBS = {
    verb.name: verb
    for verb in (
        PS,
        Verb("stop", "Ask containers to end, then kill them", ENDING, _MANY, 1, -1),
        Verb("kill", "Send a signal to containers", (_SIGNAL,), _MANY, 1, -1),
        Verb("rm", "Remove containers", (_FORCE, _VOLUMES), _MANY, 1, -1),
        Verb("inspect", "Print all that is known, as JSON", _INSPECT, "NAME|ID [NAME|ID]...", 1, -1),
        Verb("port", "Print where a container's ports are published", (), "CONTAINER [PORT[/PROTOCOL]]", 1, 2),
        Verb("wait", "Wait for containers to end, print their exit codes", (), _MANY, 1, -1),
    )
}
