"""What `exec` adds to a running container: its options, and the power the program has. busybox and the kernel are the witnesses."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from lab import BUSYBOX, PYRUN, Host, without


@pytest.fixture(scope="module")
def box(shared_host: Host) -> Iterator[Host]:
    """A host with a container named box, which has variables, a directory and a user of its own."""
    options = ["-e", "KEPT=container", "-e", "LOST=container", "-w", "/tmp", "-u", "user"]
    shared_host.ok("run", "-d", "--name", "box", *options, BUSYBOX, "sleep", "600")
    yield shared_host
    shared_host.ok("rm", "-f", "box")


def test_variables_are_added_to_the_containers(box: Host, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("# a comment\nFILED=from file\nLOST=file\n")
    options = ["--env-file", str(tmp_path / "file"), "-e", "LOST=exec", "-e", "ADDED=1 2"]
    shown = box.ok("exec", *options, "box", "sh", "-c", 'echo "$KEPT|$LOST|$FILED|$ADDED"')
    assert shown == "container|exec|from file|1 2\n"
    assert box.ok("exec", "box", "sh", "-c", 'echo "$KEPT|$LOST|$ADDED"') == "container|container|\n"


def test_the_directory_is_the_containers_unless_given(box: Host) -> None:
    assert box.ok("exec", "box", "pwd") == "/tmp\n"
    assert box.ok("exec", "-w", "/etc", "box", "pwd") == "/etc\n"
    done = box.pyrun("exec", "-w", "/not/there", "box", "pwd")
    assert (done.returncode, done.stdout, done.stderr.count(b"\n")) == (127, b"", 1)
    assert b"/not/there" in done.stderr


def test_the_user_is_the_containers_unless_given(box: Host) -> None:
    assert box.ok("exec", "box", "id", "-u") == "1000\n"
    assert box.ok("exec", "-u", "0:7", "box", "sh", "-c", "id -u; id -g") == "0\n7\n"


def test_privileged_gives_all_power_to_this_program_alone(box: Host) -> None:
    power = ["-u", "0", "box", "grep", "-E", "^CapEff", "/proc/self/status"]
    every = box.out("grep CapBnd /proc/self/status").split()[1]
    assert box.ok("exec", "--privileged", *power).split()[1] == every
    assert box.ok("exec", *power).split()[1] == "00000000a80425fb"
    assert box.ok("exec", "-u", "0", "box", "grep", "CapBnd", "/proc/1/status").split()[1] == "00000000a80425fb"


_WITHOUT_FILTER = without("from pyrun.runtime import execute; execute.seccomp.program = lambda *_: None")


@pytest.mark.parametrize(
    ("command", "mode"), [pytest.param(PYRUN, "2", id="defended"), pytest.param(_WITHOUT_FILTER, "0", id="without")]
)
def test_the_filter_is_the_containers(box: Host, command: list[str], mode: str) -> None:
    """T-C5: what `exec` starts is judged by the policy of the container: here the default one."""
    done = box.run([*command, "exec", "box", "grep", "Seccomp:", "/proc/self/status"])
    assert done.stdout.split() == [b"Seccomp:", mode.encode()], done


def test_the_filter_is_the_profile_that_the_container_was_given(shared_host: Host, tmp_path: Path) -> None:
    """T-C5: a call that only this container's profile refuses, and a container without any filter."""
    rule = {"names": ["mkdir", "mkdirat"], "action": "SCMP_ACT_ERRNO", "errnoRet": 95}
    profile = tmp_path / "profile.json"
    profile.write_text(json.dumps({"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [rule]}))
    for name, policy in (("strict", str(profile)), ("loose", "unconfined")):
        shared_host.ok("run", "-d", "--name", name, "--security-opt", f"seccomp={policy}", BUSYBOX, "sleep", "600")
    refused = shared_host.pyrun("exec", "strict", "mkdir", "/made")
    assert (refused.returncode, b"Operation not supported" in refused.stderr) == (1, True), refused
    shared_host.ok("exec", "loose", "mkdir", "/made")
    assert shared_host.ok("exec", "loose", "grep", "Seccomp:", "/proc/self/status") == "Seccomp:\t0\n"
    shared_host.ok("rm", "-f", "strict", "loose")


def test_limits_of_the_container_hold(shared_host: Host) -> None:
    shared_host.ok("run", "-d", "--name", "tight", "--ulimit", "nofile=64:128", BUSYBOX, "sleep", "600")
    assert shared_host.ok("exec", "tight", "sh", "-c", "ulimit -n; ulimit -Hn") == "64\n128\n"
    groups = shared_host.ok("exec", "tight", "cat", "/proc/self/cgroup")
    assert groups == shared_host.ok("exec", "tight", "cat", "/proc/1/cgroup")
    shared_host.ok("rm", "-f", "tight")
