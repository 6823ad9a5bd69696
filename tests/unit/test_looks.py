"""What is asked of hundreds of files at once: which locks nobody holds, and what records say."""

import fcntl
import os
from pathlib import Path

import pytest

from pyrun.kernel import locks, reading


def test_unheld_locks_are_those_that_are_there_and_free(tmp_path: Path) -> None:
    for name in ("free", "held", "shared"):
        (tmp_path / name).touch()
        (tmp_path / f"dir-{name}").mkdir()
        (tmp_path / f"dir-{name}" / "services").touch()
    how = {"held": fcntl.LOCK_EX, "shared": fcntl.LOCK_SH}  # a reader of a lock is not its holder
    held = [(os.open(tmp_path / f"{place}{name}", os.O_RDONLY), name) for place in ("", "dir-") for name in ("held",)]
    held += [
        (os.open(tmp_path / "dir-held" / "services", os.O_RDONLY), "held"),
        (os.open(tmp_path / "shared", 0), "shared"),
    ]
    for fd, name in held:
        fcntl.flock(fd, how[name])
    names = ["free", "held", "shared", "missing"]
    assert locks.unheld(str(tmp_path), names) == ["free", "shared"]
    below = [f"dir-{name}" for name in names]
    assert locks.unheld(str(tmp_path), below, "/services") == ["dir-free", "dir-shared"]
    assert locks.unheld(str(tmp_path / "nowhere"), names) == []
    for name in names[:3]:  # as one by one
        assert (name in ("free", "shared")) == (not locks.is_held(str(tmp_path / name)))
    for fd, _ in held:
        os.close(fd)


def test_looking_at_locks_keeps_none_open(tmp_path: Path) -> None:
    (tmp_path / "free").touch()
    (tmp_path / "link").symlink_to("free")
    before = os.listdir("/proc/self/fd")
    locks.unheld(str(tmp_path), ["free", "missing"] * 50)
    with pytest.raises(OSError, match="symbolic link"):
        locks.unheld(str(tmp_path), ["link"])
    assert os.listdir("/proc/self/fd") == before


def test_contents_leave_out_what_is_no_small_file(tmp_path: Path) -> None:
    """Nobody waits at a pipe, follows a link or reads without end."""
    (tmp_path / "one").write_bytes(b"1")
    (tmp_path / "two").write_bytes(b"2" * 100)
    (tmp_path / "empty").touch()
    (tmp_path / "large").write_bytes(b"3" * 101)
    (tmp_path / "link").symlink_to("one")
    (tmp_path / "directory").mkdir()
    os.mkfifo(tmp_path / "pipe")
    before = os.listdir("/proc/self/fd")
    assert sorted(reading.contents(str(tmp_path), 100)) == [b"", b"", b"1", b"2" * 100]  # a pipe that nobody writes
    assert os.listdir("/proc/self/fd") == before
    with pytest.raises(FileNotFoundError):
        next(reading.contents(str(tmp_path / "nowhere")))


@pytest.mark.parametrize("size", [0, 1, 4095, 4096, 4097, 70_000, 1 << 20])
def test_a_record_is_read_whole(tmp_path: Path, size: int) -> None:
    path = tmp_path / "record"
    path.write_bytes(os.urandom(size))
    assert reading.read_limited(str(path)) == path.read_bytes()
    if size:
        with pytest.raises(OSError, match="too large"):
            reading.read_limited(str(path), size - 1)


def test_what_the_kernel_makes_up_is_read_whole() -> None:
    """It has no size."""
    with open("/proc/self/maps", "rb") as file:
        whole = file.read()
    assert len(whole) > 4096
    assert reading.read_limited("/proc/self/maps").count(b"\n") >= whole.count(b"\n") - 5
    assert reading.read_limited("/proc/version") == Path("/proc/version").read_bytes()
