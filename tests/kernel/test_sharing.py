"""What a container shares with the host or another container, and what it gets of the host: as Docker's options have it."""

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from lab import BUSYBOX, TYPED, Host

LOOP = "/dev/loop-control"
_needs_loop = pytest.mark.skipif(not os.path.exists(LOOP), reason="this host has no loop devices")


@pytest.fixture(scope="module")
def pair(shared_host: Host) -> Iterator[Host]:
    """Give a host with a container that lets others share what is its own, and one that shares all of it."""
    shared_host.ok(
        "run", "-d", "--name", "donor", "--ipc", "shareable", "--sysctl", "kernel.msgmax=9000", BUSYBOX, "sleep", "600"
    )
    own = ["--pid", "container:donor", "--ipc", "container:donor", "--net", "container:donor", "--uts", "host"]
    shared_host.ok("run", "-d", "--name", "guest", *own, BUSYBOX, "sleep", "601")
    yield shared_host
    shared_host.ok("rm", "-f", "guest", "donor")


def _namespaces(host: Host, name: str) -> dict[str, str]:
    pid = _inspect(host, name)["State"]["Pid"]
    kinds = ("pid", "ipc", "uts", "cgroup", "mnt", "net")
    return {kind: host.out(f"readlink /proc/{pid}/ns/{kind}").strip() for kind in kinds}


def _inspect(host: Host, name: str) -> Any:
    return json.loads(host.ok("inspect", name))[0]


def _alone(host: Host, *line: str) -> str:
    return host.ok("run", "--rm", "--net", "none", *line)


def test_namespaces_of_another_container_are_joined(pair: Host) -> None:
    """readlink(1) is the witness."""
    donor, guest, host = _namespaces(pair, "donor"), _namespaces(pair, "guest"), os.readlink("/proc/self/ns/uts")
    assert {kind for kind in donor if donor[kind] == guest[kind]} == {"pid", "ipc", "net"}
    assert (guest["uts"], donor["uts"] == host) == (host, False)


def test_shared_memory_processes_and_parameters_are_one(pair: Host) -> None:
    pair.ok("exec", "donor", "touch", "/dev/shm/here")
    script = "ls /dev/shm; ps -o args | grep -c '[s]leep 60'; cat /proc/sys/kernel/msgmax"
    assert pair.ok("exec", "guest", "sh", "-c", script) == "here\n2\n9000\n"
    private = _alone(pair, BUSYBOX, "sh", "-c", "ls /dev/shm; cat /proc/sys/kernel/msgmax")
    assert private != "here\n9000\n"
    told = _inspect(pair, "guest")["HostConfig"]
    identity = _inspect(pair, "donor")["Id"]
    modes = [told[key] for key in ("PidMode", "IpcMode", "UTSMode", "CgroupnsMode")]
    assert modes == [f"container:{identity}", f"container:{identity}", "host", "private"]


def test_a_container_among_the_hosts_processes_ends_as_a_whole(shared_host: Host) -> None:
    """Its program is not process 1: nobody but its control group knows who belongs to it."""
    script = "sleep 1234 & exec sleep 1235"
    shared_host.ok("run", "-d", "--name", "among", "--pid", "host", BUSYBOX, "sh", "-c", script)
    assert _namespaces(shared_host, "among")["pid"] == os.readlink("/proc/self/ns/pid")
    pid = _inspect(shared_host, "among")["State"]["Pid"]
    assert (
        shared_host.ok("exec", "among", "sh", "-c", f"[ -d /proc/{pid} ] && tr '\\0' ' ' < /proc/{pid}/cmdline")
        == "sleep 1235 "
    )
    child = shared_host.out(f"pgrep -P {pid}").strip()
    assert shared_host.ok("stop", "-t", "0", "among") == "among\n"
    assert shared_host.shell(f"ps -o stat= -p {pid},{child} | grep -v Z").stdout == b""
    shared_host.ok("rm", "among")


def test_shared_memory_of_the_host_or_none(shared_host: Host) -> None:
    assert (
        _alone(shared_host, "--ipc", "none", BUSYBOX, "sh", "-c", "ls -d /dev/shm 2>/dev/null || echo none") == "none\n"
    )
    shared_host.out("touch /dev/shm/pyrun-test")
    try:
        assert "pyrun-test\n" in _alone(shared_host, "--ipc", "host", BUSYBOX, "ls", "/dev/shm")
    finally:
        shared_host.out("rm /dev/shm/pyrun-test")


def test_control_groups_of_the_host_are_seen_on_request(shared_host: Host) -> None:
    look = ["sh", "-c", "grep -c pyrun /proc/self/cgroup"]
    assert _alone(shared_host, "--cgroupns", "host", BUSYBOX, *look) != "0\n"
    done = shared_host.pyrun("run", "--rm", "--net", "none", "--cgroupns", "private", BUSYBOX, *look)
    assert done.stdout == b"0\n"


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        (["--pid", "container:nobody"], "pid: no such container: nobody"),
        (["--ipc", "container:guest"], None),
        (
            ["--ipc", "container:closed"],
            "ipc: container closed does not share its own (start closed with --ipc shareable)",
        ),
        (["--pid", "private"], "pid: private: expected host or container:NAME"),
        (["--uts", "x"], "uts: x: expected host"),
        (["--uts", "host", "-h", "x"], "hostname: cannot be set for the host's UTS namespace (leave out --hostname)"),
        (["--userns", "x"], "userns: x: expected host"),
        (["--sysctl", "kernel.panic=1"], "sysctl: kernel.panic=1: not one of a container's own"),
        (
            ["--sysctl", "net.x/../../kernel.panic=1"],
            "sysctl: net.x/../../kernel.panic=1: not one of a container's own",
        ),
        (
            ["--sysctl", "net.ipv4.ip_forward=0", "--net", "host"],
            "sysctl: net.ipv4.ip_forward=0: the container has no network",
        ),
        (
            ["--sysctl", "kernel.sem=1", "--ipc", "host"],
            "sysctl: kernel.sem=1: the container has no IPC namespace of its own",
        ),
        (["--device", "/etc/passwd:/dev/x"], "device: /etc/passwd: not a device"),
        (["--device", "/dev/null:/etc/x"], "device: /etc/x: a device of a container lies in /dev"),
        (["--device", "/dev/nope"], "device: /dev/nope: no such file or directory"),
        (["--gpus", "all"], "gpus: all: no device driver for GPUs is there"),
        (["--runtime", "runc"], "runtime: runc: pyrun is the only runtime"),
        (["--storage-opt", "size=1g"], "storage-opt: size=1g: a container's files have no quota"),
        (["--isolation", "hyperv"], "isolation: hyperv: only default is there"),
        (["--cgroup-parent", "a/../b"], "cgroup-parent: a/../b: not a path of control groups"),
        (["--memory-reservation", "64m", "-m", "32m"], "memory-reservation: 64m: must not be above --memory"),
        (["--cpu-quota", "50000", "--cpus", "1"], "cpu-quota: 50000: cannot be set beside --cpus"),
        (["--blkio-weight", "5"], "blkio-weight: 5: must be from 10 to 1000, or 0"),
        (["--device-read-bps", "vda:1m"], "device-read-bps: vda:1m: expected /dev/NAME:NUMBER"),
    ],
)
def test_what_cannot_be_is_said_in_one_line(pair: Host, options: list[str], complaint: "str | None") -> None:
    if "container:closed" in options:
        pair.ok("run", "-d", "--name", "closed", "--net", "none", BUSYBOX, "sleep", "600")
    done = pair.pyrun("run", "--rm", *options, BUSYBOX, "true")
    pair.pyrun("rm", "-f", "closed")
    if complaint is None:
        assert (done.returncode, done.stderr) == (0, b"")
    else:
        assert done.returncode == 125
        assert done.stderr.decode().startswith(f"pyrun: {complaint}")
        assert done.stderr.count(b"\n") == 1


def test_kernel_parameters_are_set_in_its_own_namespaces(shared_host: Host) -> None:
    given = ["net.ipv4.ip_default_ttl=33", "kernel.shm_rmid_forced=1", "fs.mqueue.msg_max=20"]
    paths = ["/proc/sys/" + each.partition("=")[0].replace(".", "/") for each in given]
    before = shared_host.out(f"cat {' '.join(paths)}")
    options = [word for each in given for word in ("--sysctl", each)]
    assert _alone(shared_host, *options, BUSYBOX, "cat", *paths) == "33\n1\n20\n"
    assert shared_host.out(f"cat {' '.join(paths)}") == before


def test_a_domain_name_is_the_kernels_and_in_hosts(shared_host: Host) -> None:
    script = "hostname; cat /proc/sys/kernel/domainname; grep -c 'web.example.org web$' /etc/hosts"
    found = shared_host.ok("run", "--rm", "-h", "web", "--domainname", "example.org", BUSYBOX, "sh", "-c", script)
    assert found == "web\nexample.org\n1\n"


@_needs_loop
@pytest.mark.parametrize(
    ("options", "outcome"),
    [
        ([], "none none"),
        (["--device", f"{LOOP}:/dev/a/b"], "read written"),
        (["--device", f"{LOOP}:/dev/a/b:r"], "read none"),
        (["--device", f"{LOOP}:/dev/a/b:w"], "none written"),
        (["--device-cgroup-rule", "c 10:237 r"], "read none"),
        (["--device-cgroup-rule", "c 10:* rw"], "read written"),
        (["--device-cgroup-rule", "a *:* rwm"], "read written"),
        (["--privileged", "--device", f"{LOOP}:/dev/a/b"], "read written"),
    ],
)
def test_devices_are_opened_as_far_as_it_was_said(shared_host: Host, options: list[str], outcome: str) -> None:
    make = "" if "--device" in options else "mkdir -p /dev/a; mknod /dev/a/b c 10 237; "
    script = (
        make + "x=none y=none; : 2>/dev/null < /dev/a/b && x=read; : 2>/dev/null > /dev/a/b && y=written; echo $x $y"
    )
    script = script.replace(": 2>/dev/null < /dev/a/b", "(: < /dev/a/b) 2>/dev/null")
    script = script.replace(": 2>/dev/null > /dev/a/b", "(: >> /dev/a/b) 2>/dev/null")
    assert _alone(shared_host, *options, BUSYBOX, "sh", "-c", script) == f"{outcome}\n"


@_needs_loop
@pytest.mark.skipif(
    not os.path.exists("/sys/fs/cgroup/unified"), reason="this host has one kind of control groups only"
)
def test_devices_are_opened_as_far_as_it_was_said_with_cgroup_v2_as_well(shared_host: Host) -> None:
    """A BPF program decides, where the hierarchies of v1 are not mounted."""
    cases = {
        "": "none none",
        f"--device {LOOP}:/dev/a/b:r": "read none",
        f"--device {LOOP}:/dev/a/b:w": "none written",
        "--device-cgroup-rule 'c 10:* rw'": "read written",
        "--device-cgroup-rule 'a *:* rwm'": "read written",
        "--device-cgroup-rule 'a *:* r'": "read none",
    }
    script = "[ -e /dev/a/b ] || { mkdir -p /dev/a; mknod /dev/a/b c 10 237; }; x=none y=none; "
    script += "(: < /dev/a/b) 2>/dev/null && x=read; (: >> /dev/a/b) 2>/dev/null && y=written; echo $x $y"
    v1 = "awk '/ - cgroup / { print $5 }' /proc/self/mountinfo | sort -ru"
    runs = "\n".join(f"{TYPED} run --rm --net none {options} {BUSYBOX} sh -c '{script}'" for options in cases)
    inner = f"for m in $({v1}) $({v1}); do umount -l $m || :; done 2>/dev/null\n{runs}"
    done = shared_host.run(["unshare", "--mount", "--propagation", "private", "bash", "-c", inner])
    assert done.stdout.decode().splitlines() == list(cases.values()), done


@_needs_loop
def test_a_device_keeps_owner_and_mode_and_a_link_leads_to_one(shared_host: Host, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(LOOP)
    found = _alone(
        shared_host, "--device", f"{tmp_path}/link:/dev/x", BUSYBOX, "stat", "-c", "%a %u:%g %t:%T", "/dev/x"
    )
    assert found == shared_host.out(f"stat -c '%a %u:%g %t:%T' {LOOP}")


def test_a_hostile_tree_gets_no_device_elsewhere(shared_host: Host, tmp_path: Path) -> None:
    """/dev is a file system of ours, whatever the tree has there."""
    shared_host.out(
        f"cp -r {BUSYBOX} {tmp_path}/t && mkdir -p {tmp_path}/t/dev && ln -s {tmp_path} {tmp_path}/t/dev/sub"
    )
    found = _alone(shared_host, "--device", "/dev/zero:/dev/sub/zero", f"{tmp_path}/t", "ls", "-l", "/dev/sub/zero")
    assert found.startswith("crw-rw-rw-")
    assert [entry.name for entry in tmp_path.iterdir()] == ["t"]


@pytest.mark.parametrize("parent", ["/place/deep", "place/deep/"])
def test_control_groups_can_be_elsewhere_and_the_place_stays(shared_host: Host, parent: str) -> None:
    """find(1) is the witness; what is there besides is not touched. It is told as it was given."""
    tops = "$(awk '/ - cgroup2? / { print $5 }' /proc/self/mountinfo | sort -u)"
    shared_host.out(f"for top in {tops}; do mkdir -p $top/place; done")
    line = ["run", "-d", "--name", "placed", "--net", "none", "--cgroup-parent", parent, BUSYBOX, "sleep", "600"]
    identity = shared_host.ok(*line).strip()
    groups = shared_host.out(f"find /sys/fs/cgroup -name {identity}").split()
    assert [group for group in groups if not group.endswith(f"/place/deep/{identity}")] == []
    processes = {shared_host.out(f"cat {group}/cgroup.procs") for group in groups}
    assert processes == {f"{_inspect(shared_host, 'placed')['State']['Pid']}\n"}
    shared_host.ok("exec", "placed", "true")
    assert _inspect(shared_host, "placed")["HostConfig"]["CgroupParent"] == parent
    shared_host.ok("rm", "-f", "placed")
    assert shared_host.out(f"find /sys/fs/cgroup -name {identity}") == ""
    assert shared_host.out("find /sys/fs/cgroup -path '*/place/deep' | wc -l") != "0\n"
    shared_host.out(f"for top in {tops}; do [ ! -e $top/place/deep ] || rmdir $top/place/deep; rmdir $top/place; done")


def test_limits_are_written_and_told(shared_host: Host) -> None:
    options = ["-m", "64m", "--memory-reservation", "32m", "--memory-swappiness", "10", "--oom-kill-disable"]
    options += ["--cpu-period", "50000", "--cpu-quota", "25000", "--cpuset-mems", "0"]
    done = shared_host.pyrun("run", "-d", "--name", "limited", "--net", "none", *options, BUSYBOX, "sleep", "600")
    is_v1 = os.path.exists("/sys/fs/cgroup/memory/tasks")
    none_of_v2 = [
        f"pyrun: warning: {name}: cgroup v2 has no such limit" for name in ("memory-swappiness", "oom-kill-disable")
    ]
    assert (done.returncode, sorted(done.stderr.decode().splitlines())) == (0, [] if is_v1 else none_of_v2)
    told = _inspect(shared_host, "limited")["HostConfig"]
    keys = ("MemoryReservation", "MemorySwappiness", "OomKillDisable", "CpuPeriod", "CpuQuota", "CpusetMems")
    assert [told[key] for key in keys] == [32 << 20, 10, True, 50000, 25000, "0"]
    v1 = {
        "memory/memory.soft_limit_in_bytes": str(32 << 20),
        "memory/memory.swappiness": "10",
        "cpu/cpu.cfs_period_us": "50000",
        "cpu/cpu.cfs_quota_us": "25000",
        "cpuset/cpuset.mems": "0",
    }
    v2 = {"memory.low": str(32 << 20), "cpu.max": "25000 50000", "cpuset.mems": "0"}
    for name, value in (v1 if is_v1 else v2).items():
        assert shared_host.ok("exec", "limited", "cat", f"/sys/fs/cgroup/{name}").strip() == value
    assert shared_host.ok("update", "--cpu-quota", "30000", "--memory-reservation", "16m", "limited") == "limited\n"
    look = "cat /sys/fs/cgroup/cpu/cpu.cfs_quota_us /sys/fs/cgroup/memory/memory.soft_limit_in_bytes 2>/dev/null ||"
    look += " (cut -d' ' -f1 /sys/fs/cgroup/cpu.max; cat /sys/fs/cgroup/memory.low)"
    assert shared_host.ok("exec", "limited", "sh", "-c", look) == f"30000\n{16 << 20}\n"
    done = shared_host.pyrun("update", "--cpus", "1", "limited")
    assert (done.returncode, b"cannot be set beside --cpu-quota" in done.stderr) == (1, True)
    shared_host.ok("rm", "-f", "limited")


def test_weights_are_written_for_the_scheduler_that_the_kernel_has(shared_host: Host) -> None:
    """Each has a file of its own; BFQ knows the numbers as they were typed, the cost model of cgroup v2 scaled ones."""
    names = ("blkio.weight", "blkio.bfq.weight", "io.bfq.weight", "io.weight")
    look = f"cd /sys/fs/cgroup; for f in {' '.join(names)}; do cat $f blkio/$f 2>/dev/null || :; done"
    shared_host.ok("run", "-d", "--name", "heavy", "--net", "none", "--blkio-weight", "300", BUSYBOX, "sleep", "600")
    found = shared_host.ok("exec", "heavy", "sh", "-c", look).replace("default ", "").split()
    if not found:
        pytest.skip("this kernel has no scheduler that knows weights")
    assert set(found) <= {"300", "2930"}
    shared_host.ok("update", "--blkio-weight", "500", "heavy")
    assert set(shared_host.ok("exec", "heavy", "sh", "-c", look).replace("default ", "").split()) <= {"500", "4950"}
    shared_host.ok("rm", "-f", "heavy")


def test_rates_of_disks_are_written(shared_host: Host) -> None:
    disk = next((name for name in sorted(os.listdir("/sys/block")) if os.path.exists(f"/dev/{name}")), "")
    if not disk:
        pytest.skip("this host has no disk")
    options = [f"--device-read-bps=/dev/{disk}:1mb", f"--device-write-iops=/dev/{disk}:10"]
    files = "/sys/fs/cgroup/blkio/blkio.throttle.read_bps_device /sys/fs/cgroup/blkio/blkio.throttle.write_iops_device"
    numbers = Path(f"/sys/block/{disk}/dev").read_text().strip()
    found = _alone(shared_host, *options, BUSYBOX, "sh", "-c", f"cat {files} 2>/dev/null || cat /sys/fs/cgroup/io.max")
    v2 = f"{numbers} rbps=1048576 wbps=max riops=max wiops=10\n"
    assert found in (f"{numbers} 1048576\n{numbers} 10\n", v2)


@pytest.mark.parametrize("propagation", ["rslave", "rshared", ""])
def test_mounts_of_the_host_show_as_far_as_it_was_said(shared_host: Host, tmp_path: Path, propagation: str) -> None:
    place = f"{tmp_path}/place"
    option = f"{place}:/p:{propagation}" if propagation else f"{place}:/p"
    shared_host.out(f"mkdir -p {place}; mount -t tmpfs tmpfs {place}; mkdir {place}/in {place}/out")
    if propagation:
        done = shared_host.pyrun("run", "--rm", "-v", option, BUSYBOX, "true")
        assert (done.returncode, b"is not on a shared" in done.stderr) == (125, True)
    shared_host.out(f"mount --make-shared {place}")
    shared_host.ok("run", "-d", "--name", "peer", "--privileged", "-v", option, BUSYBOX, "sleep", "600")
    shared_host.out(f"mount -t tmpfs tmpfs {place}/in; touch {place}/in/file")
    assert shared_host.ok("exec", "peer", "ls", "/p/in") == ("file\n" if propagation else "")
    shared_host.ok("exec", "peer", "sh", "-c", "mount -t tmpfs tmpfs /p/out; touch /p/out/file")
    assert shared_host.out(f"ls {place}/out") == ("file\n" if propagation == "rshared" else "")
    shared_host.ok("rm", "-f", "peer")
    shared_host.out(f"umount -R {place}")
