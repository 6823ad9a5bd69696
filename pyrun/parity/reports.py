"""What a run found, as a value, as JSON and back again."""

import json
import os
import platform
import time
from collections import Counter

import pyrun
from pyrun.errors import PyrunError
from pyrun.parity.outcomes import EQUAL, VERDICTS, Outcome, is_failure
from pyrun.parity.scenario import Scenario, numbers
from pyrun.typed import Any, NamedTuple, Sequence

_WORDS = {
    "equal": ("equal", "equal"),
    "deviates": ("deviates as documented", "deviate as documented"),
    "differs": ("differs", "differ"),
    "outdated": (
        "is outdated: documented as a deviation, and none",
        "are outdated: documented as deviations, and none",
    ),
    "skipped": ("skipped", "skipped"),
}
_ABOUT = ("Docker", "Pyrun", "Host", "Kernel", "Cgroups", "Date")


class Report(NamedTuple):
    """A run: where it was, beside which Docker, and what came out."""

    docker: str  # the version
    pyrun: str
    host: str  # the system's name
    kernel: str
    cgroups: str  # the version
    date: str
    outcomes: tuple[Outcome, ...]


def about_here(docker: str) -> Report:
    """Give a report of this host without outcomes."""
    cgroups = "2" if os.path.exists("/sys/fs/cgroup/cgroup.controllers") else "1"
    return Report(docker, pyrun.__version__, _system(), os.uname().release, cgroups, time.strftime("%Y-%m-%d"), ())


def heading(report: Report) -> str:
    """Give the line that says what was compared where."""
    where = f"{report.host}, Linux {report.kernel}, cgroup v{report.cgroups}"
    return f"Docker {report.docker} beside pyrun {report.pyrun} on {where}"


def summary(outcomes: Sequence[Outcome]) -> str:
    """Count the verdicts in words."""
    counts = Counter(outcome.verdict for outcome in outcomes)
    told = [f"{counts[verdict]} {_WORDS[verdict][counts[verdict] > 1]}" for verdict in VERDICTS if counts[verdict]]
    return f"{len(outcomes)} scenario{'s' * (len(outcomes) != 1)}: {', '.join(told) or 'nothing to compare'}"


def encoded(report: Report) -> str:
    """Give a report as JSON."""
    fields = {
        **dict(zip(_ABOUT, report[:-1], strict=True)),
        "Summary": {verdict: sum(each.verdict == verdict for each in report.outcomes) for verdict in VERDICTS},
        "Outcomes": [_encoded(outcome) for outcome in report.outcomes],
    }
    return json.dumps(fields, indent=1, ensure_ascii=False) + "\n"


def read(path: str) -> Report:
    """Read a report of `encoded`. Errors: PyrunError for a file that is none."""
    try:
        with open(path, encoding="utf-8") as file:
            found = json.load(file)
        docker, own, host, kernel, cgroups, date = (str(found[key]) for key in _ABOUT)
        return Report(docker, own, host, kernel, cgroups, date, tuple(map(_decoded, found["Outcomes"])))
    except OSError as cause:
        raise PyrunError(f"parity: {path}: {os.strerror(cause.errno or 0).lower()}", 1) from cause
    except (ValueError, KeyError, TypeError) as cause:
        raise PyrunError(f"parity: {path}: no report of pyrun parity --format json", 1) from cause


def verdicts(report: Report) -> Report:
    """Give a report without what was typed and printed, but for what differs."""
    short = [
        outcome
        if is_failure(outcome)
        else outcome._replace(scenario=outcome.scenario._replace(script=""), theirs="", ours="")
        for outcome in report.outcomes
    ]
    return report._replace(outcomes=tuple(short))


def kept(directory: str) -> list[Report]:
    """Read all reports of a directory, by the versions of Docker. Errors: PyrunError."""
    found = [read(f"{directory}/{name}") for name in os.listdir(directory) if name.endswith(".json")]
    return sorted(found, key=lambda report: numbers(report.docker))


def _encoded(outcome: Outcome) -> dict[str, Any]:
    scenario = outcome.scenario
    same = outcome.verdict == EQUAL
    return {
        "Area": scenario.area,
        "Name": scenario.name,
        "Does": scenario.does,
        "Script": scenario.script,
        "Verdict": outcome.verdict,
        "Notes": list(outcome.notes),
        **({"Both": outcome.ours} if same else {"Docker": outcome.theirs, "Pyrun": outcome.ours}),
    }


def _decoded(row: dict[str, Any]) -> Outcome:
    area, name, does, script = (str(row[key]) for key in ("Area", "Name", "Does", "Script"))
    if row["Verdict"] not in VERDICTS:
        raise ValueError
    theirs, ours = (str(row.get("Both", row.get(key, ""))) for key in ("Docker", "Pyrun"))
    return Outcome(Scenario(area, name, does, script), row["Verdict"], theirs, ours, tuple(map(str, row["Notes"])))


def _system() -> str:
    try:
        return platform.freedesktop_os_release()["PRETTY_NAME"]
    except (OSError, KeyError):
        return platform.system()
