"""The lab's data: enough faults, seeds that stay what they are, texts that people can read, hints that lead on."""

import re

import pytest

from pyrun.errors import PyrunError
from pyrun.lab import faults, network, progress, stages

_TEXTS = [
    text
    for each in [*stages.STAGES.values(), *faults.FAULTS.values()]
    for text in (*each.hints, *((each.lesson,) if isinstance(each, stages.Stage) else (each.symptom, each.found)))
]


def test_there_are_nine_stages_in_the_order_of_the_tutorial() -> None:
    assert [(stage.number, stage.name) for stage in stages.STAGES.values()] == list(
        enumerate("namespace veth bridge addresses up route forwarding masquerade dns".split(), 1)
    )


def test_a_seed_means_the_same_fault_for_ever() -> None:
    """What instructors have written down: a new fault may only be appended."""
    known = "dnat route detached forwarding mtu hosts masquerade netmask isolation arp rp_filter clash dns blackhole"
    assert [faults.of_seed(seed).name for seed in range(1, 15)] == known.split()
    assert len(faults.FAULTS) >= 12
    assert all(faults.of_seed(faults.seed_of(name)).name == name for name in faults.FAULTS)
    assert faults.of_seed(1 + len(faults.FAULTS)).name == faults.of_seed(1).name


@pytest.mark.parametrize("text", _TEXTS)
def test_texts_are_short_and_end(text: str) -> None:
    assert text.endswith((".", "?")), text
    assert "  " not in text
    assert len(text) < 420


@pytest.mark.parametrize("fault", faults.FAULTS.values(), ids=lambda fault: fault.name)
def test_no_symptom_or_first_hint_names_the_fault(fault: faults.Fault) -> None:
    for text in (fault.symptom, fault.hints[0]):
        assert not re.search(rf"\b{fault.name}\b", text), text


@pytest.mark.parametrize("fault", faults.FAULTS.values(), ids=lambda fault: fault.name)
def test_every_change_of_a_fault_can_be_taken_back(fault: faults.Fault) -> None:
    assert len(fault.mends) == len(fault.breaks) > 0
    assert all(operation.shell() for operation in [*fault.mends, *fault.breaks])


def test_an_unknown_name_is_answered_with_the_nearest_one() -> None:
    with pytest.raises(PyrunError, match="there is none") as problem:
        faults.find("masqerade")
    assert problem.value.hint == "did you mean masquerade?"
    with pytest.raises(PyrunError) as problem:
        stages.find("10")
    assert "or their numbers" in problem.value.hint


def test_hints_cost_points_and_a_solution_all_of_them() -> None:
    told = [progress.points(10, True, progress.Progress(hints)) for hints in range(5)]
    assert told == [10, 9, 8, 5, 5]
    assert progress.points(10, True, progress.Progress(0, True)) == 0
    assert progress.points(10, False, progress.Progress()) == 0


def test_the_plan_of_the_broken_network_is_made_of_operations_that_say_what_they_are() -> None:
    commands = [operation.shell() for operation in [*network.host(), *network.broken()]]
    assert "ip link add web-front type veth peer name eth0 address 02:42:0a:0a:01:0a netns web" in commands
    assert "ip -n client route add default via 10.10.1.1 dev eth0" in commands
    assert all(operation.why() for operation in network.broken())
