"""Fixtures shared by all tests: the private host, and root file systems to run."""

import os

import pytest


@pytest.fixture(scope="session")
def private_host() -> None:
    """Refuse to run outside the namespaces that scripts/test makes: the machine's own network stays as it is."""
    assert os.environ.get("PYRUN_TEST_PRIVATE") == "1", "run the tests with scripts/test"
    assert os.readlink("/proc/self/ns/net") != os.readlink("/proc/1/ns/net")
    assert os.readlink("/proc/self/ns/mnt") != os.readlink("/proc/1/ns/mnt")
