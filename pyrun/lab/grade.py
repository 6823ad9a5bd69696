"""A lab examined: every task with what is right and wrong about it, its points, and the whole as a document."""

import time

from pyrun import moments
from pyrun.lab import probes, progress, sight, stages
from pyrun.lab.checks import Finding
from pyrun.lab.progress import Progress
from pyrun.lab.standing import Standing
from pyrun.typed import Any, NamedTuple


class Result(NamedTuple):
    """What became of one task."""

    name: str
    title: str
    findings: tuple[Finding, ...]
    told: Progress
    points: int
    fresh: bool = False  # done, and never seen to be before

    @property
    def done(self) -> bool:
        """Claim that nothing is wrong."""
        return all(finding.right for finding in self.findings)


def examine(lab: Standing) -> list[Result]:
    """Look at every task of a lab, note what is done, and let prompts show it. Errors: OSError, PyrunError."""
    if lab.kind == "broken":
        return [_repair(lab)]
    view = sight.look()
    results = [_result(stage.name, stage.title, stage.check(view)) for stage in stages.STAGES.values()]
    progress.prompt(f"bridge {sum(result.done for result in results)}/{len(results)}")
    return results


def _repair(lab: Standing) -> Result:
    found = [Finding(outcome.right, _told(outcome)) for outcome in probes.run()]
    result = _result(lab.fault, "Find the fault, and mend it", found)
    progress.prompt("mended" if result.done else "broken")
    return result


def _told(outcome: probes.Outcome) -> str:
    return outcome.probe.words if outcome.right else f"{outcome.probe.words}: {outcome.text}"


def _result(name: str, title: str, findings: list[Finding]) -> Result:
    done = all(finding.right for finding in findings)
    before = progress.read().get(name, Progress())
    told = progress.note(name, done=True) if done else before
    points = progress.points(stages.POINTS, done, told)
    return Result(name, title, tuple(findings), told, points, done and not before.done)


def document(lab: Standing, results: list[Result]) -> dict[str, Any]:
    """Give the grade of a lab, for instructors' programs."""
    now = time.time()
    whole = all(result.done for result in results)
    head = {
        "Lab": lab.kind,
        "Started": moments.stamp(int(lab.started) * 10**9)[:19] + "Z",
        "Seconds": round(now - lab.started),
    }
    if lab.kind == "broken":
        head |= {"Seed": lab.seed, "Fault": lab.fault if whole else None}
    tasks = [_task(at, result, lab) for at, result in enumerate(results, 1)]
    total = {"Points": sum(result.points for result in results), "Of": stages.POINTS * len(results), "Done": whole}
    return {**head, **total, "Stages": tasks}


def _task(number: int, result: Result, lab: Standing) -> dict[str, Any]:
    told = result.told
    return {
        "Number": number,
        "Name": result.name if lab.kind == "bridge" else "fault",
        "Done": result.done,
        "Points": result.points,
        "Of": stages.POINTS,
        "Right": [finding.text for finding in result.findings if finding.right],
        "Wrong": [finding.text for finding in result.findings if not finding.right],
        "Hints": told.hints,
        "Solved": told.solved,
        "Seconds": round(told.done - lab.started) if told.done else None,
    }
