"""Help and manual pages: nothing is missing, everything fits, and roff has nothing to complain of."""

import subprocess
from pathlib import Path

import pytest

from pyrun.cli import helptext, manpages, manual
from pyrun.cli.declared import ALIASES, GROUPS, every

VERBS = every()
SEEN = [verb for verb in VERBS.values() if not verb.hidden]
HELP = {verb.name: helptext.verb(verb, verb.name) for verb in SEEN}
TOP = Path(__file__).resolve().parent.parent.parent


def test_the_first_page_is_short_and_leads_to_every_verb() -> None:
    page = helptext.overview()
    assert len(page.splitlines()) <= 66
    words = {word for line in page.splitlines() if line.startswith("  ") for word in line.split()}
    assert {word for verb in SEEN for word in verb.name.split()} <= words
    assert {name for _, names in manual.sections(VERBS) for name in names} == {
        verb.name.split()[0] for verb in SEEN
    } | {"help"}


@pytest.mark.parametrize("text", [helptext.overview(), *map(helptext.group, GROUPS), *HELP.values()])
def test_help_has_80_columns(text: str) -> None:
    assert [line for line in text.splitlines() if len(line) > 80] == []
    assert "\n\n\n" not in text
    assert "\x1b" not in text


def test_every_option_is_explained_once_and_has_a_place() -> None:
    for verb in SEEN:
        shown = [option for _, options in manual.grouped(verb) for option in options]
        assert sorted(shown) == sorted(option for option in verb.options if not option.hidden), verb.name
        for option in shown:
            assert f"{option.flags[0]}" in HELP[verb.name]


def test_options_of_run_are_told_by_what_they_are_for() -> None:
    headings = [heading for heading, _ in manual.grouped(VERBS["run"])]
    assert headings[:5] == ["Program", "Container", "Network", "Files", "Limits"]
    assert "More options" not in headings


def test_other_names_of_a_verb_are_told() -> None:
    assert "pyrun container stop" in HELP["stop"]
    assert all(f"pyrun {alias}" in HELP[name] for alias, name in ALIASES.items() if not VERBS[name].hidden)
    assert "pyrun stop" in helptext.verb(VERBS["stop"], "container stop")


def test_every_verb_has_an_example_of_its_own() -> None:
    for verb in SEEN:
        examples = [command for command, _ in manual.page(verb.name).examples]
        assert examples, verb.name
        assert any(f"pyrun {name}" in command for command in examples for name in manual.spellings(verb)), verb.name


def test_roff_understands_every_page(tmp_path: Path) -> None:
    manpages.write(str(tmp_path))
    pages = sorted(tmp_path.iterdir())
    assert {page.name for page in pages} >= {"pyrun.1", "pyrun-run.1", "pyrun-network-create.1", "pyrun-network.1"}
    assert all(page.read_text().isascii() for page in pages)
    for command in (["groff", "-man", "-ww", "-z", "-Tutf8", *map(str, pages)],):
        done = subprocess.run(command, capture_output=True, check=False)
        assert (done.returncode, done.stderr) == (0, b"")


@pytest.mark.parametrize(
    ("page", "words"),
    [
        (
            "pyrun-run",
            [
                "pyrun run [OPTION]... ROOTFS [COMMAND [ARG]...]",
                "--env-file FILE",
                "pyrun run -it --rm debian-rootfs bash",
            ],
        ),
        ("pyrun-ps", ["\\t{{.Names}}'"]),  # a backslash and an apostrophe, as they are typed
    ],
)
def test_man_shows_what_was_meant(page: str, words: list[str], tmp_path: Path) -> None:
    manpages.write(str(tmp_path))
    done = subprocess.run(
        ["man", "--warnings", "-P", "cat", "-l", str(tmp_path / f"{page}.1")],
        capture_output=True,
        check=False,
        env={"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8", "MANWIDTH": "80"},
    )
    assert (done.returncode, done.stderr) == (0, b"")
    assert [word for word in words if word not in done.stdout.decode()] == []


def test_pages_of_verbs_that_are_no_more_go(tmp_path: Path) -> None:
    for name in ("pyrun-frobnicate.1", "other.1", "pyrun-ps.7"):
        (tmp_path / name).write_text("")
    subprocess.run([TOP / "scripts" / "man-pages", tmp_path], check=True)
    left = {page.name for page in tmp_path.iterdir()}
    assert "pyrun-frobnicate.1" not in left
    assert {"other.1", "pyrun-ps.7", "pyrun.1"} <= left
