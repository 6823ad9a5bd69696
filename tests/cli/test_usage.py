"""Generated command lines and damaged records through the real command: one clear line, never a traceback."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from lab import BUSYBOX, Host, fresh_host

from pyrun.cli.declared import Verb, every

VERBS = every()
ENDLESS = ("logs", "events", "stats")  # what may go on for ever is given its lines elsewhere

_NASTY = [
    "",
    " ",
    "%\\$š",
    "-1",
    "0",
    "9" * 400,
    "²",
    "--help",
    "a\nb",
    "\x1b[31m",
    "../x",
    "/",
    ".",
    "-rf",
    "ｎａｍｅ",
    "=",
    ":",
    ",",
    "x:y:z",
    "a=b",
]
_PLAIN = [
    "box",
    "1m",
    "64m",
    "0.5",
    "nofile=1:2",
    "/x",
    "/x:/y",
    "host",
    "none",
    "NET_ADMIN",
    "TERM",
    "1.1.1.1",
    "type=tmpfs,target=/t",
    "u:g",
]
_QUICK = settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
_VALUES = st.sampled_from(_NASTY + _PLAIN) | st.text(
    st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=12
)


def _words(verb: Verb) -> st.SearchStrategy[list[str]]:
    """Give a line of a verb: options of it and unknown ones, with and without values, then anything."""
    options = [st.tuples(st.just(flag)) for option in verb.options for flag in option.flags if not option.metavar]
    options += [st.tuples(st.just(flag), _VALUES) for option in verb.options for flag in option.flags if option.metavar]
    options += [st.tuples(_VALUES.map(lambda value: f"--{value}"))]
    places = st.sampled_from([BUSYBOX, "/nowhere", "@hos", "/etc/passwd", "box"]) | _VALUES
    return st.tuples(st.lists(st.one_of(options), max_size=4), st.lists(places, max_size=3)).map(
        lambda parts: [verb.name, *(word for option in parts[0] for word in option), *parts[1]]
    )


@pytest.fixture(scope="module")
def quiet_host(private_host: None) -> Iterator[Host]:
    with fresh_host() as host:
        yield host


@settings(_QUICK, max_examples=150)
@given(
    line=st.one_of([_words(verb) for verb in VERBS.values() if verb.name not in ENDLESS])
    | st.lists(_VALUES, max_size=3)
)
def test_any_line_gets_one_clear_answer(quiet_host: Host, line: list[str]) -> None:
    """`run` only plans: --dry-run stands first, so nothing is ever to be found afterwards."""
    if line and line[0] == "run":
        line = ["run", "--dry-run", *line[1:]]
    done = quiet_host.pyrun(*line, timeout=20)
    complaint = done.stderr.decode()
    assert done.returncode in (0, 1, 125, 126, 127), done
    assert "Traceback" not in complaint + done.stdout.decode(errors="replace")
    assert "internal error" not in complaint
    assert "\x1b" not in complaint
    if done.returncode and line and line[0] != "doctor":  # whose exit code is what it found
        assert all(row.startswith("pyrun: ") for row in complaint.splitlines()), done
        assert complaint
    assert quiet_host.shell("ls /var/lib/pyrun/containers /run/pyrun/containers 2>/dev/null").stdout == b""


@pytest.fixture(scope="module")
def inhabited(private_host: None) -> Iterator[tuple[Host, Path]]:
    """A host with a good container, and the directory of one whose records are to be damaged."""
    with fresh_host() as host:
        host.ok("run", "-d", "--name", "good", BUSYBOX, "sleep", "600")
        identity = host.ok("run", "-d", "--name", "spoiled", BUSYBOX, "true").strip()
        host.ok("wait", "spoiled")
        yield host, Path(f"/proc/{host.pid}/root/var/lib/pyrun/containers/{identity}")


_DAMAGE = st.one_of(
    st.tuples(st.just("cut"), st.integers(0, 3000), st.just(0)),
    st.tuples(st.just("flip"), st.integers(0, 3000), st.integers(0, 7)),
    st.tuples(st.just("bytes"), st.integers(0, 3000), st.integers(0, 255)),
)


def _damaged(content: bytes, kind: str, at: int, value: int) -> bytes:
    at = min(at, len(content) - 1)
    if kind == "cut":
        return content[:at]
    other = bytes([content[at] ^ 1 << value]) if kind == "flip" else bytes([value]) * 9
    return content[:at] + other + content[at + 1 :]


@settings(_QUICK, max_examples=60)
@given(name=st.sampled_from(["config.json", "start.json", "exit.json"]), damage=_DAMAGE)
def test_any_damage_to_a_record_stays_with_its_container(
    inhabited: tuple[Host, Path], name: str, damage: tuple[str, int, int]
) -> None:
    host, directory = inhabited
    whole = (directory / name).read_bytes()
    (directory / name).write_bytes(_damaged(whole, *damage))
    try:
        for line in (["ps", "-a"], ["inspect", "spoiled"], ["exec", "good", "true"], ["rm", "good"]):
            done = host.pyrun(*line, timeout=20)
            assert b"Traceback" not in done.stderr + done.stdout
            assert b"internal error" not in done.stderr, line
            assert done.returncode == {"ps": 0, "exec": 0, "rm": 1}.get(line[0], done.returncode), done
        assert "good" in host.ok("ps", "--format", "json")
    finally:
        (directory / name).write_bytes(whole)


def test_a_damaged_container_can_be_removed(inhabited: tuple[Host, Path]) -> None:
    host, directory = inhabited
    (directory / "config.json").write_bytes(b"{")
    host.ok("rm", "-f", directory.name)
    assert "good" in host.ok("ps", "-a")
    assert host.ok("ps", "-aq", "--no-trunc").count("\n") == 1
