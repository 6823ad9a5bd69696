"""The comparisons of `pyrun parity`, by area; each module has SCENARIOS."""

from pyrun.parity.catalogue import addressing, firewall, links, names, ports, reachability, routes, sysctls
from pyrun.parity.scenario import Scenario

SCENARIOS: tuple[Scenario, ...] = (
    *addressing.SCENARIOS,
    *links.SCENARIOS,
    *routes.SCENARIOS,
    *sysctls.SCENARIOS,
    *names.SCENARIOS,
    *firewall.SCENARIOS,
    *reachability.SCENARIOS,
    *ports.SCENARIOS,
)
