"""Verbs that look: at the whole network, at a packet's way, from inside a container."""

from pyrun.cli.declared import Verb, switch, value

_VERBS = (
    Verb(
        "network diagram",
        "Draw what is plugged into what",
        (value("FORMAT", "text, mermaid or svg", "--format", kind="text|mermaid|svg"),),
        "",
        0,
        0,
    ),
    Verb(
        "network why",
        "Say why a packet gets through, or which rule stops it",
        (
            switch("Send one packet, and see which counters move", "--probe"),
            value("FORMAT", "text or json", "--format", kind="text|json"),
            switch("Also the rules that did not match", "--verbose", "-v"),
        ),
        "SOURCE TARGET[:PORT[/PROTOCOL]]",
        2,
        2,
    ),
    Verb(
        "netns exec",
        "Run a program of the host in a container's network namespace",
        (),
        "CONTAINER [--] COMMAND [ARG]...",
        2,
        -1,
        options_first=True,
    ),
)
VERBS = {verb.name: verb for verb in _VERBS}
