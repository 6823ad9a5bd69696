"""Root file systems by name: taken in, made, listed, removed; each of it wholly or not at all."""

import hashlib
import json
import os
import shlex
import signal
import subprocess
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from archives import archive, header, member
from lab import BUSYBOX, PYRUN, TOP, TYPED, Host, wait_until, without

PLACE = "/var/lib/pyrun/rootfs"


@pytest.fixture(scope="module")
def packed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give an archive of busybox as `docker export` writes them: names without a dot before."""
    path = tmp_path_factory.mktemp("packed") / "tiny.tar"
    subprocess.run(f"tar -C {BUSYBOX} -cf {path} $(ls -A {BUSYBOX})", shell=True, check=True)
    return path


@pytest.fixture
def empty(shared_host: Host) -> Iterator[Host]:
    """Give a host without root file systems of its own, and see to it that nothing unfinished is left."""
    yield shared_host
    left = shared_host.out(f"ls -A {PLACE}").split()
    assert [name for name in left if name.startswith(".")] == []
    if left:
        shared_host.ok("rootfs", "rm", *left)


def names(host: Host) -> str:
    return host.out(f"ls -A {PLACE}")


def refused(host: Host, *words: str, stdin: bytes = b"", code: int = 1) -> str:
    """Run pyrun, which has to refuse; give its line."""
    done = host.pyrun(*words, stdin=stdin)
    assert (done.returncode, done.stdout, done.stderr.count(b"\n")) == (code, b"", 1), done
    return done.stderr.decode()


@pytest.mark.parametrize(
    ("make", "source", "name"),
    [
        ("cp {archive} tiny.tar", "tiny.tar", "tiny"),
        ("gzip -1 < {archive} > tiny.tar.gz", "./tiny.tar.gz", "tiny"),
        ("xz -0 < {archive} > tiny.txz", "tiny.txz", "tiny"),
        ("bzip2 -1 < {archive} > tiny.tar.bz2", "tiny.tar.bz2", "tiny"),
        ("zstd < {archive} > tiny.v1.tar.zst", "tiny.v1.tar.zst", "tiny.v1"),
        ("mkdir tiny; tar -C tiny -xf {archive}", "tiny", "tiny"),
        ("mkdir tiny; tar -C tiny -xf {archive}; cd tiny", ".", "tiny"),
    ],
)
def test_import(make: str, source: str, name: str, packed: Path, empty: Host, tmp_path: Path) -> None:
    """What was packed is there, under the source's name; a container runs in it."""
    line = f"cd {tmp_path}; {make.format(archive=packed)}; {TYPED} rootfs import {source}"
    assert empty.out(line) == f"{name}\n"
    assert empty.out(f"cd {PLACE}/{name}; find . -mindepth 1 -printf '%P %m %U %Ts %l\\n' | sort") == empty.out(
        f"cd {BUSYBOX}; find . -mindepth 1 -printf '%P %m %U %Ts %l\\n' | sort"
    )
    assert empty.ok("run", "--rm", "--net", "none", name, "echo", "works") == "works\n"


def test_import_of_standard_input(packed: Path, empty: Host) -> None:
    assert empty.ok("rootfs", "import", "-", "piped", stdin=packed.read_bytes()) == "piped\n"
    assert names(empty) == "piped\n"
    assert "standard input has no name" in refused(empty, "rootfs", "import", "-", stdin=packed.read_bytes())


def test_events(packed: Path, empty: Host) -> None:
    since = empty.out("date +%s.%N").strip()
    empty.ok("rootfs", "import", str(packed), "seen")
    empty.ok("rootfs", "rm", "seen")
    lines = empty.ok("events", "--since", since, "--until", "0s", "--filter", "type=rootfs").splitlines()
    assert [line.split()[1:4] for line in lines] == [["rootfs", "import", "seen"], ["rootfs", "delete", "seen"]]


def test_names_that_are_taken_or_none(packed: Path, empty: Host) -> None:
    empty.ok("rootfs", "import", str(packed), "one")
    assert "one: the name is already in use" in refused(empty, "rootfs", "import", str(packed), "one")
    for name in ("", ".", "..", "../x", "a/b", ".hidden", "-x", "a b", "é", "x\n", "x" * 129):
        assert "rootfs:" in refused(empty, "rootfs", "import", "--", str(packed), name)
    assert names(empty) == "one\n"


@pytest.mark.parametrize(
    ("source", "content", "reason"),
    [
        ("-", b"", "is empty"),
        ("-", b"#!/bin/sh\n" * 99, "no tar archive"),
        ("-", archive(member(b"a"))[:-1024], "end mark"),
        ("-", archive(member(b"a"), member(b"../b")), "leads outside"),
        ("-", archive(), "holds nothing"),
        ("-", archive(header(b"null", b"3")), "holds nothing"),
        ("-", archive(member(b"manifest.json", b"[]"), member(b"abc/layer.tar")), "docker export"),
        ("-", archive(member(b"oci-layout", b"{}"), member(b"index.json", b"{}")), "docker export"),
        ("/dev/zero", b"", "is a device"),
        ("/no/such", b"", "no such file"),
        ("https://example.org/x.tar", b"", "curl"),
        ("/", b"", "pyrun's own files"),
        ("/var/lib", b"", "pyrun's own files"),
        (PLACE, b"", "pyrun's own files"),
    ],
)
def test_what_cannot_be_taken_in_leaves_nothing(source: str, content: bytes, reason: str, empty: Host) -> None:
    assert reason in refused(empty, "rootfs", "import", source, "x", stdin=content)
    assert names(empty) == ""


def test_too_much(packed: Path, empty: Host) -> None:
    assert "more than 1048576 bytes" in refused(empty, "rootfs", "import", "--max-size", "1m", str(packed))
    empty.out(f"mkdir -p {PLACE}; mount -t tmpfs -o size=1m,mode=700 tmpfs {PLACE}")
    try:
        assert "no space left on device" in refused(empty, "rootfs", "import", str(packed))
        assert names(empty) == ""
    finally:
        empty.out(f"umount {PLACE}")


def test_device_files_are_left_out_and_set_user_id_stays_where_nobody_gets(empty: Host) -> None:
    content = archive(header(b"dev/null", b"3"), header(b"dev/sda", b"4"), member(b"bin/su", b"#!", mode=0o4755))
    empty.out(f"mkdir -p {PLACE}; chmod 755 /var/lib/pyrun {PLACE}")
    done = empty.pyrun("rootfs", "import", "-", "x", stdin=content)
    assert (done.returncode, done.stdout) == (0, b"x\n")
    assert done.stderr == b"pyrun: 2 device files left out: a container gets a /dev of its own\n"
    assert empty.out(f"find {PLACE}/x -type f -printf '%P %m'") == "bin/su 4755"
    assert empty.shell(f"setpriv --reuid 1000 --clear-groups ls {PLACE}/x").returncode != 0


class Stalled:
    """An import that waits for the second half of its archive."""

    def __init__(self, host: Host, content: bytes, name: str = "half", command: "list[str] | None" = None) -> None:
        self._host = host
        self.process = host.start(
            [*(command or PYRUN), "rootfs", "import", "-", name],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        assert self.process.stdin
        half = len(content) // 2
        self._rest = content[half:]
        self.process.stdin.write(content[:half])
        self.process.stdin.flush()
        wait_until(lambda: host.shell(f"[ -e {PLACE}/.pyrun-{name}.*/bin/busybox ]").returncode == 0)

    def finish(self) -> "tuple[int, str, str]":
        out, err = self.process.communicate(self._rest)
        return self.process.returncode, out.decode(), err.decode()

    def kill(self, number: int) -> int:
        """Send a signal to pyrun itself, which is not nsenter."""
        self.process.send_signal(number)
        self.process.communicate()
        return self.process.returncode


def test_who_is_killed_leaves_nothing_after_the_next_command(packed: Path, empty: Host) -> None:
    """And nobody takes away what somebody alive works at."""
    stalled = Stalled(empty, packed.read_bytes())
    empty.ok("ps")
    unfinished = names(empty).strip()
    assert unfinished.startswith(".pyrun-half.")
    assert "no such directory or name" in refused(empty, "run", "--rm", unfinished, "true", code=125)
    assert stalled.kill(signal.SIGKILL) == -signal.SIGKILL
    assert names(empty).startswith(".pyrun-half.")
    empty.ok("ps")
    assert names(empty) == ""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_who_is_ended_leaves_nothing(number: int, packed: Path, empty: Host) -> None:
    assert Stalled(empty, packed.read_bytes()).kill(number) == 128 + number
    assert names(empty) == ""


def test_two_at_once_of_whom_one_gets_the_name(packed: Path, empty: Host) -> None:
    stalled = Stalled(empty, packed.read_bytes())
    empty.ok("rootfs", "import", str(packed), "half")
    code, out, err = stalled.finish()
    assert (code, out) == (1, "")
    assert "half: the name is already in use" in err
    assert names(empty) == "half\n"


def test_progress_on_a_terminal(packed: Path, empty: Host) -> None:
    """Only there; as if a second had passed."""
    at_once = shlex.join(without("from pyrun.cli import progress; progress._PATIENCE = progress._EVERY = 0"))
    shown = empty.out(f"script -qec {shlex.quote(f'{at_once} rootfs import {packed} x')} /dev/null")
    assert "import x: " in shown
    assert "(100 %)" in shown
    assert shown.endswith("\r\x1b[Kx\r\n")
    assert empty.out(f"{at_once} rootfs import {packed} y 2>&1") == "y\n"


def test_list(packed: Path, empty: Host) -> None:
    empty.ok("rootfs", "import", str(packed), "tiny")
    empty.ok("run", "-d", "--name", "user", "--net", "none", "tiny", "sleep", "600")
    size = empty.out(f"find {PLACE}/tiny -type f -printf '%s\\n'").split()
    count = int(empty.out(f"find {PLACE}/tiny -mindepth 1 | wc -l"))
    try:
        assert empty.ok("rootfs", "ls", "-q").split() == ["busybox-rootfs", "debian-rootfs", "tiny"]
        heads, *_, row = empty.ok("rootfs", "ls").splitlines()
        assert heads.split() == ["NAME", "SIZE", "FILES", "CREATED", "CONTAINERS"]
        assert (row.split()[0], row.split()[2], row.split()[-2:]) == ("tiny", str(count), ["ago", "user"])
        fields = json.loads(empty.ok("rootfs", "ls", "--format", "json").splitlines()[-1])
        assert (fields["Name"], fields["Files"], fields["Containers"]) == ("tiny", str(count), "user")
        [told] = json.loads(empty.ok("rootfs", "inspect", "tiny"))
        assert told["Size"] == sum(map(int, size))
        assert told["Path"] == f"{PLACE}/tiny"
        assert told["Architecture"] == empty.out("dpkg --print-architecture").strip()
        assert [(user["Name"], user["State"]) for user in told["Containers"]] == [("user", "running")]
        identity = empty.out("readlink /var/lib/pyrun/names/user")
        assert told["Containers"][0]["Id"] == identity.strip()
    finally:
        empty.ok("rm", "-f", "user")


def test_inspect_reads_a_release_inside_the_tree_only(packed: Path, empty: Host, tmp_path: Path) -> None:
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc/os-release").symlink_to(tmp_path / "host-release")
    (tmp_path / "host-release").write_text("ID=host\n")
    empty.ok("rootfs", "import", str(tmp_path), "x")
    assert json.loads(empty.ok("rootfs", "inspect", "x"))[0]["OsRelease"] == {}
    empty.out(f"cd {PLACE}/x/etc; rm os-release; printf 'ID=mine\\nNAME=\"My own\"\\n' > os-release")
    assert json.loads(empty.ok("rootfs", "inspect", "x"))[0]["OsRelease"] == {"ID": "mine", "NAME": "My own"}


def test_remove(packed: Path, empty: Host) -> None:
    """Each is reported; not while a container has it, though it may have ended."""
    for name in ("one", "two", "three"):
        empty.ok("rootfs", "import", str(packed), name)
    empty.ok("run", "--name", "ended", "--net", "none", "one", "true")
    done = empty.pyrun("rootfs", "rm", "one", "twoo", "two", "busybox-rootfs")
    assert (done.returncode, done.stdout) == (1, b"two\n")
    used, unknown, foreign = done.stderr.decode().splitlines()
    assert used == "pyrun: rootfs: one: is used by container ended (pyrun rm -f ended)"
    assert unknown == "pyrun: no such rootfs: twoo (did you mean two?)"
    assert "is not pyrun's" in foreign
    empty.ok("rm", "ended")
    assert empty.ok("rootfs", "rm", "one", "three") == "one\nthree\n"
    assert names(empty) == ""


def test_remove_a_name_that_leads_elsewhere(empty: Host, tmp_path: Path) -> None:
    (tmp_path / "tree" / "etc").mkdir(parents=True)
    empty.out(f"mkdir -p {PLACE}; ln -s {tmp_path}/tree {PLACE}/link")
    assert empty.ok("rootfs", "rm", "link") == "link\n"
    assert (names(empty), (tmp_path / "tree/etc").is_dir()) == ("", True)


def test_remove_where_something_is_mounted(packed: Path, empty: Host, tmp_path: Path) -> None:
    (tmp_path / "canary").touch()
    empty.ok("rootfs", "import", str(packed), "x")
    empty.out(f"mount --bind {tmp_path} {PLACE}/x/root")
    assert f"mounted at {PLACE}/x/root" in refused(empty, "rootfs", "rm", "x")
    empty.out(f"umount {PLACE}/x/root")
    assert (names(empty), (tmp_path / "canary").exists()) == ("x\n", True)


def test_a_container_that_comes_while_its_root_is_removed(packed: Path, empty: Host) -> None:
    """Who looked before is seen after the rename, and the tree is back."""
    empty.ok("rootfs", "import", str(packed), "x")
    start = [*PYRUN, "run", "-d", "--name", "late", "--net", "none", f"{PLACE}/x", "sleep", "600"]
    meanwhile = f"""
import os, subprocess
from pyrun.rootfs import library
seen = library._refuse_used
def late(tree):
    seen(tree)
    if os.path.exists(tree.path):
        subprocess.run({start!r}, check=True, stdout=subprocess.DEVNULL)
library._refuse_used = late
"""
    done = empty.run([*without(meanwhile), "rootfs", "rm", "x"])
    assert done.returncode == 1
    assert b"is used by container late" in done.stderr
    assert empty.ok("exec", "late", "echo", "works") == "works\n"
    assert names(empty) == "x\n"
    empty.ok("rm", "-f", "late")


def test_killed_while_it_is_asked_who_has_it_the_root_is_back(packed: Path, empty: Host) -> None:
    """Between being taken away and being removed, when somebody has just started with it."""
    empty.ok("rootfs", "import", str(packed), "x")
    start = [*PYRUN, "run", "-d", "--name", "late", "--net", "none", f"{PLACE}/x", "sleep", "600"]
    meanwhile = f"""
import os, subprocess
from pyrun.rootfs import library
seen = library._refuse_used
def late(tree):
    if not os.path.exists(tree.path):
        os.kill(os.getpid(), 9)
    seen(tree)
    subprocess.run({start!r}, check=True, stdout=subprocess.DEVNULL)
library._refuse_used = late
"""
    assert empty.run([*without(meanwhile), "rootfs", "rm", "x"]).returncode == -9
    assert empty.ok("ps", "-q") != ""
    assert empty.ok("exec", "late", "echo", "works") == "works\n"
    assert names(empty) == "x\n"
    empty.ok("rm", "-f", "late")


def test_build_busybox(empty: Host) -> None:
    assert empty.ok("rootfs", "build", "busybox", "bb") == "bb\n"
    assert empty.ok("run", "--rm", "--net", "none", "bb", "id", "-u", "user") == "1000\n"
    assert empty.out(f"diff -r --no-dereference {BUSYBOX} {PLACE}/bb") == ""


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        ("fedora", "no such recipe"),
        ("busybox --suite x", "neither a suite"),
        ("ubuntu --suite ../..", "is no release"),
        ("ubuntu --include vim", "takes no packages"),
        ("debian --include=--hook", "is no suite and no package"),
    ],
)
def test_recipes_that_cannot_be_followed(words: str, reason: str, empty: Host) -> None:
    assert reason in refused(empty, "rootfs", "build", *words.split())
    assert names(empty) == ""


@pytest.fixture
def mirror(packed: Path, tmp_path: Path, empty: Host) -> Iterator[str]:
    """Serve a release whose second archive is the newer one, inside the host."""
    release = tmp_path / "24.04" / "release"
    release.mkdir(parents=True)
    machine = empty.out("dpkg --print-architecture").strip()
    with tarfile.open(release / f"ubuntu-base-24.04.10-base-{machine}.tar.gz", "w:gz") as new:
        new.add(BUSYBOX, ".")
    (release / f"ubuntu-base-24.04.9-base-{machine}.tar.gz").write_bytes(b"old")
    sums = [f"{hashlib.sha256(each.read_bytes()).hexdigest()} *{each.name}\n" for each in sorted(release.iterdir())]
    (release / "SHA256SUMS").write_text("".join(sums))
    server = empty.start(
        ["python3", "-u", "-m", "http.server", "-b", "127.0.0.1", "-d", str(tmp_path), "8000"],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    assert server.stdout
    server.stdout.readline()
    yield "http://127.0.0.1:8000"
    server.kill()
    server.communicate()


def test_build_ubuntu(mirror: str, empty: Host, tmp_path: Path) -> None:
    build = f"PYRUN_UBUNTU_MIRROR={mirror} {TYPED} rootfs build ubuntu"
    done = empty.shell(build)
    assert (done.returncode, done.stdout) == (0, b"ubuntu-rootfs\n"), done
    assert b"24.04.10-base" in done.stderr
    assert b"sha256 verified" in done.stderr
    assert empty.ok("run", "--rm", "--net", "none", "ubuntu-rootfs", "echo", "works") == "works\n"
    [newest] = (tmp_path / "24.04/release").glob("*24.04.10*")
    newest.write_bytes(newest.read_bytes()[:-1] + b"!")
    done = empty.shell(f"{build} other")
    assert (done.returncode, done.stdout) == (1, b"")
    assert b"is not the published" in done.stderr
    assert names(empty) == "ubuntu-rootfs\n"


def test_a_mirror_that_does_not_answer(empty: Host, tmp_path: Path) -> None:
    """One line; the script's exit code tells quickstart to try another source."""
    nowhere = "PYRUN_UBUNTU_MIRROR=http://127.0.0.1:1"
    done = empty.shell(f"{nowhere} {TYPED} rootfs build ubuntu")
    assert (done.returncode, done.stdout, done.stderr.count(b"\n")) == (1, b"", 1)
    assert b"connection refused" in done.stderr
    assert empty.shell(f"{nowhere} {TOP}/scripts/make-rootfs ubuntu {tmp_path}/ubuntu").returncode == 3
    assert os.listdir(tmp_path) == []


def test_make_rootfs_without_pyrun(tmp_path: Path) -> None:
    """With the distribution's Python and nothing else; what is there is kept."""
    for said in ("made", "already there"):
        done = subprocess.run(
            [TOP / "scripts/make-rootfs", "busybox", tmp_path / "bb"], capture_output=True, check=True
        )
        assert done.stderr.decode() == f"{tmp_path}/bb: {said}\n"
    assert os.listdir(tmp_path) == ["bb"]
