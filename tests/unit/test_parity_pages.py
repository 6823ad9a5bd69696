"""Reports of comparisons: read again as they were written, and shown whole as Markdown, as a page, and to people."""

import re
from html import unescape
from pathlib import Path

import pytest
from lab import TOP

from pyrun.errors import PyrunError
from pyrun.parity import catalogue, markdown, on_screen, page, reports
from pyrun.parity.outcomes import DEVIATES, DIFFERS, EQUAL, SKIPPED, Outcome
from pyrun.parity.reports import Report
from pyrun.parity.scenario import Deviation, Scenario

_KEPT = Path(TOP, "docs/parity")
_PAGE = Path(TOP, "docs/parity.md")


def _report(docker: str = "20.10.24+dfsg1") -> Report:
    equal = Scenario("ports", "a | <b>", "says *it*", "echo '<b>' | cat", deviations=(Deviation("old", until="23"),))
    other, third = (Scenario("links", name, "does", f"echo {name}") for name in ("other", "third"))
    rows = (
        Outcome(equal, EQUAL, "<b>\n", "<b>\n"),
        Outcome(other, DIFFERS, "one\ntwo\nthree\n", "one\n2\nthree\nfour\n"),
        Outcome(third, DEVIATES, "x\n", "y\n", ("a reason",)),
        Outcome(third._replace(name="fourth"), SKIPPED, notes=("this host has no dig",)),
    )
    return Report(docker, "0.1.0", "Debian", "6.1", "1", "2026-01-02", rows)


def _without_rules(report: Report) -> Report:
    bare = [each._replace(scenario=each.scenario._replace(deviations=())) for each in report.outcomes]
    return report._replace(outcomes=tuple(bare))


def test_a_report_is_read_as_it_was_written(tmp_path: Path) -> None:
    (tmp_path / "b.json").write_text(reports.encoded(_report("26.1.5")))
    (tmp_path / "a.json").write_text(reports.encoded(_report("9.1")))
    assert reports.kept(str(tmp_path)) == [_without_rules(_report("9.1")), _without_rules(_report("26.1.5"))]
    short = reports.verdicts(_report())
    assert [bool(each.theirs) for each in short.outcomes] == [False, True, False, False]


@pytest.mark.parametrize("text", ["", "[]", "{}", "null", '{"Docker": "1"}'])
def test_what_is_no_report_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "x.json").write_text(text)
    with pytest.raises(PyrunError, match="no report"):
        reports.read(str(tmp_path / "x.json"))


def test_markdown_has_a_column_for_each_run() -> None:
    newer = _report("26.1.5")
    text = markdown.written([_report(), newer._replace(outcomes=newer.outcomes[:1])], [_report().outcomes[0].scenario])
    assert "| Scenario | What is compared | Docker 20.10.24 | Docker 26.1.5 |" in text
    assert r"| a \| \<b> | says \*it\* | equal | equal |" in text
    assert "| other | does | **differs** | – |" in text
    assert r"| ports: a \| \<b> | before 23 | old |" in text
    assert "| links: fourth | Docker 20.10.24 | this host has no dig |" in text
    assert "````diff\n  one\n- two\n+ 2\n  three\n+ four\n````" in text


def test_the_page_shows_both_sides_and_loads_nothing() -> None:
    text = page.written([_report()])
    assert re.findall(r"""(?:src|href)=|url\(|@import|https?://""", text) == []
    cells = re.findall(r'<tr><td class="(\w*)">(.*?)</td><td class="(\w*)">(.*?)</td></tr>', text)
    sides = [(left, unescape(theirs), right, unescape(ours)) for left, theirs, right, ours in cells]
    assert sides == [
        ("", "<b>", "", "<b>"),
        ("", "one", "", "one"),
        ("theirs", "two", "ours", "2"),
        ("", "three", "", "three"),
        ("none", "", "ours", "four"),
        ("theirs", "x", "ours", "y"),
    ]
    assert "<b>" not in re.sub(r"<b>\d+</b>", "", text)
    assert re.findall(r'<details class="(\w+)"( open)?>', text) == [
        ("equal", ""),
        ("differs", " open"),
        ("deviates", ""),
        ("skipped", ""),
    ]


def test_people_see_areas_differences_and_a_summary(capsys: pytest.CaptureFixture[str]) -> None:
    on_screen.replay(_report())
    assert capsys.readouterr().out == (
        "Docker 20.10.24+dfsg1 beside pyrun 0.1.0 on Debian, Linux 6.1, cgroup v1\n"
        "\nports\n  equal     a | <b>\n"
        "\nlinks\n  DIFFERS   other\n"
        "            - Docker   + pyrun\n"
        "              one\n            - two\n            + 2\n              three\n            + four\n"
        "  deviates  third\n            a reason\n"
        "  skipped   fourth\n            this host has no dig\n"
        "\n4 scenarios: 1 equal, 1 deviates as documented, 1 differs, 1 skipped\n"
    )


def test_the_page_in_docs_is_the_one_of_the_runs_that_are_kept() -> None:
    """A red test means: scripts/parity-page, after a run if a scenario is new."""
    assert _PAGE.read_text() == markdown.written(reports.kept(str(_KEPT)))


def test_the_page_in_docs_lists_all_scenarios_and_all_deviations() -> None:
    text = _PAGE.read_text()
    rows = set(re.findall(r"^\| .* \|$", text, re.MULTILINE))
    cells = {tuple(row.strip("| ").split(" | ")) for row in rows}
    compared = {(name, does) for name, does, *_ in (cell for cell in cells if len(cell) > 1)}
    plain = [tuple(map(_plain, (each.name, each.does))) for each in catalogue.SCENARIOS]
    assert [each for each in plain if each not in compared] == []
    reasons = [_plain(each.reason) for scenario in catalogue.SCENARIOS for each in scenario.deviations]
    assert [reason for reason in reasons if f" | {reason} |" not in text] == []


def _plain(text: str) -> str:
    return re.sub(r"([\\|<*])", r"\\\1", text)
