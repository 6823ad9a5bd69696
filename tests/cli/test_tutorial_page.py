"""docs/tutorial.md shows what happens: each command typed, its output compared, in a place that the page itself makes."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from lab import TOP, TYPED
from tutorial_page import Shell, differences, rewritten

from pyrun.testing import Lab

PAGE = TOP / "docs" / "tutorial.md"


@pytest.fixture
def lab(private_host: None) -> Iterator[Lab]:
    """Give a host that takes away whatever a page that failed half-way has left."""
    with Lab(ipv6=False) as lab:
        yield lab


def test_the_tutorial_is_true(lab: Lab, tmp_path: Path) -> None:
    """In one shell, from its first command to its last; `scripts/tutorial --write` writes what came out instead."""
    if len(lab.call("unshare --net ip -br link", check=True).text.splitlines()) > 1:
        pytest.skip("each new network has more than lo on this machine: the page's indexes would be others")
    for name, command in (("pyrun", TYPED), ("sudo", "/usr/bin/env")):
        (tmp_path / name).write_text(f'#!/bin/bash\nexec {command} "$@"\n')
        (tmp_path / name).chmod(0o755)
    environment = {"PATH": f"{tmp_path}:{os.environ['PATH']}", "LC_ALL": "C.UTF-8", "HOME": str(tmp_path)}
    shell = Shell(lab.popen, environment)
    try:
        found = differences(shell, PAGE.read_text())
    finally:
        shell.close()
    if os.environ.get("PYRUN_TEST_TUTORIAL") == "write":
        rewritten(PAGE, found)
        found = [difference for difference in found if difference.code != difference.step.code]
    if found:
        pytest.fail("\n\n".join(difference.told() for difference in found), pytrace=False)
