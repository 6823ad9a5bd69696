"""`cp` into and out of containers, running or not. cp, tar, stat, find and the kernel's lists of mounts are the witnesses."""

import contextlib
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from lab import BUSYBOX, PYRUN, TOP, TYPED, Host, wait_until

SITE = [p for p in sys.path if p.endswith("site-packages")]
BOTH = pytest.mark.parametrize("name", ["box", "still"])
# Everything there is in a tree, but the times of directories, which hold what the tree is compared with.
_LISTED = (
    r"cd {} && find . \( -type d -printf '%P %y %m %U:%G\n' \) -o -printf '%P %y %m %U:%G %s %l %n %Ts\n' | sort;"
    r" find . -type f | sort | xargs -r -d '\n' cat; getcap -r ."
)


@pytest.fixture(scope="module")
def place(shared_host: Host, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a directory of the host with a tree that has something of everything, and two containers with volumes."""
    place = tmp_path_factory.mktemp("place")
    script = """
    mkdir -p tree/below/deep vol; echo 1 > tree/file; echo 2 > tree/below/other; : > tree/empty; chown 1000:1001 tree/*
    ln tree/file tree/second; ln -s file tree/link; ln -s /etc tree/absolute; ln -s ../../../up tree/below/up
    mkfifo tree/fifo; chmod 1777 tree/below/deep; chmod 6755 tree/below/other; setcap cap_net_raw+ep tree/empty
    echo 3 > "tree/$(printf %0120d 7)"; echo 4 > "tree/a b"; touch -d @1000000000 tree/file tree/below
    """
    shared_host.out(f"cd {place}; {script}")
    for name in ("box", "still"):
        options = ["-v", f"{place}/vol:/vol", "-v", f"{place}/vol:/ro:ro", "--tmpfs", "/mem"]
        shared_host.ok("run", "-d", "--name", name, *options, BUSYBOX, "sleep", "600")
        shared_host.ok(
            "exec", name, "sh", "-c", "mkdir /w; echo old > /w/old; ln -s w /lw; echo s > /w/s; chmod 4755 /w/s"
        )
    shared_host.ok("stop", "-t", "0", "still")
    return place


@pytest.fixture
def host(shared_host: Host, place: Path) -> Iterator[Host]:
    """Give the host, whose mounts and state no copy has changed."""
    look = "awk '{ print $5, $9 }' /proc/self/mountinfo; find /run/pyrun/locks /run/pyrun/containers -maxdepth 2 | sort"
    before = shared_host.out(look)
    yield shared_host
    assert shared_host.out(look) == before


@BOTH
def test_a_tree_comes_back_as_it_was(host: Host, place: Path, tmp_path: Path, name: str) -> None:
    """In with owners, as Docker; out with them by -a."""
    host.ok("cp", f"{place}/tree", f"{name}:/w/{tmp_path.name}")
    host.ok("cp", "-a", f"{name}:/w/{tmp_path.name}", f"{tmp_path}/back")
    assert host.out(_LISTED.format(tmp_path / "back")) == host.out(_LISTED.format(place / "tree"))


@BOTH
def test_what_comes_out_belongs_to_who_asks_and_gives_nobody_power(host: Host, tmp_path: Path, name: str) -> None:
    host.ok("cp", f"{name}:/w/s", str(tmp_path))
    assert host.out(f"stat -c '%a %u:%g' {tmp_path}/s") == "755 0:0\n"
    host.ok("cp", "-a", f"{name}:/w/s", str(tmp_path))
    assert host.out(f"stat -c '%a %u:%g' {tmp_path}/s") == "4755 0:0\n"


@pytest.mark.parametrize(
    ("source", "target", "found"),
    [
        ("file", "/w/N", "N: 1"),
        ("file", "/w/N/", "no such directory"),
        ("below", "/w/N/", "N/other: 2"),
        ("below/.", "/w/N", "N/other: 2"),
        ("below", "/w/N/.", "no such directory"),
        ("below", "/lw", "below/other: 2"),
        ("below/.", "w/./", "other: 2"),
        ("below", "/w/old", "cannot copy a directory over a file"),
        ("file", "/w/old/", "not a directory"),
        ("file", "/nowhere/N", "/nowhere: no such file or directory"),
        ("file", "/../lw/N", "N: 1"),
        ("file/", "/w/N", "not a directory"),
        ("missing", "/w/N", "no such file or directory"),
    ],
)
def test_where_a_copy_goes(host: Host, place: Path, source: str, target: str, found: str) -> None:
    """Docker's rules; `tests/parity` types them and more into Docker as well."""
    new = f"new{len(source)}{len(target)}"
    done = host.pyrun("cp", f"{place}/tree/{source}", f"box:{target.replace('N', new)}")
    path, _, content = found.partition(": ")
    if len(content) == 1:
        assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
        assert host.ok("exec", "box", "cat", f"/w/{path.replace('N', new)}") == f"{content}\n"
    else:
        assert (done.returncode, done.stderr.count(b"\n"), found.encode() in done.stderr) == (1, 1, True), done


@BOTH
def test_streams(host: Host, place: Path, name: str) -> None:
    """- is standard input or output: a tar archive, compressed or not on its way in."""
    for compress in ("", "z", "j", "J") if name == "box" else ("",):
        host.out(f"tar -C {place}/tree -c{compress} below | {TYPED} cp - {name}:/w/")
        listed = host.out(f"{TYPED} cp {name}:/w/below - | tar -t").splitlines()
        assert listed == ["below/", "below/deep/", "below/other", "below/up"]
    assert host.out(f"{TYPED} cp {name}:/w/below/. - | tar -t").splitlines()[:2] == ["./", "./deep/"]
    refused = host.shell(f"tar -C {place}/tree -c below | {TYPED} cp - {name}:/w/old")
    assert (refused.returncode, refused.stderr) == (1, f"pyrun: cp: {name}:/w/old: must be a directory\n".encode())
    broken = host.shell(f"head -c 3000 /dev/zero | tr '\\0' x | {TYPED} cp - {name}:/w")
    assert (broken.returncode, broken.stderr.count(b"\n")) == (1, 1)
    assert host.shell(f"{TYPED} cp {name}:/ - | head -c 1; echo ${{PIPESTATUS[0]}}").stdout.endswith(b"141\n")


def test_a_link_is_followed_by_choice(host: Host, tmp_path: Path) -> None:
    host.ok("cp", "box:/lw", f"{tmp_path}/link")
    assert os.readlink(tmp_path / "link") == "w"
    host.ok("cp", "-L", "box:/lw", f"{tmp_path}/followed")
    assert (tmp_path / "followed" / "old").read_text() == "old\n"
    (tmp_path / "source").symlink_to("followed/old")
    host.ok("cp", "-L", f"{tmp_path}/source", "box:/w/followed")
    assert host.ok("exec", "box", "cat", "/w/followed") == "old\n"


@BOTH
def test_volumes_are_copied_into_unless_read_only(host: Host, place: Path, name: str) -> None:
    host.ok("cp", f"{place}/tree/file", f"{name}:/vol/{name}")
    assert (place / "vol" / name).read_text() == "1\n"
    done = host.pyrun("cp", f"{place}/tree/file", f"{name}:/ro")
    text = f"pyrun: cp: {name}:/ro: is in a place that is mounted read-only\n"
    assert (done.returncode, done.stderr.decode()) == (1, text)


def test_a_read_only_root_is_not_copied_into(host: Host, place: Path) -> None:
    host.ok("run", "-d", "--name", "closed", "--read-only", "-v", f"{place}/vol:/vol", BUSYBOX, "sleep", "600")
    for _ in range(2):
        assert host.pyrun("cp", f"{place}/tree/file", "closed:/tmp").returncode == 1
        host.ok("cp", f"{place}/tree/file", "closed:/vol")
        assert host.shell(f"{TYPED} cp closed:/bin/busybox - | tar -t").stdout == b"busybox\n"
        host.ok("stop", "-t", "0", "closed")
    host.ok("rm", "closed")


def test_what_is_in_memory_is_seen_where_it_runs_and_nothing_of_the_kernels(host: Host, tmp_path: Path) -> None:
    """/proc, /sys and /dev are as empty as in the image, for reading as for writing."""
    host.ok("exec", "box", "sh", "-c", "echo m > /mem/m; echo n > /dev/shm/n")
    host.ok("cp", "box:/", f"{tmp_path}/all")
    assert (tmp_path / "all/mem/m").read_text() == "m\n"
    assert [os.listdir(tmp_path / "all" / name) for name in ("proc", "sys", "dev")] == [[], [], []]
    assert host.pyrun("cp", "box:/proc/1/environ", str(tmp_path)).returncode == 1
    host.ok("cp", f"{tmp_path}/all/mem", "box:/proc/mem")
    assert host.pyrun("exec", "box", "ls", "/proc/mem").returncode == 1


def test_devices_and_sockets_are_left_out_and_told_of(host: Host, tmp_path: Path) -> None:
    """A device file of a container, copied, would be one of the host."""
    host.ok("exec", "box", "sh", "-c", "mkdir /n; mknod /n/disk b 8 0; echo > /n/x; chmod 666 /n/disk")
    for options in ([], ["-a"]):
        done = host.pyrun("cp", *options, "box:/n", str(tmp_path))
        assert (done.returncode, done.stderr) == (0, b"pyrun: cp: n/disk: left out: a device file\n")
        assert os.listdir(tmp_path / "n") == ["x"]
    assert host.pyrun("cp", "box:/n/disk", str(tmp_path)).returncode == 1
    assert b"8,0" in host.shell(f"{TYPED} cp box:/n - | tar -tv").stdout
    done = host.shell(f"{TYPED} cp box:/n - | {TYPED} cp - box:/w")
    assert (done.returncode, done.stderr) == (0, b"pyrun: cp: left out: 1 device file\n")


def test_a_file_larger_than_memory_allowed(host: Host) -> None:
    """What is copied passes through, whatever its size."""
    host.ok("exec", "box", "truncate", "-s", "400M", "/w/large")
    program = (
        "import os, resource, subprocess, sys\n"
        "with open('/dev/null', 'w') as null: code = subprocess.call(sys.argv[1:], stdout=null)\n"
        "print(code, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss < 100_000)"
    )
    done = host.run([sys.executable, "-c", program, *PYRUN, "cp", "box:/w/large", "-"])
    assert done.stdout == b"0 True\n", done
    host.ok("exec", "box", "rm", "/w/large")


def test_who_copies_has_power_over_files_alone_and_nothing_of_the_host_open(host: Host, place: Path) -> None:
    """T-D1b, P1, P6: the container finds nobody, keeps its mounts, and would come by nothing."""
    look = "cut -d' ' -f5,6 /proc/1/mountinfo; echo; set -- /proc/[0-9]*; echo $#"
    mounts = host.ok("exec", "box", "sh", "-c", look).partition("\n\n")[0]
    with host.start([*PYRUN, "cp", "-", "box:/w"], stdin=-1) as copying:
        try:
            status = f"grep -c '^CapPrm:.000000008000001f$' /proc/$(pgrep -P {copying.pid})/status"
            wait_until(lambda: host.shell(status).stdout == b"1\n")
            child = host.out(f"pgrep -P {copying.pid}").strip()
            wait_until(lambda: "/w" in _opened(child).values())
            opened = _opened(child)
            found = host.ok("exec", "box", "sh", "-c", look).partition("\n\n")
        finally:
            copying.communicate(b"", timeout=60)
    kinds = {name.partition(":")[0] for name in opened.values()}
    assert kinds == {"/", "/w", f"/proc/{child}/fd", "pipe"}, opened
    assert (copying.returncode, found[0], found[2]) == (0, mounts, "2\n")  # sleep and sh


def _opened(pid: str) -> dict[str, str]:
    """Give what a process has open beyond standard descriptors, in its own root."""
    with contextlib.suppress(OSError):
        root = os.stat(f"/proc/{pid}/root")
        assert not os.path.samestat(root, os.stat("/"))
        return {fd: os.readlink(f"/proc/{pid}/fd/{fd}") for fd in os.listdir(f"/proc/{pid}/fd") if int(fd) > 2}
    return {}


def test_killed_while_it_copies_into_a_container_that_does_not_run(host: Host) -> None:
    """Meanwhile nobody else works on it; afterwards the next command finds everything as it was."""
    copying = host.start([*PYRUN, "cp", "-", "still:/w"], stdin=-1)
    identity = host.out("readlink /var/lib/pyrun/names/still").strip()
    wait_until(lambda: host.shell(f"test -e /run/pyrun/locks/{identity}").returncode == 0)
    copying.kill()
    copying.wait()
    host.ok("cp", f"{TOP}/LICENSE", "still:/w")
    assert host.out(f"{TYPED} cp still:/w/LICENSE - | tar -xO | cmp - {TOP}/LICENSE") == ""


def test_what_was_created_is_removed_when_nobody_copies_its_files(host: Host) -> None:
    """That it runs is not said of one that has never run."""
    identity = host.ok("create", "--name", "made", BUSYBOX, "true").strip()
    copying = host.start([*PYRUN, "cp", "-", "made:/"], stdin=-1)
    wait_until(lambda: host.shell(f"test -e /run/pyrun/locks/{identity}").returncode == 0)
    removing = host.start([*PYRUN, "rm", "made"], stdout=-1, stderr=-1)
    wait_until(lambda: "sleep" in host.out(f"cat /proc/{removing.pid}/wchan") or removing.poll() is not None)
    assert removing.poll() is None
    assert copying.stdin
    copying.stdin.close()
    assert (copying.wait(20), removing.communicate(timeout=20)) == (0, (b"made\n", b""))
    assert host.pyrun("inspect", "made").returncode == 1


def test_files_of_a_container_that_is_restarted_over_and_over(host: Host, tmp_path: Path) -> None:
    """Whether it runs just then or waits, its files are there to be read."""
    line = "echo here > /log; rm -f /bin/ls; exit 1"
    host.ok("run", "-d", "--name", "loop", "--restart", "always", "-v", f"{tmp_path}:/vol", BUSYBOX, "sh", "-c", line)
    wait_until(lambda: host.pyrun("cp", "loop:/log", str(tmp_path)).returncode == 0)
    for _ in range(5):
        assert host.out(f"{TYPED} cp loop:/log - | tar -xO") == "here\n"
        assert host.out(f"{TYPED} export loop | tar -t | grep -cx bin/ls; :") == "0\n"
        assert host.out(f"{TYPED} cp loop:/vol - | tar -t") == "vol/\nvol/log\n"
    host.ok("rm", "-f", "loop")


def test_a_start_that_fails_meanwhile_takes_nothing_from_a_reader(host: Host) -> None:
    """Where a root is assembled is removed at a container's every end, and with it what others had mounted there."""
    identity = host.ok(
        "run", "-d", "--name", "loop", "--restart", "always", BUSYBOX, "sh", "-c", "echo here > /log"
    ).strip()
    inspect = ("inspect", "-f", "{{.State.Status}}", "loop")
    while True:  # one that stands still between two starts
        wait_until(lambda: host.ok(*inspect) == "restarting\n")
        monitor = host.monitor("loop")
        host.out(f"kill -STOP {monitor}")
        if host.ok(*inspect) == "restarting\n" and not host.shell(f"pgrep -P {monitor.replace(' ', ',')}").stdout:
            break
        host.out(f"kill -CONT {monitor}")
    ends = "while :; do mkdir $0; rmdir $0; done 2>/dev/null"
    with host.start(["bash", "-c", ends, f"/run/pyrun/containers/{identity}/root"]) as starts:
        try:
            for _ in range(5):
                assert host.out(f"{TYPED} cp loop:/log - | tar -xO") == "here\n"
        finally:
            starts.kill()
            host.out(f"kill -CONT {monitor}; rmdir /run/pyrun/containers/{identity}/root; :")
    host.ok("rm", "-f", "loop")


_SWAPPER = """
import ctypes, sys
swap, link = (path.encode() for path in sys.argv[1:])
libc = ctypes.CDLL(None)
print(flush=True)
while True:
    libc.renameat2(-100, swap, -100, link, 2)
"""
_COPIER = """
from pyrun import store
from pyrun.errors import PyrunError
from pyrun.runtime import copying
box, volume, out, mine, times = store.find("swapped"), *sys.argv[1:]
done = 0
for number in range(int(times)):
    for copy in (
        lambda: copying.copy_out(box, f"{volume}/swap/f", f"{out}/f"),
        lambda: copying.copy_out(box, volume, f"{out}/d"),
        lambda: copying.copy_in(box, mine, f"{volume}/swap/f"),
        lambda: copying.copy_in(box, f"{volume}/swap", f"{volume}/copied"),
    ):
        try:
            copy()
            done += 1
        except PyrunError:
            pass
print(done)
"""
_STAYS_OUTSIDE = "from pyrun.runtime import inside; inside._running = lambda pidfd, volumes: lambda: None"


@pytest.mark.parametrize(
    ("defence", "held"), [pytest.param("", True, id="defended"), pytest.param(_STAYS_OUTSIDE, False, id="without")]
)
def test_links_that_are_exchanged_meanwhile_lead_nowhere(
    shared_host: Host, tmp_path: Path, defence: str, held: bool
) -> None:
    """T-D1, CVE-2018-15664: 200 copies both ways, while a directory and a link to one of the host change places.

    The volume has the same path on both sides, so that a link means the same in both.
    """
    shared_host.out(
        f"cd {tmp_path} && mkdir -p outside out volume/swap && echo secret > outside/f && echo in > volume/swap/f"
        f" && ln -s {tmp_path}/outside volume/link && echo mine > mine"
    )
    volume = tmp_path / "volume"
    shared_host.ok("run", "-d", "--name", "swapped", "-v", f"{volume}:{volume}", BUSYBOX, "sleep", "600")
    swapper = shared_host.start([sys.executable, "-c", _SWAPPER, f"{volume}/swap", f"{volume}/link"], stdout=-1)
    assert swapper.stdout
    swapper.stdout.readline()
    start = f"import sys; sys.path[:0] = {[str(TOP), *SITE]!r}\n{defence}\n"
    words = [sys.executable, "-I", "-S", "-c", start + _COPIER, str(volume), f"{tmp_path}/out", f"{tmp_path}/mine"]
    words.append("50" if held else "15")
    done = shared_host.run(words, timeout=300)
    swapper.kill()
    swapper.wait()
    shared_host.ok("rm", "-f", "swapped")
    assert (done.returncode, int(done.stdout) > 0) == (0, True), done
    read = shared_host.shell(f"grep -r secret {tmp_path}/out").stdout
    written = os.listdir(tmp_path / "outside") != ["f"] or (tmp_path / "outside/f").read_text() != "secret\n"
    assert (not read and not written) == held, done
