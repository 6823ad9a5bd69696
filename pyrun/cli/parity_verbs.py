"""The verb that compares pyrun with Docker: what was read becomes a choice of scenarios, outcomes become a report."""

import sys

from pyrun import options
from pyrun.cli import interruption
from pyrun.cli.reader import Values
from pyrun.errors import UsageError
from pyrun.typed import Any, Callable

_FORMATS = ("table", "json", "markdown", "html")


def _parity(values: Values) -> int:
    """Give 1 when something differs that nobody has explained."""
    from pyrun.parity import on_screen, outcomes, reports

    v: Any = values
    form = v["format"] or "table"
    if form not in _FORMATS:
        raise UsageError(f"format: {options.show(form)}: use {', '.join(_FORMATS)}")
    if v["list"]:
        return _list(v["only"])
    if v["arguments"]:
        runs = list(map(reports.read, v["arguments"]))
        for run in runs if form == "table" else ():
            on_screen.replay(run)
    else:
        runs = [_compared(v, form)]
    sys.stdout.write("" if form == "table" else _written(form, runs))
    return int(any(outcomes.is_failure(outcome) for run in runs for outcome in run.outcomes))


def _compared(v: Any, form: str) -> Any:
    """Compare, and show it meanwhile; give the report. Errors: PyrunError."""
    from contextlib import closing

    from pyrun.parity import catalogue, chosen, contest, engines, on_screen, reports

    scenarios = chosen.among(catalogue.SCENARIOS, v["only"])
    docker = engines.docker(v["docker"] or "", v["host"] or "")
    interruption.clean_up_when_ended()
    report = reports.about_here(docker.version)
    seen = on_screen.Screen(len(scenarios)) if form == "table" else on_screen.Quiet(len(scenarios))
    found = []
    with contest.begun(docker, scenarios, v["tree"] or "") as begun, closing(begun.outcomes(scenarios)) as outcomes:
        seen.begin(report)
        for scenario in scenarios:
            seen.now(scenario)
            found.append(next(outcomes))
            seen.show(found[-1])
        seen.end(found)
    return report._replace(outcomes=tuple(found))


def _written(form: str, runs: list[Any]) -> str:
    from pyrun.parity import markdown, page, reports

    if form == "json":
        if len(runs) > 1:
            raise UsageError("parity: several reports are no JSON", hint="use markdown or html")
        return reports.encoded(runs[0])
    return page.written(runs) if form == "html" else markdown.written(runs)


def _list(wanted: tuple[str, ...]) -> int:
    from pyrun.cli import tables
    from pyrun.parity import catalogue, chosen

    rows = [[each.area, each.name, each.does] for each in chosen.among(catalogue.SCENARIOS, wanted)]
    sys.stdout.write(tables.shown([tables.Column(word) for word in ("AREA", "NAME", "WHAT IS COMPARED")], rows))
    return 0


VERBS: dict[str, Callable[[Values], int]] = {"parity": _parity}
