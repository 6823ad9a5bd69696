"""What `pyrun doctor` prints: findings part by part as they are made, for people or as JSON; and its exit code."""

import sys

from pyrun import doctor, documents
from pyrun.cli.screen import printable
from pyrun.doctor import Finding

_COLOURS = {doctor.OK: "32", doctor.WARN: "33", doctor.FAIL: "31", doctor.UNSEEN: "36"}
_SIGNS = {doctor.OK: "ok", doctor.WARN: "warn", doctor.FAIL: "FAIL", doctor.UNSEEN: "?"}
_MARGIN = " " * 8


def print_all(as_json: bool, only_troubles: bool, colour: bool) -> int:
    """Examine this host and print; give the exit code."""
    everything: list[Finding] = []
    first = True
    for heading, findings in doctor.examine():
        everything += findings
        shown = [finding for finding in findings if finding.verdict != doctor.OK or not only_troubles]
        if as_json:
            sys.stdout.write("".join(_json(heading, finding) + "\n" for finding in shown))
        elif shown:
            sys.stdout.write(("" if first else "\n") + _bold(heading, colour) + "\n")
            sys.stdout.write("".join(_lines(finding, colour) for finding in shown))
            first = False
        sys.stdout.flush()
    if not as_json:
        sys.stdout.write(("" if first else "\n") + _summary(everything) + "\n")
    return doctor.code(everything)


def _json(heading: str, finding: Finding) -> str:
    fields = {"Part": heading, "About": finding.about, "Verdict": finding.verdict, "Text": finding.text}
    return documents.written({**fields, "Cause": finding.cause, "Fix": finding.fix})


def _lines(finding: Finding, colour: bool) -> str:
    sign = _SIGNS[finding.verdict].ljust(6)
    painted = f"\x1b[{_COLOURS[finding.verdict]}m{sign}\x1b[0m" if colour else sign
    rows = [f"  {painted}{finding.about}: {printable(finding.text)}"]
    rows += [f"{_MARGIN}why: {printable(finding.cause)}"] if finding.cause else []
    rows += [f"{_MARGIN}fix: {printable(finding.fix)}"] if finding.fix and finding.verdict != doctor.UNSEEN else []
    return "".join(f"{row}\n" for row in rows)


def _summary(findings: list[Finding]) -> str:
    counts = [
        (sum(finding.verdict == verdict for finding in findings), word)
        for verdict, word in ((doctor.FAIL, "failure"), (doctor.WARN, "warning"), (doctor.UNSEEN, "unseen"))
    ]
    told = [f"{n} {word}{'s' if n != 1 and word != 'unseen' else ''}" for n, word in counts if n]
    return ", ".join(told) if told else "All is well."


def _bold(text: str, colour: bool) -> str:
    return f"\x1b[1m{text}\x1b[0m" if colour else text
