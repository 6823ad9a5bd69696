"""The comparisons of `pyrun parity`, by area; each module has SCENARIOS."""

from pyrun.parity.scenario import Scenario

SCENARIOS: tuple[Scenario, ...] = ()
