"""Which part of a log is shown, and how: times, the last lines, what stands before each; and how much of it is kept."""

import json
import os
import subprocess
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pyrun import moments
from pyrun.errors import PyrunError
from pyrun.runtime import logs
from pyrun.runtime.logrecords import PLAIN, View, shown
from pyrun.runtime.logwriter import EXTRAS, LogWriter, described

NOW = 1_700_000_000_123_456_789


@pytest.fixture
def path(tmp_path: Path) -> str:
    return str(tmp_path / "container.log")


def said(path: str, view: View = PLAIN, tail: int = logs.ALL) -> bytes:
    return b"".join(content for _, content in logs.read(path, False, lambda: False, view, tail))


def record(text: str, second: int, stream: str = "stdout", **more: object) -> bytes:
    fields = {"log": text, "stream": stream, **more, "time": f"2026-01-01T00:00:{second:02d}.000000000Z"}
    return json.dumps(fields, separators=(",", ":")).encode() + b"\n"


SPOILT = record("?", 1).replace(b"?", b"\1")  # no JSON, with the same end as its neighbours
TEN = b"".join(record(f"{number}\n", number) for number in range(10))


@pytest.mark.parametrize(
    ("text", "shell"),
    [
        ("2026-01-31", "2026-01-31"),
        ("2026-01-31T15", "2026-01-31T15:00"),
        ("2026-01-31T15:04", "2026-01-31T15:04"),
        ("2024-02-29T15:04:05.25", "2024-02-29T15:04:05.25"),
        ("2026-07-31T15:04:05Z", "2026-07-31T15:04:05Z"),
        ("2026-01-31T15:04:05.123456789+02:30", "2026-01-31T15:04:05.123456789+02:30"),
        ("1969-12-31T23:59:59Z", "1969-12-31T23:59:59Z"),
        ("1700000000.5", "@1700000000.5"),
        ("0", "@0"),
    ],
)
@pytest.mark.parametrize("zone", ["UTC", "Europe/Berlin"])
def test_times_are_those_of_date(text: str, shell: str, zone: str) -> None:
    code = f"from pyrun import moments; print(moments.parse(str(), {text!r}, 0))"
    environ = {**os.environ, "TZ": zone, "PYTHONPATH": os.getcwd()}
    ours = subprocess.check_output(["python3", "-c", code], env=environ)
    assert int(ours) == int(subprocess.check_output(["date", "-d", shell, "+%s%N"], env=environ))


@pytest.mark.parametrize(
    ("text", "before"),
    [("10m", 600 * 10**9), ("1h1.5s", 3601_500_000_000), ("-2s", -2 * 10**9), ("3µs2ns", 3002), (".5s", 5 * 10**8)],
)
def test_durations_count_backwards_as_in_go(text: str, before: int) -> None:
    assert NOW - moments.parse("since", text, NOW) == before


@pytest.mark.parametrize(
    "text",
    "garbage 1.5.5 10z 2026-13-01 2026-02-29 2026-1-1 2026-01-01T24 2026-01-01T1:2 2026-01-01T10.5 -5 1e3 s . 10m5 "
    "9999999h 99999999999999999999 2026-01-01+2:00 ١٢ 2026-01-01T10:00:00. 0x10 12345678901234".split(),
)
def test_what_is_no_time_is_refused(text: str) -> None:
    with pytest.raises(PyrunError, match="time"):
        moments.parse("since", text, NOW)


@pytest.mark.parametrize(
    ("view", "expected"),
    [
        (View(since="2026-01-01T00:00:08.000000000"), b"8\n9\n"),
        (View(since="2026-01-01T00:00:08.000000001"), b"9\n"),
        (View(until="2026-01-01T00:00:01.000000000"), b"0\n1\n"),
        (View(since="2026-01-01T00:00:05", until="2026-01-01T00:00:05.5"), b"5\n"),
        (View(since="2027"), b""),
    ],
)
def test_both_limits_of_time_are_part_of_it(path: str, view: View, expected: bytes) -> None:
    Path(path).write_bytes(TEN)
    assert said(path, view) == expected


def test_time_and_extras_stand_before_each_line_as_with_docker(path: str) -> None:
    extras = {"B": "x y,=z", "A": "ü"}
    Path(path).write_bytes(record("one\n", 1, attrs=extras) + record("two\n", 1, attrs=extras) + record("three\n", 2))
    seconds = [f"2026-01-01T00:00:0{second}.000000000Z" for second in (1, 1, 2)]
    details = ["A=%C3%BC,B=x+y%2C%3Dz"] * 2 + [""]
    lines = ["one", "two", "three"]
    expected = "".join(f"{s} {d} {line}\n" for s, d, line in zip(seconds, details, lines, strict=True))
    assert said(path, View(timestamps=True, details=True)) == expected.encode()
    assert said(path, View(details=True)).splitlines()[2] == b" three"


@settings(max_examples=150, deadline=None)
@given(
    st.lists(st.tuples(st.sampled_from(["stdout", "stderr"]), st.integers(0, 3), st.text(max_size=6)), max_size=30),
    st.integers(0, 40),
)
def test_runs_say_the_same_as_records_one_by_one(
    tmp_path_factory: pytest.TempPathFactory, entries: list[tuple[str, int, str]], tail: int
) -> None:
    """Records that share their time and stream are read at once; json is the witness."""
    path = tmp_path_factory.mktemp("log") / "container.log"
    lines = [record(text, second, stream) for stream, second, text in entries]
    path.write_bytes(b"".join(lines))
    records = list(map(json.loads, lines[-tail:] if tail else []))
    plain = "".join(r["log"] for r in records).encode("utf-8", "surrogatepass")
    assert said(str(path), PLAIN, tail) == plain
    timed = "".join(f"{r['time']} {r['log']}" for r in records).encode("utf-8", "surrogatepass")
    assert said(str(path), View(timestamps=True), tail) == timed


@pytest.mark.parametrize(
    "torn", [b'{"log":"to\n', b'{"log":"x\\","stream":"stdout","time":"2026"}\n', b"{}\n", b"\n", SPOILT]
)
def test_torn_record_within_a_run_spoils_no_other(torn: bytes) -> None:
    whole = record("same\n", 1)
    for view in (PLAIN, View(since="2026-01-01")):
        assert shown(whole * 2 + torn + whole * 3, view)[0] == [("stdout", b"same\n" * 5)]


@pytest.mark.parametrize("files", [1, 2, 7])
@pytest.mark.parametrize("size", [1, 500, 10000])
def test_rotation_keeps_to_its_limits_and_cuts_no_record(path: str, files: int, size: int) -> None:
    """However much comes at once, a file is longer than allowed by one record at most."""
    log = LogWriter(described(path, size, files))
    log.write("stdout", b"".join(b"%d\n" % number for number in range(800)))
    names = sorted(os.listdir(os.path.dirname(path)))
    assert len(names) <= files
    assert max(os.path.getsize(f"{os.path.dirname(path)}/{name}") for name in names) < size + 100
    kept = [int(line) for line in said(path).split()]
    assert kept == list(range(kept[0], 800))


@pytest.mark.parametrize("tail", [0, 1, 2, 55, 56, 1000])
def test_last_lines_are_found_across_files(path: str, tail: int) -> None:
    log = LogWriter(described(path, 1000, 4))
    for number in range(200):
        log.write("stdout", b"%d\n" % number)
    everything = said(path).split()
    assert 40 < len(everything) < 60
    assert said(path, PLAIN, tail).split() == everything[len(everything) - min(tail, len(everything)) :]


def test_last_lines_do_not_cost_the_whole_file(path: str) -> None:
    """All but the end is a hole: reading it would find nothing but zeros, and take all the file's blocks."""
    with open(path, "wb") as file:
        file.truncate(1 << 34)
        file.seek(1 << 34)
        file.write(b"\n" + TEN)
    assert said(path, PLAIN, 3) == b"7\n8\n9\n"


def test_extras_stand_in_each_record(path: str) -> None:
    Path(path + EXTRAS).write_text('"attrs":{"tag":"web"}')
    LogWriter(described(path, extras=True)).write("stdout", b"one\ntwo\n")
    assert [json.loads(line)["attrs"] for line in Path(path).read_bytes().splitlines()] == [{"tag": "web"}] * 2
    assert said(path, View(details=True)) == b"tag=web one\ntag=web two\n"


def test_nothing_is_kept_without_files(path: str) -> None:
    log = LogWriter(described(path, files=0))
    log.write("stdout", b"a\nb")
    log.finish()
    assert not os.listdir(os.path.dirname(path))


def test_following_ends_at_its_time(path: str) -> None:
    """Also where the container goes on for ever; what is written later is not shown."""
    Path(path).write_bytes(TEN)
    assert (
        b"".join(c for _, c in logs.read(path, True, lambda: True, View(until="2026-01-01T00:00:03.000000000")))
        == b"0\n1\n2\n3\n"
    )
    Path(path).write_bytes(b"")
    assert list(logs.read(path, True, lambda: True, View(until="2026-01-01T00:00:03.000000000"))) == []


@pytest.mark.parametrize("marks", ["~^`|@#$%&+<>;QZXJ!?*=KVW_", "~", ""])
def test_every_letter_may_be_in_a_line(path: str, marks: str) -> None:
    """The writer joins lines by a letter that none of them has, as long as there is one."""
    text = f'{marks}\\n\\\\n\n\n{marks}é\x7f"\n'.encode()
    LogWriter(path).write("stdout", text)
    assert [json.loads(line)["log"].encode() for line in Path(path).read_bytes().splitlines()] == text.splitlines(True)
