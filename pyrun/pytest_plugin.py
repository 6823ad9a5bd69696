"""Fixtures of pytest: a private host for each test, with containers and networks that are gone afterwards.

Importing this costs nothing but itself: what a fixture needs is imported when a test asks for it.
"""

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any
from weakref import WeakSet

import pytest

if TYPE_CHECKING:
    from pyrun.api.containers import Container
    from pyrun.api.networks import Network
    from pyrun.testing.lab import Lab

_LINES = 40  # of what each container wrote, behind the report of a test that failed
_SCOPES = ("function", "class", "module", "package", "session")
_ending_with_the_test: "WeakSet[Lab]" = WeakSet()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Declare the setting of the lab's scope."""
    parser.addini("netlab_scope", f"how long the fixture netlab lives: {', '.join(_SCOPES)}", default="function")


def pytest_configure(config: pytest.Config) -> None:
    """Check the setting. Errors: pytest.UsageError."""
    scope = config.getini("netlab_scope")
    if scope not in _SCOPES:
        raise pytest.UsageError(f"netlab_scope: {scope}: expected {', '.join(_SCOPES)}")


def _scope(fixture_name: str, config: pytest.Config) -> Any:
    return config.getini("netlab_scope")


@pytest.fixture(scope=_scope)
def netlab(request: pytest.FixtureRequest) -> "Iterator[Lab]":
    """Give a private host with an internet behind it: see `pyrun.testing.Lab`. Needs root."""
    from pyrun.testing.lab import Lab

    with Lab() as lab:
        if request.scope == "function":
            _ending_with_the_test.add(lab)
        yield lab


@pytest.fixture
def _belongings(netlab: "Lab") -> "Iterator[tuple[list[Container], list[Network]]]":
    """Remember what a test made on a host that others use after it, and remove it: containers first."""
    from pyrun.errors import NotFound

    containers: list[Container] = []
    networks: list[Network] = []
    yield containers, networks
    if netlab in _ending_with_the_test:
        return
    for container in reversed(containers):
        try:
            container.remove(force=True)
        except NotFound:
            continue
    for network in reversed(networks):
        try:
            network.remove()
        except NotFound:
            continue


@pytest.fixture
def container(netlab: "Lab", _belongings: "tuple[list[Container], list[Network]]") -> "Callable[..., Container]":
    """Give a function that runs a container in the background on the test's host: the arguments of `pyrun.run`."""

    def run(rootfs: Any, command: Any = None, **options: Any) -> "Container":
        made: Container = netlab.run(rootfs, command, **{**options, "detach": True})
        _belongings[0].append(made)
        return made

    return run


@pytest.fixture
def network(netlab: "Lab", _belongings: "tuple[list[Container], list[Network]]") -> "Callable[..., Network]":
    """Give a function that creates a network on the test's host: the arguments of `pyrun.create_network`."""

    def create(name: str, **options: Any) -> "Network":
        made = netlab.create_network(name, **options)
        _belongings[1].append(made)
        return made

    return create


@pytest.fixture
def assert_reachable(netlab: "Lab") -> Callable[..., None]:
    """Give `Lab.assert_reachable` of the test's host."""
    return netlab.assert_reachable


@pytest.fixture
def assert_unreachable(netlab: "Lab") -> Callable[..., None]:
    """Give `Lab.assert_unreachable` of the test's host."""
    return netlab.assert_unreachable


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: "pytest.CallInfo[None]") -> Any:
    """Put what the containers wrote behind the report of a test that failed."""
    outcome = yield
    lab = getattr(item, "funcargs", {}).get("netlab")
    if lab is None or call.when != "call" or not outcome.get_result().failed:
        return
    from pyrun.errors import PyrunError

    for each in lab.containers(all=True):
        try:
            told = each.output().splitlines()[-_LINES:]
            heading = f"pyrun: container {each.name}, {each.status}"
        except (PyrunError, OSError):  # gone meanwhile
            continue
        outcome.get_result().sections.append((heading, "\n".join(told) or "(it wrote nothing)"))
