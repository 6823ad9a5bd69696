"""SIGKILL at every operation of setup and teardown: the next command cleans completely.

How a place is chosen is in `killing`; the verbs about networks are killed in
`test_network_crash`.
"""

import binascii
import json
from pathlib import Path

import pytest
from killing import run_killed
from lab import BUSYBOX, PYRUN, TYPED, Host, wait_until

from pyrun import journal
from pyrun.errors import Corrupt
from pyrun.kernel import files


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
            removed = host.pyrun("rm", "-f", identity)  # where its program ends just now, it goes by itself
            assert removed.stderr in (b"", f"pyrun: no such container: {identity}\n".encode()), (place, removed)
        assert host.settled() == before, place
        place += 1


@pytest.mark.parametrize("moment", ["before", "noted"])
def test_killed_anywhere_the_next_command_cleans(host: Host, tmp_path: Path, moment: str) -> None:
    places = _sweep(host, moment, tmp_path, "run", "--rm", "--name", "doomed", BUSYBOX, "true")
    assert places > (60 if moment == "before" else 10)


_PORTS = ["-p", "8080:80", "-p", "8080:80/udp", "-p", "127.0.0.1:81:81", "-P", "--expose", "99", "--health-cmd", "true"]


@pytest.mark.parametrize("moment", ["before", "noted"])
def test_killed_anywhere_while_publishing_the_next_command_cleans(host: Host, tmp_path: Path, moment: str) -> None:
    """Held ports, their rules, flows, whoever serves them and whoever checks health go as everything else does."""
    places = _sweep(host, moment, tmp_path, "run", "--rm", "--name", "doomed", *_PORTS, BUSYBOX, "true")
    assert places > (65 if moment == "before" else 12)
    host.ok("run", "--rm", *_PORTS, BUSYBOX, "true")


@pytest.mark.parametrize("verb", [["stop", "-t", "0"], ["rm", "-f"]])
def test_killed_while_ending_the_next_command_goes_on(host: Host, tmp_path: Path, verb: list[str]) -> None:
    """R1: a container without its monitor is taken apart by the verb itself, which is killed at every place."""
    host.pyrun("run", "--rm", BUSYBOX, "true")
    before = host.settled()
    counter, place, reached = tmp_path / "counter", 0, 0
    while reached >= place:
        place += 1
        host.ok("run", "-d", "--name", "doomed", BUSYBOX, "sleep", "300")
        host.kill_monitor("doomed")
        _, reached = run_killed(host, counter, place, "before", *verb, "doomed")
        listed = host.ok("ps", "-a")
        assert "Up" not in listed and "Corrupt" not in listed, (place, listed)
        for identity in host.ok("ps", "-aq").split():
            host.ok("rm", identity)
        assert host.settled() == before, place
    assert place > 10


def test_killed_in_a_detached_start_the_next_command_cleans(host: Host, tmp_path: Path) -> None:
    """R1: at every entry of the journals; what came to run is known, the rest is gone."""
    host.pyrun("run", "--rm", BUSYBOX, "true")
    before = host.settled()
    counter, place, reached = tmp_path / "counter", 0, 0
    while reached >= place:
        place += 1
        _, reached = run_killed(host, counter, place, "noted", "run", "-d", "--name", "doomed", BUSYBOX, "sleep", "300")
        for identity in host.ok("ps", "-aq").split():
            host.ok("rm", "-f", identity)
        assert host.settled() == before, place
    assert place > 10


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


@pytest.mark.parametrize("place", ["setns", "fork,vfork,clone,clone3", "setresuid", "seccomp", "execveat"])
def test_killed_in_exec_the_container_goes_on(host: Host, place: str) -> None:
    """R1: whichever process of `exec` is killed, nothing of it is left and the container serves the next."""
    before = host.settled()
    identity = host.ok("run", "-d", "--name", "robust", BUSYBOX, "sleep", "600").strip()
    killed = ["strace", "-f", "-qq", "-o", "/dev/null", "-e", f"inject={place}:signal=SIGKILL:when=1"]
    done = host.run([*killed, *PYRUN, "exec", "robust", "sleep", "600"], timeout=20)
    assert done.returncode != 0, done
    assert b"Traceback" not in done.stderr
    assert host.ok("exec", "robust", "echo", "fine") == "fine\n"
    inside = f"cat $(find /sys/fs/cgroup -path '*/pyrun/{identity}/cgroup.procs') | sort -u | wc -l"
    wait_until(lambda: host.out(inside) == "1\n")
    host.ok("rm", "-f", "robust")
    assert host.settled() == before


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
    host.kill_monitor("stayed")
    host.kill_monitor("passing")
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


_DAMAGE = {
    "garbage": "echo garbage >> $J",
    "few-fields": """sed -i '$d' $J; echo '["1.2.3", "pyrun.kernel.trees", "RemoveTree", []]' >> $J""",
    "foreign": """echo '["1.2.3", "os", "unlink", ["/"]]' >> $J""",
    "changed": "sed -i '1s/pyrun/pyrum/' $J",
    "deep": "printf '[%.0s' $(seq 50000) >> $J; echo >> $J",
    "binary": "head -c 3000 /dev/urandom >> $J; echo >> $J",
    "unreadable": "rm $J; ln -s /etc/passwd $J",
    "fifo": "rm $J; mkfifo $J",
    "directory": "rm $J; mkdir $J",
    "gone": "rm -r $(dirname $J)",
}


@pytest.mark.parametrize("damage", _DAMAGE)
@pytest.mark.parametrize("kept", ["kept", "passing"])
def test_a_damaged_journal_stays_with_its_container(host: Host, damage: str, kept: str) -> None:
    """R12: all commands go on working, and `rm -f` finds by the kernel's word what the journal would have named."""
    before = host.settled()
    host.ok("run", "-d", "--name", "good", BUSYBOX, "sleep", "300")
    options = ["--rm"] if kept == "passing" else []
    identity = host.ok("run", "-d", *options, "--name", "bad", BUSYBOX, "sleep", "300").strip()
    host.kill_monitor("bad")
    host.kill_programs(identity)
    host.out(f"J=/run/pyrun/containers/{identity}/journal; {_DAMAGE[damage]}")
    listed = host.pyrun("ps", "-a")
    assert (listed.returncode, b"good" in listed.stdout, b"Traceback" in listed.stderr) == (0, True, False)
    assert listed.stderr.count(b"\n") == (damage != "gone")
    assert listed.stderr.startswith(b"pyrun: left over: container " if listed.stderr else b"")
    assert host.pyrun("exec", "good", "echo", "fine").stdout == b"fine\n"
    assert host.pyrun("run", "--rm", BUSYBOX, "true").returncode == 0
    if damage != "gone":
        assert host.pyrun("rm", "bad").returncode == 1
    removed = host.pyrun("rm", "-f", identity)
    assert removed.returncode == 0, removed
    host.ok("rm", "-f", "good")
    after = host.settled()
    assert after == before, {key: (after[key], before[key]) for key in after if after[key] != before[key]}


@pytest.mark.parametrize("place", ["locks/junk", "locks/{id}", "networks/bridge/leases/10.9.8.7"])
def test_a_directory_in_the_place_of_a_file_stops_nobody(host: Host, place: str) -> None:
    """R12: it is named where it stands in the way, and everything else goes on."""
    host.ok("run", "-d", "--name", "good", BUSYBOX, "sleep", "300")
    host.out(f"mkdir /run/pyrun/{place.format(id='0' * 64)}")
    for line in (["ps"], ["inspect", "good"], ["exec", "good", "true"], ["run", "--rm", BUSYBOX, "true"]):
        done = host.pyrun(*line)
        assert (done.returncode, b"Traceback" in done.stderr) == (0, False), done
    host.out(f"rmdir /run/pyrun/{place.format(id='0' * 64)}")
    host.ok("rm", "-f", "good")


def test_fields_of_a_wrong_kind_are_no_operation(tmp_path: Path) -> None:
    """A row whose checksum is right is not trusted either: another version may have written it."""
    path = tmp_path / "journal"
    rows = [
        ["1", "pyrun.kernel.trees", "RemoveTree", []],
        ["2", "pyrun.kernel.nowhere", "RemoveTree", ["/"]],
        ["3", "pyrun.kernel.trees", "Missing", ["/"]],
        ["4", "pyrun.kernel.trees", "os", ["/"]],
        ["5", "pyrun.kernel.trees", "RemoveTree", [7]],
        ["6", "pyrun.kernel.trees", "RemoveTree", 7],
        [["x"]],
        [],
        {},
    ]
    for row in rows:
        text = json.dumps(row).encode()
        path.write_bytes(b"%s %08x\n" % (text, binascii.crc32(text)))
        assert [type(failure) for failure in journal.unwind_journal(str(path))] == [Corrupt], row


def test_what_can_be_read_of_a_damaged_journal_is_undone(tmp_path: Path) -> None:
    path = str(tmp_path / "journal")
    for name in ("one", "two", "three"):
        (tmp_path / name).symlink_to("/")
        journal.FileJournal(path).intend(files.Unlink(str(tmp_path / name), "/"))
    content = Path(path).read_bytes().splitlines(keepends=True)
    Path(path).write_bytes(content[0] + content[1].replace(b"two", b"six") + content[2])
    assert len(journal.unwind_journal(path)) == 1
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["journal", "two"]


@pytest.mark.parametrize("call", ["unlink", "unlinkat", "rmdir", "rename"])
def test_killed_while_removing_it_is_there_or_gone(host: Host, call: str) -> None:
    """R1: at every file that `rm` removes; no container is ever seen by half."""
    host.pyrun("run", "--rm", BUSYBOX, "true")
    before = host.settled()
    for count in range(1, 40):
        host.ok("run", "--name", "doomed", "--net", "none", BUSYBOX, "touch", "/a", "/b")
        inject = f"inject={call}:signal=SIGKILL:when={count}"
        done = host.run(["strace", "-qq", "-o", "/dev/null", "-e", inject, *PYRUN, "rm", "doomed"])
        listed = host.ok("ps", "-a").splitlines()[1:]
        assert [line for line in listed if "Exited (0)" not in line] == [], (count, listed)
        for _ in listed:
            host.ok("rm", "doomed")
        after = host.settled()
        assert after == before, (count, {key: (after[key], before[key]) for key in after if after[key] != before[key]})
        if done.returncode == 0:
            break
    assert done.returncode == 0


def test_fifty_starts_at_once(host: Host) -> None:
    """R4: no address, name or link twice, nothing left afterwards."""
    host.pyrun("run", "--rm", BUSYBOX, "true")
    before = host.settled()
    script = f"seq 50 | xargs -P 50 -I@ {TYPED} run -d --name many@ {BUSYBOX} sleep 300"
    assert host.shell(script, timeout=120).returncode == 0
    identities = host.ok("ps", "-q", "--no-trunc").split()
    assert len(set(identities)) == 50
    addresses = host.out(
        "for n in $(ip netns list | grep -o '^pyrun-[^ ]*'); do ip -n $n -o -4 addr show eth0 | awk '{ print $4 }'; done"
    )
    assert len(set(addresses.split())) == 50
    assert len(host.out("ip -o link show master pyrun0").splitlines()) == 50
    racing = f"seq 10 | xargs -P 10 -I@ {TYPED} run -d --name same {BUSYBOX} sleep 300 2>/dev/null"
    assert len(host.shell(racing).stdout.split()) == 1
    host.ok("rm", "-f", "same", *identities)
    assert host.settled() == before
