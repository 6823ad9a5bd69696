"""Waiting for containers, and what comes a moment too late: the exit code is told to all, or that nothing is known."""

import subprocess

import pytest
from lab import BUSYBOX, PYRUN, Host, without

_STEP = "until [ -e /go ]; do sleep 0.02; done; exit 3"


def _waiters(host: Host, name: str, count: int) -> "list[subprocess.Popen[bytes]]":
    """Start waiting, several at once, and give back when all of them wait."""
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    waiting = [host.start([*PYRUN, "wait", name], **pipes) for _ in range(count)]
    for process in waiting:
        host.out(f"until grep -q poll /proc/{process.pid}/wchan; do sleep 0.02; done")
    return waiting


@pytest.mark.parametrize("options", [[], ["--rm"]], ids=["kept", "removed"])
def test_everybody_who_waits_is_told_the_exit_code(shared_host: Host, options: list[str]) -> None:
    """Also of a container that is removed when it ends."""
    shared_host.ok("run", "-d", *options, "--name", "box", BUSYBOX, "sh", "-c", _STEP)
    waiting = _waiters(shared_host, "box", 3)
    shared_host.ok("exec", "box", "touch", "/go")
    assert [process.communicate(timeout=30) for process in waiting] == [(b"3\n", b"")] * 3
    shared_host.pyrun("rm", "box")


def test_who_waits_for_what_is_removed_by_force_is_told_the_exit_code(shared_host: Host) -> None:
    shared_host.ok("run", "-d", "--rm", "--name", "box", BUSYBOX, "sleep", "300")
    waiting = _waiters(shared_host, "box", 1)
    shared_host.ok("rm", "-f", "box")
    assert waiting[0].communicate(timeout=30) == (b"137\n", b"")


_LATE = f"""
import subprocess; from pyrun.kernel import locks; watch = locks.watch
def late(path):
    locks.watch = watch
    subprocess.run({[*PYRUN, "rm", "-f", "box"]!r}, check=True, stdout=2)
    return watch(path)
locks.watch = late
"""


def test_what_is_gone_before_anybody_waits_has_no_exit_code(shared_host: Host) -> None:
    """Found, and removed before a look at it: no number is printed of which nobody knows."""
    shared_host.ok("run", "-d", "--rm", "--name", "box", BUSYBOX, "sleep", "300")
    done = shared_host.run([*without(_LATE), "wait", "box"])
    assert (done.returncode, done.stdout) == (1, b"")
    assert done.stderr == b"box\npyrun: no such container: box\n"


def test_the_exit_code_of_a_program_whose_end_nobody_saw(shared_host: Host) -> None:
    shared_host.ok("run", "-d", "--name", "box", BUSYBOX, "sh", "-c", _STEP)
    shared_host.kill_monitor("box")
    waiting = _waiters(shared_host, "box", 1)
    shared_host.ok("exec", "box", "touch", "/go")
    assert waiting[0].communicate(timeout=30) == (b"255\n", b"")
    shared_host.ok("rm", "box")


def test_a_corrupt_record_has_no_exit_code(shared_host: Host) -> None:
    identity = shared_host.ok("run", "-d", "--name", "box", BUSYBOX, "true").strip()
    assert shared_host.ok("wait", "box") == "0\n"
    shared_host.out(f"echo broken > /var/lib/pyrun/containers/{identity}/start.json")
    done = shared_host.pyrun("wait", "box")
    assert (done.returncode, done.stdout, done.stderr.count(b"corrupt")) == (1, b"", 1)
    shared_host.ok("rm", "-f", "box")


_ENDED = """
import os, signal; from pyrun.kernel import capabilities, processes, syscalls
pidfd = os.pidfd_open(int(open("/run/pid").read()))
def killed():
    processes.send_signal(pidfd, signal.SIGKILL)
    processes.wait_end(pidfd)
"""
_JOINS = f"{_ENDED}\nown = capabilities.set_undumpable; capabilities.set_undumpable = lambda: (own(), killed())"
_FORKS = f"{_ENDED}\nown = syscalls.setns; syscalls.setns = lambda *what: (own(*what), killed())"


@pytest.mark.parametrize("race", [_JOINS, _FORKS], ids=["joins", "forks"])
def test_a_container_that_ends_while_exec_joins_it_is_not_running(shared_host: Host, race: str) -> None:
    """Killed just before the namespaces are joined, or just before the program is forked there."""
    shared_host.ok("run", "-d", "--name", "box", BUSYBOX, "sleep", "300")
    shared_host.out("ip netns pids pyrun-box > /run/pid")
    done = shared_host.run([*without(race), "exec", "box", "true"])
    assert (done.returncode, done.stderr) == (1, b"pyrun: container box is not running\n")
    shared_host.ok("rm", "box")


@pytest.mark.parametrize(
    ("line", "code"),
    [
        (["exec", "box", "nothing-of-that-name"], 127),
        (["exec", "-d", "box", "nothing-of-that-name"], 1),
        (["exec", "-d", "box", "/etc"], 1),
        (["exec", "-w", "/etc/passwd", "box", "true"], 126),
        (["exec", "-u", "nobody-knows", "box", "true"], 126),
        (["exec", "-d", "-u", "nobody-knows", "box", "true"], 1),
        (["run", "--rm", "-w", "/etc/passwd", BUSYBOX, "true"], 125),
        (["run", "--rm", "-w", "/etc/passwd/x", BUSYBOX, "true"], 125),
        (["rm", "nobody"], 1),
        (["rm", "-f", "nobody"], 0),
        (["rm", "-f", "nobody", "nobody-either"], 0),
        (["kill", "nobody"], 1),
    ],
)
def test_exit_codes_of_failures_are_dockers(shared_host: Host, line: list[str], code: int) -> None:
    shared_host.pyrun("run", "-d", "--name", "box", BUSYBOX, "sleep", "300")
    done = shared_host.pyrun(*line)
    assert (done.returncode, done.stdout, done.stderr.startswith(b"pyrun: ")) == (code, b"", True)
