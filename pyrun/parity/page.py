"""Reports as one page for a browser: what was typed, and beside each other what either engine printed. Pure."""

from html import escape

from pyrun.parity import reports
from pyrun.parity.outcomes import DIFFERS, OUTDATED, SKIPPED, VERDICTS, Outcome, difference
from pyrun.parity.page_parts import SCRIPT, STYLE
from pyrun.parity.reports import Report
from pyrun.typed import Iterator, Sequence

_TITLE = "pyrun beside Docker"
_OPEN = (DIFFERS, OUTDATED)  # what is seen at once
_Row = tuple[str, str, str, str]  # class and text of either side


def written(runs: Sequence[Report]) -> str:
    """Give the page."""
    every = [outcome for run in runs for outcome in run.outcomes]
    body = "".join(map(_run, runs))
    return (
        f'<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta name="viewport" content="width=device-width, initial-scale=1">\n<title>{_TITLE}</title>\n'
        f"<style>{STYLE}</style>\n</head>\n<body>\n<h1>{_TITLE}</h1>\n"
        f'<p class="about">The same lines typed into both, and what they print. {escape(reports.summary(every))}.</p>\n'
        f'{_filter(every)}{body}<p id="nothing" hidden>Nothing is like that.</p>\n'
        f"<script>{SCRIPT}</script>\n</body>\n</html>\n"
    )


def _filter(outcomes: Sequence[Outcome]) -> str:
    counts = {verdict: sum(outcome.verdict == verdict for outcome in outcomes) for verdict in VERDICTS}
    buttons = [f'<button value="" aria-pressed="true">all<b>{len(outcomes)}</b></button>']
    for verdict, count in counts.items():
        state = "" if count else " disabled"
        buttons.append(f'<button value="{verdict}" aria-pressed="false"{state}>{verdict}<b>{count}</b></button>')
    search = '<input type="search" placeholder="Search scenarios, commands and outputs" aria-label="Search">'
    return f"<nav>{''.join(buttons)}{search}</nav>\n"


def _run(run: Report) -> str:
    areas = dict.fromkeys(outcome.scenario.area for outcome in run.outcomes)
    parts = [_area(run, area) for area in areas]
    heading = f"{escape(reports.heading(run))}, {escape(run.date)}"
    return f'<section class="run">\n<p class="about">{heading}</p>\n{"".join(parts)}</section>\n'


def _area(run: Report, area: str) -> str:
    outcomes = [each for each in run.outcomes if each.scenario.area == area]
    rows = "".join(_scenario(run, outcome) for outcome in outcomes)
    return f'<section class="area"><h2>{escape(area)} <span>{len(outcomes)}</span></h2>\n{rows}</section>\n'


def _scenario(run: Report, outcome: Outcome) -> str:
    scenario, verdict = outcome.scenario, outcome.verdict
    notes = "".join(f'<span class="note">{escape(note)}</span>' for note in outcome.notes)
    sides = "" if verdict == SKIPPED else _sides(run, outcome)
    state = " open" if verdict in _OPEN else ""
    return (
        f'<details class="{verdict}"{state}><summary><span class="verdict">{verdict}</span>'
        f'<span class="name">{escape(scenario.name)}</span><span class="does">{escape(scenario.does)}</span>{notes}'
        f'</summary><div class="inside"><pre>{escape(scenario.script)}</pre>{sides}</div></details>\n'
    )


def _sides(run: Report, outcome: Outcome) -> str:
    heads = f"<tr><th>Docker {escape(run.docker)}</th><th>pyrun {escape(run.pyrun)}</th></tr>"
    rows = "".join(
        f'<tr><td class="{theirs}">{escape(left)}</td><td class="{ours}">{escape(right)}</td></tr>'
        for theirs, left, ours, right in _rows(outcome)
    )
    return f"<table>{heads}{rows or '<tr><td></td><td></td></tr>'}</table>"


def _rows(outcome: Outcome) -> Iterator[_Row]:
    """Give the lines of both sides, those that differ beside each other."""
    theirs: list[str] = []
    ours: list[str] = []
    for sign, line in difference(outcome.theirs, outcome.ours):
        if sign == " ":
            yield from _paired(theirs, ours)
            yield "", line, "", line
        else:
            (theirs if sign == "-" else ours).append(line)
    yield from _paired(theirs, ours)


def _paired(theirs: list[str], ours: list[str]) -> Iterator[_Row]:
    """Give differing lines beside each other, and forget them."""
    for at in range(max(len(theirs), len(ours))):
        left, right = (("", "none") if at >= len(side) else (side[at], "") for side in (theirs, ours))
        yield left[1] or "theirs", left[0], right[1] or "ours", right[0]
    theirs.clear()
    ours.clear()
