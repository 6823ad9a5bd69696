"""Hostile root file systems and bad input: contained, one clear line, nothing touched."""

import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from lab import BUSYBOX, PYRUN, TYPED, Host, without

SITE = [p for p in sys.path if p.endswith("site-packages")]


@pytest.fixture
def tree(tmp_path: Path, shared_host: Host) -> Path:
    """A root file system to spoil."""
    path = tmp_path / "tree"
    shared_host.out(f"cp -a {BUSYBOX} {path}")
    return path


@pytest.fixture
def outside(tmp_path: Path) -> Path:
    """A directory of the host with a canary in it."""
    path = tmp_path / "outside"
    path.mkdir()
    (path / "canary").write_text("alive")
    return path


def _replace(path: Path, make: str, outside: Path) -> None:
    subprocess.run(["rm", "-rf", str(path)], check=True)
    path.parent.mkdir(exist_ok=True)
    {
        "absolute": lambda: path.symlink_to(outside),
        "relative": lambda: path.symlink_to("../" * 50 + str(outside)[1:]),
        "dangling": lambda: path.symlink_to("/no/where"),
        "loop": lambda: path.symlink_to(path.name),
        "magic": lambda: path.symlink_to("/proc/self/root"),
        "file": lambda: path.write_text("x"),
        "fifo": lambda: os.mkfifo(path),
    }[make]()


@pytest.mark.parametrize("place", ["proc", "sys", "dev"])
@pytest.mark.parametrize("make", ["absolute", "relative", "dangling", "loop", "file", "fifo"])
def test_mount_points_must_be_ordinary_directories(
    shared_host: Host, tree: Path, outside: Path, place: str, make: str
) -> None:
    """T-B2, T-B7: CVE-2019-19921, CVE-2026-47766."""
    _replace(tree / place, make, outside)
    done = shared_host.pyrun("run", "--rm", str(tree), "true", timeout=20)
    assert (done.returncode, done.stderr.count(b"\n")) == (125, 1), done
    assert b"ordinary directory" in done.stderr
    assert os.listdir(outside) == ["canary"]


@pytest.mark.parametrize("name", ["resolv.conf", "hosts", "hostname"])
@pytest.mark.parametrize("make", ["absolute", "relative", "dangling", "loop", "magic", "file", "fifo"])
def test_hostfiles_stay_inside(shared_host: Host, tree: Path, outside: Path, name: str, make: str) -> None:
    """T-B10: whatever the tree has there, nothing of the host is read or written, and nothing hangs."""
    _replace(tree / "etc" / name, make, outside)
    done = shared_host.pyrun("run", "--rm", str(tree), "cat", f"/etc/{name}", timeout=20)
    assert done.returncode in (0, 1, 125), done
    assert b"alive" not in done.stdout
    assert (os.listdir(outside), (outside / "canary").read_text()) == (["canary"], "alive")


@pytest.mark.parametrize("kind", ["fifo", "zero", "directory", "sparse", "many", "long", "nul", "hostile"])
def test_strange_account_files(shared_host: Host, tree: Path, kind: str) -> None:
    """T-B9: CVE-2024-9676; numeric users go on, names get one clear line, soon."""
    passwd = tree / "etc" / "passwd"
    passwd.unlink()
    {
        "fifo": lambda: os.mkfifo(passwd),
        "zero": lambda: passwd.symlink_to("/dev/zero"),
        "directory": lambda: passwd.mkdir(),
        "sparse": lambda: subprocess.run(["truncate", "-s", "2G", str(passwd)], check=True),
        "many": lambda: passwd.write_text("".join(f"u{n}:x:{n}:{n}:::\n" for n in range(30000))),
        "long": lambda: passwd.write_text("a" * 900000 + ":x:1:1:::\n"),
        "nul": lambda: passwd.write_bytes(b"a\0b:x:1:1:::\n"),
        "hostile": lambda: passwd.write_text("1000:x:0:0::/:\nbig:x:4294967296:0::/:\nminus:x:-1:0::/:\n"),
    }[kind]()
    done = shared_host.pyrun("run", "--rm", "-u", "1000:1000", str(tree), "id", "-u", timeout=20)
    assert done.stdout in (b"1000\n", b"")
    assert done.returncode == (0 if done.stdout else 125)
    for name in ("nobody-there", "big", "minus"):
        refused = shared_host.pyrun("run", "--rm", "-u", name, str(tree), "id", timeout=20)
        assert (refused.returncode, refused.stdout, refused.stderr.count(b"\n")) == (125, b"", 1)


_TRAP = """
#include <fcntl.h>
#include <stdlib.h>
__attribute__((constructor)) static void trap(void) { if (getenv("PYRUN_TEST_TOKEN")) open("/marker", O_CREAT, 0600); }
"""


def _trap_library(place: Path) -> Path:
    """Make a library that leaves the marker when a process with the caller's token loads it; where nobody compiles, none."""
    library = place / "trap.so"
    if shutil.which("gcc"):
        subprocess.run(["gcc", "-shared", "-fPIC", "-x", "c", "-", "-o", library], input=_TRAP.encode(), check=True)
    library.touch()
    return library


def test_programs_of_the_tree_never_run_on_the_host(shared_host: Host, tree: Path, tmp_path: Path) -> None:
    """T-P2b, T-P17: booby-trapped modules, libraries and tools; the marker can only be written with the caller's token."""
    trap = '#!/bin/sh\n[ -n "$PYRUN_TEST_TOKEN" ] && echo "$0" >> /marker\n'
    for name in ("ip", "iptables", "nft", "mount", "nsenter", "getent", "python3", "gzip", "xz", "tar"):
        for directory in ("usr/bin", "usr/sbin", "sbin"):
            (tree / directory).mkdir(parents=True, exist_ok=True)
            (tree / directory / name).write_text(trap)
            (tree / directory / name).chmod(0o755)
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    for base in (
        f"usr/lib/{version}",
        f"usr/local/lib/{version}",
        "usr/lib/python3/dist-packages",
        *(s[1:] for s in SITE),
    ):
        for module in (
            "encodings/idna.py",
            "encodings/ascii.py",
            "json/__init__.py",
            "signal.py",
            "prctl.py",
            "stat.py",
        ):
            path = tree / base / module
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text("import os\nif os.environ.get('PYRUN_TEST_TOKEN'): open('/marker', 'a').write(__file__)\n")
    (tree / "etc/nsswitch.conf").write_text("passwd: evil\ngroup: evil\n")
    for library in ("libnss_evil.so.2", "libgcc_s.so.1"):
        (tree / "lib").mkdir(exist_ok=True)
        shutil.copy(_trap_library(tmp_path), tree / "lib" / library)
    (tree / "etc/ld.so.preload").write_text("/lib/libnss_evil.so.2\n")
    words = ["env", "PYRUN_TEST_TOKEN=secret", *PYRUN]
    started = shared_host.run([*words, "run", "-d", "--name", "trapped", "-u", "user", str(tree), "/bin/sleep", "60"])
    assert started.returncode == 0, started
    for verb in (
        ["exec", "trapped", "/bin/true"],
        ["exec", "-u", "user", "trapped", "/bin/true"],
        ["ps"],
        ["logs", "trapped"],
        ["inspect", "trapped"],
        ["diff", "trapped"],
        ["export", "-o", f"{tmp_path}/exported", "trapped"],
        ["cp", "trapped:/etc", f"{tmp_path}/copied"],
        ["cp", f"{tmp_path}/copied", "trapped:/tmp"],
    ):
        assert shared_host.run([*words, *verb]).returncode == 0
    assert shared_host.pyrun("exec", "trapped", "ls", "/marker").returncode != 0
    environ = shared_host.pyrun("exec", "-u", "0", "trapped", "sh", "-c", "cat /proc/*/environ")
    assert b"HOSTNAME" in environ.stdout
    assert b"secret" not in environ.stdout
    shared_host.ok("rm", "-f", "trapped")
    assert not Path("/marker").exists()


def test_an_entrypoint_that_names_its_executor_meets_the_trampoline(
    shared_host: Host, tree: Path, tmp_path: Path
) -> None:
    """T-P1, CVE-2019-5736: ``#!/proc/self/exe`` reaches 200 sealed bytes, not the interpreter; it ends, and does not loop."""
    (tree / "entry").write_text("#!/proc/self/exe\n")
    (tree / "entry").chmod(0o755)
    digest = shared_host.out(f"sha256sum {os.path.realpath(sys.executable)}")
    done = shared_host.pyrun("run", "--rm", str(tree), "/entry", timeout=20)
    assert done.returncode in (126, 127)
    shared_host.ok("run", "-d", "--name", "entered", str(tree), "sleep", "60")
    assert shared_host.pyrun("exec", "entered", "/entry", timeout=20).returncode in (126, 127)
    shared_host.ok("rm", "-f", "entered")
    assert shared_host.out(f"sha256sum {os.path.realpath(sys.executable)}") == digest


@pytest.mark.parametrize("verb", ["run", "exec"])
@pytest.mark.parametrize(
    "cwd", ["/proc/self/fd/3", "/proc/self/fd/7", "/proc/1/cwd/../../../..", "/link", "/proc/self/exe"]
)
def test_no_working_directory_outside(shared_host: Host, tree: Path, outside: Path, cwd: str, verb: str) -> None:
    """T-A2, CVE-2024-21626: a directory of the host that the caller has open is not where a program starts."""
    (tree / "link").symlink_to("/proc/self/fd/7")
    target = f"run --rm -w {cwd} {tree}"
    if verb == "exec":
        shared_host.ok("run", "-d", "--name", "led", str(tree), "sleep", "60")
        target = f"exec -w {cwd} led"
    done = shared_host.shell(f"exec 3</ 7<{outside}; {TYPED} {target} sh -c 'cat canary; ls -d work; pwd'")
    shared_host.pyrun("rm", "-f", "led")
    assert done.returncode in (0, 125, 126, 127), done
    assert b"alive" not in done.stdout
    assert done.stdout in (b"", b"/\n"), done


_LEAKY = "from pyrun.kernel import syscalls; syscalls.close_range = lambda first, last=0: None"
_MAKES_BY_PATH = (
    "import os; from pyrun.kernel import credentials\n"
    "credentials.MakeWorkingDirectory.apply = lambda self: os.makedirs(self.path, 0o755, exist_ok=True)"
)


@pytest.mark.parametrize("leads", ["named", "linked"])
@pytest.mark.parametrize(
    ("command", "lost"),
    [
        pytest.param(PYRUN, False, id="defended"),
        pytest.param(without(_LEAKY), False, id="leaky"),
        pytest.param(without(_MAKES_BY_PATH), False, id="by-path"),
        pytest.param(without(f"{_LEAKY}\n{_MAKES_BY_PATH}"), True, id="without"),
    ],
)
def test_a_directory_that_the_caller_holds_open_is_not_written_to(
    shared_host: Host, tree: Path, outside: Path, leads: str, command: list[str], lost: bool
) -> None:
    """T-A2, P6, CVE-2024-21626: neither by its number nor by a link of the tree; two defences, each enough by itself."""
    (tree / "led").symlink_to("/proc/self/fd/77")
    cwd = {"named": "/proc/self/fd/77/evil", "linked": "/led/evil"}[leads]
    line = shlex.join([*command, "run", "--rm", "--net", "none", "-w", cwd, str(tree), "true"])
    done = shared_host.shell(f"exec 77<{outside}; exec {line}")
    assert done.returncode in (0, 125, 126, 127), done
    assert ("evil" in os.listdir(outside)) == lost


def test_no_descriptor_of_the_caller_is_kept(shared_host: Host, tmp_path: Path) -> None:
    """T-A8: a lock that the caller holds and the pipe that it writes to are its own again when it ends."""
    run = f"{TYPED} run -d --name keeper {BUSYBOX} sleep 300"
    shared_host.out(f"( exec 9>{tmp_path}/lock; flock 9; {run} )")
    shared_host.out(f"flock -n {tmp_path}/lock true")
    shared_host.ok("rm", "-f", "keeper")
    shared_host.shell(
        f"{{ exec 33>&1 >/dev/null; {run}; }} | timeout 20 cat; exit ${{PIPESTATUS[1]}}"
    ).check_returncode()
    shared_host.ok("rm", "-f", "keeper")


def test_variables_from_a_pipe_that_the_caller_opened(shared_host: Host) -> None:
    """--env-file <(…), which bash gives as a descriptor, is read before all of them are closed."""
    done = shared_host.shell(f"{TYPED} run --rm --env-file <(echo GIVEN=1) {BUSYBOX} sh -c 'echo $GIVEN'")
    assert (done.stdout, done.stderr) == (b"1\n", b"")


def test_volumes_do_not_follow_links_out(shared_host: Host, tree: Path, outside: Path) -> None:
    (tree / "out").symlink_to(outside)
    (tree / "p").symlink_to("/proc")
    source = outside.parent / "source"
    source.mkdir()
    (source / "mine").write_text("x")
    shared_host.ok("run", "--rm", "-v", f"{source}:/out/deep", str(tree), "true")
    assert os.listdir(outside) == ["canary"]
    done = shared_host.pyrun("run", "--rm", "-v", f"{source}:/p/sys", str(tree), "true")
    assert (done.returncode, b"kernel file system" in done.stderr) == (125, True)


def test_writable_places_below_proc_and_sys_are_the_known_ones(shared_host: Host) -> None:
    """T-B13: every file below /proc and /sys that can be opened for writing."""
    script = (
        "touch /control; find /proc /sys /control -path '/proc/[0-9]*' -prune -o -path /proc/self -prune"
        " -o -path /proc/thread-self -prune -o -type f -perm /222 -print 2>/dev/null"
        ' | while read f; do (exec 3<>"$f") 2>/dev/null && echo $f; done'
    )
    pressure = {f"/proc/pressure/{name}" for name in ("cpu", "io", "memory", "irq")}
    known = {path for path in {"/proc/driver/rtc", *pressure} if os.path.exists(path)}
    found = set(shared_host.pyrun("run", "--rm", BUSYBOX, "sh", "-c", script).stdout.decode().split())
    assert "/control" in found
    assert found - known == {"/control"}


@pytest.mark.parametrize("name", ["kernel/core_pattern", "vm/overcommit_memory", "fs/file-max"])
def test_parameters_of_the_machine_cannot_be_set(shared_host: Host, name: str) -> None:
    """T-B13: what makes the host's kernel run programs, and the like: neither as root, nor with a way to mount."""
    before = Path(f"/proc/sys/{name}").read_text()
    remount = "mount -o remount,rw,bind /proc/sys; umount /proc/sys"
    for options in ([], ["--security-opt", "seccomp=unconfined"]):
        script = f"({remount}) 2>/dev/null; cat /proc/sys/{name} > /kept; cat /kept > /proc/sys/{name} && echo written"
        done = shared_host.pyrun("run", "--rm", *options, BUSYBOX, "sh", "-c", script)
        assert (done.stdout, b"Read-only file system" in done.stderr) == (b"", True), done
    assert Path(f"/proc/sys/{name}").read_text() == before


def test_paths_with_special_characters(shared_host: Host, tmp_path: Path) -> None:
    """T-B16: nothing in a path becomes a mount option."""
    for number, name in enumerate(["a:b", "x,upperdir=evil", "q\"' \n é%s $(id)", "back\\slash"]):
        path = tmp_path / str(number) / name
        path.parent.mkdir()
        shared_host.run(["cp", "-a", BUSYBOX, str(path)])
        (path / "mark").write_text(name)
        assert shared_host.ok("run", "--rm", str(path), "cat", "/mark") == name


@pytest.mark.parametrize("score", ["500", "0"])
def test_exec_is_as_likely_to_be_ended_as_its_container(shared_host: Host, score: str) -> None:
    """--oom-score-adj is the container's, not only its first program's."""
    shared_host.ok("run", "-d", "--name", "scored", "--oom-score-adj", score, "--net", "none", BUSYBOX, "sleep", "300")
    found = shared_host.ok("exec", "scored", "cat", "/proc/1/oom_score_adj", "/proc/self/oom_score_adj")
    shared_host.ok("rm", "-f", "scored")
    assert found.split() == [score, score]


def test_wrong_architecture_and_missing_interpreter(shared_host: Host, tree: Path) -> None:
    elf = b"\x7fELF\x02\x01\x01" + bytes(9) + (2).to_bytes(2, "little") + (0xF3).to_bytes(2, "little") + bytes(44)
    for name, content, code, text in (
        ("foreign", elf, 126, "exec format error"),
        ("text", b"no program\n", 126, "exec format error"),
        ("orphan", b"#!/no/such/interpreter\n", 127, "no such file"),
    ):
        (tree / name).write_bytes(content)
        (tree / name).chmod(0o755)
        done = shared_host.pyrun("run", "--rm", str(tree), f"/{name}")
        assert (done.returncode, text in done.stderr.decode()) == (code, True), done
