"""SIGKILL at every operation of setup and teardown: the next command cleans completely.

How a place is chosen is in `killing`; the verbs about networks are killed in
`test_network_crash`.
"""

from pathlib import Path

import pytest
from killing import run_killed
from lab import BUSYBOX, TYPED, Host


def _sweep(host: Host, moment: str, tmp_path: Path, *arguments: str) -> int:
    """Kill at one place after the other until the list is through; give how many places there were."""
    counter = tmp_path / "counter"
    host.pyrun("run", "--rm", BUSYBOX, "true")
    before = host.settled()
    place = 1
    while True:
        done, reached = run_killed(host, counter, place, moment, *arguments)
        if reached < place:
            assert done.returncode == 0, done
            return place - 1
        cleaned = host.pyrun("ps", "-aq")
        assert (cleaned.returncode, cleaned.stderr) == (0, b""), (place, cleaned)
        for identity in cleaned.stdout.decode().split():
            host.ok("rm", "-f", identity)
        assert host.settled() == before, place
        place += 1


@pytest.mark.parametrize("moment", ["before", "noted"])
def test_killed_anywhere_the_next_command_cleans(host: Host, tmp_path: Path, moment: str) -> None:
    places = _sweep(host, moment, tmp_path, "run", "--rm", "--name", "doomed", BUSYBOX, "true")
    assert places > (60 if moment == "before" else 10)


def test_killed_while_cleaning_the_next_command_goes_on(host: Host, tmp_path: Path) -> None:
    """Cleaning is itself killed at every place, after a start that was killed with everything in place."""
    host.pyrun("run", "--rm", BUSYBOX, "true")
    before = host.settled()
    counter, place = tmp_path / "counter", 1
    while True:
        host.ok("run", "-d", "--rm", "--name", "doomed", BUSYBOX, "sleep", "300")
        host.kill_monitor("doomed")
        host.kill_programs()
        _, reached = run_killed(host, counter, place, "before", "ps")
        host.ok("ps")
        assert host.settled() == before, place
        if reached < place:
            break
        place += 1
    assert place > 10


def test_killed_monitor_leaves_the_container_running_and_known(host: Host) -> None:
    host.ok("run", "-d", "--name", "orphan", BUSYBOX, "sleep", "300")
    host.kill_monitor("orphan")
    assert "Up" in host.ok("ps")
    assert host.ok("exec", "orphan", "echo", "hello") == "hello\n"
    host.ok("stop", "-t", "0", "orphan")
    assert "Exited (255)" in host.ok("ps", "-a")
    host.ok("rm", "orphan")


def test_after_a_reboot_stopped_containers_are_listed_and_removable(host: Host) -> None:
    """/run is emptied and the processes are gone, as a reboot leaves it."""
    stayed = host.ok("run", "-d", "--name", "stayed", BUSYBOX, "sleep", "300").strip()
    passing = host.ok("run", "-d", "--rm", "--name", "passing", BUSYBOX, "sleep", "300").strip()
    host.kill_monitor("(stayed|passing)")
    host.kill_programs()
    host.out("rm -rf /run/pyrun /run/netns; ip link del pyrun0; iptables -F; iptables -X; iptables -t nat -F")
    host.forget_groups(stayed, passing)
    host.out(
        'sed -i \'s/"[0-9a-f-]\\{36\\}"/"00000000-0000-0000-0000-000000000000"/\' /var/lib/pyrun/containers/*/start.json'
    )
    listed = host.ok("ps", "-a")
    assert "stayed" in listed
    assert "Exited (255)" in listed
    assert "passing" not in listed
    host.ok("rm", "stayed")
    host.ok("run", "--rm", "--name", "stayed", BUSYBOX, "true")


def test_one_corrupt_record_leaves_the_others_working(host: Host) -> None:
    good = host.ok("run", "-d", "--name", "good", BUSYBOX, "sleep", "300").strip()
    bad = host.ok("run", "-d", "--name", "bad", BUSYBOX, "sleep", "300").strip()
    for damage in ("", "{", "[]", '{"version": 99}', '{"version": 1, "id": 7}', "\\xff\\xfe", "[" * 50000):
        host.out(f"printf '{damage}' > /var/lib/pyrun/containers/{bad}/config.json")
        listed = host.ok("ps", "-a")
        assert "Corrupt" in listed
        assert "good" in listed
        assert host.ok("exec", "good", "echo", "fine") == "fine\n"
        assert host.pyrun("exec", bad[:12], "true").returncode == 1
    assert host.pyrun("rm", bad).returncode == 1
    host.ok("rm", "-f", bad)
    host.ok("rm", "-f", good)
    assert host.ok("ps", "-aq") == ""


def test_fifty_starts_at_once(host: Host) -> None:
    """R4: no address, name or link twice, nothing left afterwards."""
    host.pyrun("run", "--rm", BUSYBOX, "true")
    before = host.settled()
    script = f"seq 50 | xargs -P 50 -I@ {TYPED} run -d --name many@ {BUSYBOX} sleep 300"
    assert host.shell(script, timeout=120).returncode == 0
    identities = host.ok("ps", "-q", "--no-trunc").split()
    assert len(set(identities)) == 50
    addresses = host.out(
        "for n in $(ip netns list | cut -d' ' -f1); do ip -n $n -o -4 addr show eth0 | awk '{ print $4 }'; done"
    )
    assert len(set(addresses.split())) == 50
    assert len(host.out("ip -o link show master pyrun0").splitlines()) == 50
    racing = f"seq 10 | xargs -P 10 -I@ {TYPED} run -d --name same {BUSYBOX} sleep 300 2>/dev/null"
    assert len(host.shell(racing).stdout.split()) == 1
    host.ok("rm", "-f", "same", *identities)
    assert host.settled() == before
