"""`diff` and `export`: what a container has changed, and all that it has. GNU tar, setfattr and mount are the witnesses."""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from lab import BUSYBOX, PYRUN, TYPED, Host, wait_until

_CHANGE = """
rm -r /d1; mkdir /d1; echo new > /d1/n; echo 2 > /d1/f; rm -r /d3; echo f > /d3; rm /file; mkdir /file; echo z > /file/z
mv /d4 /d5; rm /.dockerenv; chmod 755 /mode; touch /kept; cat /same > /copy; cat /copy > /same; touch -r /copy /same
mkdir -p /root/q/r; touch /bin; mkfifo /fifo; rm /etc/mtab; echo 1 > /run/here; echo v > /a/b/here; echo v > /a/b/c/there
: > "$(printf '/esc\\033[2J')"
"""
_CHANGED = """
D /.dockerenv
A /a
A /a/b
A /a/b/c
A /a/b/here
A /copy
C /d1
D /d1/d2
C /d1/f
A /d1/n
C /d3
D /d4
A /d5
A /d5/y
A /d5/y/k
A /esc\x1b[2J
C /etc
D /etc/mtab
A /fifo
C /file
A /file/z
C /kept
A /mem
C /mode
C /root
A /root/q
A /root/q/r
C /run
A /run/here
C /same
"""


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give where the containers' root file system is."""
    return tmp_path_factory.mktemp("place") / "tree"


@pytest.fixture(scope="module")
def host(shared_host: Host, tree: Path) -> Iterator[Host]:
    """A host with a container named fresh that has changed nothing, and one named lived that has changed much."""
    shared_host.out(
        f"""cp -a {BUSYBOX} {tree}; mkdir {tree.parent}/volume; cd {tree}
        mkdir -p d1/d2 d3/x d4/y run; echo 1 > d1/f; echo 2 > d1/d2/g; echo 4 > d4/y/k; echo own > etc/hosts
        for name in file mode kept same; do echo $name > $name; done; ln -s ../run/sub/resolv etc/resolv.conf
        touch -d @1000000000 d1/f kept same"""
    )
    options = ["-v", f"{tree.parent}/volume:/a/b/c", "--tmpfs", "/mem"]
    for name in ("fresh", "lived"):
        shared_host.ok("run", "-d", "--name", name, *options, str(tree), "sleep", "600")
    shared_host.ok("exec", "lived", "sh", "-c", _CHANGE)
    yield shared_host
    shared_host.ok("rm", "-f", "fresh", "lived", "moved")


def test_what_every_container_has_is_no_change(host: Host) -> None:
    """Mount points that were asked for are, as in Docker; places of /etc/hosts and the like, wherever they are, not."""
    assert host.ok("diff", "fresh") == "A /a\nA /a/b\nA /a/b/c\nA /mem\n"


def test_added_changed_deleted(host: Host) -> None:
    """Docker's lines, which Docker gives in no order."""
    assert host.ok("diff", "lived") == _CHANGED.lstrip()
    host.ok("stop", "-t", "0", "lived")
    assert host.ok("container", "diff", "lived") == _CHANGED.lstrip()


def test_a_terminal_is_not_written_to_by_names(host: Host) -> None:
    shown = host.shell(f"script -qec '{_quoted('diff lived')}' /dev/null").stdout
    assert b"A /esc\\x1b[2J\r\n" in shown


def test_directories_that_were_moved_or_marked_by_other_means(host: Host, tmp_path: Path) -> None:
    """What overlayfs writes down where redirect_dir is on, and the whiteouts that are attributes."""
    tree = tmp_path / "tree"
    host.out(f"cp -a {BUSYBOX} {tree}; mkdir -p {tree}/from/in {tree}/marked; touch {tree}/from/in/f {tree}/marked/g")
    host.ok("run", "-d", "--name", "moved", str(tree), "sleep", "600")
    host.ok("stop", "-t", "0", "moved")
    upper = host.out("echo /var/lib/pyrun/containers/$(readlink /var/lib/pyrun/names/moved)/upper").strip()
    mark = "import os, sys; os.setxattr(sys.argv[1], 'trusted.overlay.' + sys.argv[2], sys.argv[3].encode())"
    host.out(
        f"""cd {upper}; mkdir to marked; mknod from c 0 0; touch to/new marked/g
        mark() {{ python3 -c "{mark}" "$@"; }}; mark to redirect /from; mark marked opaque x; mark marked/g whiteout y"""
    )
    lines = "D /from\nC /marked\nD /marked/g\nA /to\nA /to/in\nA /to/in/f\nA /to/new\n"
    assert host.ok("diff", "moved") == lines


def test_a_file_that_was_given_power_is_changed(host: Host, tree: Path) -> None:
    """Owner, permissions, size and time of the file stay the same."""
    identity = host.out("readlink /var/lib/pyrun/names/fresh").strip()
    upper = f"/var/lib/pyrun/containers/{identity}/upper"
    host.out(f"cp -a {tree}/file {upper}/file")
    assert "/file\n" not in host.ok("diff", "fresh")
    host.out(f"setcap cap_net_raw+ep {upper}/file")
    assert "C /file\n" in host.ok("diff", "fresh")
    host.out(f"rm {upper}/file")


@pytest.mark.parametrize("name", ["fresh", "lived"])
def test_an_export_has_everything_but_volumes_and_mounts(host: Host, tmp_path: Path, name: str) -> None:
    """GNU tar unpacks it, and pyrun runs it."""
    mounts = host.out("cut -d' ' -f5 /proc/self/mountinfo")
    host.ok("export", "-o", f"{tmp_path}/tar", name)
    assert host.out(f"{TYPED} export {name} | cmp - {tmp_path}/tar; stat -c %a {tmp_path}/tar") == "600\n"
    assert os.listdir(tmp_path) == ["tar"]
    host.out(f"mkdir {tmp_path}/tree && tar -C {tmp_path}/tree -xpf {tmp_path}/tar")
    for empty in ("proc", "sys", "mem", "a/b/c"):
        assert os.listdir(tmp_path / "tree" / empty) == []
    assert os.path.exists(tmp_path / "tree/d5/y/k") == (name == "lived")
    assert host.ok("run", "--rm", "--net", "none", f"{tmp_path}/tree", "cat", "/mode") == "mode\n"
    assert host.out("cut -d' ' -f5 /proc/self/mountinfo") == mounts


def test_an_export_that_fails_leaves_no_file(host: Host, tmp_path: Path) -> None:
    (tmp_path / "kept").write_text("kept")
    limited = f"ulimit -f 100; trap '' XFSZ; {TYPED} export -o {tmp_path}/kept fresh"
    done = host.shell(limited)
    assert (done.returncode, done.stderr) == (1, b"pyrun: archive: cannot be written: file too large\n")
    assert ((tmp_path / "kept").read_text(), os.listdir(tmp_path)) == ("kept", ["kept"])
    for wrong, reason in (
        ("nowhere/x", "no such directory"),
        ("/dev/null", "is no regular file"),
        (".", "is no regular"),
    ):
        done = host.pyrun("export", "-o", wrong, "fresh")
        assert (done.returncode, reason.encode() in done.stderr) == (1, True), done


def test_an_archive_is_not_written_to_a_terminal(host: Host) -> None:
    shown = host.shell(f"script -qec '{_quoted('export fresh')}' /dev/null")
    text = b"pyrun: export: not written to a terminal (use -o FILE, or redirect it)\r\n"
    assert (shown.returncode, shown.stdout) == (1, text)


def _quoted(line: str) -> str:
    """Give a command of pyrun to be put between apostrophes."""
    return subprocess.list2cmdline([*PYRUN, *line.split()]).replace("'", "'\\''")


def _names(host: Host) -> set[str]:
    return set(host.out("ls /var/lib/pyrun/names").split())


def test_a_rename_that_was_killed_is_typed_again(host: Host) -> None:
    """The new name leads to the container already, its record has the old one."""
    before = _names(host)
    identity = host.ok("create", "--name", "old", BUSYBOX, "true").strip()
    host.out(f"ln -s {identity} /var/lib/pyrun/names/new")
    host.ok("rename", "old", "new")
    assert _names(host) == before | {"new"}
    host.out(f"ln -s {identity} /var/lib/pyrun/names/third")
    host.ok("rm", "new")
    assert _names(host) == before


def test_a_name_given_to_a_container_that_removes_itself_goes_with_it(host: Host) -> None:
    before = _names(host)
    host.ok("run", "-d", "--rm", "--name", "one", BUSYBOX, "sleep", "600")
    host.ok("rename", "one", "two")
    host.ok("stop", "-t", "0", "two")
    wait_until(lambda: _names(host) == before)
