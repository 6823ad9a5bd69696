"""The verbs that look: the network drawn, packets explained, host programs run where a container is."""

import os
import sys

from pyrun import options
from pyrun.cli.reader import Values
from pyrun.errors import UsageError
from pyrun.typed import Any, Callable

_FORMATS = ("text", "mermaid", "svg")


def _diagram(values: Values) -> int:
    v: Any = values
    form = v["format"] or "text"
    if form not in _FORMATS:
        raise UsageError(f"format: {options.show(form)}: use {', '.join(_FORMATS)}")
    sys.stdout.write(_drawn(form))
    return 0


def _drawn(form: str) -> str:
    from pyrun.runtime import topology

    found = topology.look(others=True)
    if form == "svg":
        from pyrun.cli import diagram_svg

        return diagram_svg.draw(found)
    if form == "mermaid":
        from pyrun.cli import diagram_mermaid

        return diagram_mermaid.draw(found)
    from pyrun.cli import diagram_text

    return diagram_text.draw(found, os.isatty(1) and "NO_COLOR" not in os.environ)


def _why(values: Values) -> int:
    """Give 0 for reachable, by the probe if there was one, 1 for everything else."""
    from pyrun.cli import why
    from pyrun.runtime import probe, reachability, vantage

    v: Any = values
    form = v["format"] or "text"
    if form not in ("text", "json"):
        raise UsageError(f"format: {options.show(form)}: use text or json")
    source, target = v["arguments"]
    view = vantage.Live()
    asked = vantage.question(source, target, view)
    answer = reachability.walk(asked, view)
    probed = probe.probe(asked, answer, view) if v["probe"] else None
    if form == "json":
        sys.stdout.write(why.as_json(asked, answer, probed, view.blind))
    else:
        colour = os.isatty(1) and "NO_COLOR" not in os.environ
        sys.stdout.write(why.in_words(asked, answer, probed, view.blind, why.Shown(v["verbose"], colour)))
    reachable = answer.reachable if probed is None or probed.reachable is None else probed.reachable
    return 0 if reachable else 1


def _netns_exec(values: Values) -> int:
    from pyrun.runtime import netns

    v: Any = values
    name, *command = v["arguments"]
    command = command[1:] if command[0] == "--" else command
    if not command:
        raise UsageError("netns exec: expected a command", hint="see pyrun netns exec --help")
    netns.execute(name, command, int(v["umask"], 8))


VERBS: dict[str, Callable[[Values], int]] = {
    "network diagram": _diagram,
    "network why": _why,
    "netns exec": _netns_exec,
}
