"""R12: whatever lies where pyrun keeps its state, the other containers go on, and `rm -f` recovers."""

from collections.abc import Iterator

import pytest
from lab import BUSYBOX, Host

_DAMAGE = {
    "link": "rm -f $F; ln -s /etc/passwd $F",
    "pipe": "rm -f $F; mkfifo $F",
    "directory": "rm -f $F; mkdir $F",
    "gone": "rm -f $F",
}


@pytest.fixture(scope="module")
def good(shared_host: Host) -> Iterator[Host]:
    """A host with a container that nothing may happen to."""
    shared_host.ok("run", "-d", "--name", "good", BUSYBOX, "sleep", "600")
    yield shared_host
    shared_host.ok("rm", "-f", "good")


@pytest.mark.parametrize("damage", _DAMAGE)
@pytest.mark.parametrize("name", ["config.json", "start.json", "exit.json", "container.log"])
def test_a_file_that_is_none_stays_with_its_container(good: Host, name: str, damage: str) -> None:
    """Its monitor and its program are killed, so that whoever comes next takes it apart."""
    passwd = good.out("sha256sum /etc/passwd")
    identity = good.ok("run", "-d", "--name", "bad", BUSYBOX, "sleep", "600").strip()
    good.kill_monitor("bad")
    good.kill_programs(identity)
    good.out(f"F=/var/lib/pyrun/containers/{identity}/{name}; {_DAMAGE[damage]}")
    for line in (["ps", "-a"], ["exec", "good", "true"], ["inspect", "good"], ["logs", "good"], ["logs", "bad"]):
        done = good.pyrun(*line, timeout=20)
        assert done.returncode == 0 or "bad" in line, (line, done)
        assert b"Traceback" not in done.stderr and b"internal error" not in done.stderr, done
        assert b"root:" not in done.stdout
    good.pyrun("rm", "-f", identity, timeout=20)
    assert good.shell(f"find /sys/fs/cgroup /run/pyrun /var/lib/pyrun -name '*{identity}*'").stdout == b""
    assert "pyrun-good" in good.out("ip netns list").split()
    assert len(good.out("ip -o link show master pyrun0").splitlines()) == 1
    assert good.out("sha256sum /etc/passwd") == passwd


def test_the_name_of_a_container_that_was_removed_by_hand_is_free(host: Host) -> None:
    lost = host.ok("create", "--name", "lost", BUSYBOX, "true").strip()
    host.out(f"rm -r /var/lib/pyrun/containers/{lost}")
    assert host.ok("ps", "-aq") == ""
    lost = host.ok("create", "--name", "lost", BUSYBOX, "true").strip()
    host.out(f"rm -r /var/lib/pyrun/containers/{lost}")
    host.ok("create", "--name", "other", BUSYBOX, "true")
    host.ok("rename", "other", "lost")
    assert host.out("ls /var/lib/pyrun/names").split() == ["lost"]
    assert "lost" in host.ok("ps", "-a")
    host.ok("rm", "lost")
