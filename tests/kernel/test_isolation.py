"""What a hostile container, caller or tree gains: nothing. Each defence is also seen missing, taken away by a test's patch."""

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from lab import BUSYBOX, DEBIAN, PYRUN, TOP, TYPED, Host, wait_until, without

from pyrun.spec import DEFAULT_PATH

_SITE = [p for p in sys.path if p.endswith("site-packages")]


def _defended(defence: str) -> pytest.MarkDecorator:
    """Run a test with pyrun as it is, and with one defence taken away: what it guards has to be lost then."""
    cases = [pytest.param(PYRUN, False, id="defended"), pytest.param(without(defence), True, id="without")]
    return pytest.mark.parametrize(("command", "lost"), cases)


# Exchanges a directory and a symbolic link for as long as it lives, as fast as it can.
_SWAPPER = """
import ctypes, sys
exchange = ctypes.CDLL(None, use_errno=True).renameat2
left, right = (p.encode() for p in sys.argv[1:])
while True: exchange(-100, left, -100, right, 2)
"""


@pytest.fixture
def swapped(tmp_path: Path) -> Iterator[Path]:
    """A shared volume in which `a` is now a directory, now a link to a place of the host that is not there yet."""
    shared = tmp_path / "shared"
    (shared / "a").mkdir(parents=True)
    (tmp_path / "host").mkdir()
    (shared / "b").symlink_to(tmp_path / "host")
    swapper = subprocess.Popen([sys.executable, "-c", _SWAPPER, str(shared / "a"), str(shared / "b")])
    yield shared
    swapper.kill()
    swapper.wait()


@_defended(
    "from pyrun.kernel import trees; trees.IN_ROOT = 0; trees.open_in_root.__defaults__ = (*trees.open_in_root.__defaults__[:-1], 0)"
)
def test_volumes_below_a_volume_that_changes(shared_host: Host, swapped: Path, command: list[str], lost: bool) -> None:
    """T-B1, T-B8, CVE-2021-30465: what a mount below a hostile volume makes stays inside, whatever the race says."""
    volumes = ["-v", f"{swapped}:/vol", "--tmpfs", "/vol/a/made/here"]
    codes = set()
    for _ in range(60):
        done = shared_host.run([*command, "run", "--rm", "--net", "none", *volumes, BUSYBOX, "true"])
        codes.add(done.returncode)
        assert done.stderr.count(b"\n") == (done.returncode != 0), done
        if lost and any((swapped.parent / "host").iterdir()):
            break
    assert any((swapped.parent / "host").iterdir()) == lost
    assert codes <= {0, 125}


@_defended("from pyrun.kernel import capabilities; capabilities.set_undumpable = lambda: None")
def test_a_joining_process_shows_nothing_of_the_host(shared_host: Host, command: list[str], lost: bool) -> None:
    """T-P8: while `exec` stands before its last step, the container reads what it can of all processes."""
    look = "while [ ! -e /enough ]; do cat /proc/[0-9]*/environ 2>/dev/null | grep -a -o SECRET=1; sleep 0.02; done"
    shared_host.ok("run", "-d", "--name", "nosy", BUSYBOX, "sh", "-c", f"echo begin; {look}; echo end; sleep 300")
    wait_until(lambda: "begin" in shared_host.ok("logs", "nosy"))
    delayed = ["strace", "-f", "-qq", "-o", "/dev/null", "-e", "inject=execveat:delay_enter=400000"]
    for _ in range(3):
        done = shared_host.run(["env", "SECRET=1", *delayed, *command, "exec", "nosy", "true"])
        assert done.returncode == 0, done
    shared_host.ok("exec", "nosy", "touch", "/enough")
    wait_until(lambda: "end" in shared_host.ok("logs", "nosy"))
    found = shared_host.ok("logs", "nosy")
    shared_host.ok("rm", "-f", "nosy")
    assert ("SECRET" in found) == lost


@pytest.mark.parametrize("power", [["--cap-add", "SYS_PTRACE"], ["--privileged"]])
@_defended("from pyrun.kernel import interpreter; interpreter.is_sealed = lambda: True")
def test_a_container_that_may_trace_finds_no_interpreter_of_the_host(
    shared_host: Host, power: list[str], command: list[str], lost: bool
) -> None:
    """P1, CVE-2019-5736: that a process cannot be dumped does not hold for CAP_SYS_PTRACE; what it is executed from is a copy."""
    look = "while sleep 0.02; do for p in /proc/[0-9]*; do readlink $p/exe; done; done 2>/dev/null"
    shared_host.ok("run", "-d", "--name", "tracer", *power, "--net", "none", BUSYBOX, "sh", "-c", look)
    delayed = ["strace", "-f", "-qq", "-o", "/dev/null", "-e", "inject=execveat:delay_enter=500000"]
    done = shared_host.run([*delayed, *command, "exec", "tracer", "echo", "joined"])
    assert (done.returncode, done.stdout) == (0, b"joined\n"), done
    seen = set(shared_host.ok("logs", "tracer").splitlines())
    shared_host.ok("rm", "-f", "tracer")
    assert (os.path.realpath(sys.executable) in seen) == lost
    assert ("/memfd:pyrun-python (deleted)" in seen) != lost


def test_exec_from_a_copy_does_what_was_typed(shared_host: Host, tmp_path: Path) -> None:
    """Started over with everything that it was given: words, variables from a pipe, input and exit code."""
    shared_host.ok("run", "-d", "--name", "copied", "--cap-add", "SYS_PTRACE", "--net", "none", BUSYBOX, "sleep", "300")
    program = 'read line; echo "$GIVEN $line $0"; exit 7'
    line = shlex.join(["exec", "-i", "--env-file", "/dev/fd/44", "copied", "sh", "-c", program, "a b'c"])
    done = shared_host.shell(f"{TYPED} {line} 44< <(echo GIVEN=1)", b"typed\n")
    shared_host.ok("rm", "-f", "copied")
    assert (done.returncode, done.stdout, done.stderr) == (7, b"1 typed a b'c\n", b"")


def test_a_false_null_device_masks_nothing(shared_host: Host, tmp_path: Path) -> None:
    """T-B4, CVE-2025-31133: a volume over /dev brings its own /dev/null; the start is refused."""
    (tmp_path / "null").symlink_to("/proc/sysrq-trigger")
    done = shared_host.pyrun("run", "--rm", "-v", f"{tmp_path}:/dev", BUSYBOX, "true")
    assert (done.returncode, done.stderr.count(b"\n")) == (125, 1)
    assert b"/dev/null" in done.stderr


_KEY = """
import ctypes
libc = ctypes.CDLL(None)
libc.syscall(250, 1, None)
libc.syscall(248, b"user", b"callers-key", b"secret", 6, -3)
"""


_SEARCH = """
import ctypes
print("found" if ctypes.CDLL(None).syscall(250, 10, -3, b"user", b"callers-key", 0) > 0 else "not there")
"""


@_defended(_KEY + "from pyrun.kernel import syscalls; syscalls.join_session_keyring = lambda name: 0")
def test_keys_of_the_caller_are_not_the_containers(shared_host: Host, command: list[str], lost: bool) -> None:
    """T-A7: no namespace separates keyrings; without a filter the program looks into its session's."""
    caller = command if lost else without(_KEY)
    search = [sys.executable, "-I", "-S", "-c", _SEARCH]
    done = shared_host.run([*caller, "run", "--rm", "--security-opt", "seccomp=unconfined", "@host", *search])
    assert done.stdout == (b"found\n" if lost else b"not there\n"), done


def test_a_record_that_names_another_process_reaches_nobody(shared_host: Host) -> None:
    """R9: a number that has come to mean another process, and a record that was changed to."""
    identity = shared_host.ok("run", "-d", "--name", "gone", BUSYBOX, "sleep", "300").strip()
    innocent = subprocess.Popen(["sleep", "300"])
    pid = shared_host.out("ip netns pids pyrun-gone").strip()
    shared_host.kill_monitor("gone")
    shared_host.kill_programs(identity)
    record = f"/var/lib/pyrun/containers/{identity}/start.json"
    shared_host.out(f"sed -i 's/\\[{pid},/[{innocent.pid},/' {record}")
    for line in (["kill", "gone"], ["exec", "gone", "true"]):
        done = shared_host.pyrun(*line)
        assert (done.returncode, b"is not running" in done.stderr) == (1, True), done
    shared_host.ok("stop", "gone")
    shared_host.ok("rm", "-f", "gone")
    assert innocent.poll() is None
    innocent.kill()
    innocent.wait()


@pytest.mark.parametrize("launcher", ["isolated", "plain"])
def test_modules_of_the_callers_directory_are_not_run(shared_host: Host, tmp_path: Path, launcher: str) -> None:
    """T-P16: PYTHONPATH, the working directory and start-up files are not root's to run."""
    marker = tmp_path / "marker"
    for name in ("json", "ctypes", "pyrun", "click", "prctl", "sitecustomize", "struct"):
        (tmp_path / f"{name}.py").write_text(f"open({str(marker)!r}, 'a').write({name!r})")
    (tmp_path / "startup.py").write_text(f"open({str(marker)!r}, 'a').write('startup')")
    script = tmp_path / "script" / "pyrun"
    script.parent.mkdir()
    options = " -IS" if launcher == "isolated" else ""
    script.write_text(
        f"#!{sys.executable}{options}\nimport sys\nsys.path[:0] = {[str(TOP), *_SITE]!r}\n"
        "from pyrun.__main__ import main\nsys.exit(main())\n"
    )
    script.chmod(0o755)
    hostile = ["PYTHONINSPECT=1", f"PYTHONSTARTUP={tmp_path}/startup.py", f"HOME={tmp_path}", f"PYTHONPATH={tmp_path}"]
    if launcher == "plain":  # an interpreter that is not isolated runs this one by itself, before any line of ours
        (tmp_path / "sitecustomize.py").unlink()
    line = ["env", "-C", str(tmp_path), *hostile, str(script), "run", "--rm", "--net", "none", BUSYBOX, "echo", "fine"]
    done = shared_host.run(line)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"fine\n", b"")
    assert not marker.exists()


_PLACES = [
    (name, count)
    for name in ("fsopen", "fsmount", "move_mount", "mount_setattr", "open_tree", "mknodat", "sethostname", "keyctl")
    for count in (1, 2)
] + [
    (name, 1)
    for name in ("pivot_root", "umount2", "unshare", "setgroups", "setresuid", "capset", "seccomp", "execveat")
]


@pytest.mark.parametrize(("name", "count"), _PLACES)
def test_a_refused_system_call_is_one_line_and_leaves_nothing(
    shared_host: Host, tmp_path: Path, name: str, count: int
) -> None:
    """T-P3, T-P4: files of pyrun's own names in the tree are pipes on which a traceback would hang."""
    tree = tmp_path / "tree"
    shared_host.out(f"cp -a {BUSYBOX} {tree}; cd {TOP} && find pyrun -name '*.py' | while read f; do "
                    f"mkdir -p {tree}{TOP}/$(dirname $f) && mkfifo {tree}{TOP}/$f; done")  # fmt: skip
    before = shared_host.settled()
    injected = ["strace", "-f", "-qq", "-o", "/dev/null", "-e", f"inject={name}:error=EIO:when={count}"]
    done = shared_host.run([*injected, *PYRUN, "run", "--rm", str(tree), "true"], timeout=30)
    once = name in ("sethostname", "keyctl") and count > 1
    assert done.returncode == (0 if once else 125), done
    assert done.stderr.count(b"\n") == (0 if once else 1)
    assert done.stderr.startswith(b"" if once else b"pyrun: ")
    assert shared_host.settled() == before


def test_what_is_opened_between_the_pivot_and_execve(shared_host: Host, tmp_path: Path) -> None:
    """T-P2a, T-B6: nothing by a path into the container's /proc, and nothing through Python's files."""
    trace = tmp_path / "trace"
    command = ["strace", "-f", "-qq", "-e", "trace=%file,execveat", "-o", str(trace), *PYRUN]
    assert shared_host.run([*command, "run", "--rm", "--net", "none", "-w", "/made", BUSYBOX, "true"]).returncode == 0
    rows = [row.split(None, 1) for row in trace.read_text().splitlines()]
    start = next(at for at, row in enumerate(rows) if row[1].startswith("pivot_root("))
    init = rows[start][0]
    calls = [text for pid, text in rows[start + 1 :] if pid == init]
    end = next(at for at, text in enumerate(calls) if text.startswith("execveat("))
    named = (
        re.match(r'(\w+)\(.*?"([^"]+)"', text) for text in calls[:end] if not text.startswith(("openat2(", "fsconfig("))
    )
    by_path = {match.groups() for match in named if match}
    search = {("newfstatat", f"{place}/true") for place in DEFAULT_PATH.split(":")}
    assert {call for call in by_path if call[0] != "move_mount"} - search == {
        ("chdir", "/"),
        ("chdir", "/made"),
        ("faccessat2", "/bin/true"),
        ("getcwd", "/made"),
        ("mkdirat", "made"),
        ("openat", "/"),
        ("readlinkat", "made"),
        ("umount2", "."),
    }


def test_what_is_opened_between_joining_and_execve(shared_host: Host, tmp_path: Path) -> None:
    """T-P2: the same for `exec`, whose names are looked up in a tree that wants a library of its own for that."""
    tree, trace = tmp_path / "tree", tmp_path / "trace"
    shared_host.out(f"cp -a {BUSYBOX} {tree}")
    (tree / "etc/nsswitch.conf").write_text("passwd: evil\ngroup: evil\n")
    shared_host.ok("run", "-d", "--name", "joined", str(tree), "sleep", "300")
    command = ["strace", "-f", "-qq", "-e", "trace=%file,setns,execveat", "-o", str(trace), *PYRUN]
    assert shared_host.run([*command, "exec", "-u", "user", "-w", "/tmp", "joined", "true"]).returncode == 0
    shared_host.ok("rm", "-f", "joined")
    calls = [row.split(None, 1)[1] for row in trace.read_text().splitlines()]
    start = next(at for at, text in enumerate(calls) if text.startswith("setns("))
    end = next(at for at, text in enumerate(calls) if text.startswith("execveat("))
    named = [re.match(r'(\w+)\(.*?"([^"]+)"', text) for text in calls[start:end]]
    search = {("newfstatat", f"{place}/true") for place in DEFAULT_PATH.split(":")}
    assert {match.groups() for match in named if match} - search == {
        ("chdir", "/tmp"),
        ("faccessat2", "/bin/true"),
        ("getcwd", "/tmp"),
        ("openat", "/"),
        ("openat2", "etc/group"),
        ("openat2", "etc/passwd"),
    }


def test_only_three_descriptors_reach_the_program(shared_host: Host, tmp_path: Path) -> None:
    """T-P6: whatever the caller has open, for `run` and for `exec`."""
    opened = "; ".join(f"exec {fd}</" for fd in (3, 5, 9, 100, 1000)) + f"; exec 7<>{tmp_path}/file"
    for line in (
        f"run --rm --name open {BUSYBOX} ls /proc/self/fd",
        f"run -d --name open {BUSYBOX} sleep 300",
        "exec open ls /proc/self/fd",
    ):
        done = shared_host.shell(f"{opened}; {TYPED} {line}")
        assert done.returncode == 0, done
        if "ls" in line:
            assert done.stdout.split() == [b"0", b"1", b"2", b"3"]  # 3 is the directory that ls reads
    assert shared_host.ok("exec", "open", "ls", "/proc/1/fd").split() == ["0", "1", "2"]
    shared_host.ok("rm", "-f", "open")


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&-", "<&- 2>&-", ">&- 2>&-", "<&- >&- 2>&-"])
def test_callers_without_standard_descriptors(shared_host: Host, closed: str) -> None:
    """T-P7: what is missing is /dev/null for the program, and no file of ours takes its number."""
    look = "readlink /proc/1/fd/0 /proc/1/fd/1 /proc/1/fd/2 > /vol/seen; exit 7"
    shared_host.out("mkdir -p /run/seen")
    line = f"{TYPED} run --rm -v /run/seen:/vol {BUSYBOX} sh -c '{look}' {closed}"
    assert shared_host.shell(f"({line})").returncode == 7
    for target in shared_host.out("cat /run/seen/seen").split():
        assert target == "/dev/null" or target.startswith("pipe:"), target


def test_signals_and_umask_of_the_caller_stay_outside(shared_host: Host) -> None:
    """T-P5, T-P13: a caller that ignores and blocks signals, with any umask; no state of ours is others' to read."""
    words = [
        *PYRUN,
        "run",
        "--rm",
        "--name",
        "plain",
        BUSYBOX,
        "grep",
        "-E",
        "^(Umask|Sig(Ign|Blk))",
        "/proc/self/status",
    ]
    block = "import os, signal, sys\nsignal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())\nos.umask(0)\n"
    ignore = "for n in (1, 2, 3, 13, 15): signal.signal(n, signal.SIG_IGN)\nos.execvp(sys.argv[1], sys.argv[1:])"
    done = shared_host.run([sys.executable, "-c", block + ignore, *words])
    assert done.stdout.decode().split() == ["Umask:", "0022", "SigBlk:", "0" * 16, "SigIgn:", "0" * 16]
    shared_host.run(
        [sys.executable, "-c", block + ignore, *PYRUN, "run", "-d", "--name", "kept", BUSYBOX, "sleep", "300"]
    )
    loose = shared_host.out(
        "find /run/pyrun /var/lib/pyrun -mindepth 1 -maxdepth 3 -perm /077 ! -type l | grep -vE '/(upper|hosts|hostname|resolv.conf)' || :"
    )
    shared_host.ok("rm", "-f", "kept")
    assert [path for path in loose.split() if "/pyrun/seccomp" not in path] == []


def test_a_new_user_namespace_shows_no_fresh_proc(shared_host: Host) -> None:
    """T-B11: even without a filter nobody inside mounts a /proc without our masks."""
    inside = "mkdir /p; unshare --user --map-root-user --mount --pid --fork mount -t proc proc /p && echo mounted"
    done = shared_host.pyrun("run", "--rm", "--security-opt", "seccomp=unconfined", DEBIAN, "sh", "-c", inside)
    assert b"mounted" not in done.stdout
    assert b"ermission" in done.stderr or b"not permitted" in done.stderr, done


def test_a_process_whose_name_looks_like_its_status(shared_host: Host, tmp_path: Path) -> None:
    """T-P19: the start time is read right, so that ps and kill know it."""
    tree = tmp_path / "tree"
    shared_host.out(f"cp -a {BUSYBOX} {tree}")
    (tree / "x) R 1 1 (y").write_text("#!/bin/sh\nsleep 300; true\n")
    (tree / "x) R 1 1 (y").chmod(0o755)
    shared_host.ok("run", "-d", "--name", "liar", str(tree), "/x) R 1 1 (y")
    assert "Up" in shared_host.ok("ps")
    shared_host.ok("kill", "liar")
    assert "Exited (137)" in shared_host.ok("ps", "-a")
    shared_host.ok("rm", "liar")


def test_smallest_memory_limit_is_enough_to_start(shared_host: Host) -> None:
    """T-P18: what sets a container up lives outside its limit as long as it is large."""
    for _ in range(5):
        shared_host.ok("run", "--rm", "--net", "none", "-m", "6m", BUSYBOX, "true")


def test_inheritable_capabilities_are_none_for_run_and_exec(shared_host: Host) -> None:
    """T-C1, CVE-2022-29162: also with capabilities given."""
    shared_host.ok("run", "-d", "--name", "caps", "--cap-add", "SYS_NICE", BUSYBOX, "sleep", "300")
    for line in (["cat", "/proc/1/status"], ["cat", "/proc/self/status"]):
        rows = dict(
            row.split(":\t") for row in shared_host.ok("exec", "caps", *line).splitlines() if row.startswith("Cap")
        )
        assert (rows["CapInh"], rows["CapAmb"]) == ("0" * 16, "0" * 16)
        assert {rows["CapPrm"], rows["CapEff"], rows["CapBnd"]} == {"00000000a88425fb"}
    rows = dict(
        row.split(":\t")
        for row in shared_host.ok("exec", "-u", "7", "caps", "cat", "/proc/self/status").splitlines()
        if row.startswith("Cap")
    )
    assert (rows["CapPrm"], rows["CapEff"], rows["CapInh"]) == ("0" * 16,) * 3
    shared_host.ok("rm", "-f", "caps")
    assert os.path.exists("/proc/self/status")
