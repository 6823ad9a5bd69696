"""The private host of `pyrun.testing`: what it is, that nothing of it is outside, and that nothing stays."""

import glob
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from lab import BUSYBOX, TOP, wait_until

import pyrun
from pyrun.api import places
from pyrun.testing import Lab


@pytest.fixture(scope="module")
def lab(private_host: None) -> Iterator[Lab]:
    with Lab() as lab:
        yield lab


def _outside() -> dict[str, str]:
    """Describe this machine, as the tests see it."""
    looks = ("ip addr", "ip route", "iptables-save", "cat /proc/self/mountinfo", "find /run /var/lib/pyrun")
    return {look: subprocess.run(look.split(), capture_output=True, text=True, check=True).stdout for look in looks}


def _groups(number: "int | str") -> list[str]:
    """List the control groups of a host, by its number; where there are several hierarchies, one in each."""
    return [*glob.glob(f"/sys/fs/cgroup/pyrun-lab-{number}"), *glob.glob(f"/sys/fs/cgroup/*/pyrun-lab-{number}")]


def test_a_host_has_an_uplink_and_an_internet_behind_it(lab: Lab) -> None:
    assert f"inet {lab.address}/24" in lab.call("ip addr show up0", check=True).text
    assert f"inet6 {lab.address6}/64" in lab.call("ip addr show up0", check=True).text
    for target in (lab.internet_address, lab.internet_address6):
        assert lab.call(f"ping -c 1 -W 5 {target}").exit_code == 0
    assert lab.call("ip netns exec internet ip -4 addr").text == lab.call("ip -4 addr", "internet").text


def test_the_machine_sees_nothing_of_it(lab: Lab) -> None:
    before = _outside()
    with lab.run(BUSYBOX, "sleep 600", detach=True, ports={80: 80}, name="box"):
        lab.call("iptables -A INPUT -j DROP", check=True)
        lab.call("touch /run/mark", check=True)
        assert _outside() == before
        assert pyrun.containers(all=True) == []
    lab.call("iptables -F INPUT", check=True)


def test_its_control_groups_are_its_own_in_each_hierarchy(lab: Lab) -> None:
    rows = [row.split() for row in lab.call("cat /proc/self/mountinfo", check=True).text.splitlines()]
    seen = {row[4]: row[3] for row in rows if row[row.index("-") + 1] in ("cgroup", "cgroup2")}  # the last lies on top
    assert {root.rpartition("/")[2] for root in seen.values()} == {f"pyrun-lab-{lab.pid}"}, seen


def test_a_host_without_ipv6_when_that_is_wanted() -> None:
    with Lab(ipv6=False) as lab:
        assert "2001:" not in lab.call("ip -6 addr").text


def test_a_thread_goes_there_and_comes_back(lab: Lab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def where() -> tuple[str, str, str]:
        own = "/proc/thread-self"
        return os.readlink(f"{own}/ns/net"), os.readlink(f"{own}/ns/mnt"), os.getcwd()

    monkeypatch.chdir(tmp_path)
    outside = where()
    with Lab() as other, lab.inside():
        assert where() == (os.readlink(f"/proc/{lab.pid}/ns/net"), os.readlink(f"/proc/{lab.pid}/ns/mnt"), outside[2])
        with other.inside():
            assert where()[:2] == tuple(os.readlink(f"/proc/{other.pid}/ns/{kind}") for kind in ("net", "mnt"))
        with lab.inside("internet"):
            server = socket.create_server((lab.internet_address, 7))
        with server, socket.create_connection((lab.internet_address, 7), timeout=5) as client:
            assert client.getsockname()[0] == lab.address
        with places.MACHINE.entered():
            assert where() == outside
        seen: list[str] = []
        thread = threading.Thread(target=lambda: seen.append(os.readlink("/proc/thread-self/ns/net")))
        thread.start()
        thread.join()
        assert seen == [where()[0]]
        with pytest.raises(pyrun.PyrunError, match="from inside"):
            lab.close()
    assert where() == outside


def test_a_container_stays_the_hosts_that_it_was_started_on(lab: Lab) -> None:
    with Lab() as other, lab.run(BUSYBOX, "sleep 600", detach=True) as mine:
        with other.inside():
            assert pyrun.containers() == []
            assert (mine.status, mine.exec("echo here").text) == ("running", "here\n")
        with lab.inside():
            assert pyrun.containers() == [mine]


def test_a_host_has_groups_of_its_own_in_every_hierarchy(lab: Lab) -> None:
    """What runs on one host is nowhere among the control groups that another one sees."""
    find = "find /sys/fs/cgroup -type d -name {}"
    with Lab() as other, other.run(BUSYBOX, "sleep 600", detach=True) as box:
        assert len(_groups(other.pid)) == len(_groups(lab.pid))
        assert other.call(find.format(box.id)).text.count(box.id) > 0
        assert lab.call(find.format(box.id)).text == ""


def test_programs_of_the_machine_run_there(lab: Lab) -> None:
    assert lab.call("sh -c 'cat; exit 3'", input="given") == (3, b"given", b"")
    with pytest.raises(pyrun.Failed):
        lab.call("false", check=True)
    with pytest.raises(pyrun.TimedOut):
        lab.call("sleep 600", timeout=0)
    with pytest.raises(pyrun.PyrunError, match="expected host, internet or a container"):
        lab.call("true", "elsewhere")


def test_closing_ends_all_that_runs_there() -> None:
    lab = Lab()
    started = [lab.popen("sleep 600"), lab.popen("sleep 600", "internet")]
    box = lab.run(BUSYBOX, "sleep 600", detach=True, ports={80: None})
    started.append(lab.popen("sleep 600", box))
    paused = lab.run(BUSYBOX, "sleep 600", detach=True)
    paused.pause()
    assert _groups(lab.pid)
    numbers = [lab.pid, lab.internet_pid, box.pid, paused.pid]
    lab.close()
    for program in started[:2]:
        assert program.wait(5) == -9
    assert [number for number in numbers if Path(f"/proc/{number}/ns/net").exists()] == []
    assert _groups(lab.pid) == []
    started[2].kill()
    for program in started:
        program.communicate()


def test_the_end_of_a_host_is_nobody_elses() -> None:
    """Numbers of namespaces are given again at once: who gets that of the host's is not taken for its inhabitant."""
    codes, closed = set[int](), threading.Event()

    def others() -> None:
        while not closed.is_set():
            codes.add(subprocess.run(["unshare", "--mount", "--net", "true"], check=False).returncode)

    threads = [threading.Thread(target=others) for _ in range(3)]
    for thread in threads:
        thread.start()
    for _ in range(10):
        with Lab() as lab:
            started = lab.popen("sleep 600")
        started.communicate()
    closed.set()
    for thread in threads:
        thread.join()
    assert codes == {0}


def test_a_host_whose_internet_was_killed_leaves_nothing() -> None:
    lab = Lab()
    os.kill(lab.internet_pid, 9)
    lab.close()
    assert _groups(lab.pid) == []


def test_a_host_ends_with_a_test_that_is_killed() -> None:
    code = (
        f"import sys, time; sys.path.insert(0, {str(TOP)!r})\nfrom pyrun.testing import Lab\nlab = Lab()\n"
        f"box = lab.run({BUSYBOX!r}, 'sleep 600', detach=True)\nprint(lab.pid, lab.internet_pid, box.pid, flush=True)\n"
        "time.sleep(600)"
    )
    test = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    assert test.stdout
    numbers = test.stdout.readline().split()
    assert all(Path(f"/proc/{number}/ns/net").exists() for number in numbers) and len(numbers) == 3
    test.kill()
    test.communicate()
    wait_until(lambda: not any(Path(f"/proc/{number}").exists() for number in numbers))
    assert _groups(numbers[0]) == []
