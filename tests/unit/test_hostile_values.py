"""Each option of the verbs that make or change a container, with values that broke something once, or that might.

Whatever is accepted comes back from its record as it went; everything else is one line. Add what is found to `_VALUES`.
"""

from pathlib import Path

import pytest

from pyrun import records
from pyrun.cli import commands, limits, reader, run
from pyrun.cli.declared import Option, every
from pyrun.errors import PyrunError

VERBS = every()
_VALUES = (
    "", " ", "-1", "0", "9" * 30, "9" * 200_000, "1e999", "nan", "-inf", "0x10", "1_0", "٣", "²", "--help", "--",
    "a\nb", "\x1b[31m", "../x", "/" * 5000, "/a/../../b", "..", "ｎａｍｅ", "é" * 200, "\udce9", "=", ",", "::", "=b",
    "x" * 200_000, "%s%n", "{{.}}", "$(id)", "1.1.1.1/33", "256.1.1.1", "type=bind,source=/,target=/x", "type=tmpfs,target=/x,tmpfs-size=9e9",
    "nofile=" + "9" * 40, "nofile=2:1", "container:", "container:x", "ns:/x", "1-65535:1-65535", "1-2:1-3", "[::1]:80:80", "/dev/null:/x:rwmz",
    "c 9999999999:1 r", "/dev/null:" + "9" * 30, "0-1000000000", "1,,2", "5-1", "seccomp=/dev/zero", "on-failure:" + "9" * 40,
    "RTMIN+99", "999999999h", "-1s", "ctrl-é", "ctrl-a,", "net.ipv4.ip_forward=1\n", "fs.mqueue.x=", "net./../x=1",
)  # fmt: skip


def _parsed(verb: str, option: Option, value: str) -> "dict[str, object] | None":
    flag = option.flags[-1]
    line = [verb, *([f"{flag}={value}"] if flag.startswith("--") else [flag, value]), "@host", "true"]
    found = reader.read(line) or commands.parse(line)
    return {"detach": False, "detach_keys": None, **found[1]} if found else None


@pytest.mark.parametrize("option", [o for o in VERBS["run"].options if o.metavar], ids=lambda option: option.flags[-1])
def test_a_value_is_taken_and_comes_back_or_is_refused_in_one_line(option: Option, tmp_path: Path) -> None:
    path = str(tmp_path / "config.json")
    for value in _VALUES:
        try:
            values = _parsed("run", option, value)
            if values:
                config = run.container_config(values, {})
                records.write_config(path, config, False)
                assert records.read_config(path) == config, value[:80]
        except PyrunError as problem:
            assert "Error" not in problem.message and problem.code in (1, 125), (value[:80], problem.message[:200])


@pytest.mark.parametrize("verb", ["exec", "update"])
def test_a_value_for_what_exists_is_taken_or_refused(verb: str) -> None:
    for option in VERBS[verb].options:
        for value in _VALUES if option.metavar else ():
            try:
                values = _parsed(verb, option, value)
                if values:
                    run.exec_config(values, {}) if verb == "exec" else limits.changed(values)
            except PyrunError as problem:
                assert problem.code in (1, 125), (option.flags, value[:80])
