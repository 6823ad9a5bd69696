"""The decisions on a packet's way, one after the other; what decides is in `pyrun.runtime.reachability`."""

from pyrun.firewall.trace import Outcome, Step
from pyrun.runtime.topology import Sandbox
from pyrun.typed import Any, NamedTuple

OK, STOP, UNKNOWN = "ok", "stop", "unknown"
BACK = "way back"
_PASSES = "the answer passes "


class Stage(NamedTuple):
    """One decision: where it is made, about what, how it went."""

    place: str
    about: str
    verdict: str
    text: str
    steps: tuple[Step, ...] = ()
    decider: "Step | None" = None


class End(Exception):  # no error: every way has one
    """Where the way ends; *reachable* is None where it cannot be told."""

    def __init__(self, reachable: "bool | None", reason: str) -> None:
        super().__init__(reason)
        self.reachable, self.reason = reachable, reason


class Record:
    """What was decided until now; of an answer that gets through, one line a place."""

    def __init__(self) -> None:
        self.stages: list[Stage] = []
        self.places: list[Sandbox | None] = []  # whose rules were looked at
        self.is_back = False  # it is the answer that is followed

    def note(self, place: "Sandbox | None", about: str, text: str) -> None:
        """Note that it went well."""
        self._add(Stage(name(place), about, OK, text))

    def stop(self, place: "Sandbox | None", about: str, text: str, unknown: bool = False) -> "Any":
        """End the way here. Errors: End, always."""
        self._end(Stage(name(place), about, UNKNOWN if unknown else STOP, text))

    def judge(self, place: "Sandbox | None", about: str, outcome: Outcome, text: str, reason: str) -> None:
        """Go on where the rules let it pass, which *text* tells; *reason* is why not. Errors: End."""
        decider = outcome.translated or outcome.decider
        if outcome.verdict == "accept":
            self._add(Stage(name(place), about, OK, text, outcome.steps, decider))
        elif outcome.verdict == "unknown":
            doubt = outcome.doubt or outcome.decider
            text = "whether a rule matches is not to be seen from outside"
            self._end(Stage(name(place), about, UNKNOWN, text, outcome.steps, doubt))
        else:
            self._end(Stage(name(place), about, STOP, reason, outcome.steps, outcome.decider))

    def _add(self, stage: Stage) -> None:
        if not self.is_back:
            self.stages.append(stage)
            return
        last = self.stages[-1]
        if (last.place, last.about) != (stage.place, BACK):
            self.stages.append(stage._replace(about=BACK, text=f"{_PASSES}{stage.about}"))
            return
        passed = last.text.removeprefix(_PASSES).split(", ")
        told = last.text if stage.about in passed else f"{last.text}, {stage.about}"
        self.stages[-1] = last._replace(text=told, steps=last.steps + stage.steps, decider=stage.decider)

    def _end(self, stage: Stage) -> None:
        reachable = None if stage.verdict == UNKNOWN else False
        if not self.is_back:
            self.stages.append(stage)
            raise End(reachable, stage.text)
        self.stages.append(stage._replace(about=BACK, text=f"{stage.about}: {stage.text}"))
        raise End(reachable, f"the answer does not get back: {stage.text}" if reachable is False else stage.text)


def name(place: "Sandbox | None") -> str:
    """Name a place for people."""
    return place.names[0] if place else "host"
