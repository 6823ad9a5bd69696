"""The examples of docs/python.md are run as they stand there, on a private host, and leave nothing."""

import re

import pytest
from lab import BUSYBOX, DEBIAN, TOP

import pyrun
from pyrun.testing import Lab

_BLOCKS = re.findall(r"^```python\n(.*?)^```$", (TOP / "docs/python.md").read_text(), re.DOTALL | re.MULTILINE)
_PROGRAMS = [block for block in _BLOCKS if "def test_" not in block]
_TESTS = [block for block in _BLOCKS if "def test_" in block]


def test_there_are_examples_of_both_kinds() -> None:
    assert len(_PROGRAMS) > 3
    assert _TESTS


@pytest.mark.parametrize("program", _PROGRAMS, ids=lambda text: text.split("with ")[-1].split("(")[0])
def test_an_example_runs(private_host: None, program: str) -> None:
    with Lab() as lab, lab.inside():
        for name, directory in (("busybox-rootfs", BUSYBOX), ("debian-rootfs", DEBIAN)):
            program = program.replace(f'"{name}"', f'"{directory}"')
        exec(compile(program, "docs/python.md", "exec"), {"__name__": "documented"})
        left = [*pyrun.containers(all=True), *pyrun.volumes(), *pyrun.networks()]
        assert [each.name for each in left] == ["bridge", "host", "none"]  # networks that are always there


@pytest.mark.parametrize("content", _TESTS)
def test_an_example_of_a_test_passes(pytester: pytest.Pytester, private_host: None, content: str) -> None:
    pytester.makepyfile(content)
    pytester.runpytest_inprocess("-p", "pyrun.pytest_plugin", "-p", "no:cacheprovider").assert_outcomes(
        passed=content.count("def test_")
    )
