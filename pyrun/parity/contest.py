"""The comparison itself: each scenario typed for Docker and for pyrun, judged, and what it left taken away."""

import os
import shutil
from collections.abc import Generator

from pyrun import documents, rootfs
from pyrun.contexts import contextmanager
from pyrun.errors import PyrunError
from pyrun.kernel import files, reading
from pyrun.parity import engines, needs, remains, scripts, stage, turns
from pyrun.parity.engines import Engine
from pyrun.parity.normal import normalised
from pyrun.parity.outcomes import SKIPPED, Outcome, judged
from pyrun.parity.remains import Found
from pyrun.parity.scenario import Scenario
from pyrun.parity.stage import Stage
from pyrun.typed import Any, Iterator, NamedTuple, Sequence


class Contest(NamedTuple):
    """Two engines that have the same tree, and a stage."""

    docker: Engine
    pyrun: Engine
    before: tuple[Found, Found]  # what Docker and pyrun had
    tree: str  # where its files are
    stage: Stage

    def outcomes(self, scenarios: Sequence[Scenario]) -> Generator[Outcome, None, None]:
        """Compare one after the other. Errors: PyrunError when what one has made cannot be removed."""
        reasons = {scenario: self._in_the_way(scenario) for scenario in scenarios}
        typed = turns.taken(
            [each for each in scenarios if not reasons[each]],
            lambda scenario: self._printed(self.docker, scenario),
            lambda scenario: self._printed(self.pyrun, scenario),
        )
        try:
            for scenario in scenarios:
                if reasons[scenario]:
                    yield Outcome(scenario, SKIPPED, notes=(reasons[scenario],))
                else:
                    theirs, ours = next(typed)
                    yield judged(scenario, theirs, ours, self.docker.version)
        except BaseException:
            self.stage.end_scripts()
            raise
        finally:
            typed.close()

    def _in_the_way(self, scenario: Scenario) -> str:
        missing = next((needs.missing(need) for need in scenario.needs if needs.missing(need)), "")
        return missing or next(filter(None, (remains.in_the_way(scenario.script, each) for each in self.before)), "")

    def _printed(self, engine: Engine, scenario: Scenario) -> str:
        try:
            text = scripts.run(engine, scenario.script, self.stage, self.tree)
        finally:
            before = self.before[engine is self.pyrun]
            script = scenario.script
            left = remains.remove(engine, remains.words(script), before, remains.may_leave(script))
        for complaint in left:
            raise PyrunError(f"parity: {scenario.name}: {complaint}")
        return normalised(text, scenario.normalise)


@contextmanager
def begun(docker: Engine, scenarios: Sequence[Scenario], tree: str = "") -> Iterator[Contest]:
    """Make everything ready for *scenarios*, with a copy of *tree* or else of the machine's busybox.

    Errors: PyrunError.
    """
    pyrun = engines.ours()
    with stage.stands() as standing:
        before = (remains.look(docker), remains.look(pyrun))
        held = Contest(docker, pyrun, before, "", standing)
        _note(held, frozenset().union(*(remains.words(each.script) for each in scenarios)))
        try:
            place = rootfs.find(tree) if tree else _busybox(pyrun)
            engines.take_in(docker, place)
            if tree:
                engines.take_in(pyrun, place)
            yield held._replace(tree=place)
        finally:
            for engine in (docker, pyrun):
                engines.let_go(engine)


def finish() -> list[str]:
    """Take away what a comparison left that was killed; say what does not go."""
    lock = stage.take_left()
    if lock is None:
        return []
    left: list[str] = []
    if os.path.exists(stage.STATE):
        left = _removed(documents.parse(reading.read_limited(stage.STATE)))
    left += [] if left else map(str, stage.clear())
    os.close(lock)
    return left


def _note(contest: Contest, words: frozenset[str]) -> None:
    """Write down what `finish` has to know."""
    docker, before = contest.docker, [[sorted(part) for part in found] for found in contest.before]
    state = {
        "docker": list(docker.command),
        "environment": {key: word for key, word in os.environ.items() if key.startswith("DOCKER_")},
        "before": before,
        "words": sorted(words),
    }
    files.write_atomically(stage.STATE, documents.written(state).encode())


def _removed(state: Any) -> list[str]:
    os.environ.update(state["environment"])
    both = (Engine("docker", tuple(state["docker"]), ""), engines.ours())
    left: list[str] = []
    for engine, before in zip(both, state["before"], strict=True):
        was = Found(*(frozenset(part) for part in before))
        try:
            left += remains.remove(engine, frozenset(state["words"]), was)
            engines.let_go(engine)
        except PyrunError as problem:
            left.append(str(problem))
    return left


def _busybox(pyrun: Engine) -> str:
    if shutil.which("busybox") is None:
        raise PyrunError("parity: no tree", hint="apt-get install busybox-static, or say which with --tree")
    pyrun.call("rootfs", "build", "busybox", engines.TREE)
    return rootfs.find(engines.TREE)
