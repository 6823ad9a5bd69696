"""When a container that has ended is started again, by Docker's rules: pure decisions, nothing is looked up here."""

from pyrun.typed import NamedTuple

FIRST, LONGEST = 0.1, 60.0  # seconds to wait before the first start again, and at most
_SETTLED = 10.0  # seconds of life after which waiting begins anew


class Ended(NamedTuple):
    """How a container's program came to its end."""

    code: int
    lived: float  # seconds
    restarts: int  # how often its policy has started it by now
    stopped: bool  # somebody ended it on purpose


def again(policy: str, most: int, end: Ended) -> bool:
    """Decide by the *policy*; *most* limits on-failure, 0 does not."""
    if end.stopped or policy in ("", "no"):
        return False
    if policy == "on-failure":
        return end.code != 0 and (not most or end.restarts < most)
    return True


def at_boot(policy: str, most: int, end: Ended) -> bool:
    """Decide when the host has come up: what somebody has stopped stays so, except for `always`."""
    return again(policy, most, end._replace(stopped=end.stopped and policy != "always"))


def delay(former: float, lived: float) -> float:
    """Give the seconds to wait, after *former* ones the last time (0 the first time): doubled, up to a minute."""
    return FIRST if lived >= _SETTLED or not former else min(2 * former, LONGEST)
