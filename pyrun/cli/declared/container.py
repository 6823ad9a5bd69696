"""Verbs about containers that are there."""

from pyrun.cli.declared import Verb, switch, value

PS = Verb(
    "ps",
    "List containers",
    (
        switch("Also those that do not run", "--all", "-a"),
        switch("Only ids", "--quiet", "-q"),
        switch("Do not shorten ids and commands", "--no-trunc"),
        value("FORMAT", "table or json", "--format"),
        value("NUMBER", "Only the newest ones", "--last", "-n"),
        switch("Only the newest one", "--latest", "-l"),
    ),
    "",
    0,
    0,
)
_SIGNAL = value("SIGNAL", "Signal to send (KILL)", "--signal", "-s")
_TIME = value("SECONDS", "How long to wait before killing", "--time", "-t")
_FORCE = switch("Kill it first if it runs", "--force", "-f")
_MANY = "CONTAINER [CONTAINER]..."


VERBS = {
    verb.name: verb
    for verb in (
        PS,
        Verb("stop", "Ask containers to end, then kill them", (_TIME,), _MANY, 1, -1),
        Verb("kill", "Send a signal to containers", (_SIGNAL,), _MANY, 1, -1),
        Verb("rm", "Remove containers", (_FORCE,), _MANY, 1, -1),
        Verb("inspect", "Print all that is known, as JSON", (), _MANY, 1, -1),
        Verb("port", "Print where a container's ports are published", (), "CONTAINER [PORT[/PROTOCOL]]", 1, 2),
        Verb("wait", "Wait for containers to end, print their exit codes", (), _MANY, 1, -1),
    )
}
