"""The json-file log: written as Docker does, read back as it was, whatever happens in between."""

import json
import os
import re
import resource
import signal
import subprocess
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pyrun.runtime import logs
from pyrun.runtime.logwriter import FILES, LogWriter, described


@pytest.fixture
def path(tmp_path: Path) -> str:
    return str(tmp_path / "container.log")


def everything(path: str) -> list[tuple[str, bytes]]:
    return list(logs.read(path, False, lambda: False))


def text(path: str, stream: str = "stdout") -> bytes:
    return b"".join(content for name, content in everything(path) if name == stream)


def records(path: str) -> list[dict[str, str]]:
    return [json.loads(line) for line in Path(path).read_bytes().splitlines()]


def test_line_has_dockers_shape(path: str) -> None:
    LogWriter(path).write("stdout", b'say "h\xc3\xa9"\t\n')
    assert re.fullmatch(
        r'\{"log":"say \\"h\\u00e9\\"\\t\\n","stream":"stdout","time":"20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z"\}\n',
        Path(path).read_text(),
    )


def test_jq_sees_what_was_written(path: str) -> None:
    """Python's own tool as the other program: it parses each line."""
    LogWriter(path).write("stderr", b"one\ntwo\n")
    out = subprocess.check_output(["python3", "-m", "json.tool", "--json-lines", "--compact", path])
    assert [json.loads(line)["log"] for line in out.splitlines()] == ["one\n", "two\n"]


def test_incomplete_line_waits_for_its_end(path: str) -> None:
    log = LogWriter(path)
    log.write("stdout", b"a")
    log.write("stderr", b"x\n")
    assert (log.pending(), everything(path)) == (True, [("stderr", b"x\n")])
    log.write("stdout", b"b\nc")
    log.finish()
    assert text(path) == b"ab\nc"
    assert not log.pending()


def test_long_line_is_cut_at_16_kib_and_not_within_a_character(path: str) -> None:
    line = b"a" + "é".encode() * 20000 + b"\n"
    LogWriter(path).write("stdout", line)
    assert [len(r["log"].encode()) for r in records(path)] == [16383, 16384, 7235]
    assert text(path) == line


def test_ten_mebibyte_line_is_kept(path: str) -> None:
    log = LogWriter(path)
    line = b"0123456789abcdef" * 655360 + b"\n"
    for start in range(0, len(line), 65536):
        log.write("stdout", line[start : start + 65536])
    assert text(path) == line


def test_bytes_that_are_no_text_are_replaced(path: str) -> None:
    LogWriter(path).write("stdout", b"a\xff\xfeb\x00\n")
    assert text(path) == "a��b\0\n".encode()


@settings(max_examples=200, deadline=None)
@given(st.lists(st.text(alphabet=st.characters(codec="utf-8"), max_size=50)), st.integers(1, 40))
def test_any_text_in_any_portions_comes_back(
    tmp_path_factory: pytest.TempPathFactory, lines: list[str], portion: int
) -> None:
    path = str(tmp_path_factory.mktemp("log") / "container.log")
    log, content = LogWriter(path), "\n".join(lines).encode()
    for start in range(0, len(content), portion):
        log.write("stdout", content[start : start + portion])
    log.finish()
    assert text(path) == content


def test_rotation_keeps_the_newest_files(path: str) -> None:
    log = LogWriter(described(path, 1000))
    for number in range(200):
        log.write("stdout", b"%d\n" % number)
    names = sorted(os.listdir(os.path.dirname(path)))
    assert names == ["container.log", *(f"container.log.{number}" for number in range(1, FILES))]
    assert max(os.path.getsize(f"{os.path.dirname(path)}/{name}") for name in names) < 1100
    kept = [int(line) for line in text(path).split()]
    assert kept == list(range(kept[0], 200))


def test_writer_killed_at_any_call_of_a_rotation_leaves_a_readable_log(path: str, tmp_path: Path) -> None:
    """strace kills at the K-th rename or open; the next writer goes on, and no line but the last is lost."""
    script = (
        "import sys; from pyrun.runtime.logwriter import LogWriter, described\n"
        "log = LogWriter(described(sys.argv[1], 300))\n"
        "for number in range(20): log.write('stdout', b'%d\\n' % number)"
    )
    if not os.path.exists("/usr/bin/strace"):
        pytest.skip("strace is not installed")
    for when in range(1, 8):
        for name in os.listdir(tmp_path):
            os.unlink(tmp_path / name)
        inject = f"inject=/^rename:signal=SIGKILL:when={when}"
        command = ["strace", "-qq", "-o", "/dev/null", "-e", "trace=/^rename", "-e", inject]
        done = subprocess.run([*command, "python3", "-c", script, path], env={**os.environ, "PYTHONPATH": os.getcwd()})
        assert done.returncode in (-9, 137)
        before = [int(line) for line in text(path).split()]
        assert before == list(range(len(before)))
        LogWriter(path).write("stdout", b"after\n")
        assert text(path).split()[-1] == b"after"


def test_torn_record_is_left_out_and_does_not_spoil_the_next(path: str) -> None:
    LogWriter(path).write("stdout", b"one\n")
    with open(path, "ab") as file:
        file.write(b'{"log":"to')
    assert text(path) == b"one\n"
    LogWriter(path).write("stdout", b"two\n")
    assert text(path) == b"one\ntwo\n"


@pytest.mark.parametrize(
    "rubbish", [b"\n", b"[]\n", b"null\n", b'{"log":1}\n', b"[" * 200000 + b"\n", b"\xff\n", b"x" * 300000]
)
def test_rubbish_is_left_out(path: str, rubbish: bytes) -> None:
    Path(path).write_bytes(rubbish + b"\n")
    LogWriter(path).write("stdout", b"good\n")
    assert text(path).endswith(b"good\n")


def test_full_disk_loses_counted_bytes_and_nothing_else(path: str) -> None:
    """RLIMIT_FSIZE plays the full disk (EFBIG in place of ENOSPC): whole records only, then the count."""
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    log = LogWriter(path)
    _, most = resource.getrlimit(resource.RLIMIT_FSIZE)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (1000, most))
        for number in range(100):
            log.write("stdout", b"%04d\n" % number)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))
    kept = len(records(path))
    assert 0 < kept < 100
    log.write("stdout", b"room again\n")
    assert [r["log"] for r in records(path)[kept:]] == [
        f"[pyrun: {(100 - kept) * 5} bytes lost: no space left on device]\n",
        "room again\n",
    ]
    log.write("stdout", b"more\n")
    assert len(records(path)) == kept + 3


def test_foreign_truncation_is_survived(path: str) -> None:
    log = LogWriter(path)
    log.write("stdout", b"old\n")
    os.truncate(path, 0)
    log.write("stdout", b"new\n")
    assert text(path) == b"new\n"
    assert b"\0" not in Path(path).read_bytes()


def test_log_is_not_written_through_a_symbolic_link(tmp_path: Path, path: str) -> None:
    os.symlink(tmp_path / "victim", path)
    with pytest.raises(OSError, match="symbolic"):
        LogWriter(path)


def steps(path: str, actions: "list[object]") -> Iterator[bool]:
    for action in actions:
        action()  # type: ignore[operator]
        yield True
    while True:
        yield False


def test_following_goes_on_across_rotations_without_loss_or_repetition(path: str) -> None:
    """Each question whether it still runs is a moment in which the container writes; up to three files pass by."""
    log = LogWriter(described(path, 500))
    number = 0

    def burst(count: int) -> None:
        nonlocal number
        for _ in range(count):
            log.write("stdout", b"%d\n" % number)
            number += 1

    moments = steps(path, [lambda c=count: burst(c) for count in (0, 3, 1, 9, 20, 7, 0, 25, 1)])
    seen = [int(line) for _, content in logs.read(path, True, lambda: next(moments)) for line in content.split()]
    assert seen == list(range(number))


def test_following_gets_what_was_written_just_before_a_rotation(path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The file is written to, and rotated, between our reading it to its end and our looking for a newer one."""
    log = LogWriter(described(path, 500))
    numbers = iter(range(90))
    look = logs._newer

    def late(name: str, present: "list[logs._File]") -> "list[logs._File]":
        for number in islice(numbers, 9):
            log.write("stdout", b"%d\n" % number)
        return look(name, present)

    monkeypatch.setattr(logs, "_newer", late)
    moments = iter([True] * 12)
    seen = [int(line) for _, content in logs.read(path, True, lambda: next(moments, False)) for line in content.split()]
    assert seen == list(range(90))


def test_following_ends_with_the_container_after_its_last_line(path: str) -> None:
    log = LogWriter(path)

    def ends() -> bool:
        log.write("stdout", b"last\n")
        return False

    assert list(logs.read(path, True, ends)) == [("stdout", b"last\n")]


def test_missing_log_is_empty(path: str) -> None:
    assert everything(path) == []
