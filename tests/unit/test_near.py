"""What was meant by a name that nobody has."""

import pytest

from pyrun import near
from pyrun.cli import commands, dockers, reader
from pyrun.cli.declared import every, named
from pyrun.errors import UsageError

VERBS = every()


@pytest.mark.parametrize(
    ("word", "known", "meant"),
    [
        ("wbe", ["web", "db"], "web"),  # two letters that changed places
        ("wb", ["web", "db"], "web"),
        ("we", ["web", "wiki"], "web"),
        ("webserver1", ["webserver", "web"], "webserver"),
        ("DB", ["db"], "db"),
        ("debian", ["debian-rootfs", "busybox-rootfs"], "debian-rootfs"),
        ("deb", ["debian-rootfs", "debug-rootfs"], ""),  # both begin so
        ("debain-rootfs", ["debian-rootfs", "busybox-rootfs"], "debian-rootfs"),
        ("x", ["y"], ""),
        ("ab", ["cd", "ef"], ""),
        ("bogus", ["user", "dns", "rm"], ""),
        ("", ["web"], ""),
        ("web", [], ""),
        ("w" * 100_000, ["web"], ""),
    ],
)
def test_the_nearest(word: str, known: list[str], meant: str) -> None:
    assert near.nearest(word, known) == meant


def test_several_are_named_but_not_all_of_them() -> None:
    assert near.either(["a", "b"]) == "which of a, b?"
    assert near.either(list("abcdef")) == "which of a, b, c, d, 2 more?"


def _complaint(line: str) -> "tuple[str, str]":
    words = line.split()
    assert reader.read(words) is None
    with pytest.raises(UsageError) as told:
        commands.parse(words)
    return told.value.message, told.value.hint


@pytest.mark.parametrize(
    ("line", "message", "hint"),
    [
        ("netwrok ls", "netwrok: no such command", "did you mean network?"),
        ("network insepct", "insepct: no such command", "did you mean inspect?"),
        ("container stpo x", "stpo: no such command", "did you mean stop?"),
        ("netns frobnicate", "frobnicate: no such command", "see pyrun netns --help"),
        ("frobnicate", "frobnicate: no such command", "see pyrun --help"),
    ],
)
def test_an_unknown_verb_is_guessed(line: str, message: str, hint: str) -> None:
    assert _complaint(line) == (message, hint)


@pytest.mark.parametrize("line", ["images", "pull debian", "build .", "image ls", "rmi x", "commit a b", "swarm init"])
def test_what_docker_does_otherwise_is_told(line: str) -> None:
    message, hint = _complaint(line)
    assert message == f"{line.split()[0]}: not a verb of pyrun"
    assert hint


def test_what_is_told_to_be_typed_instead_can_be() -> None:
    for verb, text in dockers._INSTEAD.items():
        assert verb not in VERBS, verb
        for part in text.split("pyrun ")[1:]:
            words = part.replace(",", "").split()
            assert named(words)[0] or words[1] == "--help", text
