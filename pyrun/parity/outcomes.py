"""What came out of a comparison, and what that means. Pure."""

import difflib
import re

from pyrun.parity.scenario import Deviation, Scenario, holds
from pyrun.typed import NamedTuple

EQUAL, DEVIATES, DIFFERS, OUTDATED, SKIPPED = "equal", "deviates", "differs", "outdated", "skipped"
VERDICTS = (EQUAL, DEVIATES, DIFFERS, OUTDATED, SKIPPED)
UNPREPARED = "UNPREPARED: "  # begins the line that `quiet` prints of a command that failed

_LEFT_OUT = (" ", "…")


class Outcome(NamedTuple):
    """One scenario, and what either engine printed."""

    scenario: Scenario
    verdict: str
    theirs: str = ""  # normalised
    ours: str = ""
    notes: tuple[str, ...] = ()  # why it deviates, is skipped or does not hold


def is_failure(outcome: Outcome) -> bool:
    """Claim that somebody has to do something about it."""
    return outcome.verdict in (DIFFERS, OUTDATED)


def judged(scenario: Scenario, theirs: str, ours: str, version: str) -> Outcome:
    """Compare what either engine printed, beside a Docker of that version."""
    expected = [deviation for deviation in scenario.deviations if holds(deviation, version)]
    lines = differing(theirs, ours)
    unexplained = [line for line in lines if not any(explains(each, line) for each in expected)]
    unused = [each.reason for each in expected if not any(explains(each, line) for line in lines)]
    if any(line.startswith(UNPREPARED) for line in f"{theirs}\n{ours}".splitlines()):
        return Outcome(scenario, DIFFERS, theirs, ours, ("what the script prepares could not be made",))
    if unexplained:
        return Outcome(scenario, DIFFERS, theirs, ours)
    if unused:
        notes = tuple(f"a deviation is listed that is none any more: {reason}" for reason in unused)
        return Outcome(scenario, OUTDATED, theirs, ours, notes)
    if lines:
        return Outcome(scenario, DEVIATES, theirs, ours, tuple(dict.fromkeys(each.reason for each in expected)))
    return Outcome(scenario, EQUAL, theirs, ours)


def explains(deviation: Deviation, line: str) -> bool:
    """Claim that a deviation is about that differing line."""
    return not deviation.lines or re.search(deviation.lines, line) is not None


def differing(theirs: str, ours: str) -> list[str]:
    """Give the lines that only one of the two has."""
    return [row[1] for row in difference(theirs, ours) if row[0] != " "]


def shortened(rows: "list[tuple[str, str]]", around: int = 2) -> "list[tuple[str, str]]":
    """Give rows of `difference` without equal lines that are far from those that differ; "…" stands for them."""
    near = {at + step for at, row in enumerate(rows) if row[0] != " " for step in range(-around, around + 1)}
    found: list[tuple[str, str]] = []
    for at, row in enumerate(rows):
        if at in near:
            found.append(row)
        elif not found or found[-1] != _LEFT_OUT:
            found.append(_LEFT_OUT)
    return found


def difference(theirs: str, ours: str) -> list[tuple[str, str]]:
    """Give all lines, each with "-" (Docker's alone), "+" (pyrun's alone) or " " (of both), in order."""
    left, right = theirs.splitlines(), ours.splitlines()
    if theirs.endswith("\n") != ours.endswith("\n") and left == right:  # the last line's end is all that differs
        left, right = (
            ([*left[:-1], f"{left[-1]}⏎"], right) if theirs.endswith("\n") else (left, [*right[:-1], f"{right[-1]}⏎"])
        )
    rows: list[tuple[str, str]] = []
    for kind, a, b, c, d in difflib.SequenceMatcher(None, left, right, autojunk=False).get_opcodes():
        if kind == "equal":
            rows += [(" ", line) for line in left[a:b]]
        else:
            rows += [("-", line) for line in left[a:b]] + [("+", line) for line in right[c:d]]
    return rows
