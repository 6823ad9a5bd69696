"""What a learner asks for: a hint, clearer each time; a stage performed or taken back; all as at the beginning."""

from pyrun.errors import PyrunError
from pyrun.lab import building, faults, grade, progress, sight, stages
from pyrun.lab.stages import Stage
from pyrun.lab.standing import Standing
from pyrun.operation import perform
from pyrun.typed import Iterator, NamedTuple


class Hint(NamedTuple):
    """A hint: the number *level* of *most*; the last one is *commands* for what is there now."""

    task: str
    level: int
    most: int
    text: str
    commands: tuple[str, ...] = ()


def hint(lab: Standing, name: str) -> Hint:
    """Give the next hint for a stage, the first that is not done where none is named. Errors: PyrunError."""
    stage = None if lab.kind == "broken" else stages.find(name) if name else _current()
    if stage is None and lab.kind != "broken":
        raise PyrunError("lab: all stages are done", 1)
    task = stage.name if stage else lab.fault
    level = min(progress.read().get(task, progress.Progress()).hints + 1, progress.MOST)
    given = _of_stage(stage, level) if stage else _of_fault(lab.fault, level)
    progress.note(task, hints=level)
    return given


def _of_fault(name: str, level: int) -> Hint:
    fault = faults.find(name)
    if level < progress.MOST:
        return Hint("the fault", level, progress.MOST, fault.hints[level - 1])
    return Hint("the fault", level, progress.MOST, fault.found, tuple(each.shell() for each in fault.mends))


def _of_stage(stage: Stage, level: int) -> Hint:
    task = f"stage {stage.number}, {stage.name}"
    if level < progress.MOST:
        return Hint(task, level, progress.MOST, stage.hints[level - 1])
    commands = tuple(operation.shell() for operation in stage.solve(sight.look()))
    return Hint(task, level, progress.MOST, "This does it:" if commands else "It is done already.", commands)


def solve(lab: Standing, name: str) -> Iterator[str]:
    """Perform a stage, *all* of them, or the first that is not done; or mend the fault. Say what was done.

    Errors: PyrunError.
    """
    if lab.kind == "broken":
        progress.note(lab.fault, solved=True)
        perform(faults.find(lab.fault).mends)
        yield faults.find(lab.fault).found
        return
    if name != "all":
        chosen = stages.find(name) if name else _current()
        if chosen is None:
            raise PyrunError("lab: all stages are done", 1)
        yield _solved(chosen)
        return
    for stage in stages.STAGES.values():
        if not _is_done(stage):
            yield _solved(stage)


def reset(lab: Standing, name: str) -> None:
    """Take a stage back, or *all*: then the lab is as at its beginning. Errors: PyrunError."""
    if name == "all":
        building.rebuild(lab)
        grade.examine(lab)
        return
    perform(stages.find(name).reset(sight.look()))
    grade.examine(lab)


def _solved(stage: Stage) -> str:
    if _is_done(stage):
        return f"Stage {stage.number}, {stage.name}, is done already."
    perform(stage.solve(sight.look()))
    progress.note(stage.name, solved=True)
    wrong = [finding.text for finding in stage.check(sight.look()) if not finding.right]
    if wrong:
        raise PyrunError(f"lab: stage {stage.name}: {wrong[0]}", 1, hint=f"pyrun lab reset {stage.name}, or all")
    return f"Stage {stage.number}, {stage.name}, is done."


def _current() -> "Stage | None":
    view = sight.look()
    wanted = (stage for stage in stages.STAGES.values() if not all(finding.right for finding in stage.check(view)))
    return next(wanted, None)


def _is_done(stage: Stage) -> bool:
    return all(finding.right for finding in stage.check(sight.look()))
