"""Volumes and the files of ours among them: what Docker shows, and one clear line for what cannot be mounted."""

from pathlib import Path

import pytest
from lab import BUSYBOX, Host


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """Give a directory of the host with a file in it."""
    (tmp_path / "source").mkdir()
    (tmp_path / "source" / "file").write_text("here\n")
    return tmp_path / "source"


def test_a_read_only_container_cannot_write_its_host_files(shared_host: Host) -> None:
    script = "for f in hosts hostname resolv.conf; do echo x >> /etc/$f || echo refused; done"
    done = shared_host.pyrun("run", "--rm", "--read-only", BUSYBOX, "sh", "-c", script)
    assert (done.stdout, done.stderr.count(b"Read-only file system")) == (b"refused\n" * 3, 3)
    assert shared_host.ok("run", "--rm", BUSYBOX, "sh", "-c", script) == ""


@pytest.mark.parametrize("options", [["-v", "SOURCE:/etc"], ["--tmpfs", "/etc"], ["--tmpfs", "/etc:ro"]])
def test_a_mount_over_etc_keeps_the_host_files(shared_host: Host, source: Path, options: list[str]) -> None:
    words = [option.replace("SOURCE", str(source)) for option in options]
    script = "hostname | cmp - /etc/hostname && grep -c $(hostname) /etc/hosts && grep -c nameserver /etc/resolv.conf"
    shared_host.out("echo nameserver 9.9.9.9 > /run/resolv && mount --bind /run/resolv /etc/resolv.conf")
    done = shared_host.pyrun("run", "--rm", *words, BUSYBOX, "sh", "-c", script)
    shared_host.out("umount /etc/resolv.conf")
    assert (done.stdout, done.stderr) == (b"1\n1\n", b"")
    names = {"file", "hosts", "hostname", "resolv.conf"} if "-v" in options else {"file"}
    assert {entry.name for entry in source.iterdir()} == names


def test_mounts_below_a_read_only_tmpfs(shared_host: Host, source: Path) -> None:
    script = "cat /top/below/file; touch /top/x"
    done = shared_host.pyrun(
        "run", "--rm", "-v", f"{source}:/top/below", "--tmpfs", "/top:ro", BUSYBOX, "sh", "-c", script
    )
    assert (done.stdout, b"Read-only file system" in done.stderr) == (b"here\n", True)


@pytest.mark.parametrize(
    ("given", "options"),
    [
        ("/v", "rw,nosuid,nodev,noexec"),
        ("/v:noexec", "rw,nosuid,nodev,noexec"),
        ("/v:size=1m,mode=700,noexec", "rw,nosuid,nodev,noexec"),
        ("/v:rw,noexec,nosuid,size=65536k", "rw,nosuid,nodev,noexec"),
        ("/v:exec", "rw,nosuid,nodev"),
        ("/v:exec,suid,dev", "rw"),
        ("/v:exec,noexec,dev", "rw,nosuid,noexec"),
        ("/v:ro", "ro,nosuid,nodev,noexec"),
        ("/v:ro,rw", "rw,nosuid,nodev,noexec"),
    ],
)
def test_options_of_a_tmpfs_are_dockers(shared_host: Host, given: str, options: str) -> None:
    shown = shared_host.ok("run", "--rm", "--tmpfs", given, BUSYBOX, "grep", " /v ", "/proc/mounts")
    kept = [each for each in shown.split()[3].split(",") if each in ("ro", "rw", "nosuid", "nodev", "noexec")]
    assert ",".join(kept) == options


@pytest.mark.parametrize("preview", [True, False])
def test_a_missing_source_is_made_on_the_host_and_explained(shared_host: Host, tmp_path: Path, preview: bool) -> None:
    missing = tmp_path / "no" / "such"
    line = ["run", "--rm", "-v", f"{missing}:/vol", BUSYBOX, "ls", "-d", "/vol"]
    done = shared_host.pyrun("run", "--dry-run" if preview else "--explain", *line[1:])
    lines = (done.stdout if preview else done.stderr).decode().splitlines()
    commands = [text.partition("  #")[0] for text in lines if str(tmp_path) in text]
    assert commands[:2] == [f"host$ mkdir -m 755 {tmp_path}/no", f"host$ mkdir -m 755 {missing}"]
    assert [text.split(" && ")[:2] for text in commands[2:]] == [
        ["container$ mkdir -p $ROOT/vol", f"mount --rbind {missing} $ROOT/vol"]
    ]
    assert (done.returncode, missing.exists()) == (0, not preview)


@pytest.mark.parametrize(
    ("volume", "complaint"),
    [
        ("SOURCE/file:/etc", "the file SOURCE/file cannot lie over a directory of the container (did you mean /etc/file?)"),
        ("SOURCE:/etc/group", "the directory SOURCE cannot lie over a file of the container (choose another place for it)"),
        ("SOURCE:/etc/group/x", "a file of the container is on the way to it"),
    ],
)  # fmt: skip
def test_files_and_directories_are_not_mounted_over_each_other(
    shared_host: Host, source: Path, volume: str, complaint: str
) -> None:
    done = shared_host.pyrun("run", "--rm", "-v", volume.replace("SOURCE", str(source)), BUSYBOX, "true")
    target = volume.partition(":")[2]
    assert (done.returncode, done.stdout) == (125, b"")
    assert done.stderr.decode() == f"pyrun: mount: {target}: {complaint.replace('SOURCE', str(source))}\n"


def test_host_files_that_a_read_only_volume_lacks(shared_host: Host, source: Path) -> None:
    """Docker cannot start such a container either."""
    done = shared_host.pyrun("run", "--rm", "-v", f"{source}:/etc:ro", BUSYBOX, "true")
    hint = "(make it there, or leave out ro)"
    assert (done.returncode, done.stderr.decode()) == (
        125,
        f"pyrun: mount: /etc/resolv.conf: is missing in a read-only mount {hint}\n",
    )


@pytest.mark.parametrize(
    ("make", "complaint"),
    [
        ("mkdir -p TREE/etc/hostname", "mount: /etc/hostname: a file cannot lie over a directory of the container"),
        ("touch TREE/etc", "rootfs: /etc: must be a directory, or missing"),
    ],
)
def test_trees_that_have_no_place_for_the_host_files(
    shared_host: Host, tmp_path: Path, make: str, complaint: str
) -> None:
    tree = tmp_path / "tree"
    shared_host.out(f"mkdir {tree} && cp -r {BUSYBOX}/bin {tree} && {make.replace('TREE', str(tree))}")
    done = shared_host.pyrun("run", "--rm", "--net", "none", str(tree), "true")
    assert (done.returncode, done.stderr.decode()) == (125, f"pyrun: {complaint}\n")


def test_a_mount_that_the_kernel_refuses_is_told_with_short_names(shared_host: Host) -> None:
    """As --explain writes them: not with the 64 digits of the id, three times."""
    done = shared_host.pyrun("run", "--rm", "--tmpfs", "/v:mode=99", BUSYBOX, "true")
    assert done.stderr.startswith(b"pyrun: mkdir -p $ROOT/v && mount -t tmpfs -o ")
    assert (done.returncode, done.stderr.count(b"\n"), len(done.stderr) < 160) == (125, 1, True)


_REFUSED = "would give the container power over this host (add :ro, or --privileged)"


@pytest.mark.parametrize("path", ["/", "/proc", "/proc/sys", "/sys", "/run", "/var", "/var/lib"])
def test_the_kernels_files_and_what_is_above_pyruns_own_are_shown_read_only(shared_host: Host, path: str) -> None:
    done = shared_host.pyrun("run", "--rm", "-v", f"{path}:/vol", BUSYBOX, "true")
    assert (done.returncode, done.stderr.decode()) == (125, f"pyrun: volume: {path}: {_REFUSED}\n")
    for options in (["-v", f"{path}:/vol:ro"], ["--privileged", "-v", f"{path}:/vol"]):
        shared_host.ok("run", "--rm", *options, BUSYBOX, "true")


@pytest.mark.parametrize("path", ["/run/pyrun", "/var/lib/pyrun/containers"])
def test_pyruns_own_directories_are_shown_to_nobody(shared_host: Host, path: str) -> None:
    for options in ("", ":ro"):
        done = shared_host.pyrun("run", "--rm", "-v", f"{path}:/vol{options}", BUSYBOX, "true")
        complaint = f"pyrun: volume: {path}: is pyrun's own (only --privileged allows it)\n"
        assert (done.returncode, done.stderr.decode()) == (125, complaint)


@pytest.mark.parametrize("option", ["cached", "delegated", "consistent", "ro,cached", "z"])
def test_what_concerns_other_systems_only_is_taken(shared_host: Host, source: Path, option: str) -> None:
    assert shared_host.ok("run", "--rm", "-v", f"{source}:/v:{option}", BUSYBOX, "cat", "/v/file") == "here\n"
    mount = f"type=bind,src={source},dst=/v,consistency=cached"
    assert shared_host.ok("run", "--rm", "--mount", mount, BUSYBOX, "cat", "/v/file") == "here\n"
