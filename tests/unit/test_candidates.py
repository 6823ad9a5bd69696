"""What may stand where the cursor is, by the declarations alone; names of this host are in tests/cli/test_completion.py."""

import pytest

from pyrun.cli import completion, kinds
from pyrun.cli.declared import every

VERBS = every()


def _words(line: str) -> list[str]:
    """Complete a line; what stands behind its last blank is the word so far."""
    return [word for word, _ in completion.complete(line.split(" ")).words]


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("netn", ["netns"]),
        ("--v", ["--version"]),
        ("netns ", ["exec"]),
        ("network --h", ["--help"]),
        ("container wai", ["wait"]),
        ("container l", ["logs", "ls", "list"]),
        ("help netw", ["network"]),
        ("help network why ", []),
        ("nosuch ", []),
        ("run --memory-s", ["--memory-swap", "--memory-swappiness"]),
        ("run -", None),
        ("run --memory 1 --memory", ["--memory-swap", "--memory-reservation", "--memory-swappiness"]),
        ("run --memory ", []),
        ("run -w ", []),
        ("run --env A=b --env", ["--env", "--env-file"]),
        ("run -it --net n", ["none", "ns:"]),
        ("run -itm ", []),
        ("run --net=h", ["--net=host"]),
        ("run --nosuch=h", []),
        ("run --rm=", []),
        ("run -- @h", ["@host"]),
        ("run @host --", []),
        ("run --ulimit nofi", ["nofile="]),
        ("run -v a:/b:", ["a:/b:ro", "a:/b:rw"]),
        ("run -v a:/b", []),
        ("run --security-opt no", ["no-new-privileges"]),
        ("run --cap-drop NET_B", ["NET_BIND_SERVICE", "NET_BROADCAST"]),
        ("kill -s SE", ["SEGV"]),
        ("kill --signal=SE", ["--signal=SEGV"]),
        ("ps --format ", ["table", "json"]),
        ("network diagram --format ", ["text", "mermaid", "svg"]),
        ("network ls -f type=", ["type=custom", "type=builtin"]),
        ("network rm bri", []),
        ("network inspect bri", ["bridge"]),
        ("network why in", ["internet"]),
        ("network why web host", ["host"]),
        ("network why a b ", []),
        ("completion ", ["bash", "zsh", "fish"]),
        ("completion bash ", []),
        ("version ", []),
        ("network create bri", []),
        ("volume create -d ", ["local"]),
        ("network create -d ", ["bridge"]),
        ("run --sysctl net.ipv4.ip_f", ["net.ipv4.ip_forward="]),
        ("run --restart un", ["unless-stopped"]),
        ("update --restart on", ["on-failure"]),
        ("stop -s SE", ["SEGV"]),
        ("run --log-driver l", ["local"]),
        ("events -f type=ro", ["type=rootfs"]),
        ("ps -f status=re", ["status=restarting"]),
    ],
)
def test_words(line: str, words: "list[str] | None") -> None:
    found = _words(line)
    assert found == words if words is not None else set(found) > {"--rm", "--network"}


@pytest.mark.parametrize(
    ("line", "paths", "before"),
    [
        ("run ", "directories", ""),
        ("run @host ", "files", ""),
        ("run @host ls --x", "files", ""),
        ("run --env-file ", "files", ""),
        ("run --env-file=./a", "files", "--env-file="),
        ("run -v ./", "files", ""),
        ("run --volume=./", "files", "--volume="),
        ("run -v ./a:/", "", ""),
        ("run --security-opt seccomp=./a", "files", "seccomp="),
        ("run --security-opt=seccomp=./a", "files", "--security-opt=seccomp="),
        ("run --workdir /", "", ""),
        ("exec web ", "files", ""),
        ("exec ", "", ""),
        ("ps ", "", ""),
        ("netns exec web -- tcpd", "files", ""),
    ],
)
def test_paths(line: str, paths: str, before: str) -> None:
    answer = completion.complete(line.split(" "))
    assert (answer.paths, answer.before if paths else "") == (paths, before)


def test_no_hidden_option_or_verb_is_offered() -> None:
    for name, verb in VERBS.items():
        assert {o.flags[0] for o in verb.options if o.hidden} & set(_words(f"{name} --")) == set()
    assert "__complete" not in _words("")


def test_every_verb_and_every_option_of_it_is_offered() -> None:
    for name, verb in VERBS.items():
        if not verb.hidden:
            assert name.split(" ")[-1] in _words(name), name
            assert {o.flags[0] for o in verb.options if not o.hidden} <= set(_words(f"{name} --")), name


def test_tables_name_sources_that_there_are() -> None:
    from pyrun.cli.candidates import _SOURCES

    told = [*kinds._BY_METAVAR.values(), *kinds._BY_FLAG.values(), *kinds._BY_VERB.values(), *kinds._FILTERS.values()]
    told += [option.kind for verb in VERBS.values() for option in verb.options]
    sources = {item.partition("@")[2] for kind in told for item in kind.split("|") if "@" in item}
    assert sources - {*_SOURCES, "files", "directories"} == set()
