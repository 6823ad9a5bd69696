"""Both engines at work at the same time, each in its own thread, one scenario after the other.

Scripts that touch what both engines share on a host, its network above all, are typed by one at a time.
"""

import re
import threading
from collections.abc import Generator

from pyrun.parity.scenario import Scenario
from pyrun.typed import Callable, Sequence

_SHARED = re.compile(
    r"\s-[pP]\b|publish|network (create|connect)|\b10\.\d+\.|\b172\.|iptables|\bnft\b|\b(FAR|RULES|HOST|INTERNET|IN)\b"
    r"|--ip\b|\bip -|\bip (addr|link|route|neigh)|/sys/class/net|prune|nsenter|--net(work)?[ =]host"
)
_Typed = Callable[[Scenario], str]


def is_shared(scenario: Scenario) -> bool:
    """Claim that a script touches what the engines share."""
    return _SHARED.search(scenario.script) is not None


def taken(scenarios: Sequence[Scenario], *sides: _Typed) -> Generator[list[str], None, None]:
    """Let each side type all scenarios; give what they print of each, in order, once all have. Errors: theirs."""
    course = _Course(scenarios, len(sides))
    threads = [threading.Thread(target=course.run, args=(at, side)) for at, side in enumerate(sides)]
    for thread in threads:
        thread.start()
    try:
        for index in range(len(scenarios)):
            yield course.printed(index)
    finally:
        course.stop()
        for thread in threads:
            thread.join()


class _Course:
    """What each side has still to type, and what all have printed.

    Who may not have the host just now types something that does not need it, so that nobody waits while there is any.
    """

    def __init__(self, scenarios: Sequence[Scenario], sides: int) -> None:
        self._scenarios = scenarios
        self._shared = [list(filter(self._is_shared, range(len(scenarios)))) for _ in range(sides)]
        self._others = [[at for at in range(len(scenarios)) if not self._is_shared(at)] for _ in range(sides)]
        self._printed: list[dict[int, str]] = [{} for _ in range(sides)]
        self._news = threading.Condition()
        self._is_taken = False  # the host
        self._problem: BaseException | None = None
        self._is_over = False

    def run(self, side: int, typed: _Typed) -> None:
        """Be a side's thread."""
        try:
            while (index := self._next(side)) is not None:
                printed = typed(self._scenarios[index])
                self._done(side, index, printed)
        except BaseException as problem:  # for the thread that takes
            with self._news:
                self._problem = problem
                self._news.notify_all()

    def printed(self, index: int) -> list[str]:
        """Give what all have printed of a scenario, once they have. Errors: a side's."""
        with self._news:
            self._news.wait_for(lambda: self._problem or all(index in printed for printed in self._printed))
            if self._problem:
                raise self._problem
            return [printed.pop(index) for printed in self._printed]

    def stop(self) -> None:
        """Let no side begin another scenario."""
        with self._news:
            self._is_over = True
            self._news.notify_all()

    def _next(self, side: int) -> "int | None":
        """Choose what a side types next, and give it the host if it needs it; None at the end."""
        with self._news:
            while not self._is_over and (self._shared[side] or self._others[side]):
                waiting = [queue for queue in (self._shared[side], self._others[side]) if queue]
                for queue in sorted(waiting, key=lambda queue: queue[0]):
                    if queue is self._others[side]:
                        return queue.pop(0)
                    if self._may_have_host(side):
                        self._is_taken = True
                        return queue.pop(0)
                self._news.wait()
        return None

    def _may_have_host(self, side: int) -> bool:
        """Claim that nobody has the host, and nobody is behind with what needs it."""
        first = self._shared[side][0]
        return not self._is_taken and all(not queue or queue[0] >= first for queue in self._shared)

    def _done(self, side: int, index: int, printed: str) -> None:
        with self._news:
            self._is_taken = self._is_taken and not self._is_shared(index)
            self._printed[side][index] = printed
            self._news.notify_all()

    def _is_shared(self, index: int) -> bool:
        return is_shared(self._scenarios[index])
