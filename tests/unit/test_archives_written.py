"""Tar streams as they are written, and paths as they are read. Python's tarfile and GNU tar are the witnesses."""

import os
import subprocess
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from pyrun.archive import tar, walk, write
from pyrun.archive.tar import Member
from pyrun.runtime import places


@pytest.mark.parametrize(
    "member",
    [
        Member(b"file", "file", 0o644, 1, 2, 3 * 10**9, 5, pieces=lambda: iter([(0, b"12345")])),
        Member(b"holes", "file", size=70000, pieces=lambda: iter([(10, b"x"), (69000, b"y")])),
        Member(b"n" * 100, "file"),
        Member(b"n" * 101, "file"),
        Member(b"d/" * 120 + "é".encode(), "directory", 0o1777),
        Member(b"raw\xff\n", "symlink", target=b"\xfe" * 150),
        Member(b"second", "hardlink", target=b"file"),
        Member(b"owned", "fifo", uid=0o10000000, gid=(1 << 31) - 1, mtime=-5 * 10**9),
        Member(b"power", "file", xattrs=((b"security.capability", b"\1\0\0\2=\n" + bytes(12)),)),
        Member(b"disk", "device", 0o660, device=(b"4", 259, 1)),
    ],
)
def test_what_is_written_is_read_alike_by_others(member: Member, tmp_path: Path) -> None:
    with (tmp_path / "tar").open("wb") as file:
        write.write([member], file.fileno())
    with tarfile.open(tmp_path / "tar", errors="surrogateescape") as archive:
        (found,) = archive.getmembers()
        content = archive.extractfile(found).read() if member.size else b""  # type: ignore[union-attr]
    assert os.fsencode(found.name) == member.name
    assert (found.mode, found.uid, found.gid, found.size) == (member.mode, member.uid, member.gid, member.size)
    assert (found.mtime, os.fsencode(found.linkname)) == (member.mtime // 10**9, member.target)
    assert content == _content(member)
    subprocess.run(["tar", "-tf", tmp_path / "tar"], check=True, capture_output=True)
    with (tmp_path / "tar").open("rb") as file:
        (again,) = tar.members(file)
        assert (again.name.rstrip(b"/"), again.kind, again.xattrs) == (member.name, member.kind, member.xattrs)
    if member.device:
        assert (found.isblk(), found.devmajor, found.devminor) == (True, *member.device[1:])


def _content(member: Member) -> bytes:
    content = bytearray(member.size)
    for offset, piece in member.pieces():
        content[offset : offset + len(piece)] = piece
    return bytes(content)


def _walked(path: Path, notes: list[tuple[bytes, str]]) -> Iterator[Member]:
    reading = walk.Reading(os.open("/proc/self/fd", os.O_PATH), lambda *note: notes.append(note))
    return walk.members(os.open(path, os.O_PATH), b"top", reading)


def test_a_file_that_becomes_shorter_is_filled_with_zeros(tmp_path: Path) -> None:
    """An archive says first how long a file is; that it lied is told."""
    (tmp_path / "f").write_bytes(b"x" * 1000)
    notes: list[tuple[bytes, str]] = []
    shortened = []
    for member in _walked(tmp_path, notes):
        if member.kind == "file":
            os.truncate(tmp_path / "f", 10)
        shortened.append(member)
        if member.kind == "file":
            read, written = os.pipe()
            write.write([member], written)
            assert os.read(read, 4096)[512:1512] == b"x" * 10 + bytes(990)
    assert [each.name for each in shortened] == [b"top", b"top/f"]
    assert notes == [(b"top/f", "became shorter while it was read: zeros in place of the rest")]


def test_a_file_exchanged_for_something_else_is_read_as_what_it_was(tmp_path: Path) -> None:
    """What has the name later, a link or a FIFO that would be waited for, is not opened."""
    for number in range(3):
        (tmp_path / f"f{number}").write_text("content")
    found = []
    for member in _walked(tmp_path, []):
        if member.kind == "file":
            path = tmp_path / os.fsdecode(member.name.removeprefix(b"top/"))
            path.unlink()
            path.symlink_to("/etc/passwd") if member.name.endswith(b"1") else os.mkfifo(path)
            found.append(b"".join(piece for _, piece in member.pieces()))
    assert found == [b"content"] * 3


@pytest.mark.parametrize(
    ("typed", "cleaned"),
    [
        ("a", "/s/a"),
        ("a/", "/s/a/"),
        ("a/.", "/s/a/."),
        ("a/./", "/s/a/."),
        (".", "/s/."),
        ("..", "/"),
        ("../", "/"),
        ("a/../b/", "/s/b/"),
        ("/", "/"),
        ("//a//b", "/a/b"),
        ("/..", "/"),
        ("/.", "/."),
        ("a/..", "/s"),
        (".a", "/s/.a"),
        ("a.", "/s/a."),
    ],
)
def test_paths_keep_what_they_say_of_directories(typed: str, cleaned: str) -> None:
    assert places.cleaned(typed, "/s") == cleaned
