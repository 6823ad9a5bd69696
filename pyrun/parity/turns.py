"""Both engines at work at the same time: each types one scenario after the other, in its own thread.

Scripts that touch what both engines share on a host, its network above all, are typed by one at a time.
"""

import re
import threading
from collections import deque
from collections.abc import Generator

from pyrun.contexts import nullcontext
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
    course = _Course(len(sides))
    threads = [threading.Thread(target=course.run, args=(at, side, scenarios)) for at, side in enumerate(sides)]
    for thread in threads:
        thread.start()
    try:
        for _ in scenarios:
            yield [course.next(at) for at in range(len(sides))]
    finally:
        course.stop()
        for thread in threads:
            thread.join()


class _Course:
    """What the sides have printed and nobody has taken yet."""

    def __init__(self, count: int) -> None:
        self._printed: list[deque[str | BaseException]] = [deque() for _ in range(count)]
        self._news = threading.Condition()
        self._host = threading.Lock()
        self._is_over = False

    def run(self, at: int, side: _Typed, scenarios: Sequence[Scenario]) -> None:
        """Be a side's thread."""
        try:
            for scenario in scenarios:
                with self._host if is_shared(scenario) else nullcontext():
                    if self._is_over:
                        return
                    self._give(at, side(scenario))
        except BaseException as problem:  # for the thread that takes
            self._give(at, problem)

    def next(self, at: int) -> str:
        """Give what a side prints next. Errors: the side's."""
        with self._news:
            self._news.wait_for(lambda: self._printed[at])
            printed = self._printed[at].popleft()
        if isinstance(printed, BaseException):
            raise printed
        return printed

    def stop(self) -> None:
        """Let no side begin another scenario."""
        self._is_over = True

    def _give(self, at: int, printed: "str | BaseException") -> None:
        with self._news:
            self._printed[at].append(printed)
            self._news.notify_all()
