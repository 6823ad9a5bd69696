"""Values that Docker takes for none, or reads in more than one way; measured with Docker 20.10."""

from pathlib import Path

import pytest

from pyrun import options
from pyrun.cli import commands, reader, run
from pyrun.errors import PyrunError, UsageError
from pyrun.spec import ContainerConfig


def _config(*words: str) -> ContainerConfig:
    parsed = reader.read(["run", "--net", "none", *words, "@host", "true"])
    assert parsed
    return run.container_config(parsed[1], {})


@pytest.mark.parametrize(
    "words",
    [
        ["--memory", "0"], ["--memory-swap", "0"], ["--cpus", "0"], ["--cpu-shares", "0"], ["--cpuset-cpus", ""],
        ["--shm-size", "0"], ["--name", ""], ["-h", ""], ["-u", ""], ["-w", ""], ["--entrypoint", ""],
        ["--stop-signal", ""], ["--detach-keys", ""], ["--cidfile", ""],
    ],
)  # fmt: skip
def test_zero_and_nothing_stand_for_what_is_not_given(words: list[str]) -> None:
    plain, given = _config(), _config(*words)
    own = {"id": "", "name": "", "created": 0, "hostname": "", "env": ()}
    assert given._replace(**own) == plain._replace(**own)
    assert given.name
    assert given.hostname == given.id[:12]


@pytest.mark.parametrize(
    "words",
    [
        ["--memory", ""],
        ["--memory", "1"],
        ["--cpus", ""],
        ["--cpus", "0.001"],
        ["--cpu-shares", "1"],
        ["--shm-size", ""],
    ],
)
def test_what_is_no_value_stays_refused(words: list[str]) -> None:
    with pytest.raises(UsageError):
        _config(*words)


@pytest.mark.parametrize(
    "break_", ["\n", "\r", "\r\n", "\v", "\f", "\x1c", "\x85", "\u2028", " ", "\t", "#", "\0", "\udc85"]
)
@pytest.mark.parametrize(
    ("flag", "value"),
    [
        ("--dns", "1.1.1.1{}x"), ("--dns-search", "x{}y"), ("--dns-option", "ndots:1{}x"), ("--hostname", "x{}y"),
        ("--domainname", "x{}y"), ("--add-host", "x{}y:1.2.3.4"), ("--add-host", "x:1.2.3.4{}y"),
    ],
)  # fmt: skip
def test_no_value_adds_a_line_or_a_word_to_a_file_of_the_container(flag: str, value: str, break_: str) -> None:
    """T-E11: as in x, a new line, nameserver 6.6.6.6."""
    with pytest.raises(UsageError):
        _config(flag, value.format(break_))


@pytest.mark.parametrize("text", ["1", "t", "T", "true", "True", "TRUE", "0", "f", "F", "false", "False", "FALSE"])
def test_switches_take_truths(text: str) -> None:
    truth = text[0] in "1tT"
    given = _config(f"--rm={text}", f"-i={text}", f"-dt={text}")
    assert (given.remove, given.interactive, given.detach, given.tty) == (truth, truth, True, truth)
    line = ["run", f"--rm={text}", f"-it={text}", f"--sig-proxy={text}", "@host"]
    assert commands.parse(line) == reader.read(line)


@pytest.mark.parametrize("word", ["--rm=maybe", "--rm=", "-i=x", "-it=falsex", "-t="])
def test_what_is_no_truth_is_told(word: str) -> None:
    for line in (["run", word, "@host"], ["run", "--no-such-thing", word, "@host"]):
        with pytest.raises(UsageError, match="expected true or false"):
            commands.parse(line) if len(line) > 3 else reader.read(line)


def test_the_last_one_counts() -> None:
    line = ["run", "--rm=false", "--rm", "-i", "-i=false", "@host"]
    parsed = reader.read(line)
    assert parsed == commands.parse(line)
    assert parsed
    assert (parsed[1]["rm"], parsed[1]["interactive"]) == (True, False)


def test_a_name_may_begin_with_a_slash() -> None:
    assert _config("--name", "/abc").name == "abc"
    for text in ("/", "//abc", "/a/b"):
        with pytest.raises(UsageError):
            _config("--name", text)


@pytest.mark.parametrize("text", ["", ":", ":50", "1000:", "1000:50", "user:", ":staff"])
def test_parts_of_a_user_may_be_missing(text: str) -> None:
    assert options.user(text) == text


@pytest.mark.parametrize("text", ["", ":", "a:b", "-1", "99999999999"])
def test_groups_that_are_none(text: str) -> None:
    with pytest.raises(UsageError):
        options.group(text)


def test_a_variable_needs_a_name(tmp_path: "pytest.TempPathFactory") -> None:
    file = f"{tmp_path}/env"
    for line, complaint in (("=1", "no variable name"), ("A B=1", "a variable's name has no white space")):
        with open(file, "w") as written:
            written.write(f"# first\n{line}\n")
        with pytest.raises(PyrunError, match=f"line 2: {complaint}"):
            options.env_file(file, {})


def test_labels_are_pairs_of_which_the_last_counts(tmp_path: Path) -> None:
    file = tmp_path / "labels"
    file.write_text("# comment\n\n b=1=2\nunset\na=from the file\n")
    assert options.pairs("label", ("a=x", "only", "c=", "a=y"), (str(file),)) == ("a=y", "b=1=2", "c=", "only=")


@pytest.mark.parametrize("text", ["", "=x", "=", "a\0=b"])
def test_labels_without_a_name(text: str) -> None:
    with pytest.raises(UsageError, match="expected KEY=VALUE"):
        options.pairs("label", (text,))
