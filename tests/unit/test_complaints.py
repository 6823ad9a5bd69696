"""What the command line says about what it does not know: Docker's own is named as such, a guess is near, help is a verb."""

import pytest

from pyrun.cli import commands, dockers, reader, run
from pyrun.cli.declared import every
from pyrun.errors import UsageError

VERBS = every()


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
    ],
)
def test_a_guess_is_near(line: str, hint: str) -> None:
    option = next(word for word in line.split() if word.startswith("-"))
    assert _complaint(line) == (f"{option}: no such option", hint)


@pytest.mark.parametrize(
    ("line", "what"),
    [("network create --config-only x", "--config-only")],
)
def test_what_docker_has_is_said_not_to_be_there_yet(line: str, what: str) -> None:
    assert _complaint(line)[0] == f"{what}: not supported yet"


def test_what_is_not_there_yet_is_said_of_verbs_that_are() -> None:
    assert set(dockers.LATER) <= set(VERBS)


@pytest.mark.parametrize(
    ("line", "usage"),
    [
        ("help", "Usage: pyrun VERB"),
        ("help run", "Usage: pyrun run "),
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
