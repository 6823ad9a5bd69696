"""A disk without room, in bytes or in files, while containers end: clients learn how, and what is removed is gone (R5)."""

import subprocess
from collections.abc import Iterator

import pytest
from lab import BUSYBOX, PYRUN, Host


@pytest.fixture(params=["bytes", "files"])
def full(host: Host, request: pytest.FixtureRequest) -> Iterator[str]:
    """Give the commands that leave no room in the state directory; there is some again afterwards."""
    limits = {"bytes": "size=1m", "files": "nr_inodes=2k"}
    host.out(f"mount -o remount,{limits[request.param]} /var/lib/pyrun")
    more = "head -c 2m /dev/zero > /var/lib/pyrun/full"
    yield "cd /var/lib/pyrun; for i in $(seq 3000); do echo > f$i || break; done" if request.param == "files" else more
    host.out("rm -f /var/lib/pyrun/f*; mount -o remount,size=50%,nr_inodes=0 /var/lib/pyrun")


def test_who_is_attached_learns_the_exit_code(host: Host, full: str) -> None:
    client = host.start(
        [*PYRUN, "run", "-i", "--name", "last", BUSYBOX, "sh", "-c", "echo up; read x; exit 3"], **_PIPES
    )
    assert client.stdin and client.stdout and client.stdout.readline() == b"up\n"
    host.shell(full)
    _, said = client.communicate(b"\n", timeout=30)
    assert (client.returncode, said) == (3, b"")
    assert "Exited" in host.ok("ps", "-a")
    host.ok("rm", "last")


@pytest.mark.parametrize("verb", [["stop", "-t", "0"], ["rm", "-f"]])
def test_what_runs_can_be_ended(host: Host, full: str, verb: list[str]) -> None:
    host.ok("run", "-d", "--name", "last", BUSYBOX, "sleep", "600")
    host.shell(full)
    host.ok(*verb, "last")
    assert host.ok("ps", "-q") == ""
    host.pyrun("rm", "last")
    assert host.ok("ps", "-aq") == ""


_PIPES = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
