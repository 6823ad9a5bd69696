"""docs/tutorial.md shows what happens: each command typed, its output compared, in a place that the page itself makes."""

import os
from pathlib import Path

import pytest
from lab import TOP, TYPED, Host
from tutorial_page import Shell, differences, rewritten

PAGE = TOP / "docs" / "tutorial.md"


def test_the_tutorial_is_true(shared_host: Host, tmp_path: Path) -> None:
    """In one shell, from its first command to its last; `scripts/tutorial --write` writes what came out instead."""
    for name, command in (("pyrun", TYPED), ("sudo", "/usr/bin/env")):
        (tmp_path / name).write_text(f'#!/bin/bash\nexec {command} "$@"\n')
        (tmp_path / name).chmod(0o755)
    environment = {"PATH": f"{tmp_path}:{os.environ['PATH']}", "LC_ALL": "C.UTF-8", "HOME": str(tmp_path)}
    shell = Shell(shared_host.start, environment)
    try:
        found = differences(shell, PAGE.read_text())
    finally:
        shell.close()
    if os.environ.get("PYRUN_TEST_TUTORIAL") == "write":
        rewritten(PAGE, found)
    elif found:
        pytest.fail("\n\n".join(difference.told() for difference in found), pytrace=False)
