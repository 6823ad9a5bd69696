"""T-D3: unpacking comes to an end, in bounded memory, whatever the bytes are."""

import gzip
import os
import shutil
import subprocess
import sys
import zlib
from pathlib import Path

import pytest
from archives import UNTOUCHED, archive, hardlink, header, link, member, outside, pax, unpacked
from hypothesis import given, settings
from hypothesis import strategies as st
from lab import TOP

from pyrun.errors import PyrunError


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
