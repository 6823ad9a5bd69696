"""How much of the machine each container takes: two measurements, and what lies between them."""

import time

from pyrun import store
from pyrun.kernel import cgroups, usage
from pyrun.kernel.usage import Usage
from pyrun.store import Container
from pyrun.typed import NamedTuple, Sequence

_NOTHING = Usage()
_OF_THE_HOST = "host"  # its traffic is nobody's in particular


class Load(NamedTuple):
    """What a container takes; one that does not run takes nothing, of nothing."""

    container: Container
    usage: Usage = _NOTHING
    cpu: float = 0.0  # percent of one CPU

    @property
    def memory(self) -> float:
        """Give the part of its limit in use, in percent."""
        return self.usage.memory / self.usage.limit * 100 if self.usage.limit else 0.0


class Meter:
    """Measures again and again, each time against the time before."""

    def __init__(self) -> None:
        self._groups = cgroups.hierarchies()
        self._machine = usage.machine_memory()
        self._former: dict[str, tuple[int, int]] = {}  # when, and CPU time, in nanoseconds

    def measure(self, containers: "Sequence[Container]") -> list[Load]:
        """Give the load of each; the first time there is nothing to tell of their CPUs."""
        found = [(container, self._usage(container)) for container in containers]
        loads, now = [], {}
        for container, (at, taken) in found:
            before, spent = self._former.get(container.id, (at, taken.cpu))
            percent = max(0, taken.cpu - spent) / (at - before) * 100 if at > before else 0.0
            loads.append(Load(container, taken, percent))
            now[container.id] = (at, taken.cpu)
        self._former = now
        return loads

    def _usage(self, container: Container) -> tuple[int, Usage]:
        status = container.status()
        if status.state not in ("running", "paused"):
            return time.monotonic_ns(), _NOTHING
        shared = container.config is not None and container.config.network == _OF_THE_HOST
        at = time.monotonic_ns()
        return at, usage.measure(self._groups, container.id, 0 if shared else status.pid, self._machine)


def running(containers: "Sequence[Container]") -> list[Container]:
    """Leave out those that do not run."""
    return [container for container in containers if container.status().state in ("running", "paused")]


def known(identities: "Sequence[str]") -> list[Container]:
    """Find those again that still exist."""
    there = {container.id: container for container in store.containers()}
    return [there[identity] for identity in identities if identity in there]
