"""What a person sees of a comparison: area by area as it goes, differences as they are found, a summary at last."""

import os
import sys

from pyrun.cli import screen
from pyrun.cli.progress import Progress
from pyrun.parity import reports
from pyrun.parity.outcomes import DEVIATES, DIFFERS, EQUAL, OUTDATED, SKIPPED, Outcome, difference, shortened
from pyrun.parity.reports import Report
from pyrun.parity.scenario import Scenario
from pyrun.typed import Sequence

_SIGNS = {EQUAL: "equal", DEVIATES: "deviates", DIFFERS: "DIFFERS", OUTDATED: "OUTDATED", SKIPPED: "skipped"}
_COLOURS = {EQUAL: "green", DEVIATES: "yellow", DIFFERS: "red", OUTDATED: "red", SKIPPED: "dim"}
_LINES = {"-": "red", "+": "green", " ": "dim"}
_MARGIN = " " * 12


class Screen:
    """Prints outcomes one by one; on a terminal the scenario that is typed now stands in the last line."""

    def __init__(self, total: int) -> None:
        self._total, self._seen, self._area = total, 0, ""
        self._paint = screen.painted if screen.is_coloured() else lambda text, _: text
        self._is_terminal = os.isatty(1)

    def begin(self, report: Report) -> None:
        """Say what is compared."""
        self._write(f"{reports.heading(report)}\n")

    def now(self, scenario: Scenario) -> None:
        """Show what is typed now."""
        if self._is_terminal:
            line = f"  {self._seen + 1} of {self._total}  {scenario.area}: {scenario.name}"
            self._write(self._paint(screen.shortened(line, max(screen.width() - 1, 20)), "dim"))

    def show(self, outcome: Outcome) -> None:
        """Show what came out."""
        scenario, verdict = outcome.scenario, outcome.verdict
        text = "\r\x1b[K" if self._is_terminal else ""
        if scenario.area != self._area:
            text += f"\n{self._paint(scenario.area, 'bold')}\n"
        self._area, self._seen = scenario.area, self._seen + 1
        text += f"  {self._paint(_SIGNS[verdict].ljust(10), _COLOURS[verdict])}{screen.printable(scenario.name)}\n"
        text += "".join(f"{_MARGIN}{screen.printable(note)}\n" for note in outcome.notes)
        self._write(text + (self._difference(outcome) if verdict == DIFFERS else ""))

    def end(self, outcomes: Sequence[Outcome]) -> None:
        """Show the summary."""
        self._write(f"\n{reports.summary(outcomes)}\n")

    def _difference(self, outcome: Outcome) -> str:
        rows = [f"{_MARGIN}{self._paint('- Docker', 'red')}   {self._paint('+ pyrun', 'green')}"]
        for sign, line in shortened(difference(outcome.theirs, outcome.ours)):
            rows.append(f"{_MARGIN}{self._paint(f'{sign} {screen.printable(line)}', _LINES[sign])}")
        return "".join(f"{row}\n" for row in rows)

    def _write(self, text: str) -> None:
        sys.stdout.write(text)
        sys.stdout.flush()


class Quiet:
    """Prints nothing, for a page that comes at the end; on a terminal it shows how far things are."""

    def __init__(self, total: int) -> None:
        self._total, self._seen = total, 0
        self._progress = Progress("parity")

    def begin(self, _: Report) -> None:
        """Print nothing."""

    def now(self, scenario: Scenario) -> None:
        """Show what is typed now."""
        self._progress.tell(f"{self._seen + 1} of {self._total}, {scenario.area}: {scenario.name}")

    def show(self, _: Outcome) -> None:
        """Count what came out."""
        self._seen += 1

    def end(self, _: Sequence[Outcome]) -> None:
        """Take the line away."""
        self._progress.clear()


def replay(report: Report) -> None:
    """Print a run that is over."""
    screen = Screen(len(report.outcomes))
    screen.begin(report)
    for outcome in report.outcomes:
        screen.show(outcome)
    screen.end(report.outcomes)
