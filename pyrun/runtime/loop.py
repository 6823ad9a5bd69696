"""Waiting for many descriptors at once, for the processes that serve beside a container.

Imports stay lean: such a process lives as long as its container.
"""

import select
import time

MYPY = False
if MYPY:
    from pyrun.typed import Callable

READ, WRITE = select.EPOLLIN, select.EPOLLOUT


class Loop:
    """Calls whoever watches a descriptor when something can be done with it."""

    __slots__ = ("_calls", "_poll", "_timers")

    def __init__(self) -> None:
        self._poll = select.epoll()
        self._calls: dict[int, Callable[[int], object]] = {}
        self._timers: list[tuple[float, float, Callable[[], object]]] = []  # due, again after (0 never), what

    def watch(self, fd: int, events: int, call: "Callable[[int], object]") -> None:
        """Call *call* with the events whenever any of *events*, or an error, is there on *fd*."""
        if fd in self._calls:
            self._poll.modify(fd, events)
        else:
            self._poll.register(fd, events)
        self._calls[fd] = call

    def forget(self, fd: int) -> None:
        """Watch *fd* no longer; before it is closed."""
        if self._calls.pop(fd, None):
            self._poll.unregister(fd)

    def every(self, seconds: float, call: "Callable[[], object]") -> None:
        """Call *call* about every so many seconds, when something is waited for anyway or time has come."""
        self._timers.append((time.monotonic() + seconds, seconds, call))

    def later(self, seconds: float, call: "Callable[[], object]") -> None:
        """Call *call* once, after so many seconds."""
        self._timers.append((time.monotonic() + seconds, 0.0, call))

    def run(self, end: int) -> None:
        """Serve until *end* can be read: a pidfd, when its process is gone."""
        self._poll.register(end, READ)
        while True:
            for fd, events in self._poll.poll(self._patience()):
                if fd == end:
                    return
                call = self._calls.get(fd)  # an earlier one of this round may have closed it
                if call:
                    call(events)
            if self._timers:
                self._keep_time()

    def _patience(self) -> "float | None":
        return max(0.0, min(timer[0] for timer in self._timers) - time.monotonic()) if self._timers else None

    def _keep_time(self) -> None:
        now = time.monotonic()
        due = [timer for timer in self._timers if timer[0] <= now]
        self._timers = [timer for timer in self._timers if timer[0] > now]
        self._timers += [(now + timer[1], timer[1], timer[2]) for timer in due if timer[1]]
        for timer in due:
            timer[2]()
