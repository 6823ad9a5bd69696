"""Keyword arguments of `import pyrun` are the options of the command line."""

import subprocess
import sys
from pathlib import Path

import pytest
from lab import TOP

import pyrun
from pyrun.api import arguments, option_types
from pyrun.api.option_types import (
    ConnectOptions,
    ExecOptions,
    NetworkOptions,
    RunOptions,
    UpdateOptions,
    VolumeOptions,
)
from pyrun.cli import reader
from pyrun.cli.declared import every
from pyrun.errors import UsageError


@pytest.mark.parametrize(
    ("verb", "typed"),
    [
        ("run", RunOptions),
        ("create", RunOptions),
        ("update", UpdateOptions),
        ("exec", ExecOptions),
        ("network create", NetworkOptions),
        ("network connect", ConnectOptions),
        ("volume create", VolumeOptions),
    ],
)
def test_type_checkers_know_every_option_and_no_other(verb: str, typed: type) -> None:
    """A red test means: add the option to, or take it out of, pyrun/api/option_types.py."""
    assert set(typed.__annotations__) == set(arguments.options(verb)), option_types.__file__


@pytest.mark.parametrize(
    ("given", "flags"),
    [
        ({"name": "web", "read_only": True, "init": False}, ["--name=web", "--read-only"]),
        ({"memory": 1 << 20, "cpus": 0.5, "user": 1000}, ["--memory=1048576", "--cpus=0.5", "--user=1000"]),
        ({"memory": None, "ports": [], "env": {}}, []),
        ({"env": {"A": "1", "B": 2, "HOME": None}}, ["--env=A=1", "--env=B=2", "--env=HOME"]),
        ({"env": ["A=1", "B"]}, ["--env=A=1", "--env=B"]),
        ({"env": "A=1"}, ["--env=A=1"]),
        ({"ports": {80: 8080, "53/udp": 53}}, ["--publish=8080:80", "--publish=53:53/udp"]),
        ({"ports": {80: None, 81: ("127.0.0.1", 8081)}}, ["--publish=80", "--publish=127.0.0.1:8081:81"]),
        (
            {"ports": {80: [8080, ("::1", 8081), ("127.0.0.1",)]}},
            ["--publish=8080:80", "--publish=[::1]:8081:80", "--publish=127.0.0.1::80"],
        ),
        ({"ports": ["8080:80", 81]}, ["--publish=8080:80", "--publish=81"]),
        ({"volumes": {"/a": "/b", Path("/c"): ("/d", "ro")}}, ["--volume=/a:/b", "--volume=/c:/d:ro"]),
        ({"tmpfs": {"/run": "size=1m", "/tmp": None}}, ["--tmpfs=/run:size=1m", "--tmpfs=/tmp"]),
        ({"ulimit": {"nofile": (10, 20), "core": 0}}, ["--ulimit=nofile=10:20", "--ulimit=core=0"]),
        ({"add_host": {"db": "10.0.0.1"}}, ["--add-host=db:10.0.0.1"]),
        (
            {"mounts": {"type": "bind", "source": "/a", "target": "/b", "readonly": True}},
            ["--mount=type=bind,source=/a,target=/b,readonly=true"],
        ),
        ({"cap_drop": ["ALL"], "network": ["front", "back"]}, ["--cap-drop=ALL", "--network=front", "--network=back"]),
    ],
)
def test_values_are_written_as_they_are_typed(given: dict[str, object], flags: list[str]) -> None:
    line = arguments.words("run", given, ["rootfs", "program", "-x"])
    assert line == ["run", *flags, "--", "rootfs", "program", "-x"]
    parsed = reader.read(line)
    assert parsed
    assert parsed[1]["arguments"] == ("rootfs", "program", "-x")


@pytest.mark.parametrize(
    ("given", "message", "hint"),
    [
        ({"memroy": 1}, "run: memroy: no such option", "did you mean memory?"),
        ({"publish": 80}, "run: publish: no such option", "did you mean ports?"),
        ({"rm": True}, "run: rm: no such option", "did you mean remove?"),
        ({"detach_keys": "a"}, "run: detach_keys: no such option", "see pyrun run --help"),
        ({"read_only": "yes"}, "read_only: 'yes': expected True or False", ""),
        ({"memory": True}, "memory: True: expected text or a number", ""),
        ({"memory": ["1m"]}, "memory: ['1m']: expected text or a number", ""),
        ({"env": {"A": object}}, "env: <class 'object'>: expected text or a number", ""),
        ({"cap_add": {"A": "B"}}, "cap_add: expected CAPABILITY, not a mapping", ""),
        ({"name": "a\0b"}, "name: a value cannot contain a NUL byte", ""),
        ({"mounts": {"source": "a,b"}}, "mounts: 'a,b': a comma cannot be written here", ""),
    ],
)
def test_what_cannot_be_meant_is_refused_before_anything_happens(
    given: dict[str, object], message: str, hint: str
) -> None:
    with pytest.raises(UsageError) as refused:
        arguments.words("run", given)
    assert (refused.value.message, refused.value.hint) == (message, hint)


def test_a_command_is_words_or_a_line_without_a_shell() -> None:
    assert arguments.program("sh -c 'echo $A; ls *'") == ["sh", "-c", "echo $A; ls *"]
    assert arguments.program(["echo", 1, Path("/a")]) == ["echo", "1", "/a"]
    assert arguments.program(None) == []
    for wrong in ("echo 'open", ["a\0"]):
        with pytest.raises(UsageError):
            arguments.program(wrong)


@pytest.mark.parametrize(
    ("program", "unloaded"),
    [
        ("import pyrun", "pyrun.api pyrun.errors typing subprocess json"),
        ("import pyrun.pytest_plugin", "pyrun.api pyrun.testing pyrun.errors"),
        (
            "import pyrun.api.entry, pyrun.cli.verbs",
            "typing subprocess json enum re threading contextlib click pyroute2",
        ),
        ("import pyrun.testing.warden", "typing subprocess json enum re threading contextlib pyrun.api"),
        ("import pyrun; pyrun.run, pyrun.networks", "pyroute2 asyncio click"),
    ],
)
def test_nobody_pays_for_what_others_use(program: str, unloaded: str) -> None:
    site = [p for p in sys.path if p.endswith("site-packages")]
    code = f"import sys; sys.path[:0] = {[str(TOP), *site]!r}; {program}; print('\\n'.join(sys.modules))"
    flags = ["-I"] if "pytest" in program else ["-I", "-S"]
    loaded = subprocess.run([sys.executable, *flags, "-c", code], capture_output=True, check=True, text=True).stdout
    assert set(loaded.split()) & set(unloaded.split()) == set()


def test_the_name_network_is_a_function_and_a_package() -> None:
    code = f"import sys; sys.path[:0] = {[str(TOP)]!r}; import pyrun; assert callable(pyrun.network), 1; import pyrun.network.addresses as a; assert callable(pyrun.network) and a.subnet"
    subprocess.run([sys.executable, "-I", "-c", code], check=True)


_HERE = {  # what does in a program what a verb does on a command line
    "": "run create prune events info version".split(),
    "Container": "start stop restart kill rm:remove rename pause unpause update attach wait logs top stats cp:copy_in "
    "diff export port inspect exec ps:status".split(),
    "Network": "rm:remove inspect connect disconnect".split(),
    "Volume": "rm:remove inspect".split(),
    "Rootfs": "rm:remove inspect".split(),
}
_MADE = "network create:create_network ls:networks prune:prune_networks volume create:create_volume ls:volumes "
_MADE += "prune:prune_volumes rootfs import:import_rootfs build:build_rootfs ls:every_rootfs"
_OF_PEOPLE = {  # what looks after a host, or draws
    *("doctor", "completion", "__complete", "system boot", "netns exec"),
    *("network diagram", "network why", "network repair"),
}


def test_every_verb_has_its_counterpart() -> None:
    """A red test means: a new verb needs one, documented in docs/python.md, or is for people alone."""
    found, group = set(), ""
    for kind, verbs in _HERE.items():
        for pair in verbs:
            verb, _, name = pair.partition(":")
            assert callable(getattr(getattr(pyrun, kind) if kind else pyrun, name or verb)) or verb == "ps"
            found.add(verb if kind in ("", "Container") else f"{kind.lower()} {verb}")
    for pair in _MADE.split():
        verb, colon, name = pair.partition(":")
        group = group if colon else verb
        if colon:
            assert callable(getattr(pyrun, name))
            found.add(f"{group} {verb}")
    assert {verb for verb in every() if not verb.startswith(("lab", "parity"))} - found == _OF_PEOPLE
