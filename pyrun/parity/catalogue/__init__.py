"""The comparisons of `pyrun parity`, in the order of their areas; each module has SCENARIOS."""

from pyrun.parity.catalogue import (
    addressing,
    confinement,
    files,
    firewall,
    links,
    lives,
    mounts,
    names,
    networks,
    ports,
    programs,
    reachability,
    resources,
    routes,
    seccomp,
    sysctls,
    telling,
    terminals,
)
from pyrun.parity.scenario import Scenario

SCENARIOS: tuple[Scenario, ...] = (
    *addressing.SCENARIOS,
    *links.SCENARIOS,
    *routes.SCENARIOS,
    *sysctls.SCENARIOS,
    *networks.SCENARIOS,
    *names.SCENARIOS,
    *firewall.SCENARIOS,
    *reachability.SCENARIOS,
    *ports.SCENARIOS,
    *mounts.SCENARIOS,
    *confinement.SCENARIOS,
    *seccomp.SCENARIOS,
    *resources.SCENARIOS,
    *programs.SCENARIOS,
    *terminals.SCENARIOS,
    *telling.SCENARIOS,
    *lives.SCENARIOS,
    *files.SCENARIOS,
)
