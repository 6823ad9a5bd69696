"""What the command line says about what it does not know: Docker's own is named as such, a guess is near, help is a verb."""

import pytest

from pyrun.cli import commands, complaints, reader, run
from pyrun.errors import PyrunError, UsageError
from pyrun.network import ipam
from pyrun.network.addresses import subnet


def _complaint(line: str) -> "tuple[str, str]":
    words = line.split()
    assert reader.read(words) is None
    with pytest.raises(UsageError) as told:
        commands.parse(words)
    return told.value.message, told.value.hint


@pytest.mark.parametrize(
    ("line", "hint"),
    [
        ("run --memroy 1 x", "did you mean --memory?"),
        ("run --hostnme x", "did you mean --hostname?"),
        ("run --envfile x", "did you mean --env-file?"),
        ("run --bogus x", "see pyrun run --help"),
        ("network create --subnt x", "did you mean --subnet?"),
        ("run --port 80:80 x", "did you mean --publish?"),
        ("-it x", "options stand behind the verb, as in pyrun run -i"),
        ("ps --hepl", "did you mean --help?"),
        ("--verison", "did you mean --version?"),
    ],
)
def test_a_guess_is_near(line: str, hint: str) -> None:
    option = next(word for word in line.split() if word.startswith("-"))
    option = option if option.startswith("--") else option[:2]
    assert _complaint(line) == (f"{option}: no such option", hint)


@pytest.mark.parametrize(
    ("line", "usage"),
    [
        ("help", "Usage: pyrun VERB"),
        ("help run", "Usage: pyrun run "),
        ("help run @host rm", "Usage: pyrun run "),
        ("network help", "Usage: pyrun network VERB"),
        ("network help create", "Usage: pyrun network create "),
        ("help network create", "Usage: pyrun network create "),
    ],
)
def test_help_is_a_verb(line: str, usage: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert commands.parse(line.split()) is None
    assert capsys.readouterr().out.startswith(usage)


def test_what_is_about_images_or_other_systems_is_taken() -> None:
    line = "run --pull always --platform linux/amd64 --disable-content-trust=false"
    line += " --security-opt label=disable --security-opt apparmor=unconfined"
    parsed = reader.read([*line.split(), "--net", "none", "@host"])
    assert parsed
    run.container_config(parsed[1], {})
    for option in ("apparmor=mine", "label=type:mine"):
        parsed = reader.read(["run", "--security-opt", option, "@host"])
        assert parsed
        with pytest.raises(UsageError):
            run.container_config(parsed[1], {})


@pytest.mark.parametrize(
    ("line", "complaint", "hint"),
    [
        ("run --network", "option '--network' requires an argument", "see pyrun run --help"),
        ("network create --subnet", "option '--subnet' requires an argument", "see pyrun network create --help"),
        ("docker run x", "docker: not a verb of pyrun", "leave that word out, as in pyrun run"),
        ("stop", "missing argument 'CONTAINER [CONTAINER]...'", "see pyrun stop --help"),
    ],
)
def test_what_is_missing_is_named_with_where_to_look(line: str, complaint: str, hint: str) -> None:
    assert _complaint(line) == (complaint, hint)


def test_who_has_which_address_pool_is_told_whole() -> None:
    """All that one has is told once, and nothing is left out of what 31 have, even under the longest names."""
    route = ipam.Taken(subnet("172.16.0.0/12"), "route")
    nets = [ipam.Taken(pool, f"network {at:0>128}") for at, pool in enumerate(ipam.POOLS)]
    with pytest.raises(PyrunError) as told:
        ipam.choose_pool([route, *nets[15:]])
    assert "taken: 172.17.0.0/16 to 172.31.0.0/16 by route 172.16.0.0/12, 192.168.0.0/20 by net" in told.value.message
    with pytest.raises(PyrunError) as told:
        ipam.choose_pool(nets)
    line = complaints.one_line(told.value)
    assert [net for net in nets if f"{net.subnet} by {net.by}" not in line] == []


@pytest.mark.parametrize(("typed", "most"), [("x" * 100_000, 900), ("x " * 50_000, 8100)])
def test_what_was_typed_is_cut(typed: str, most: int) -> None:
    assert len(complaints.one_line(UsageError(f"opt: {typed}: not known"))) < most
