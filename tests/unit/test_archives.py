"""Archives that others wrote are read as they read them, and a directory is copied as it is."""

import io
import os
import subprocess
import tarfile
from pathlib import Path

import pytest
from archives import OURS, archive, member, unpacked

from pyrun.archive import directory
from pyrun.errors import PyrunError

KEPT = OURS._replace(owner=None, setuid=True)
LOOK = "find . -mindepth 1 -printf '%P %y %m %U:%G %T@ %l %n\\0' | sort -z; find . -type f -print0 | sort -z | xargs -0 sha256sum"
HOLES = [(0, b"first"), (1 << 20, b"second"), ((1 << 20) + 8192, os.urandom(70000)), (3 << 20, b"")]


def seen(place: Path) -> str:
    """Describe all that is in a directory."""
    return subprocess.run(LOOK, shell=True, cwd=place, capture_output=True, check=True).stdout.decode()


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a directory with something of everything in it."""
    top = tmp_path_factory.mktemp("tree")
    for path in ("a/b", "a/" + "long" * 30 + "/" + "x" * 200, "é ü", "sticky"):
        (top / path).mkdir(parents=True)
    (top / "sticky").chmod(0o1777)
    for path in ("empty", "a/file", "a/" + "long" * 30 + "/" + "x" * 200 + "/deep", "é ü/\n", "suid"):
        (top / path).write_bytes(os.urandom(len(path) * 700) if path != "empty" else b"")
    with open(top / "holes", "wb") as file:
        for offset, content in HOLES:
            file.seek(offset)
            file.write(content)
        file.truncate(3 << 20)
    (top / "suid").chmod(0o6755)
    os.link(top / "a/file", top / "hard")
    os.symlink("../nowhere/" + "y" * 150, top / "a/soft")
    os.mkfifo(top / "pipe", 0o640)
    os.chown(top / "empty", 70000, 1)
    os.chown(top / "a/file", 3_000_000, 2)
    os.setxattr(top / "a/file", "user.mine", b"\0\xff")
    for path in (top, *top.rglob("*")):
        os.utime(path, ns=(1_600_000_000_000_000_000, 1_600_000_000_000_000_000), follow_symlinks=False)
    return top


@pytest.mark.parametrize(
    "options",
    [
        *("--format=gnu", "--format=pax --xattrs", "--format=gnu -S", "--format=pax -S --sparse-version=1.0"),
        *(
            "--format=pax -S --sparse-version=0.1",
            "--format=pax -S --sparse-version=0.0",
            "--format=posix --use-compress-program=zstd",
            "-z",
            "-j",
            "-J",
        ),
    ],
)
def test_what_gnu_tar_writes(options: str, tree: Path, tmp_path: Path) -> None:
    done = subprocess.run(
        f"tar -C {tree} --numeric-owner {options} -cf - .", shell=True, capture_output=True, check=True
    )
    unpacked(done.stdout, tmp_path / "root", KEPT)
    assert seen(tmp_path / "root") == seen(tree)
    if "xattrs" in options:
        assert os.getxattr(tmp_path / "root/a/file", "user.mine") == b"\0\xff"
    if "-S" in options:
        assert (tmp_path / "root/holes").stat().st_blocks < 2 << 10


@pytest.mark.parametrize("form", [tarfile.PAX_FORMAT, tarfile.GNU_FORMAT])
def test_what_python_writes(form: int, tree: Path, tmp_path: Path) -> None:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w", format=form) as writer:
        writer.add(tree, ".")
    unpacked(stream.getvalue(), tmp_path / "root", KEPT)
    assert seen(tmp_path / "root") == seen(tree)


def test_a_directory_is_copied(tree: Path, tmp_path: Path) -> None:
    fd = os.open(tree, os.O_RDONLY | os.O_DIRECTORY)
    try:
        unpacked(directory.members(fd), tmp_path / "root", KEPT)
    finally:
        os.close(fd)
    assert seen(tmp_path / "root") == seen(tree)
    assert os.getxattr(tmp_path / "root/a/file", "user.mine") == b"\0\xff"
    assert (tmp_path / "root/holes").stat().st_blocks < 2 << 10


def test_a_stream_that_comes_bytewise(tree: Path, tmp_path: Path) -> None:
    """A pipe gives what it has: less is no end."""

    class Slow(io.BytesIO):
        def read(self, count: "int | None" = -1, /) -> bytes:
            return super().read(min(count or 1, 100))

    from pyrun.archive import compression, tar, unpack
    from pyrun.kernel import trees

    (tmp_path / "root").mkdir()
    content = subprocess.run(f"tar -C {tree} -czf - .", shell=True, capture_output=True, check=True).stdout
    with trees.opened(str(tmp_path / "root")) as fd:
        unpack.unpack(tar.members(compression.plain(Slow(content))), fd, KEPT)
    assert seen(tmp_path / "root") == seen(tree)


def test_every_place_where_an_archive_may_be_cut(tmp_path: Path) -> None:
    """Up to the end mark, every beginning of an archive is refused."""
    content = archive(member(b"a", b"x" * 600), member(b"b", b"y"))
    for end in range(0, len(content) - 1023, 64):
        with pytest.raises(PyrunError):
            unpacked(content[:end], tmp_path / "root")
    assert unpacked(content[:-512], tmp_path / "root").members == 2
