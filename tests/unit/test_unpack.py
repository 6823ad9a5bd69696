"""T-D3: whatever an archive says, nothing outside the directory is read, written or linked, and it comes to an end."""

import bz2
import gzip
import lzma
import os
import stat
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest
from archives import OURS, UNTOUCHED, archive, hardlink, header, link, member, outside, pax, record, unpacked

from pyrun.errors import PyrunError

HUGE = 1 << 60


def xz(content: bytes, dictionary: int) -> bytes:
    """Compress, and say afterwards that as much memory is needed as *dictionary* stands for; 36 is 1 GiB."""
    whole = bytearray(lzma.compress(content))
    length = 4 * (whole[12] + 1)
    whole[12 + 4] = dictionary
    whole[12 + length - 4 : 12 + length] = zlib.crc32(whole[12 : 12 + length - 4]).to_bytes(4, "little")
    return bytes(whole)


REFUSED = {
    "dots": (archive(member(b"../outside/x", b"!")), "leads outside"),
    "dots behind a directory": (archive(member(b"a/../../outside/x", b"!")), "leads outside"),
    "dots in a pax name": (archive(pax(path=b"../outside/x"), member(b"x", b"!")), "leads outside"),
    "dots in a GNU name": (archive(member(b"", b"../outside/x\0", b"L"), member(b"x", b"!")), "leads outside"),
    "dots in a prefix": (archive(header(b"x", prefix=b"../outside")), "leads outside"),
    "hard link with dots": (archive(hardlink(b"h", b"../outside/secret")), "leads outside"),
    "hard link by pax": (archive(pax(linkpath=b"../outside/secret"), hardlink(b"h", b"x")), "leads outside"),
    "hard link from the root": (archive(hardlink(b"h", b"/outside/secret")), "no such file"),
    "hard link through a link": (archive(link(b"l", b".."), hardlink(b"h", b"l/outside/secret")), "no such file"),
    "hard link to a directory": (archive(header(b"d/", b"5"), hardlink(b"h", b"d")), "not permitted"),
    "hard link to nothing": (archive(hardlink(b"h", b"")), "link to nowhere"),
    "link to nothing": (archive(link(b"l", b"")), "link to nowhere"),
    "link to itself": (archive(link(b"l", b"l"), member(b"l/x")), "too many levels"),
    "links without end": (
        archive(*(link(b"l%d" % n, b"l%d" % (n + 1)) for n in range(99)), member(b"l0/x")),
        "too many levels",
    ),
    "links beyond PATH_MAX": (
        archive(
            *(header(b"%d" % n + b"d" * 90, b"5") for n in range(9)),
            *(pax(linkpath=b"./0" + b"d" * 90 + b"/../" * 1000) + link(b"l", b"") for _ in range(2)),
            *(
                pax(linkpath=(b"%d" % n + b"d" * 90 + b"/../") * 40 + b"l%d" % (n + 1)) + link(b"l%d" % n, b"")
                for n in range(9)
            ),
            *(link(b"l9", b"../" * 30 + b"outside"), member(b"l0/x", b"!")),
        ),
        "too long",
    ),
    "a file instead of a directory that is filled": (
        archive(member(b"d/x"), member(b"d", b"!")),
        "a directory with something in it",
    ),
    "a link instead of a directory that is filled": (
        archive(member(b"d/x"), link(b"d", b"../outside")),
        "a directory with something in it",
    ),
    "a file below a file": (archive(member(b"f"), member(b"f/x")), "not a directory"),
    "NUL in a name": (archive(pax(path=b"a\0b"), member(b"x")), "is no path"),
    "NUL in a link": (archive(pax(linkpath=b"a\0b"), link(b"x", b"y")), "link to nowhere"),
    "a long name": (archive(pax(path=b"a" * 256), member(b"x")), "too long"),
    "a long path": (archive(pax(path=b"a/" * 2100), member(b"x")), "is no path"),
    "a deep path": (archive(pax(path=b"a/" * 300), member(b"x")), "directories deep"),
    "size below zero": (archive(header(size=-512)), "below zero"),
    "size below zero by pax": (archive(pax(size=b"-512"), header()), "number"),
    "size below zero, skipped": (archive(header(kind=b"g", size=-512)), "below zero"),
    "size beyond everything": (archive(header(size=1 << 80)), "number"),
    "more than allowed": (archive(header(size=HUGE)), "more than .* bytes"),
    "more than there is": (archive(header(size=1 << 20)), "ends too soon"),
    "more than allowed by pax": (archive(pax(size=b"%d" % HUGE), header()), "more than .* bytes"),
    "a pax header beyond memory": (archive(header(kind=b"x", size=HUGE)), "a header of"),
    "a GNU name beyond memory": (archive(header(kind=b"L", size=HUGE)), "a header of"),
    "GNU names without end": (archive(*[member(b"", b"name", b"L")] * 99, member(b"x")), "without a member"),
    "pax headers without end": (archive(*[pax(path=b"x")] * 99, member(b"x")), "without a member"),
    "a pax record beyond its header": (archive(member(b"", b"999 path=x\n", b"x"), member(b"x")), "a pax header"),
    "a pax record of no length": (archive(member(b"", b"0 path=x\n", b"x"), member(b"x")), "a pax header"),
    "a pax record without a number": (archive(member(b"", b"path=x\n" * 9000, b"x"), member(b"x")), "a number"),
    "a pax record without an end": (archive(member(b"", b"8 path=x", b"x"), member(b"x")), "a pax header"),
    "a number in words": (archive(header(uid=b"root")), "a number"),
    "an unknown kind": (archive(header(kind=b"M")), "not known"),
    "holes beyond everything": (
        archive(header(kind=b"S", magic=b"ustar  \0", more=bytes(97) + b"\x80" + HUGE.to_bytes(11, "big"))),
        "more than .* bytes",
    ),
    "holes by pax": (
        archive(pax(GNU__sparse__map=b"0,512", GNU__sparse__size=b"%d" % HUGE), member(b"x", bytes(512))),
        "more than .* bytes",
    ),
    "pieces that overlap": (
        archive(pax(GNU__sparse__map=b"0,512,0,512", GNU__sparse__size=b"9999"), member(b"x", bytes(1024))),
        "overlap",
    ),
    "pieces beyond the end": (
        archive(pax(GNU__sparse__map=b"512,512", GNU__sparse__size=b"512"), member(b"x", bytes(512))),
        "fit",
    ),
    "more pieces than there is": (
        archive(pax(GNU__sparse__map=b"0,1024", GNU__sparse__size=b"1024"), member(b"x", bytes(512))),
        "fit",
    ),
    "a map without end": (
        archive(pax(GNU__sparse__major=b"1", GNU__sparse__realsize=b"9"), member(b"x", b"9" * 4096)),
        "the map",
    ),
    "a map of a million": (
        archive(pax(GNU__sparse__major=b"1", GNU__sparse__realsize=b"9"), member(b"x", b"1000000\n" * 4096)),
        "the map",
    ),
    "half a piece": (
        archive(pax(GNU__sparse__offset=b"0", GNU__sparse__size=b"9"), member(b"x", bytes(512))),
        "the map of a sparse file",
    ),
    "a piece without its place": (
        archive(pax(GNU__sparse__numbytes=b"512", GNU__sparse__offset=b"0"), member(b"x", bytes(512))),
        "the map of a sparse file",
    ),
    "a piece beyond the end, one by one": (
        archive(
            pax(GNU__sparse__offset=b"512", GNU__sparse__numbytes=b"512", GNU__sparse__size=b"9"),
            member(b"x", bytes(512)),
        ),
        "do not fit",
    ),
    "nothing": (b"", "is empty"),
    "no end mark": (member(b"x"), "end mark"),
    "half a block": (member(b"x") + bytes(100), "too soon"),
    "no archive": (b"#!/bin/sh\n" * 100, "no tar archive"),
    "a checksum that is wrong": (archive(member(b"x").replace(b"x", b"y", 1)), "no tar archive"),
    "half a gzip": (gzip.compress(archive(member(b"x", os.urandom(4096))))[:-100], "too soon"),
    "a gzip that is wrong": (gzip.compress(archive(member(b"x")))[:-8] + bytes(8), "broken"),
    "half a bzip2": (bz2.compress(archive(member(b"x")))[:-9], "too soon"),
    "no xz": (b"\xfd7zXZ\0" + bytes(99), "broken"),
    "xz with 1 GiB of memory": (xz(archive(member(b"x")), 36), "memory"),
    "no bzip2": (b"BZh9" + bytes(99), "broken"),
    "no zstd": (b"\x28\xb5\x2f\xfd" + b"\xff" * 99, "broken"),
    "a window of 2 GiB": (b"\x28\xb5\x2f\xfd\x00\xa8" + (1 | 8 << 3).to_bytes(3, "little") + bytes(8), "broken"),
}


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """Give the directory to fill, which has something beside it that must stay as it is."""
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "secret").write_text("secret")
    return tmp_path / "root"


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_refused(case: str, place: Path) -> None:
    content, reason = REFUSED[case]
    with pytest.raises(PyrunError, match=reason):
        unpacked(content, place)
    assert outside(place) == UNTOUCHED
    assert sorted(os.listdir(place.parent)) == ["outside", "root"]


CONTAINED: "dict[str, tuple[bytes, Callable[[Path], object], object]]" = {
    "a name from the root": (archive(member(b"/outside/x", b"!")), lambda p: (p / "outside/x").read_text(), "!"),
    "a link and a file behind it": (
        archive(link(b"l", b"../outside"), member(b"l/x", b"!")),
        lambda p: (p / "outside/x").read_text(),
        "!",
    ),
    "a link from the root and a file behind it": (
        archive(link(b"l", b"/outside"), member(b"l/secret", b"!")),
        lambda p: (p / "outside/secret").read_text(),
        "!",
    ),
    "a link and a file in its place": (
        archive(link(b"l", b"../outside/secret"), member(b"l", b"!")),
        lambda p: ((p / "l").is_symlink(), (p / "l").read_text()),
        (False, "!"),
    ),
    "a directory, then a link in its place, then a file behind it": (
        archive(header(b"d/", b"5"), link(b"d", b"../outside"), member(b"d/x", b"!")),
        lambda p: (os.readlink(p / "d"), (p / "outside/x").read_text()),
        ("../outside", "!"),
    ),
    "a link, then a directory in its place": (
        archive(link(b"d", b"../outside"), header(b"d/", b"5", mode=0o777), member(b"d/x", b"!")),
        lambda p: ((p / "d").is_symlink(), (p / "d/x").read_text()),
        (False, "!"),
    ),
    "a hard link to a link": (
        archive(link(b"l", b"../outside/secret"), hardlink(b"h", b"l")),
        lambda p: os.readlink(p / "h"),
        "../outside/secret",
    ),
    "a hard link to a link, then a file in its place": (
        archive(link(b"l", b"../outside/secret"), hardlink(b"h", b"l"), member(b"h", b"!")),
        lambda p: (os.readlink(p / "l"), (p / "h").read_text()),
        ("../outside/secret", "!"),
    ),
    "a file, a hard link, then another file in its place": (
        archive(member(b"a", b"first"), hardlink(b"b", b"a"), member(b"a", b"second")),
        lambda p: ((p / "a").read_text(), (p / "b").read_text()),
        ("second", "first"),
    ),
    "a hard link to itself": (
        archive(member(b"a", b"!"), hardlink(b"a", b"a")),
        lambda p: (p / "a").read_text(),
        "!",
    ),
    "device files, a whiteout among them": (
        archive(header(b"null", b"3"), header(b"sda", b"4"), header(b"dev/whiteout", b"3"), member(b"x")),
        os.listdir,
        ["x"],
    ),
    "a pipe": (archive(header(b"p", b"6")), lambda p: stat.S_ISFIFO(os.stat(p / "p").st_mode), True),
    "a newline and an escape": (
        archive(member(b"a\nb\x1b[2J", b"!")),
        lambda p: os.listdir(os.fsencode(p)),
        [b"a\nb\x1b[2J"],
    ),
    "bytes that are no text": (archive(member(b"\xff\xfe")), lambda p: os.listdir(os.fsencode(p)), [b"\xff\xfe"]),
    "the directory itself": (archive(header(b"./", b"5", mode=0)), lambda p: stat.S_IMODE(p.stat().st_mode) != 0, True),
    "size by pax": (
        archive(pax(size=b"5"), header(b"x", size=0) + b"whole".ljust(512, b"\0"), member(b"y", b"!")),
        lambda p: ((p / "x").read_text(), (p / "y").read_text()),
        ("whole", "!"),
    ),
    "a link with content, which is none": (
        archive(header(b"l", b"2", size=HUGE, link=b"x"), member(b"y", b"!")),
        lambda p: (p / "y").read_text(),
        "!",
    ),
    "old directories": (archive(header(b"d/", b"\0", magic=b"")), lambda p: (p / "d").is_dir(), True),
    "a volume's name": (archive(header(b"volume", b"V"), member(b"x")), os.listdir, ["x"]),
    "a moment before all, and one after": (
        archive(pax(mtime=b"-99999999999999999"), member(b"x"), pax(mtime=b"99999999999999999.999"), member(b"y")),
        lambda p: sorted(os.listdir(p)),
        ["x", "y"],
    ),
    "zeros behind the end": (archive(member(b"x")) + bytes(1 << 16), os.listdir, ["x"]),
    "two gzips": (
        gzip.compress(member(b"x")) + gzip.compress(archive(member(b"y"))) + bytes(512),
        lambda p: sorted(os.listdir(p)),
        ["x", "y"],
    ),
}


@pytest.mark.parametrize("case", CONTAINED)
def test_what_is_contained(case: str, place: Path) -> None:
    content, look, expected = CONTAINED[case]
    unpacked(content, place)
    assert look(place) == expected
    assert outside(place) == UNTOUCHED
    assert sorted(os.listdir(place.parent)) == ["outside", "root"]


def test_device_files_are_counted(place: Path) -> None:
    assert unpacked(CONTAINED["device files, a whiteout among them"][0], place).left_out == 3


@pytest.mark.parametrize("field", ["uid", "gid"])
@pytest.mark.parametrize("number", [1 << 31, (1 << 32) - 1, -1])
def test_owners_that_can_be_nobody(field: str, number: int, place: Path) -> None:
    """2^32 - 1 means to chown(2) that nothing shall change: set-user-ID would be kept for root."""
    for content in (archive(header(b"x", **{field: number})), archive(pax(**{field: b"%d" % number}), header(b"x"))):
        with pytest.raises(PyrunError, match=r"can be nobody|a number"):
            unpacked(content, place, OURS._replace(owner=None))


def test_privileges_are_kept_on_demand(place: Path) -> None:
    capability = record("SCHILY.xattr.security.capability", bytes.fromhex("0100000200200000000000000000000000000000"))
    content = archive(member(b"", capability, b"x"), member(b"f", b"!", mode=0o6755), header(b"d/", b"5", mode=0o3777))
    for asked, mode, attributes in ((False, 0o755, []), (True, 0o6755, ["security.capability"])):
        unpacked(content, place, OURS._replace(setuid=asked))
        assert stat.S_IMODE(os.stat(place / "f").st_mode) == mode
        assert os.listxattr(place / "f") == attributes
        assert stat.S_IMODE(os.stat(place / "d").st_mode) == 0o3777


@pytest.mark.parametrize(
    "name", ["trusted.overlay.opaque", "trusted.overlay.redirect", "user.overlay.opaque", "security.evil"]
)
def test_attributes_that_mean_something_to_overlayfs(name: str, place: Path) -> None:
    records = record(f"SCHILY.xattr.{name}", b"y") + record("SCHILY.xattr.user.mine", b"z")
    unpacked(archive(member(b"", records, b"x"), header(b"d/", b"5"), member(b"", records, b"x"), member(b"f")), place)
    assert [os.listxattr(place / name) for name in ("d", "f")] == [["user.mine"]] * 2


def test_limits(place: Path) -> None:
    for policy, content in (
        (OURS._replace(members=9), archive(*(member(b"%d" % n) for n in range(10)))),
        (OURS._replace(size=9), archive(member(b"a", b"12345"), member(b"b", b"12345"))),
        (OURS._replace(depth=9), archive(member(b"a/" * 9 + b"x"))),
    ):
        with pytest.raises(PyrunError, match="more than 9 "):
            unpacked(content, place, policy)


def test_below_a_path(place: Path) -> None:
    """With *at*, links that are there lead inside the root, not inside the path."""
    unpacked(archive(header(b"data/", b"5"), link(b"mnt", b"/data")), place)
    unpacked(archive(header(b".", b"5", mode=0), member(b"x", b"!"), hardlink(b"y", b"x")), place, at=b"mnt")
    assert sorted(os.listdir(place / "data")) == ["x", "y"]


@pytest.mark.parametrize(
    ("first", "second"), [(header(b"x/", b"5"), member(b"x")), (member(b"x"), header(b"x/", b"5"))]
)
def test_kinds_that_are_kept(first: bytes, second: bytes, place: Path) -> None:
    with pytest.raises(PyrunError, match=r"would replace a (non-)?directory"):
        unpacked(archive(first, second), place, OURS._replace(keep_kinds=True))
    unpacked(archive(first, second), place)
