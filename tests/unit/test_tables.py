"""Tables, times, sizes and filters in Docker's words; on a terminal they fit it."""

import os
import pty
import struct
import subprocess
import sys
from collections.abc import Callable
from fcntl import ioctl
from termios import TIOCSWINSZ

import pytest
from lab import TOP

from pyrun import filters
from pyrun.cli import ages, listing, screen, tables
from pyrun.errors import UsageError
from pyrun.store import Status


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (-5, "Less than a second"), (0, "Less than a second"), (0.999, "Less than a second"), (1, "1 second"),
        (1.9, "1 second"), (2, "2 seconds"), (59.9, "59 seconds"), (60, "About a minute"), (119, "About a minute"),
        (120, "2 minutes"), (3599, "59 minutes"), (3600, "About an hour"), (5399, "About an hour"), (5400, "2 hours"),
        (86400, "24 hours"), (47 * 3600, "47 hours"), (48 * 3600 - 1801, "47 hours"), (48 * 3600, "2 days"),
        (13 * 86400, "13 days"), (14 * 86400, "2 weeks"), (20 * 86400, "2 weeks"), (59 * 86400, "8 weeks"),
        (60 * 86400, "2 months"), (729 * 86400, "24 months"), (730 * 86400, "2 years"), (1095 * 86400, "3 years"),
    ],
)  # fmt: skip
def test_durations_are_go_units(seconds: float, words: str) -> None:
    assert ages.duration(seconds) == words


@pytest.mark.parametrize(
    ("count", "digits", "words"),
    [
        (0, 3, "0B"), (2, 3, "2B"), (999, 3, "999B"), (1000, 3, "1kB"), (1984242, 3, "1.98MB"), (999999, 3, "1e+03kB"),
        (123456789, 4, "123.5MB"), (2.5e12, 4, "2.5TB"), (1024, 4, "1.024kB"),
    ],
)  # fmt: skip
def test_sizes_are_go_units(count: float, digits: int, words: str) -> None:
    assert ages.size(count, digits) == words


@pytest.mark.parametrize(
    ("status", "words", "colour"),
    [
        (Status("running", started=0.0), "Up About a minute", "green"),
        (Status("paused", started=0.0), "Up About a minute (Paused)", "yellow"),
        (Status("exited", finished=60.0), "Exited (0) 30 seconds ago", ""),
        (Status("exited", exit_code=137, finished=60.0), "Exited (137) 30 seconds ago", "red"),
        (Status("restarting", exit_code=1, finished=89.0), "Restarting (1) 1 second ago", "yellow"),
        (Status("created"), "Created", "dim"),
        (Status("corrupt"), "Corrupt", "red"),
    ],
)
def test_states_in_words_and_colours(status: Status, words: str, colour: str) -> None:
    assert (listing.words(status, 90.0), listing.colour(words)) == (words, colour)


def test_cells_that_end_with_tabs_are_laid_out_by_neighbouring_lines() -> None:
    """As Go's tabwriter does: a column ends with the last of the lines that have it."""
    text = "a\tb\tc\nlonger than ten\tx\ty\n\nz\tshort\n日本\té\tx"
    assert tables.aligned(text) == (
        "a                 b         c\nlonger than ten   x         y\n\nz         short\n日本      é         x"
    )


@pytest.mark.parametrize(
    ("text", "most", "end", "short"),
    [
        ("abcdef", 6, False, "abcdef"), ("abcdef", 5, False, "abcd…"), ("/a/long/path", 6, True, "…/path"),
        ("日本語", 4, False, "日…"), ("日本語", 6, False, "日本語"), ("e\u0301e\u0301e", 3, False, "e\u0301e\u0301e"),
    ],
)  # fmt: skip
def test_text_is_shortened_to_places(text: str, most: int, end: bool, short: str) -> None:
    assert screen.shortened(text, most, end) == short


_SHOW = """
import sys; sys.path.insert(0, sys.argv[1])
from pyrun.cli import listing, tables
row = ("0123456789ab", "/srv/trees/debian-rootfs", '"sh -c \\'while tru…"', "2 seconds ago", "Up 1 second", "80/tcp", "web-of-the-shop")
print(tables.shown(listing.COLUMNS, [row, (*row[:4], "Exited (1) 1 second ago", "", "x")], len(sys.argv) > 2), end="")
"""


@pytest.fixture
def on_terminal() -> Callable[..., str]:
    """Print two rows on a terminal of some width."""

    def show(width: int, *more: str, **environment: str) -> str:
        ours, theirs = pty.openpty()
        ioctl(theirs, TIOCSWINSZ, struct.pack("HHHH", 24, width, 0, 0))
        command = [sys.executable, "-I", "-S", "-c", _SHOW, str(TOP), *more]
        subprocess.run(command, stdout=theirs, check=True, env={"TERM": "xterm", "LC_ALL": "C.UTF-8", **environment})
        os.close(theirs)
        text = b""
        with open(ours, "rb", buffering=0) as reader:
            while chunk := _read(reader.fileno()):
                text += chunk
        return text.decode().replace("\r\n", "\n")

    return show


def _read(fd: int) -> bytes:
    try:
        return os.read(fd, 4096)
    except OSError:
        return b""


def test_a_table_fits_its_terminal(on_terminal: Callable[..., str]) -> None:
    plain = subprocess.run(
        [sys.executable, "-I", "-S", "-c", _SHOW, str(TOP)], capture_output=True, check=True
    ).stdout.decode()
    assert on_terminal(200, NO_COLOR="1") == plain
    for width in (140, 110, 100, 90, 85):
        lines = on_terminal(width, NO_COLOR="1").splitlines()
        assert max(map(len, lines)) <= width
        assert [line[:12] for line in lines[1:]] == ["0123456789ab"] * 2
    assert on_terminal(80, "whole", NO_COLOR="1") == plain


def test_states_are_coloured_on_terminals_that_can(on_terminal: Callable[..., str]) -> None:
    text = on_terminal(200)
    assert ("\x1b[32mUp 1 second\x1b[0m" in text, "\x1b[31mExited (1) 1 second ago\x1b[0m" in text) == (True, True)
    bare = text.replace("\x1b[32m", "").replace("\x1b[31m", "").replace("\x1b[0m", "")
    assert bare == on_terminal(200, NO_COLOR="1") == on_terminal(200, TERM="dumb")


def test_filters_are_keys_and_values() -> None:
    assert filters.read(["name=a", "NAME = b=c ", "label=x"], ("name", "label")) == {
        "name": ("a", "b=c"),
        "label": ("x",),
    }
    for wrong in ("name", "nome=x", "", "=x"):
        with pytest.raises(UsageError):
            filters.read([wrong], ("name",))


@pytest.mark.parametrize(
    ("pattern", "text", "found"),
    [
        ("eb", "web", True), ("^eb", "web", False), ("^w.b$", "web", True), ("[", "[", False), ("W", "web", False), ("", "web", True),
        ("a{99999999999}", "a", False),
    ],
)  # fmt: skip
def test_names_are_found_by_patterns(pattern: str, text: str, found: bool) -> None:
    assert filters.matches([pattern], text) == found


def test_all_labels_have_to_be_there() -> None:
    there = ("a=1", "b=", "c=x=y")
    assert filters.has_labels(["a", "b=", "c=x=y"], there)
    assert not filters.has_labels(["a", "d"], there)
    assert not filters.has_labels(["a=2"], there)
