"""What a program sees inside a container, and what its caller gets back. The witnesses are busybox and iproute2."""

import hashlib
import json
import os
import subprocess
import time
from pathlib import Path

import pytest
from lab import BUSYBOX, PYRUN, Host, wait_until


def test_output_error_and_exit_code_are_kept_apart(shared_host: Host) -> None:
    done = shared_host.pyrun("run", "--rm", BUSYBOX, "sh", "-c", "echo out; echo err >&2; exit 3")
    assert (done.returncode, done.stdout, done.stderr) == (3, b"out\n", b"err\n")


@pytest.mark.parametrize(
    ("command", "code"),
    [
        (["no-such-program"], 127),
        (["/no/such/program"], 127),
        (["/etc"], 126),
        (["/etc/passwd"], 126),
        (["sh", "-c", "kill -9 $$"], 137),
        (["sh", "-c", "exit 42"], 42),
    ],
)
def test_exit_codes_are_dockers(shared_host: Host, command: list[str], code: int) -> None:
    done = shared_host.pyrun("run", "--rm", "--init", BUSYBOX, *command)
    if code in (126, 127):
        done = shared_host.pyrun("run", "--rm", BUSYBOX, *command)
        assert done.stderr.startswith(b"pyrun: exec: ")
        assert done.stderr.count(b"\n") == 1
    assert done.returncode == code


def test_standard_input_is_binary_clean(shared_host: Host) -> None:
    content = os.urandom(3_000_000)
    done = shared_host.pyrun("run", "--rm", "-i", BUSYBOX, "cat", stdin=content)
    assert hashlib.sha256(done.stdout).digest() == hashlib.sha256(content).digest()


def test_standard_input_is_empty_without_i(shared_host: Host) -> None:
    assert shared_host.pyrun("run", "--rm", BUSYBOX, "cat", stdin=b"unread").stdout == b""


def test_rootfs_stays_byte_identical(shared_host: Host, tmp_path: Path) -> None:
    tree = tmp_path / "root"
    shared_host.out(f"cp -a {BUSYBOX} {tree}")
    listing = f"cd {tree} && find . -printf '%p %m %s %T@ %i %u %l\\n' | sort; find . -type f -exec sha256sum {{}} +"
    before = shared_host.out(listing)
    shared_host.ok("run", "--rm", str(tree), "sh", "-c", "echo x > /etc/passwd; rm /bin/ls; mkdir /new; touch /proc-x")
    assert shared_host.out(listing) == before


def test_mounts_are_dockers(shared_host: Host) -> None:
    mounts = shared_host.ok("run", "--rm", BUSYBOX, "cat", "/proc/mounts")
    found = {line.split()[1]: (line.split()[2], set(line.split()[3].split(","))) for line in mounts.splitlines()}
    expected = {
        "/": ("overlay", {"rw", "nodev"}),
        "/proc": ("proc", {"rw", "nosuid", "nodev", "noexec"}),
        "/dev": ("tmpfs", {"rw", "nosuid", "size=65536k", "mode=755"}),
        "/dev/pts": ("devpts", {"rw", "nosuid", "noexec", "gid=5", "mode=620", "ptmxmode=666"}),
        "/dev/shm": ("tmpfs", {"rw", "nosuid", "nodev", "noexec", "size=65536k"}),
        "/dev/mqueue": ("mqueue", {"rw", "nosuid", "nodev", "noexec"}),
        "/sys": ("sysfs", {"ro", "nosuid", "nodev", "noexec"}),
        "/proc/sys": ("proc", {"ro"}),
        "/proc/bus": ("proc", {"ro"}),
        "/proc/irq": ("proc", {"ro"}),
    }
    for path, (kind, options) in expected.items():
        assert found[path][0] == kind, path
        assert options <= found[path][1], path


def test_devices_are_dockers(shared_host: Host) -> None:
    script = "cd /dev && stat -c '%n %a %t:%T' full null random tty urandom zero && for l in fd stdin stdout stderr ptmx; do readlink $l; done"
    expected = (
        "full 666 1:7\nnull 666 1:3\nrandom 666 1:8\ntty 666 5:0\nurandom 666 1:9\nzero 666 1:5\n"
        "/proc/self/fd\n/proc/self/fd/0\n/proc/self/fd/1\n/proc/self/fd/2\npts/ptmx\n"
    )
    assert shared_host.ok("run", "--rm", BUSYBOX, "sh", "-c", script) == expected


def test_other_devices_cannot_be_opened(shared_host: Host) -> None:
    script = "mknod /tmp/mem c 1 1 && cat /tmp/mem"
    done = shared_host.pyrun("run", "--rm", BUSYBOX, "sh", "-c", script)
    assert b"Permission denied" in done.stderr or b"Operation not permitted" in done.stderr


def test_masked_paths_show_nothing(shared_host: Host) -> None:
    script = "for f in interrupts keys timer_list; do cat /proc/$f; done; ls /sys/firmware /proc/acpi"
    done = shared_host.pyrun("run", "--rm", BUSYBOX, "sh", "-c", script)
    assert done.stdout.decode() == "/proc/acpi:\n\n/sys/firmware:\n"


def test_process_one_is_the_program_and_sees_only_itself(shared_host: Host) -> None:
    assert shared_host.ok("run", "--rm", BUSYBOX, "sh", "-c", "echo $$; ls -d /proc/[0-9]*").split()[:2] == [
        "1",
        "/proc/1",
    ]


def test_namespaces_are_private(shared_host: Host) -> None:
    kinds = "mnt pid uts ipc net cgroup"
    own = shared_host.out(f"for k in {kinds}; do readlink /proc/self/ns/$k; done").split()
    inside = shared_host.ok(
        "run", "--rm", BUSYBOX, "sh", "-c", f"for k in {kinds}; do readlink /proc/self/ns/$k; done"
    ).split()
    assert len(inside) == 6
    assert not set(own) & set(inside)


def test_read_only_root(shared_host: Host) -> None:
    script = "touch /x; touch /dev/shm/y && echo ok"
    done = shared_host.pyrun("run", "--rm", "--read-only", BUSYBOX, "sh", "-c", script)
    assert (done.stdout, b"Read-only file system" in done.stderr) == (b"ok\n", True)


def test_volumes(shared_host: Host, tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "file").write_text("here")
    script = "cat /vol/file; touch /ro/x; echo new > /vol/new; cat /one"
    done = shared_host.pyrun(
        "run", "--rm", "-v", f"{tmp_path}/data:/vol", "-v", f"{tmp_path}/data:/ro:ro",
        "--mount", f"type=bind,src={tmp_path}/data/file,dst=/one,readonly", BUSYBOX, "sh", "-c", script,
    )  # fmt: skip
    assert done.stdout == b"herehere"
    assert b"Read-only file system" in done.stderr
    assert (tmp_path / "data" / "new").read_text() == "new\n"


def test_a_volume_makes_its_missing_source_and_a_mount_refuses_it(shared_host: Host, tmp_path: Path) -> None:
    shared_host.ok("run", "--rm", "-v", f"{tmp_path}/missing:/vol", BUSYBOX, "true")
    assert (tmp_path / "missing").is_dir()
    done = shared_host.pyrun("run", "--rm", "--mount", f"type=bind,src={tmp_path}/gone,dst=/vol", BUSYBOX, "true")
    assert (done.returncode, (tmp_path / "gone").exists()) == (125, False)


def test_tmpfs(shared_host: Host) -> None:
    done = shared_host.ok(
        "run", "--rm", "--tmpfs", "/scratch:size=1m,mode=700", BUSYBOX, "grep", "scratch", "/proc/mounts"
    )
    assert {"nosuid", "nodev", "noexec", "size=1024k", "mode=700"} <= set(done.split()[3].split(","))


def test_user_group_environment_directory(shared_host: Host) -> None:
    script = "id; pwd; echo $A-$HOME-$HOSTNAME; umask"
    done = shared_host.ok(
        "run",
        "--rm",
        "-u",
        "user",
        "--group-add",
        "50",
        "-w",
        "/srv/x",
        "-e",
        "A=1 2",
        "-h",
        "named",
        BUSYBOX,
        "sh",
        "-c",
        script,
    )
    assert done == "uid=1000(user) gid=1000(user) groups=50(staff),1000(user)\n/srv/x\n1 2-/home/user-named\n0022\n"


@pytest.mark.parametrize(
    ("user", "expected"),
    [
        ("1000", "uid=1000(user) gid=1000(user)"),
        ("1", "uid=1 gid=0(root)"),
        ("1:7", "uid=1 gid=7"),
        ("1000:", "uid=1000(user) gid=1000(user)"),
        (":50", "uid=0(root) gid=50(staff) groups=50(staff)"),
        ("", "uid=0(root) gid=0(root)"),
        (":", "uid=0(root) gid=0(root)"),
        ("0", "uid=0(root)"),
    ],
)
def test_numeric_users_are_never_names(shared_host: Host, user: str, expected: str) -> None:
    assert shared_host.ok("run", "--rm", "-u", user, BUSYBOX, "id").startswith(expected)


@pytest.mark.parametrize("user", ["nobody-there", "4294967295", "4294967296", "-1", "0x0", "1000:4294967295", "a:b:c"])
def test_users_that_are_none_are_refused(shared_host: Host, user: str) -> None:
    done = shared_host.pyrun("run", "--rm", f"--user={user}", BUSYBOX, "id")
    assert (done.returncode, done.stdout, done.stderr.count(b"\n")) == (125, b"", 1)


def test_capabilities_are_dockers_fourteen(shared_host: Host) -> None:
    pattern = "^(Cap|NoNewPrivs|Seccomp:|Sig(Ign|Blk))"
    expected = {
        "CapInh": "0000000000000000", "CapPrm": "00000000a80425fb", "CapEff": "00000000a80425fb",
        "CapBnd": "00000000a80425fb", "CapAmb": "0000000000000000", "NoNewPrivs": "0", "Seccomp": "2",
        "SigIgn": "0000000000000000", "SigBlk": "0000000000000000",
    }  # fmt: skip
    lines = shared_host.ok("run", "--rm", BUSYBOX, "grep", "-E", pattern, "/proc/self/status").splitlines()
    assert {line.split(":\t")[0]: line.split(":\t")[1] for line in lines} == expected


def test_another_user_has_no_capabilities(shared_host: Host) -> None:
    script = "grep -E '^Cap(Prm|Eff|Bnd)' /proc/self/status"
    expected = "CapPrm:\t0000000000000000\nCapEff:\t0000000000000000\nCapBnd:\t00000000a80425fb\n"
    assert shared_host.ok("run", "--rm", "-u", "1000", BUSYBOX, "sh", "-c", script) == expected


def test_capabilities_can_be_given_and_taken(shared_host: Host) -> None:
    options = ["--cap-drop", "ALL", "--cap-add", "net_admin", "--security-opt", "no-new-privileges"]
    done = shared_host.ok("run", "--rm", *options, BUSYBOX, "grep", "-E", "CapEff|NoNewPrivs", "/proc/self/status")
    assert done == "CapEff:\t0000000000001000\nNoNewPrivs:\t1\n"


def test_privileged_lifts_protection(shared_host: Host) -> None:
    script = "grep Seccomp: /proc/self/status; mount -t tmpfs none /tmp && echo mounted; test -w /proc/sys/kernel/hostname && echo rw"
    assert shared_host.ok("run", "--rm", "--privileged", BUSYBOX, "sh", "-c", script) == "Seccomp:\t0\nmounted\nrw\n"


def test_memory_limit_kills_and_is_seen(shared_host: Host) -> None:
    script = "x=aaaaaaaa; while :; do x=$x$x; done"
    done = shared_host.pyrun("run", "--name", "hungry", "-m", "8m", "--memory-swap", "8m", BUSYBOX, "sh", "-c", script)
    assert done.returncode == 137
    inspected = shared_host.ok("inspect", "hungry")
    assert '"OOMKilled": true' in inspected
    shared_host.ok("rm", "hungry")


def test_limits_are_in_the_kernel(shared_host: Host) -> None:
    """As cgroupspy reads them back from the control files."""
    options = ["-m", "64m", "--cpus", "0.5", "--pids-limit", "99", "--cpuset-cpus", "0", "--cpu-shares", "512"]
    shared_host.ok("run", "-d", "--name", "limited", *options, BUSYBOX, "sleep", "60")
    limits = json.loads(shared_host.ok("inspect", "limited"))[0]["Limits"]
    assert (limits["MemoryMax"], limits["CpuQuota"], limits["CpuPeriod"], limits["PidsMax"]) == (
        64 << 20,
        50000,
        100000,
        99,
    )
    assert shared_host.ok("exec", "limited", "grep", "Cpus_allowed_list", "/proc/self/status").split() == [
        "Cpus_allowed_list:",
        "0",
    ]
    shared_host.ok("rm", "-f", "limited")


def test_pids_limit(shared_host: Host) -> None:
    script = "for i in 1 2 3 4 5 6 7 8 9; do sleep 5 & done; wait"
    done = shared_host.pyrun("run", "--rm", "--pids-limit", "4", BUSYBOX, "sh", "-c", script)
    assert b"can't fork" in done.stderr


def test_ulimit_and_shm_size(shared_host: Host) -> None:
    script = "ulimit -n; ulimit -Hn; df -k /dev/shm | tail -1 | awk '{ print $2 }'"
    assert (
        shared_host.ok("run", "--rm", "--ulimit", "nofile=64:128", "--shm-size", "1m", BUSYBOX, "sh", "-c", script)
        == "64\n128\n1024\n"
    )


def test_init_reaps_and_passes_signals(shared_host: Host) -> None:
    """An orphan that has ended is gone in the end; without --init it stays, for as long as the program does."""
    orphan = "(true & echo $! > /orphan; exec true); P=$(cat /orphan)"
    wait = "n=0; while [ -d /proc/$P ] && [ $n -lt 200 ]; do sleep 0.05; n=$((n + 1)); done; ls -d /proc/$P 2>/dev/null"
    script = f"{orphan}; {wait}; readlink /proc/1/exe"
    assert shared_host.ok("run", "--rm", "--init", BUSYBOX, "sh", "-c", script) == "/sbin/docker-init\n"


def test_container_name_is_taken_and_free_again(shared_host: Host) -> None:
    shared_host.ok("run", "--name", "only", BUSYBOX, "true")
    done = shared_host.pyrun("run", "--name", "only", BUSYBOX, "true")
    assert (done.returncode, b"already in use" in done.stderr) == (125, True)
    shared_host.ok("rm", "only")
    shared_host.ok("run", "--rm", "--name", "only", BUSYBOX, "true")


def test_detached_life(shared_host: Host) -> None:
    script = 'trap "echo bye; exit 7" TERM; echo hello; while :; do sleep 0.05; done'
    identity = shared_host.ok("run", "-d", "--name", "life", BUSYBOX, "sh", "-c", script).strip()
    assert len(identity) == 64
    assert shared_host.ok("ps", "-q", "--no-trunc").split() == [identity]
    wait_until(lambda: shared_host.ok("logs", "life") == "hello\n")
    assert shared_host.ok("stop", "life") == "life\n"
    assert shared_host.ok("logs", "life") == "hello\nbye\n"
    assert shared_host.ok("wait", identity[:10]) == "7\n"
    assert "Exited (7)" in shared_host.ok("ps", "-a")
    assert shared_host.ok("rm", "life") == "life\n"
    assert shared_host.ok("ps", "-aq") == ""


def test_detached_run_lets_go_of_the_callers_pipes(shared_host: Host) -> None:
    """The pipe ends when the client does, though the container goes on (T-A8)."""
    done = shared_host.shell(f"{_command()} run -d --name gone {BUSYBOX} sleep 60 2>&1 | cat")
    assert len(done.stdout.split()) == 1
    shared_host.ok("rm", "-f", "gone")


def test_killed_client_leaves_the_container_running(shared_host: Host) -> None:
    client = shared_host.start(
        [*PYRUN, "run", "--name", "alone", BUSYBOX, "sh", "-c", "echo up; sleep 60"], stdout=subprocess.PIPE
    )
    assert client.stdout
    assert client.stdout.readline() == b"up\n"
    client.kill()
    client.wait()
    assert "alone" in shared_host.ok("ps")
    shared_host.ok("rm", "-f", "alone")


def test_signals_are_passed_on(shared_host: Host) -> None:
    script = 'trap "echo got; exit 9" USR1; echo up; while :; do sleep 0.05; done'
    client = shared_host.start([*PYRUN, "run", "--rm", BUSYBOX, "sh", "-c", script], stdout=subprocess.PIPE)
    assert client.stdout
    assert client.stdout.readline() == b"up\n"
    client.send_signal(10)
    assert (client.stdout.read(), client.wait()) == (b"got\n", 9)


def test_cidfile(shared_host: Host, tmp_path: Path) -> None:
    path = tmp_path / "id"
    identity = shared_host.ok("run", "-d", "--rm", "--cidfile", str(path), BUSYBOX, "sleep", "60").strip()
    assert path.read_text() == identity
    assert shared_host.pyrun("run", "--rm", "--cidfile", str(path), BUSYBOX, "true").returncode == 125
    shared_host.ok("rm", "-f", identity)


def test_host_rootfs_needs_no_download(shared_host: Host) -> None:
    script = "test -x /usr/bin/env && hostname && touch /written-inside && echo ok"
    done = shared_host.ok("run", "--rm", "-h", "inside", "@host", "sh", "-c", script)
    assert done == "inside\nok\n"
    assert not os.path.exists("/written-inside")


def test_big_output_reaches_caller_and_log(shared_host: Host) -> None:
    script = "yes 0123456789abcdef | head -c 5000000"
    done = shared_host.pyrun("run", "--name", "loud", BUSYBOX, "sh", "-c", script)
    assert len(done.stdout) == 5_000_000
    assert shared_host.pyrun("logs", "loud").stdout == done.stdout
    shared_host.ok("rm", "loud")


def test_slow_reader_blocks_the_program_only(shared_host: Host) -> None:
    command = [*PYRUN, "run", "--name", "slow", BUSYBOX, "sh", "-c", "yes | head -c 2000000; echo done >&2"]
    client = shared_host.start(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    wait_until(lambda: "Up" in shared_host.ok("ps"))
    time.sleep(0.2)  # the pipe fills; however much of it, nothing is lost
    out, error = client.communicate(timeout=30)
    assert (len(out), error) == (2_000_000, b"done\n")
    shared_host.ok("rm", "slow")


def _command() -> str:
    return " ".join(f"'{word}'" if " " not in word else '"' + word.replace('"', '\\"') + '"' for word in PYRUN)


@pytest.mark.parametrize("verb", ["run", "exec"])
def test_joining_control_groups_takes_no_lock_of_all(shared_host: Host, verb: str) -> None:
    """cgroup v1: a process that enters by cgroup.procs waits until every CPU has noticed, by tasks it does not."""
    if not shared_host.out("awk '/ - cgroup cgroup / { print $5 }' /proc/self/mountinfo"):
        pytest.skip("cgroup v1 is not mounted here")
    shared_host.ok("run", "-d", "--name", "group", "--net", "none", BUSYBOX, "sleep", "300")
    line = ["exec", "group", "true"] if verb == "exec" else ["run", "--rm", "--net", "none", BUSYBOX, "true"]
    trace = ["strace", "-f", "-qq", "-e", "trace=openat", "-o", "/run/trace"]
    assert shared_host.run([*trace, *PYRUN, *line]).returncode == 0
    opened = shared_host.out("grep -o '/sys/fs/cgroup/[^\"]*.*O_WRONLY' /run/trace")
    shared_host.ok("rm", "-f", "group")
    assert "/pids/pyrun/" in opened
    entrances = [
        row for row in opened.splitlines() if "/unified/" not in row and ("cgroup.procs" in row or "/tasks" in row)
    ]
    assert len(entrances) > 3
    assert [row for row in entrances if "cgroup.procs" in row] == []
