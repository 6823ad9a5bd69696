"""T-D3: whatever an archive says, nothing outside the directory is read, written or linked, and it comes to an end."""

import bz2
import gzip
import lzma
import os
import shutil
import stat
import subprocess
import sys
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest
from archives import OURS, archive, header, member, pax, record, unpacked
from hypothesis import given, settings
from hypothesis import strategies as st
from lab import TOP

from pyrun.errors import PyrunError

HUGE = 1 << 60


def link(name: bytes, target: bytes) -> bytes:
    return header(name, b"2", link=target)


def hardlink(name: bytes, target: bytes) -> bytes:
    return header(name, b"1", link=target)


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
    "dots in a prefix": (archive(header(b"outside/x").replace(b"\0" * 155, b"..".ljust(155, b"\0"))), "no tar archive"),
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
    "pieces one by one": (archive(pax(GNU__sparse__offset=b"0"), member(b"x", bytes(512))), "sparse"),
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


def outside(place: Path) -> object:
    """Describe what is beside the directory."""
    secret = place.parent / "outside" / "secret"
    return (
        sorted(os.listdir(place.parent / "outside")),
        secret.read_text(),
        secret.stat().st_nlink,
        secret.stat().st_mode,
    )


UNTOUCHED = (["secret"], "secret", 1, stat.S_IFREG | 0o644)


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


def zeros(before: bytes = b"", behind: bytes = b"") -> bytes:
    """Compress 256 MiB of zeros."""
    writer = zlib.compressobj(wbits=31)
    parts = [writer.compress(before), *(writer.compress(bytes(1 << 20)) for _ in range(256))]
    return b"".join((*parts, writer.compress(behind), writer.flush()))


BOMBS = {
    "one gzip in another": gzip.compress(zeros()),
    "a file of zeros": zeros(header(b"x", size=1 << 28), bytes(1024)),
    "padding without end": zeros(archive(member(b"x"))),
    "many records": gzip.compress(archive(*[pax(**{f"k{n}": b"v" for n in range(60000)}), member(b"x")] * 4)),
    "directories of long names": gzip.compress(
        archive(*(pax(path=b"%05d" % n + b"d" * 240) + header(b"x", b"5") for n in range(2000)))
    ),
}


def test_memory_and_time_have_bounds(tmp_path: Path) -> None:
    """Each in a process of its own: below 200 MiB, and at an end before the kernel ends it."""
    program = (
        f"import sys, resource; sys.path[:0] = {[str(TOP), str(TOP / 'tests'), *sys.path]!r}\n"
        "from pathlib import Path; from archives import unpacked; from pyrun.errors import PyrunError\n"
        "resource.setrlimit(resource.RLIMIT_CPU, (60, 60))\n"
        "try: unpacked(Path(sys.argv[1]).read_bytes(), Path(sys.argv[2]))\n"
        "except PyrunError: pass\n"
        "print(Path('/proc/self/status').read_text().partition('VmHWM:')[2].split()[0])"
    )
    for at, bomb in enumerate(BOMBS):
        file = tmp_path / f"bomb{at}"
        file.write_bytes(BOMBS[bomb])
        done = subprocess.run([sys.executable, "-I", "-c", program, file, tmp_path / f"root{at}"], capture_output=True)
        assert done.returncode == 0, (bomb, done)
        shutil.rmtree(tmp_path / f"root{at}")
        assert int(done.stdout) < 200 * 1024, bomb


EVERY = archive(
    *(member(b"f", b"content"), header(b"d/", b"5"), link(b"l", b"../outside"), hardlink(b"h", b"f")),
    *(pax(path=b"d/long", mtime=b"1.5"), member(b"x", b"!"), member(b"", b"d/gnu\0", b"L"), member(b"x", b"!")),
    *(
        pax(GNU__sparse__major=b"1", GNU__sparse__realsize=b"600"),
        member(b"s", b"1\n512\n5\n".ljust(512, b"\0") + b"12345"),
    ),
)


@settings(max_examples=150, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, len(EVERY) - 1), st.binary(min_size=1, max_size=12)), max_size=4),
    st.integers(0, len(EVERY)),
)
def test_bytes_that_change(
    tmp_path_factory: pytest.TempPathFactory, changes: "list[tuple[int, bytes]]", end: int
) -> None:
    """Anything is unpacked inside or refused in words; checksums are made right again, so that it goes deeper."""
    content = bytearray(EVERY[: end or len(EVERY)])
    for at, new in changes:
        content[at : at + len(new)] = new[: len(content) - at]
        start = at - at % 512
        if content[start + 257 : start + 262] == b"ustar":
            content[start + 148 : start + 156] = b" " * 8
            content[start + 148 : start + 156] = b"%06o\0 " % sum(content[start : start + 512])
    base = tmp_path_factory.mktemp("fuzz")
    (base / "outside").mkdir()
    (base / "outside/secret").write_text("secret")
    try:
        unpacked(bytes(content), base / "root")
    except PyrunError as problem:
        assert problem.message.startswith("archive: ")
    assert outside(base / "root") == UNTOUCHED
    assert sorted(os.listdir(base)) == ["outside", "root"]
