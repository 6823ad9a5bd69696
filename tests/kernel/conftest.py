"""Hosts that several modules look at."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from lab import BUSYBOX, DEBIAN, INTERNET_ADDRESS, Host
from named import NameServer, use
from town import made as town_of


@pytest.fixture
def server(host: Host, tmp_path: Path) -> Iterator[NameServer]:
    """A server in the internet, which is the host's."""
    use(host, INTERNET_ADDRESS)
    running = NameServer(host.internet_pid, tmp_path / "log", INTERNET_ADDRESS)
    yield running
    running.stop()


@pytest.fixture
def net(host: Host) -> Host:
    """A host with a network called net1 on which are one (alias web, hostname first.host) and two (alias web)."""
    use(host, INTERNET_ADDRESS)
    host.ok("network", "create", "net1")
    host.ok(
        "run",
        "-d",
        "--name",
        "one",
        "--hostname",
        "first.host",
        "--net",
        "name=net1,alias=web",
        BUSYBOX,
        "sleep",
        "300",
    )
    host.ok("run", "-d", "--name", "two", "--net", "name=net1,alias=web", DEBIAN, "sleep", "300")
    return host


@pytest.fixture(scope="module", params=["iptables", "nftables"])
def town(request: pytest.FixtureRequest, private_host: None) -> Iterator[Host]:
    """Give the town with each tool."""
    with town_of(request.param) as host:
        yield host
