"""What goes wrong around a container: full disks, full control groups, stopped processes, clocks, other versions."""

import hashlib
import json
import shutil
import subprocess
from pathlib import Path

import pytest
from lab import BUSYBOX, PYRUN, TYPED, Host, wait_until, without


def _identity(host: Host, name: str) -> str:
    return host.ok("inspect", "--format", "{{.Id}}", name).strip()


def _pid(host: Host, name: str) -> int:
    return int(host.ok("inspect", "--format", "{{.State.Pid}}", name))


def _processes(host: Host, identity: str) -> str:
    return host.out(f"cat $(find /sys/fs/cgroup -path '*/{identity}*' -name cgroup.procs) 2>/dev/null | sort -u || :")


@pytest.mark.parametrize("how", ["init", "group"])
def test_killed_from_outside_nobody_of_it_stays(shared_host: Host, how: str) -> None:
    """R3: its first process, or all at once while it forks."""
    before = shared_host.settled()
    script = "i=0; while [ $i -lt 200 ]; do sleep 600 & i=$((i+1)); done; wait"
    identity = shared_host.ok("run", "-d", "--name", "crowd", BUSYBOX, "sh", "-c", script).strip()
    wait_until(lambda: _processes(shared_host, identity).count("\n") > 100)
    if how == "init":
        shared_host.kill(_pid(shared_host, "crowd"))
    else:
        shared_host.shell(f"kill -9 $(cat $(find /sys/fs/cgroup -path '*/{identity}/cgroup.procs') | sort -u)")
    assert shared_host.ok("wait", "crowd") == "137\n"
    assert _processes(shared_host, identity) == ""
    shared_host.ok("rm", "crowd")
    assert shared_host.settled() == before


def test_a_full_disk_is_named_and_nothing_is_left(host: Host) -> None:
    """R5: not at the cost of those that run."""
    host.ok("run", "-d", "--name", "first", BUSYBOX, "sleep", "600")
    before = host.out("find /var/lib/pyrun /run/pyrun/containers /run/pyrun/locks | sort")
    host.out("mount -o remount,size=1m /var/lib/pyrun; head -c 2m /dev/zero > /var/lib/pyrun/full || :")
    done = host.pyrun("run", "--name", "second", BUSYBOX, "true")
    assert (done.returncode, done.stderr.count(b"\n")) == (125, 1), done
    assert b"no space left on device" in done.stderr
    assert host.pyrun("create", "--name", "second", BUSYBOX, "true").returncode == 125
    assert host.ok("exec", "first", "echo", "fine") == "fine\n"
    assert "first" in host.ok("ps")
    host.out("rm /var/lib/pyrun/full; mount -o remount,size=50% /var/lib/pyrun")
    assert host.out("find /var/lib/pyrun /run/pyrun/containers /run/pyrun/locks | sort") == before
    host.ok("stop", "-t", "0", "first")
    host.ok("rm", "first")


def test_a_full_control_group_refuses_exec_alone(shared_host: Host) -> None:
    """R7: the container goes on, and the message is one line."""
    script = "i=0; while [ $i -lt 3 ]; do sleep 600 & i=$((i+1)); done; echo up; wait"
    shared_host.ok("run", "-d", "--name", "full", "--pids-limit", "4", BUSYBOX, "sh", "-c", script)
    wait_until(lambda: shared_host.ok("logs", "full") == "up\n")
    done = shared_host.pyrun("exec", "full", "sh", "-c", "sleep 0 & wait")
    assert done.returncode != 0, done
    assert done.stderr.count(b"\n") == 1 and b"Traceback" not in done.stderr
    assert "Up" in shared_host.ok("ps")
    shared_host.ok("rm", "-f", "full")


@pytest.mark.parametrize("limit", [4, 8, 12, 16, 20])
def test_too_few_descriptors_are_one_line(shared_host: Host, limit: int) -> None:
    """R7: whatever cannot be opened, nothing is left of the start."""
    shared_host.out("rm -f /var/lib/pyrun/problems.log")
    before = shared_host.settled()
    done = shared_host.shell(f"ulimit -n {limit}; {TYPED} run --rm {BUSYBOX} true")
    assert done.returncode in (0, 1, 125), done
    if b"Fatal Python error" not in done.stderr and b"init_import_site" not in done.stderr:  # not even the interpreter
        assert done.stderr.count(b"\n") <= 1 and b"Traceback" not in done.stderr, done
    shared_host.settled()  # who would take the network down has as few descriptors: what it cannot do the next one does
    shared_host.ok("ps")
    shared_host.out("rm -f /var/lib/pyrun/problems.log")
    assert shared_host.settled() == before


@pytest.mark.parametrize("years", [-10, 10])
def test_a_clock_that_was_set_breaks_nothing(shared_host: Host, years: int) -> None:
    """R10: the record tells of another time; ages look odd, all works, and a time-out is counted by another clock."""
    shared_host.ok("run", "-d", "--name", "odd", "--stop-timeout", "0", BUSYBOX, "sleep", "600")
    own = f"/var/lib/pyrun/containers/{_identity(shared_host, 'odd')}"
    for name, field in (("start.json", "at"), ("config.json", "created")):
        record = json.loads(shared_host.out(f"cat {own}/{name}"))
        record[field] += years * 365 * 86400
        shared_host.shell(f"cat > {own}/{name}", stdin=json.dumps(record).encode())
    assert ("Up Less than a second" if years > 0 else "Up 10 years") in shared_host.ok("ps")
    assert shared_host.ok("exec", "odd", "echo", "fine") == "fine\n"
    shared_host.ok("stop", "odd")
    assert "Exited (137)" in shared_host.ok("ps", "-a")
    shared_host.ok("rm", "odd")


def test_a_clock_that_was_set_makes_no_restart_later_or_sooner(shared_host: Host) -> None:
    """R10: the record tells of a start a day ago, which has lived for a moment by another clock: the wait is doubled."""
    shared_host.ok("run", "-d", "--name", "odd", "--restart", "always", BUSYBOX, "sleep", "600")
    start = f"/var/lib/pyrun/containers/{_identity(shared_host, 'odd')}/start.json"
    record = {**json.loads(shared_host.out(f"cat {start}")), "delay": 0.2}
    shared_host.shell(f"cat > {start}", stdin=json.dumps({**record, "at": record["at"] - 86400}).encode())
    shared_host.out(f"kill -9 {_pid(shared_host, 'odd')}")
    wait_until(lambda: json.loads(shared_host.out(f"cat {start}"))["restarts"] == 1)
    assert json.loads(shared_host.out(f"cat {start}"))["delay"] == 0.4
    shared_host.ok("rm", "-f", "odd")


_NO_MEMORY = """
import os; from pyrun.runtime import monitor; monitor._SETTLED = 0; execv = os.execv
def refused(*words):
    os.execv = execv
    os.mkdir("/run/refused")
    raise OSError(12, "Cannot allocate memory")
os.execv = refused
"""


def test_a_monitor_that_cannot_become_lean_goes_on_as_it_is(shared_host: Host) -> None:
    """R6: without memory for another interpreter its container is not left alone."""
    shared_host.run([*without(_NO_MEMORY), "run", "-d", "-i", "--name", "kept", BUSYBOX, "sh", "-c", "read x; exit 7"])
    wait_until(lambda: not shared_host.shell("test -d /run/refused").returncode)
    client = shared_host.start([*PYRUN, "attach", "kept"], stdin=subprocess.PIPE)
    client.communicate(b"\n", timeout=30)
    assert client.returncode == 7
    shared_host.ok("rm", "kept")
    shared_host.out("rmdir /run/refused")


def test_stopped_processes_hold_nothing_up(shared_host: Host) -> None:
    """R11: the container's, its monitor, a client that is attached."""
    shared_host.ok("run", "-d", "-i", "--name", "dozing", BUSYBOX, "cat")
    pid = _pid(shared_host, "dozing")
    client = shared_host.start([*PYRUN, "attach", "dozing"], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert client.stdin and client.stdout
    client.stdin.write(b"there\n")
    client.stdin.flush()
    assert client.stdout.readline() == b"there\n"
    shared_host.out(f"kill -STOP {pid} {client.pid}")
    assert "dozing" in shared_host.ok("ps")
    shared_host.ok("stop", "-t", "0", "dozing")
    shared_host.out(f"kill -CONT {client.pid}")
    assert client.wait(20) == 137
    shared_host.ok("start", "dozing")
    monitor = shared_host.out(f"cut -d' ' -f4 /proc/{_pid(shared_host, 'dozing')}/stat").strip()
    shared_host.out(f"kill -STOP {monitor}")
    assert "Up" in shared_host.ok("ps", "-a")
    assert shared_host.ok("exec", "dozing", "echo", "fine") == "fine\n"
    shared_host.out(f"kill -CONT {monitor}")
    shared_host.ok("rm", "-f", "dozing")
    client.stdin.close()
    client.stdout.close()


@pytest.mark.parametrize(("options", "reaped"), [([], False), (["--init"], True)])
def test_zombies_stay_inside_and_end_with_it(shared_host: Host, options: list[str], reaped: bool) -> None:
    """R17: without --init nobody reaps them; none of them is ever ours."""
    if options and not any(map(shutil.which, ("docker-init", "tini-static", "tini", "catatonit"))):
        pytest.skip("no init program here")
    script = "i=0; while [ $i -lt 50 ]; do sleep 1 & i=$((i+1)); done; echo up; exec sleep 600"
    shared_host.ok("run", "-d", "--name", "graves", *options, BUSYBOX, "sh", "-c", script)
    wait_until(lambda: shared_host.ok("logs", "graves") == "up\n")
    count = "ps -o stat | grep -c ^Z || true"
    if reaped:
        wait_until(lambda: shared_host.ok("exec", "graves", "sh", "-c", count) == "0\n")
    else:
        wait_until(lambda: int(shared_host.ok("exec", "graves", "sh", "-c", count)) > 10)
    identity = _identity(shared_host, "graves")
    shared_host.ok("rm", "-f", "graves")
    assert _processes(shared_host, identity) == ""


def test_what_goes_through_comes_out_whatever_the_pace(shared_host: Host, tmp_path: Path) -> None:
    """R18: 32 MiB without a newline at the end, both ways, with a reader that stands still first."""
    content = bytes(range(256)) * (1 << 17) + b"end"
    source = tmp_path / "content"
    source.write_bytes(content)
    slow = "(sleep 0.5; sha256sum)"
    said = shared_host.out(f"{TYPED} run --rm -i {BUSYBOX} cat < {source} | {slow}")
    assert said.split()[0] == hashlib.sha256(content).hexdigest()


def test_a_process_that_stands_in_its_files_is_no_obstacle(shared_host: Host) -> None:
    """R22."""
    shared_host.ok("run", "--name", "busy", BUSYBOX, "mkdir", "/place")
    place = f"/var/lib/pyrun/containers/{_identity(shared_host, 'busy')}/upper/place"
    standing = shared_host.start(
        ["sh", "-c", f"cd {place}; echo there; read x"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert standing.stdout and standing.stdout.readline() == b"there\n"
    shared_host.ok("rm", "busy")
    standing.communicate(b"\n")
    assert shared_host.ok("ps", "-aq") == ""


def test_records_of_other_versions(host: Host) -> None:
    """R23: of a later one it is said so, and it can be removed; what this one does not know is passed over."""
    for name in ("later", "more"):
        host.ok("run", "--name", name, BUSYBOX, "true")
    host.settled()
    for name, change in (("later", {"version": 99}), ("more", {"novelty": [1, {"deep": None}]})):
        record = f"/var/lib/pyrun/containers/{_identity(host, name)}/config.json"
        content = {**json.loads(host.out(f"cat {record}")), **change}
        host.shell(f"cat > {record}", stdin=json.dumps(content).encode())
    listed = host.ok("ps", "-a")
    assert "Corrupt" in listed and "more" in listed
    corrupt = next(line.split()[0] for line in listed.splitlines() if "Corrupt" in line)
    done = host.pyrun("start", corrupt)
    assert (done.returncode, b"written by another version" in done.stderr) == (1, True)
    host.ok("start", "-a", "more")
    host.ok("rm", "-f", corrupt, "more")
    assert host.ok("ps", "-aq") == ""
