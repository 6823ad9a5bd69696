"""How docs/tutorial.md is read and compared: what a block says, and which differences count."""

import re

import pytest
from lab import TOP
from tutorial_page import Difference, Glossary, Step, corrected, steps

_PAGE = """Words.

```console
$ one
it prints
# two \\
> more
it says

so
```

<!-- exits 1 -->
```console
# three
# four
```

<!-- prints: five -->
```mermaid
a --- b
```
"""
_RED, _BLUE = "veth0123abc", "veth4567def"


def test_a_page_is_read_as_steps() -> None:
    assert steps(_PAGE) == [
        Step("one", 5, ("it prints",), 0, False),
        Step("two \\\nmore", 8, ("it says", "", "so")),
        Step("three", 16, ()),
        Step("four", 17, (), 1),
        Step("five", 21, ("a --- b",)),
    ]


@pytest.mark.parametrize("block", ["```mermaid\na\n```", "```console\nprinted by nobody\n```"])
def test_what_no_command_prints_is_refused(block: str) -> None:
    with pytest.raises(ValueError, match="line "):
        steps(block)


def test_a_digit_more_is_a_difference() -> None:
    assert not Glossary().agrees(("-c 1 84 -j DROP",), ("-c 2 84 -j DROP",))
    assert not Glossary().agrees(("4: eth0@if2:",), ("4: eth0@if3:",))
    assert not Glossary().agrees(("a",), ("a", ""))


@pytest.mark.parametrize(
    ("page", "run"),
    [
        ("64 bytes: ttl=64 time=0.113 ms", "64 bytes: ttl=64 time=12 ms"),
        ("rtt min/avg/max/mdev = 0.015/0.015/0.015/0.000 ms", "rtt min/avg/max/mdev = 1.1/1.1/1.1/0.0 ms"),
        ("pid 35, netns 4026550664", "pid 7, netns 4026550665"),
        ("link/ether 02:33:e0:3e:a0:1a brd ff:ff:ff:ff:ff:ff", "link/ether 0e:33:e0:3e:a0:1a brd ff:ff:ff:ff:ff:ff"),
    ],
)
def test_what_is_measured_or_random_is_none(page: str, run: str) -> None:
    assert Glossary().agrees((page,), (run,))


def test_link_layer_addresses_made_of_others_count() -> None:
    assert not Glossary().agrees(("02:42:ac:11:00:03",), ("02:42:ac:11:00:02",))


def test_a_random_word_is_the_same_everywhere() -> None:
    known = Glossary()
    assert known.agrees((_RED, _BLUE), ("veth1111111", "veth2222222"))
    assert known.agrees((_BLUE, _RED), ("veth2222222", "veth1111111"))
    assert not known.agrees((_RED,), ("veth2222222",))
    assert not known.agrees((_RED,), ("veth3333333",))
    assert not known.agrees(("veth9999999",), ("veth1111111",))


def test_a_short_identity_belongs_to_the_long_one() -> None:
    known = Glossary()
    assert known.agrees(("a" * 64,), ("b" * 64,))
    assert known.agrees(("a" * 12,), ("b" * 12,))
    assert not known.agrees(("a" * 12,), ("c" * 12,))


def test_what_differs_is_told_and_written_in_the_words_of_the_page() -> None:
    known = Glossary()
    assert known.agrees((_RED, "c" * 64), ("veth1111111", "d" * 64))
    printed = known.translated((), ("veth1111111 (4)", "d" * 12, "d" * 64))
    assert printed == (f"{_RED} (4)", "c" * 12, "c" * 64)
    page, run = ("a time=1 ms", f"{_BLUE}: one", "b"), ("veth2222222: two", "a time=2 ms", "veth2222222: one", "B")
    assert known.translated(page, run) == (f"{_BLUE}: two", "a time=1 ms", f"{_BLUE}: one", "B")
    difference = Difference(steps(_PAGE)[1], ("it says", "this"), 0)
    assert corrected(_PAGE, [difference]) == _PAGE.replace("it says\n\nso\n", "it says\nthis\n")
    told = difference._replace(code=2).told().splitlines()
    assert told[:2] == ["docs/tutorial.md:8: two \\", "more"]
    assert "exit code 2, not 0" in told and {"-so", "+this"} <= set(told)


def test_its_links_lead_somewhere() -> None:
    page = (TOP / "docs" / "tutorial.md").read_text()
    headings = [line.lstrip("#").strip().lower() for line in page.splitlines() if re.match("##+ ", line)]
    places = {"#" + re.sub(r"[^\w\- ]", "", heading).replace(" ", "-") for heading in headings}
    links = re.findall(r"\]\(([^)]+)\)", page)
    assert len(links) > 15
    assert [link for link in links if link not in places and not (TOP / "docs" / link).is_file()] == []
