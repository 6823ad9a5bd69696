"""Claims about who reaches whom, tried with real packets; one that does not hold is explained by `network why`."""

import json
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING

from pyrun.api import calls
from pyrun.api.containers import Container
from pyrun.errors import PyrunError
from pyrun.testing import attempts
from pyrun.testing.attempts import REACHED, REFUSED, SILENT, Attempt

if TYPE_CHECKING:
    from pyrun.testing.lab import Lab, Where

_AGAIN = 0.02  # seconds


class Claim:
    """That *source* reaches *target*, by *protocol*: ``icmp`` without a port, else ``tcp`` if nothing is said."""

    def __init__(
        self,
        lab: "Lab",
        source: "Where",
        target: "Where",
        port: "int | None" = None,
        protocol: "str | None" = None,
        ipv6: bool = False,
    ) -> None:
        """Choose the address by which the target is meant. Errors: PyrunError when it has none."""
        self._lab, self._source, self._target = lab, source, target
        self._port = port or 0
        self._protocol = protocol or ("tcp" if port else "icmp")
        self._address = _address(lab, source, target, ipv6)

    def holds(self, seconds: float) -> None:
        """Try until it holds, for *seconds* at most. Errors: AssertionError with the reason."""
        __tracebackhide__ = True
        deadline = time.monotonic() + seconds
        tried = self._attempt(seconds)
        while tried.end != REACHED and (left := deadline - time.monotonic()) > 0:
            time.sleep(min(_AGAIN, left))
            tried = self._attempt(left)
        if tried.end != REACHED:
            raise AssertionError(f"{self} is not reached: {tried.text}\n\n{self.why()}")

    def fails(self, seconds: float) -> None:
        """Try once, for *seconds* at most. Errors: AssertionError when it holds, or nothing is there to be reached.

        A refusal is what a closed port answers, so it counts only where a rule or a missing route is found.
        """
        __tracebackhide__ = True
        tried = self._attempt(seconds)
        if tried.end == REACHED:
            raise AssertionError(f"{self} is reached: {tried.text}\n\n{self.why()}")
        if tried.end == REFUSED or (tried.end == SILENT and self._protocol == "udp"):
            self._check_stopped(tried)

    def why(self) -> str:
        """Give the way of the packet, and the rule that stops it or lets it through."""
        try:
            return self._asked("text")
        except PyrunError as problem:
            return f"why is not known: {problem}"

    def __str__(self) -> str:
        port = f" port {self._port}" if self._port else ""
        source, target = _told(self._source), _told(self._target)
        address = f" ({self._address})" if target != self._address else ""
        return f"{source} → {target}{address}, {self._protocol}{port}:"

    def _check_stopped(self, tried: Attempt) -> None:
        __tracebackhide__ = True
        answer = json.loads(self._asked("json"))
        last = answer["Stages"][-1]["About"] if answer["Stages"] else ""
        if answer["Reachable"] or last == "listener":
            nobody = "nobody listens there, so this proves nothing" if last == "listener" else "nothing stops it"
            raise AssertionError(f"{self} {tried.text}, but {nobody}\n\n{self.why()}")

    def _attempt(self, seconds: float) -> Attempt:
        place: Callable[[], AbstractContextManager[None]] = lambda: self._lab.inside(self._source)  # noqa: E731
        return attempts.attempt(place, self._protocol, self._address, self._port, seconds)

    def _asked(self, form: str) -> str:
        source = {"internet": self._from_outside()}.get(str(self._source), _told(self._source))
        address = f"[{self._address}]" if ":" in self._address else self._address
        target = f"{address}:{self._port}/{self._protocol}" if self._port else self._address
        said = calls.perform(self._lab, ["network", "why", "--format", form, source, target])
        return said.stdout.decode()

    def _from_outside(self) -> str:
        return self._lab.internet_address6 if ":" in self._address else self._lab.internet_address


def _address(lab: "Lab", source: "Where", target: "Where", ipv6: bool) -> str:
    """Give an address of the target: a container's on a network that the source is on too, if there is one."""
    if isinstance(target, str):
        own = {"host": (lab.address, lab.address6), "internet": (lab.internet_address, lab.internet_address6)}
        return own[target][ipv6] if target in own else target
    found = target.ip6_addresses if ipv6 else target.ip_addresses
    near = source.ip_addresses if isinstance(source, Container) else {}
    chosen = [found[name] for name in found if name in near] or list(found.values())
    if not chosen:
        raise PyrunError(f"container {target.name} has no {'IPv6' if ipv6 else 'IPv4'} address", 1)
    return chosen[0]


def _told(where: "Where") -> str:
    return where.name if isinstance(where, Container) else where
