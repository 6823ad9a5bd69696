"""How a container is watched: how what it writes is kept, the verb that prints it, and health checks."""

from pyrun.cli.declared import Verb, switch, value

LOGGING = (
    value("DRIVER", "Where output is kept: json-file, local or none", "--log-driver"),
    value("KEY=VALUE", "max-size, max-file, env, labels or tag of the log", "--log-opt", multiple=True),
)

HEALTH = (
    value("COMMAND", "Line for the container's shell that tells whether it is healthy", "--health-cmd"),
    value("TIME", "Time between two checks (30s)", "--health-interval"),
    value("NUMBER", "Failures one after the other that make it unhealthy (3)", "--health-retries"),
    value("TIME", "Time after a start in which failures do not count (0s)", "--health-start-period"),
    value("TIME", "Time between two checks in that time, until one is good", "--health-start-interval"),
    value("TIME", "Time after which a check has failed (30s)", "--health-timeout"),
    switch("Check nothing", "--no-healthcheck"),
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
