"""Reports of one or several runs as a page in Markdown; docs/parity.md is one. Pure."""

from pyrun.parity import catalogue
from pyrun.parity.outcomes import DEVIATES, DIFFERS, EQUAL, OUTDATED, SKIPPED, VERDICTS, Outcome, difference, shortened
from pyrun.parity.reports import Report
from pyrun.parity.scenario import Deviation, Scenario
from pyrun.typed import Iterable, Sequence

_INTRODUCTION = """\
# Where pyrun and Docker were compared, and what differs

`pyrun parity` types the same lines into a live Docker and into pyrun, on one host with an internet behind it, and
compares what they print. What is not listed below as a deviation has to be equal; a deviation that is listed for a
version of Docker and is none there fails as well. This page is what `pyrun parity --format markdown` writes of the runs
that it names.
"""
_CELLS = {EQUAL: "equal", DEVIATES: "deviates", DIFFERS: "**differs**", OUTDATED: "**outdated**", SKIPPED: "skipped"}


def written(runs: Sequence[Report], scenarios: Sequence[Scenario] = catalogue.SCENARIOS) -> str:
    """Give the page: the runs, the results with a column for each, why something was skipped, all deviations."""
    every = {_key(each): each for run in runs for each in (outcome.scenario for outcome in run.outcomes)}
    every |= {_key(scenario): scenario for scenario in scenarios}
    found = [{_key(outcome.scenario): outcome for outcome in run.outcomes} for run in runs]
    parts = [_INTRODUCTION, _runs(runs), "## Results\n"]
    for area in dict.fromkeys(scenario.area for scenario in every.values()):
        parts.append(_area(area, [each for each in every.values() if each.area == area], runs, found))
    parts += [_deviations(scenarios), _skipped(runs), _differences(runs)]
    return "\n".join(filter(None, parts))


def _key(scenario: Scenario) -> tuple[str, str]:
    return scenario.area, scenario.name


def _runs(runs: Sequence[Report]) -> str:
    rows = [
        [
            f"Docker {run.docker}",
            run.pyrun,
            f"{run.host}, Linux {run.kernel}, cgroup v{run.cgroups}",
            run.date,
            *(str(sum(outcome.verdict == verdict for outcome in run.outcomes)) for verdict in VERDICTS),
        ]
        for run in runs
    ]
    return _table(["Beside", "pyrun", "On", "Date", *VERDICTS], rows)


def _area(
    area: str,
    scenarios: Iterable[Scenario],
    runs: Sequence[Report],
    found: "Sequence[dict[tuple[str, str], Outcome]]",
) -> str:
    rows = []
    for each in scenarios:
        outcomes = [run.get(_key(each)) for run in found]
        rows.append(
            [
                _plain(each.name),
                _plain(each.does),
                *(_CELLS[outcome.verdict] if outcome else "–" for outcome in outcomes),
            ]
        )
    headings = ["Scenario", "What is compared", *(f"Docker {_short(run.docker)}" for run in runs)]
    return f"### {area}\n\n{_table(headings, rows)}"


def _short(version: str) -> str:
    return version.partition("+")[0]


def _deviations(scenarios: Iterable[Scenario]) -> str:
    rows = [
        [_plain(f"{scenario.area}: {scenario.name}"), _range(deviation), _plain(deviation.reason)]
        for scenario in scenarios
        for deviation in scenario.deviations
    ]
    return f"## Deviations\n\n{_table(['Scenario', 'Of Docker', 'Reason'], rows)}" if rows else ""


def _range(deviation: Deviation) -> str:
    if deviation.since and deviation.until:
        return f"{deviation.since} to before {deviation.until}"
    if deviation.since:
        return f"since {deviation.since}"
    return f"before {deviation.until}" if deviation.until else "all"


def _skipped(runs: Iterable[Report]) -> str:
    rows = [
        [
            _plain(f"{outcome.scenario.area}: {outcome.scenario.name}"),
            f"Docker {_short(run.docker)}",
            _plain(outcome.notes[0]),
        ]
        for run in runs
        for outcome in run.outcomes
        if outcome.verdict == SKIPPED
    ]
    return f"## Skipped\n\n{_table(['Scenario', 'Beside', 'Why'], rows)}" if rows else ""


def _differences(runs: Iterable[Report]) -> str:
    parts = []
    for run in runs:
        for outcome in run.outcomes:
            if outcome.verdict in (DIFFERS, OUTDATED):
                parts.append(_difference(run, outcome))
    return "## Differences\n\n" + "\n".join(parts) if parts else ""


def _difference(run: Report, outcome: Outcome) -> str:
    notes = "".join(f"{note}\n\n" for note in outcome.notes)
    fence = "````"
    lines = "".join(f"{sign} {line}\n" for sign, line in shortened(difference(outcome.theirs, outcome.ours)))
    title = f"### {outcome.scenario.area}: {outcome.scenario.name}, beside Docker {_short(run.docker)}"
    return f"{title}\n\n{notes}{fence}diff\n{lines}{fence}\n"


def _table(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [headings, ["---"] * len(headings), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def _plain(text: str) -> str:
    """Give text that is no markup inside of a table."""
    for sign in "\\|<*":
        text = text.replace(sign, f"\\{sign}")
    return " ".join(text.split())
