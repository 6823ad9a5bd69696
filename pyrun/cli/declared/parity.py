"""The verb that compares pyrun with Docker."""

from pyrun.cli.declared import Verb, switch, value

VERBS = {
    verb.name: verb
    for verb in (
        Verb(
            "parity",
            "Type the same into Docker and into pyrun, and compare",
            (
                value("NAME", "Only this scenario, area, or what a pattern like 'port*' fits", "--only", multiple=True),
                switch("List the scenarios, and do nothing", "--list"),
                value("FORMAT", "json, markdown or html", "--format", kind="json|markdown|html"),
                value("PATH", "Docker's client, if it is not the one in PATH", "--docker"),
                value("SOCKET", "Where its daemon listens, as docker -H", "--host", "-H"),
                value("ROOTFS", "What both run, instead of the machine's busybox", "--tree"),
            ),
            "[REPORT]...",
            0,
            -1,
        ),
    )
}
