"""All comparisons, an area a module, each of which has `SCENARIOS`."""

import os
from importlib import import_module

from pyrun.parity.scenario import Scenario


def every() -> list[Scenario]:
    """Give all scenarios, those of a module together. Errors: ValueError for a name that two of them have."""
    found: list[Scenario] = []
    for entry in sorted(os.listdir(os.path.dirname(__file__))):
        module, dot, kind = entry.partition(".")
        if dot and kind == "py" and not module.startswith("_"):
            found += import_module(f"{__name__}.{module}").SCENARIOS
    names = [scenario.name for scenario in found]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ValueError(f"scenarios: two have the name {', '.join(twice)}")
    return found
