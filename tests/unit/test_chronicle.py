"""The chronicle: what one process notes, all others read, whole, once and in order, and nobody fails by it."""

import os
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyrun import chronicle, paths
from pyrun.cli import event_lines
from pyrun.filters import read as filters
from pyrun.runtime import events
from pyrun.runtime.events import Event


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(paths, "EVENTS", f"{tmp_path}/events.log")
    monkeypatch.setattr(paths, "EVENTS_FORMER", f"{tmp_path}/events.log.1")
    return tmp_path


def everything() -> list[Event]:
    return [event for event in events.read(0, time.time_ns()) if event]


@given(st.text(), st.text(), st.dictionaries(st.text(), st.text(), max_size=3))
def test_what_is_noted_is_read_back(action: str, actor: str, attributes: dict[str, str]) -> None:
    chronicle.note("container", action, actor, attributes)
    assert everything()[-1][1:] == ("container", action, actor, attributes)


def test_a_torn_line_is_left_out_and_spoils_no_other(place: Path) -> None:
    chronicle.note("volume", "create", "one", {})
    whole = (place / "events.log").read_bytes()
    for length in range(1, len(whole) - 1):
        (place / "events.log").write_bytes(whole[:length])
        chronicle.note("volume", "create", "two", {})
        assert [event.actor for event in everything()][-1] == "two"
        assert len(everything()) == 1 + (length == len(whole) - 1)


@pytest.mark.parametrize(
    "line", ["[]", "{}", "null", '[1,"a","b","c",{"k":1}]', '["x","a","b","c",{}]', "[[[", "\\ud800"]
)
def test_what_is_no_event_is_left_out(place: Path, line: str) -> None:
    (place / "events.log").write_text(f"{line}\n")
    chronicle.note("volume", "create", "one", {})
    assert [event.actor for event in everything()] == ["one"]


def test_writers_lose_nothing_while_it_is_rotated(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Four write at once; the file is rotated under them once, and both files together have every event once."""
    monkeypatch.setattr(chronicle, "FILE_SIZE", 20_000)
    children = []
    for writer in range(4):
        child = os.fork()
        if not child:
            for number in range(120):
                chronicle.note("volume", "create", f"{writer}.{number}", {})
            os._exit(0)
        children.append(child)
    assert [os.waitpid(child, 0)[1] for child in children] == [0] * 4
    assert (place / "events.log.1").exists()
    names = [event.actor for event in everything()]
    assert sorted(names) == sorted(f"{writer}.{number}" for writer in range(4) for number in range(120))


def test_of_two_who_want_to_rotate_it_one_does(place: Path) -> None:
    chronicle.note("volume", "create", "old", {})
    one, two = chronicle.opened(), chronicle.opened()
    assert chronicle._rotate(one)
    assert not chronicle._rotate(two)  # the other is at it
    os.close(one)
    chronicle.note("volume", "create", "new", {})
    assert chronicle._rotate(two)
    os.close(two)
    assert b"old" in (place / "events.log.1").read_bytes()
    assert b"new" in (place / "events.log").read_bytes()


def test_it_does_not_grow_without_end(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chronicle, "FILE_SIZE", 1000)
    for number in range(200):
        chronicle.note("volume", "create", str(number), {})
    assert sorted(path.name for path in place.iterdir()) == ["events.log", "events.log.1"]
    assert all(path.stat().st_size < 1100 for path in place.iterdir())
    assert [event.actor for event in everything()][-1] == "199"


def test_a_reader_follows_across_rotations(monkeypatch: pytest.MonkeyPatch) -> None:
    """None says that all that there is was given; what is written then comes next, whichever file it is in."""
    monkeypatch.setattr(chronicle, "FILE_SIZE", 300)
    chronicle.note("volume", "create", "before", {})
    reader = events.read(None, None)
    assert next(reader) is None
    seen = []
    for number in range(20):
        chronicle.note("volume", "create", str(number), {})
        event = next(event for event in reader if event)
        seen.append(event.actor)
    assert seen == [str(number) for number in range(20)]


def test_who_opened_it_before_its_rotation_is_read_too() -> None:
    chronicle.note("volume", "create", "first", {})
    fd = chronicle.opened()
    reader = events.read(None, None)
    assert next(reader) is None
    os.rename(paths.EVENTS, paths.EVENTS_FORMER)
    chronicle.note("volume", "create", "new", {})
    assert next(event.actor for event in reader if event) == "new"
    chronicle.note("volume", "create", "late", {}, fd)
    os.close(fd)
    assert next(event.actor for event in reader if event) == "late"


def test_what_cannot_be_written_fails_nobody(place: Path) -> None:
    (place / "events.log").mkdir()
    chronicle.note("volume", "create", "one", {})
    chronicle.note("volume", "create", "one", {}, chronicle.opened())
    (place / "events.log").rmdir()
    place.rmdir()
    chronicle.note("volume", "create", "one", {})
    assert everything() == []
    place.mkdir()


def test_a_line_is_bounded(place: Path) -> None:
    chronicle.note("container", "create", "one", {"long": "x" * 100_000, "short": "y"})
    assert everything()[0].attributes == {"long": "x" * 200, "short": "y"}


_BOX = {"image": "tree:1", "name": "box", "x": "y"}
_SEEN = [
    Event(1, "container", "create", "aa11", _BOX),
    Event(2, "container", "exec_start: true ", "aa11", {**_BOX, "execID": "e"}),
    Event(3, "container", "die", "bb22", {"image": "other", "name": "box2", "exitCode": "1"}),
    Event(4, "network", "connect", "cc33", {"container": "aa11", "name": "net", "type": "bridge"}),
    Event(5, "volume", "create", "data", {"driver": "local"}),
    Event(6, "network", "create", "aa99", {"name": "boxes", "type": "bridge"}),
]


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ([], [1, 2, 3, 4, 5, 6]),
        (["event=create"], [1, 5, 6]),
        (["event=create", "event=die"], [1, 3, 5, 6]),
        (["event=exec_start"], [2]),
        (["event=exec_start", "event=di"], [2, 3]),
        (["event=exec"], []),
        (["type=network", "type=volume"], [4, 5, 6]),
        (["container=box"], [1, 2, 3]),
        (["container=aa"], [1, 2]),
        (["container=box2", "event=die"], [3]),
        (["network=ne"], [4]),
        (["volume=data"], [5]),
        (["image=tree:1"], [1, 2]),
        (["image=tree"], [1, 2]),
        (["label=x"], [1, 2]),
        (["label=x=z"], []),
        (["label=x=y", "label=name=box"], [1, 2]),
        (["label=x", "label=exitCode"], []),
        (["scope=local"], [1, 2, 3, 4, 5, 6]),
        (["scope=swarm"], []),
        (["daemon=x"], []),
    ],
)
def test_filters_choose_as_dockers_do(given: list[str], expected: list[int]) -> None:
    chosen = event_lines.chosen(filters(given, event_lines.KEYS))
    assert [event.at for event in _SEEN if chosen(event)] == expected


def test_an_event_is_written_as_docker_writes_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """Typed into docker 20.10 on the same day."""
    monkeypatch.setenv("TZ", "UTC-1")
    time.tzset()
    event = Event(
        1795520820829248603, "container", "die", "833", {"name": "a\x1b[1m", "image": "tree", "exitCode": "0"}
    )
    assert event_lines.line(event) == (
        "2026-11-24T12:47:00.829248603+01:00 container die 833 (exitCode=0, image=tree, name=a\\x1b[1m)"
    )
    assert event_lines.form("json")(event._replace(attributes=_BOX)) == (
        '{"status":"die","id":"833","from":"tree:1","Type":"container","Action":"die","Actor":{"ID":"833",'
        '"Attributes":{"image":"tree:1","name":"box","x":"y"}},"scope":"local","time":1795520820,'
        '"timeNano":1795520820829248603}'
    )
    assert event_lines.form("{{json .}}")(event) == event_lines.form("json")(event)
    assert event_lines.form("{{.Actor.Attributes.image}} {{.Time}} {{.From}}")(event) == "tree 1795520820 tree"
    monkeypatch.undo()
    time.tzset()
