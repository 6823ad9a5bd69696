"""What many containers cost: a start and a look at them must not take longer with each one there is."""

import sys
from collections.abc import Iterator

import pytest
from lab import BUSYBOX, TOP, Host

_COUNT = 8
_SITE = [p for p in sys.path if p.endswith("site-packages")]
# Counts what is called, in Python and beneath it: the same at any load of the machine.
_CALLS = f"""
import sys
sys.path[:0] = {[str(TOP), *_SITE]!r}
from pyrun.cli import reader, verbs
def calls(perform):
    seen = [0]
    def count(frame, event, function):
        seen[0] += event in ("call", "c_call")
    sys.setprofile(count)
    try:
        perform()
    finally:
        sys.setprofile(None)
    return seen[0]
verbs._reconcile(told=False)
sys.stderr.write(str(calls(lambda: verbs._reconcile(told=False))))
sys.stdout = open("/dev/null", "w")
for line in sys.argv[1:]:
    read = reader.read(line.split())
    verbs.perform(*read)
    sys.stderr.write(" " + str(calls(lambda: verbs.perform(*read))))
"""
_LINES = ("network ls", "network inspect crowd")


def _calls(host: Host) -> list[int]:
    done = host.run([sys.executable, "-I", "-S", "-c", _CALLS, *_LINES])
    assert done.returncode == 0, done
    return [int(word) for word in done.stderr.split()]


@pytest.fixture(scope="module")
def growth(shared_host: Host) -> Iterator[list[float]]:
    """Give how many calls more a look, `network ls` and `network inspect` take for each container on the network."""
    shared_host.ok("network", "create", "crowd")
    names = [f"one{number}" for number in range(_COUNT + 1)]
    shared_host.ok("run", "-d", "--network", "crowd", "--name", names[0], BUSYBOX, "sleep", "600")
    first = _calls(shared_host)
    for name in names[1:]:
        shared_host.ok("run", "-d", "--network", "crowd", "--name", name, BUSYBOX, "sleep", "600")
    last = _calls(shared_host)
    yield [(after - before) / _COUNT for before, after in zip(first, last, strict=True)]
    shared_host.ok("rm", "-f", *names)
    shared_host.ok("network", "rm", "crowd")


def test_a_look_costs_few_calls_for_each_container(growth: list[float]) -> None:
    """A lock; that nobody checks its health, and that somebody watches who serves it, is seen of all at once."""
    assert growth[0] <= 4


def test_listing_networks_costs_a_look_and_nothing_for_each_container(growth: list[float]) -> None:
    assert growth[1] == growth[0]


def test_describing_a_network_costs_few_calls_for_each_container(growth: list[float]) -> None:
    """Its record is read once, its cable decoded once, and all of it printed."""
    assert growth[2] <= 105
