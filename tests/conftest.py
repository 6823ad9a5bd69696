"""Fixtures shared by all tests."""

import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import hypothesis
import pytest

sys.path.insert(0, str(Path(__file__).parent))

from lab import BUSYBOX, Host, fresh_host

# How long an example takes says how busy the machine is, and each run has the same ones.
hypothesis.settings.register_profile("everywhere", deadline=None, derandomize=True)
hypothesis.settings.load_profile("everywhere")

pytest_plugins = ("pytester", "pyrun.pytest_plugin")

# A shell's background job ignores ctrl-c, one under nohup also SIGHUP, and so would every program that the tests start.
signal.signal(signal.SIGINT, signal.default_int_handler)
for ignored in (signal.SIGHUP, signal.SIGQUIT, signal.SIGTERM):
    signal.signal(ignored, signal.SIG_DFL)


# What takes minutes, longest first: begun late, one of those who work at the tests would be left alone with it.
_LONG = ("test_parity", "test_crash", "test_network_crash", "test_life", "test_lab_faults")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the files that take long."""
    order = {name: at for at, name in enumerate(_LONG)}
    items.sort(key=lambda item: order.get(item.path.stem, len(order)))


@pytest.fixture(autouse=True)
def deadline() -> Iterator[None]:
    """Fail a test that hangs, whatever it waits for; none comes near."""

    def late(*_: object) -> None:
        raise TimeoutError("the test hangs")

    former = signal.signal(signal.SIGALRM, late)
    signal.alarm(600)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, former)


@pytest.fixture(scope="session")
def private_host() -> None:
    """Refuse to run outside the namespaces that scripts/test makes: this machine's own network stays as it is."""
    assert os.environ.get("PYRUN_TEST_PRIVATE") == "1", "run the tests with scripts/test"
    own = [os.readlink(f"/proc/self/ns/{kind}") for kind in ("net", "mnt")]
    assert not set(own) & set(os.environ["PYRUN_TEST_OUTSIDE"].split())


@pytest.fixture
def host(private_host: None) -> Iterator[Host]:
    """Give the test a host of its own."""
    with fresh_host() as host:
        yield host


@pytest.fixture(scope="module")
def shared_host(private_host: None) -> Iterator[Host]:
    """Give the tests of a module one host, for what leaves it as it was."""
    with fresh_host() as host:
        yield host


@pytest.fixture(scope="session")
def busybox() -> str:
    """Give the tiny root file system."""
    return BUSYBOX
