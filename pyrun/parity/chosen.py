"""Which scenarios are meant by `--only`. Pure."""

from fnmatch import fnmatchcase

from pyrun import near
from pyrun.errors import NotFound
from pyrun.parity.scenario import Scenario
from pyrun.typed import Sequence


def among(scenarios: Sequence[Scenario], wanted: Sequence[str]) -> list[Scenario]:
    """Give those whose name or area is one of *wanted*, or fits it as a pattern; all when nothing is.

    Errors: NotFound for what means none.
    """
    for each in wanted:
        if not any(_is_meant(scenario, each) for scenario in scenarios):
            known = [scenario.name for scenario in scenarios]
            known += sorted({scenario.area for scenario in scenarios})
            raise NotFound(f"parity: {each}: no such scenario or area", hint=near.hint(each, known, "see --list"))
    return [each for each in scenarios if not wanted or any(_is_meant(each, word) for word in wanted)]


def _is_meant(scenario: Scenario, wanted: str) -> bool:
    return any(fnmatchcase(name, wanted) for name in (scenario.name, scenario.area))
