"""events, stats, top and info tell what the kernel and its other witnesses tell."""

import json
import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from lab import BUSYBOX, PYRUN, TYPED, Host, wait_until

_LOG = "/var/lib/pyrun/events.log"


@pytest.fixture(scope="module")
def inhabited(shared_host: Host) -> Iterator[Host]:
    """A host with one container that works, one that sleeps under a limit, and one that has ended."""
    shared_host.ok("run", "-d", "--name", "busy", BUSYBOX, "sh", "-c", "while :; do :; done")
    shared_host.ok("run", "-d", "--name", "idle", "-m", "64m", BUSYBOX, "sh", "-c", "sleep 601 & exec sleep 600")
    shared_host.ok("run", "--name", "over", BUSYBOX, "true")
    wait_until(
        lambda: {"sleep 600", "sleep 601"} <= set(shared_host.ok("exec", "idle", "ps", "-o", "args").splitlines())
    )
    yield shared_host
    shared_host.ok("rm", "-f", "busy", "idle", "over")


def _events(host: Host, *options: str) -> list[tuple[str, str, dict[str, str]]]:
    """Give kind, action and attributes of what has happened so far."""
    found = map(json.loads, host.ok("events", "--until", "0s", "--format", "json", *options).splitlines())
    return [(event["Type"], event["Action"], event["Actor"]["Attributes"]) for event in found]


def _actions(host: Host, *options: str) -> list[str]:
    return [f"{kind} {action}".removeprefix("container ") for kind, action, _ in _events(host, *options)]


def test_the_life_of_a_container_in_order(host: Host) -> None:
    """As docker 20.10 tells the same life."""
    assert host.pyrun("run", "--name", "first", BUSYBOX, "sh", "-c", "exit 3").returncode == 3
    host.ok("rm", "first")
    life = ["create", "attach", "network connect", "start", "die", "network disconnect", "destroy"]
    assert _actions(host) == life
    assert [event[2]["exitCode"] for event in _events(host, "-f", "event=die")] == ["3"]
    host.out(f"rm {_LOG}")

    identity = host.ok("run", "-d", "--name", "second", BUSYBOX, "sleep", "600").strip()
    assert host.pyrun("exec", "second", "sh", "-c", "exit 4").returncode == 4
    host.ok("stop", "-t", "0", "second")
    host.ok("rm", "second")
    created = ["create", "network connect", "start"]
    entered = ["exec_create: sh -c exit 4", "exec_start: sh -c exit 4", "exec_die"]
    assert _actions(host) == [*created, *entered, "kill", "kill", "die", "network disconnect", "stop", "destroy"]
    seen = _events(host)
    assert {name: seen[5][2][name] for name in ("exitCode", "image", "name")} == {
        "exitCode": "4",
        "image": BUSYBOX,
        "name": "second",
    }
    assert len({event[2]["execID"] for event in seen[3:6]}) == 1
    assert [event[2]["signal"] for event in seen[6:8]] == ["15", "9"]
    assert seen[1][2] == {"container": identity, "name": "bridge", "type": "bridge"}


def test_what_happens_to_a_container_that_is_removed_by_itself_or_by_force(host: Host) -> None:
    host.ok("run", "--rm", BUSYBOX, "true")
    assert _actions(host)[-2:] == ["network disconnect", "destroy"]
    host.out(f"rm {_LOG}")
    host.ok("run", "-d", "--name", "box", "--network", "none", BUSYBOX, "sleep", "600")
    host.ok("rm", "-f", "box")
    assert _actions(host) == ["create", "start", "kill", "die", "destroy"]
    host.out(f"rm {_LOG}")
    assert host.pyrun("run", "--network", "none", BUSYBOX, "nosuch").returncode == 127
    assert _actions(host) == ["create", "attach", "destroy"]


def test_the_end_that_no_monitor_saw_is_told_by_the_next_command(host: Host) -> None:
    host.ok("run", "-d", "--name", "box", "--network", "none", BUSYBOX, "sleep", "600")
    host.kill_monitor("box")
    host.kill_programs()
    host.ok("ps")
    assert _actions(host)[-1] == "die"
    assert [event[2]["exitCode"] for event in _events(host, "-f", "event=die")] == ["255"]
    host.ok("rm", "box")


def test_networks(host: Host) -> None:
    host.ok("network", "create", "one")
    identity = host.ok("run", "-d", "--name", "box", BUSYBOX, "sleep", "600").strip()
    host.ok("network", "connect", "one", "box")
    host.ok("network", "disconnect", "one", "box")
    host.ok("network", "rm", "one")
    on = {"container": identity, "name": "one", "type": "bridge"}
    assert _events(host, "-f", "network=one") == [
        ("network", "create", {"name": "one", "type": "bridge"}),
        ("network", "connect", on),
        ("network", "disconnect", on),
        ("network", "destroy", {"name": "one", "type": "bridge"}),
    ]
    host.ok("rm", "-f", "box")


def test_volumes(host: Host) -> None:
    host.ok("volume", "create", "data")
    host.ok("run", "--name", "box", "--network", "none", "-v", "data:/data:ro", BUSYBOX, "true")
    host.ok("rm", "box")
    host.ok("volume", "rm", "data")
    life = ["volume create", "create", "attach", "volume mount", "start", "die", "volume unmount", "destroy"]
    assert _actions(host) == [*life, "volume destroy"]
    of = _events(host, "-f", "volume=data")[1][2]
    assert (of["destination"], of["driver"], of["read/write"]) == ("/data", "local", "false")


def test_files_and_root_file_systems(host: Host) -> None:
    host.ok("create", "--name", "box", BUSYBOX, "true")
    host.out(f"{TYPED} export box > /dev/null; {TYPED} cp box:/bin/busybox /run/copy; {TYPED} cp /run/copy box:/")
    host.ok("rename", "box", "crate")
    host.ok("rm", "crate")
    host.pyrun("rootfs", "import", BUSYBOX, "tree")
    host.ok("rootfs", "rm", "tree")
    taken = ["create", "export", "archive-path", "extract-to-dir", "rename", "destroy"]
    assert _actions(host) == [*taken, "rootfs import", "rootfs delete"]
    assert _events(host, "-f", "rootfs=tree")[0][2] == {"name": "tree"}


def test_a_container_elsewhere_among_the_groups_is_counted_too(inhabited: Host) -> None:
    inhabited.ok("run", "-d", "--name", "apart", "--cgroup-parent", "apart", "-m", "32m", BUSYBOX, "sleep", "600")
    found = _stats(inhabited, "apart")["apart"]
    assert (found["PIDs"], found["MemUsage"].split(" / ")[1]) == ("1", "32MiB")
    assert inhabited.ok("top", "apart", "-o", "pid,args").splitlines()[1].endswith("sleep 600")
    inhabited.ok("pause", "apart")
    assert _stats(inhabited, "apart")["apart"]["PIDs"] == "1"
    inhabited.ok("rm", "-f", "apart")


def test_containers_run_where_nothing_can_be_noted(host: Host) -> None:
    host.out(f"mkdir {_LOG}")
    host.ok("run", "--rm", BUSYBOX, "true")
    assert host.ok("events", "--until", "0s") == ""
    host.out(f"rmdir {_LOG}")


def test_events_are_told_as_they_happen(inhabited: Host, tmp_path: Path) -> None:
    with (tmp_path / "told").open("wb") as told:
        watching = inhabited.start([*PYRUN, "events", "-f", "type=container", "--format", "{{.Action}}"], stdout=told)
    try:
        # It tells of nothing before its start; so something is made to happen until it has begun to tell.
        wait_until(lambda: inhabited.ok("kill", "-s", "CONT", "idle") and (tmp_path / "told").read_text())
        inhabited.ok("run", "--rm", "--network", "none", BUSYBOX, "true")
        wait_until(lambda: (tmp_path / "told").read_text().endswith("destroy\n"))
        seen = (tmp_path / "told").read_text().split()
        assert [word for word in seen if word != "kill"] == ["create", "attach", "start", "die", "destroy"]
    finally:
        _end(watching)
    assert inhabited.ok("events", "--until=-300ms", "-f", "event=nothing") == ""  # ends by itself


def _end(process: "subprocess.Popen[bytes]") -> None:
    os.kill(process.pid, signal.SIGTERM)
    process.wait()


def _stats(host: Host, *options: str) -> dict[str, dict[str, str]]:
    rows = host.ok("stats", "--no-stream", "--format", "json", *options).splitlines()
    return {row["Name"]: row for row in map(json.loads, rows)}


def test_stats_of_those_that_run_and_of_those_that_do_not(inhabited: Host) -> None:
    found = _stats(inhabited)
    assert list(found) == ["idle", "busy"]
    assert float(found["busy"]["CPUPerc"].rstrip("%")) > 1 > float(found["idle"]["CPUPerc"].rstrip("%"))
    assert found["idle"]["MemUsage"].endswith(" / 64MiB")
    assert (found["idle"]["PIDs"], found["busy"]["PIDs"]) == ("2", "1")
    assert found["idle"]["MemPerc"] not in ("0.00%", "100.00%")
    nothing = {"CPUPerc": "0.00%", "MemUsage": "0B / 0B", "MemPerc": "0.00%", "PIDs": "0"}
    assert {**_stats(inhabited, "over", "idle")["over"], **nothing} == _stats(inhabited, "-a")["over"] | {
        "Container": "over"
    }


def test_stats_count_memory_and_traffic_as_the_kernel_does(inhabited: Host) -> None:
    inhabited.ok("exec", "idle", "sh", "-c", "dd if=/dev/zero of=/dev/shm/full bs=1M count=20 2>&1")
    inhabited.ok("exec", "idle", "ping", "-c1", "172.17.0.1")
    inhabited.ok("exec", "idle", "ping", "-c1", "-s60000", "127.0.0.1")  # is nobody's traffic
    before = _traffic(inhabited, "idle")
    found = _stats(inhabited, "idle")["idle"]
    used, unit = found["MemUsage"].split()[0][:-3], found["MemUsage"].split()[0][-3:]
    assert unit == "MiB"
    assert 20 <= float(used) < 24
    for least, shown, most in zip(before, found["NetIO"].split(" / "), _traffic(inhabited, "idle"), strict=True):
        number = float(shown[:-2]) * 1000 if shown.endswith("kB") else float(shown[:-1])
        assert least - 10 <= number <= most + 10, found  # three digits of kB, and neighbours ask when they like


def _traffic(host: Host, name: str) -> tuple[int, int]:
    """Give how much a container's eth0 has received and sent."""
    counters = host.ok("exec", name, "grep", "eth0:", "/proc/net/dev").split()
    return int(counters[1]), int(counters[9])


def test_stats_columns_are_dockers(inhabited: Host) -> None:
    table = inhabited.ok("stats", "--no-stream", "over")
    identity = inhabited.ok("ps", "-aq", "-f", "name=over").strip()
    assert table.splitlines() == [
        "CONTAINER ID   NAME      CPU %     MEM USAGE / LIMIT   MEM %     NET I/O   BLOCK I/O   PIDS",
        f"{identity}   over      0.00%     0B / 0B             0.00%     0B / 0B   0B / 0B     0",
    ]
    short = inhabited.ok("stats", "--no-stream", "--format", "table {{.Name}}\\t{{.PIDs}}", "over")
    assert short == "NAME      PIDS\nover      0\n"
    for line, complaint in (
        (["nosuch"], b"pyrun: no such container: nosuch\n"),
        (["--format", "{{"], b"pyrun: template parsing error: template: :1: unclosed action\n"),
    ):
        done = inhabited.pyrun("stats", "--no-stream", *line)
        assert (done.returncode, done.stdout, done.stderr) == (1, b"", complaint)


def test_stats_go_on_and_who_ends_drops_out(inhabited: Host, tmp_path: Path) -> None:
    """Ctrl-C ends them, and a new size of the terminal does not."""
    inhabited.ok("run", "-d", "--rm", "--name", "brief", "--network", "none", BUSYBOX, "sleep", "600")
    with (tmp_path / "told").open("wb") as told:
        watching = inhabited.start([*PYRUN, "stats", "--format", "{{.Name}}"], stdout=told)
    try:
        wait_until(lambda: (tmp_path / "told").read_text().endswith("brief\nidle\nbusy\n"))
        os.kill(watching.pid, signal.SIGWINCH)
        inhabited.ok("kill", "brief")
        wait_until(lambda: (tmp_path / "told").read_text().endswith("busy\nidle\nbusy\n"))
        os.kill(watching.pid, signal.SIGINT)
        assert watching.wait(10) == -signal.SIGINT
    finally:
        watching.kill()
        watching.wait()


def test_top_shows_the_processes_as_ps_does(inhabited: Host) -> None:
    rows = [row.split(maxsplit=2) for row in inhabited.ok("top", "idle", "-o", "pid,ppid,args").splitlines()]
    assert rows[0] == ["PID", "PPID", "COMMAND"]
    assert [row[2] for row in rows[1:]] == ["sleep 600", "sleep 601"]
    assert rows[2][1] == rows[1][0]
    for pid, _, command in rows[1:]:
        assert Path(f"/proc/{pid}/cmdline").read_bytes().decode().replace("\0", " ").rstrip() == command
    assert inhabited.ok("top", "idle", "-p", "1").splitlines()[1:] == []
    usual = inhabited.ok("top", "busy").splitlines()
    heading = "".join(word.ljust(20) for word in "UID PID PPID C STIME TTY TIME".split()) + "CMD"
    assert (len(usual), usual[0]) == (2, heading)
    assert usual[1].endswith("sh -c while :; do :; done")
    assert inhabited.ok("container", "top", "busy", "-H", "-o", "comm,pid").splitlines()[0].split() == [
        "COMMAND",
        "PID",
    ]


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        (["over"], "container over is not running"),
        (["nosuch"], "no such container: nosuch"),
        (["idle", "-o", "comm"], "ps: no column PID in what it prints (add pid to its options)"),
        (["idle", "-o", "nosuch"], 'ps: error: unknown user-defined format specifier "nosuch"'),
    ],
)
def test_top_refuses(line: list[str], complaint: str, inhabited: Host) -> None:
    done = inhabited.pyrun("top", *line)
    assert (done.returncode, done.stdout, done.stderr.decode()) == (1, b"", f"pyrun: {complaint}\n")


def test_info_tells_what_this_host_is(inhabited: Host) -> None:
    told = json.loads(inhabited.ok("info", "--format", "json"))
    counts = [told[f"Containers{which}"] for which in ("", "Running", "Paused", "Stopped")]
    assert counts == [3, 2, 0, 1]
    assert told["KernelVersion"] == inhabited.out("uname -r").strip()
    assert told["NCPU"] == int(inhabited.out("nproc"))
    assert told["MemTotal"] == int(inhabited.out("grep MemTotal: /proc/meminfo").split()[1]) * 1024
    assert told["IPv4Forwarding"] == (inhabited.out("cat /proc/sys/net/ipv4/ip_forward") == "1\n")
    assert told["Bridge"]["Name"] in inhabited.out("ip -o link show type bridge")
    assert told["DriverStatus"][0] == ["Backing Filesystem", "tmpfs"]
    assert told["FirewallBackend"]["ForwardPolicy"] == "accept"
    text = inhabited.ok("system", "info")
    assert text.startswith("Containers: 3\n Running: 2\n Paused: 0\n Stopped: 1\n")
    assert "WARNING" not in text
    assert inhabited.ok("info", "-f", "{{.ContainersRunning}} {{.Driver}}") == "2 overlay\n"
    inhabited.out(
        "iptables -P FORWARD DROP; nft 'add table inet x; add chain inet x y { type filter hook forward priority 0; policy drop; }'"
    )
    try:
        told = json.loads(inhabited.ok("info", "--format", "json"))
        assert told["FirewallBackend"]["ForwardPolicy"] == "drop"
        assert [warning.partition(":")[0] for warning in told["Warnings"]] == ["inet x y"]
        assert "\nWARNING: inet x y: drops" in inhabited.ok("info")
    finally:
        inhabited.out("iptables -P FORWARD ACCEPT; nft delete table inet x")
