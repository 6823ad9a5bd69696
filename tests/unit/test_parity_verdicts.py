"""What a comparison means: verdicts of outputs, deviations by version, whom a script would touch, which scenarios are meant."""

import pytest

from pyrun.errors import NotFound
from pyrun.parity import catalogue, chosen, needs, outcomes, remains, reports, turns
from pyrun.parity.normal import normalised
from pyrun.parity.outcomes import DEVIATES, DIFFERS, EQUAL, OUTDATED, SKIPPED, judged
from pyrun.parity.remains import Found
from pyrun.parity.scenario import Deviation, Scenario, holds

_ALL = Deviation("all of it")
_LINE = Deviation("a line", lines="^one")
_OLD = Deviation("former releases", until="23", lines="^one")
_NOBODY = Found(*[frozenset[str]()] * 4)


def _scenario(*deviations: Deviation, script: str = "true", area: str = "area", name: str = "name") -> Scenario:
    return Scenario(area, name, "does", script, deviations=deviations)


@pytest.mark.parametrize(
    ("deviations", "theirs", "ours", "version", "verdict"),
    [
        ((), "same\n", "same\n", "20.10", EQUAL),
        ((), "one\n", "two\n", "20.10", DIFFERS),
        ((), "one", "one\n", "20.10", DIFFERS),
        ((), "", "one\n", "20.10", DIFFERS),
        ((_ALL,), "one\n", "two\n", "20.10", DEVIATES),
        ((_ALL,), "same\n", "same\n", "20.10", OUTDATED),
        ((_LINE,), "one\nx\n", "x\none more\n", "20.10", DEVIATES),
        ((_LINE,), "one\ntwo\n", "x\n", "20.10", DIFFERS),
        ((_LINE, _ALL), "x\n", "y\n", "20.10", OUTDATED),
        ((_OLD,), "one\n", "", "20.10.24+dfsg1", DEVIATES),
        ((_OLD,), "one\n", "", "23.0.1", DIFFERS),
        ((_OLD,), "one\n", "one\n", "23.0.1", EQUAL),
        ((_ALL,), "UNPREPARED: x\n", "y\n", "20.10", DIFFERS),
        ((), "UNPREPARED: x\n", "UNPREPARED: x\n", "20.10", DIFFERS),
    ],
)
def test_verdicts(deviations: tuple[Deviation, ...], theirs: str, ours: str, version: str, verdict: str) -> None:
    outcome = judged(_scenario(*deviations), theirs, ours, version)
    assert outcome.verdict == verdict
    assert outcomes.is_failure(outcome) == (verdict in (DIFFERS, OUTDATED))


def test_a_deviation_holds_from_a_version_up_to_another() -> None:
    middle = Deviation("", since="23", until="28.1")
    versions = ["20.10.24+dfsg1", "23.0.0", "27.5.1", "28.0.4", "28.1.0", "29.0.0-rc1"]
    assert [version for version in versions if holds(middle, version)] == ["23.0.0", "27.5.1", "28.0.4"]


def test_differences_are_told_with_what_is_around_them() -> None:
    rows = outcomes.difference("a\nb\nc\nd\ne\nf\n", "a\nb\nc\nd\ne\nF\n")
    assert rows[-2:] == [("-", "f"), ("+", "F")]
    assert outcomes.shortened(rows) == [(" ", "…"), (" ", "d"), (" ", "e"), ("-", "f"), ("+", "F")]
    assert outcomes.differing("one", "one\n") == ["one", "one⏎"]


def test_outputs_are_compared_without_what_is_random() -> None:
    text = f"172.17.0.2 02:42:ac:12:00:02 {'a1' * 32}\nError response from daemon: no\nSee 'docker run --help'.\nx\n"
    assert normalised(text, (("x", "y"),)) == "172.X.0.2 02:42:ac:XX:00:02 ID\nCOMPLAINT\ny\n"


@pytest.mark.parametrize(
    ("script", "before", "reason"),
    [
        ("E run --rm TREE true", {"others": {"web"}}, ""),
        ("E rm -f web", {"others": {"web"}}, "this host has something called web of its own"),
        ("E network rm n1", {"networks": {"n1"}}, "this host has something called n1 of its own"),
        ("E volume rm v1", {"volumes": {"v1"}}, "this host has something called v1 of its own"),
        ("E rm -f c1", {"others": {"c1" * 32}}, "this host has something called c1 of its own"),
        ("E ps", {"others": {"web"}}, "shows or takes all that there is, and this host has"),
        ("E network prune -f", {"networks": {"mine"}}, "shows or takes all that there is, and this host has"),
        ("E volume ls", {"volumes": {"mine"}}, "shows or takes all that there is, and this host has"),
        ("E system prune -f; E ps", {}, ""),
    ],
)
def test_a_script_that_would_touch_what_others_have_does_not_run(
    script: str, before: dict[str, set[str]], reason: str
) -> None:
    found = _NOBODY._replace(**{key: frozenset(names) for key, names in before.items()})
    assert remains.in_the_way(script, found).startswith(reason)
    assert bool(remains.in_the_way(script, found)) == bool(reason)


def test_only_what_scripts_may_leave_is_looked_for() -> None:
    assert remains.may_leave("E run --rm TREE true") == ()
    assert remains.may_leave("quiet E run -d --name c1 TREE true") == ("containers",)
    assert remains.may_leave("E network create n1; E create -v v1:/x TREE") == ("containers", "networks", "volumes")


def test_scripts_that_share_the_host_take_turns() -> None:
    shared = [
        "E run --rm -p 80:80 TREE true",
        "quiet E network create n1",
        "FAR ping x",
        "E run --network host TREE ip a",
    ]
    assert [turns.is_shared(_scenario(script=each)) for each in shared] == [True] * 4
    assert not turns.is_shared(_scenario(script="E run --rm -e A=b TREE env"))


def test_both_sides_give_all_in_order_and_what_one_raises() -> None:
    scenarios = [_scenario(name=str(at), script="-p " * (at % 2)) for at in range(9)]
    printed = list(turns.taken(scenarios, lambda each: each.name, lambda each: f"+{each.name}"))
    assert printed == [[str(at), f"+{at}"] for at in range(9)]

    def fails(scenario: Scenario) -> str:
        raise ValueError(scenario.name)

    with pytest.raises(ValueError, match="0"):
        list(turns.taken(scenarios, lambda each: each.name, fails))


def test_scenarios_are_chosen_by_name_area_or_pattern() -> None:
    some = [_scenario(area=area, name=name) for area, name in (("ports", "one"), ("ports", "two"), ("links", "three"))]
    assert chosen.among(some, []) == some
    assert chosen.among(some, ["ports"]) == some[:2]
    assert chosen.among(some, ["t*"]) == some[1:]
    with pytest.raises(NotFound) as problem:
        chosen.among(some, ["port"])
    assert problem.value.hint == "did you mean ports?"


def test_the_catalogue_can_be_compared() -> None:
    """As many as were promised, each known by its area and name, with lines that are one, and needs that are known."""
    scenarios = catalogue.SCENARIOS
    assert len(scenarios) >= 120
    assert len({(each.area, each.name) for each in scenarios}) == len(scenarios)
    for each in scenarios:
        assert each.script.strip(), each.name
        assert all("\n" not in text for text in (each.area, each.name, each.does)), each.name
        for need in each.needs:
            needs.missing(need)
        for deviation in each.deviations:
            assert deviation.reason, each.name


def test_a_summary_counts() -> None:
    verdicts = [EQUAL, EQUAL, DEVIATES, SKIPPED]
    told = reports.summary([outcomes.Outcome(_scenario(), verdict) for verdict in verdicts])
    assert told == "4 scenarios: 2 equal, 1 deviates as documented, 1 skipped"
