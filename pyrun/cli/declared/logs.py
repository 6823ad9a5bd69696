"""What a container wrote: how it is kept, and the verb that prints it."""

from pyrun.cli.declared import Verb, switch, value

LOGGING = (
    value("DRIVER", "Where output is kept: json-file, local or none", "--log-driver"),
    value("KEY=VALUE", "max-size, max-file, env, labels or tag of the log", "--log-opt", multiple=True),
)

LOGS = Verb(
    "logs",
    "Print what a container wrote",
    (
        switch("Go on as more is written", "--follow", "-f"),
        value("TIME", "Only what was written since then: a time, or how long ago (10m)", "--since"),
        value("TIME", "Only what was written until then", "--until"),
        value("NUMBER", "Only the last lines; all", "--tail", "-n"),
        switch("Print when each line was written", "--timestamps", "-t"),
        switch("Print what --log-opt adds to each line", "--details"),
    ),
    "CONTAINER",
    1,
    1,
)
VERBS = {LOGS.name: LOGS}
