"""What a host or a caller lacks, and bad input: one line says so, and nothing is touched."""

import os
import shlex
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from lab import BUSYBOX, PYRUN, TOP, TYPED, Host, without

from pyrun.errors import PyrunError
from pyrun.kernel import programs

SITE = [p for p in sys.path if p.endswith("site-packages")]


@pytest.mark.parametrize(
    ("arguments", "code", "text"),
    [
        (["run", "/nowhere/at/all"], 125, "no such directory"),
        (["run", "/etc/passwd"], 125, "not a directory"),
        (["run", "/"], 125, "own root"),
        (["run", "/var/lib/pyrun"], 125, "own state"),
        (["run", "--nmae", "x", "@host"], 125, "--name"),
        (["rnu"], 125, "did you mean run?"),
        (["run", "--name", "../x", "@host"], 125, "name"),
        (["run", "-m", "1m", "@host"], 125, "minimum is 6m"),
        (["run", "-v", "/:/host", "@host"], 125, "power over this host"),
        (["run", "-v", "/tmp:/proc", "@host"], 125, "kernel file system"),
        (["run", "--net", "nowhere", "@host"], 125, "not found"),
        (["run", "--net", "container:gone", "@host"], 125, "no such container"),
        (["run", "--cap-add", "EVERYTHING", "@host", "true"], 125, "unknown"),
        (["run", "--security-opt", "seccomp=/nowhere", "@host", "true"], 125, "no such file"),
        (["run", "--ulimit", "nofile=5:4", "@host"], 125, "above the hard one"),
        (["run", "--dns", "1.2.3.4\nx", "@host"], 125, "not an IP address"),
        (["run"], 125, "missing argument"),
        (["exec", "gone", "true"], 1, "no such container"),
        (["logs", "gone"], 1, "no such container"),
        (["ps", "--format", "{{.ID"], 1, "unclosed action"),
    ],
)
def test_bad_input_is_one_line_and_touches_nothing(
    shared_host: Host, arguments: list[str], code: int, text: str
) -> None:
    before = shared_host.settled()
    done = shared_host.pyrun(*arguments)
    assert (done.returncode, done.stdout) == (code, b""), done
    assert text in done.stderr.decode()
    assert (done.stderr[:7], done.stderr.count(b"\n")) == (b"pyrun: ", 1)
    assert shared_host.settled() == before


@pytest.mark.parametrize(
    ("refused", "text"),
    [
        ("fsopen:error=ENODEV", "overlay: the running kernel lacks this file system"),
        ("mount_setattr:error=ENOSYS", "pyrun needs Linux 5.12 or later"),
        ("openat2:error=ENOSYS", "pyrun needs Linux 5.12 or later"),
    ],
)
def test_a_missing_kernel_feature_is_named(shared_host: Host, refused: str, text: str) -> None:
    strace = ["strace", "-f", "-qq", "-o", "/dev/null", "-e", f"inject={refused}"]
    done = shared_host.run([*strace, *PYRUN, "run", "--rm", "-v", "/opt:/opt", BUSYBOX, "true"])
    assert (done.returncode, done.stderr.count(b"\n")) == (125, 1)
    assert text in done.stderr.decode()


def test_state_that_cannot_be_written(host: Host) -> None:
    host.out("mount -o remount,bind,ro /var/lib/pyrun")
    done = host.pyrun("run", "--rm", BUSYBOX, "true")
    assert (done.returncode, done.stderr) == (125, b"pyrun: state: /var/lib/pyrun/containers: read-only file system\n")
    assert host.ok("ps", "-q") == ""


def test_without_root_it_says_what_needs_it(shared_host: Host) -> None:
    done = shared_host.run(["setpriv", "--reuid=1000", "--clear-groups", *PYRUN, "run", "@host", "true"])
    assert (done.returncode, done.stderr) == (
        125,
        b"pyrun: needs root: namespaces, mounts, links and control groups (use sudo)\n",
    )


def test_a_dry_run_needs_no_root(shared_host: Host) -> None:
    """Also while the network stands, whose record only root may read."""
    nobody = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "--inh-caps=-all"]
    shared_host.ok("run", "-d", "--name", "plugged", BUSYBOX, "sleep", "300")
    done = shared_host.run([*nobody, *PYRUN, "run", "--dry-run", "--net", "bridge", "@host", "true"])
    shared_host.ok("rm", "-f", "plugged")
    assert (done.returncode, done.stderr) == (0, b"")
    assert b"ip link add name pyrun0" in done.stdout


def _hide(host: Host, *tools: str) -> None:
    """Let a host have none of these programs, nor what they are links to."""
    hide = 'mount --bind /dev/null "$(readlink -f $path)"'
    host.out(f"for tool in {' '.join(tools)}; do for path in $(type -ap $tool); do {hide}; done; done")


def test_without_a_firewall_tool_it_says_so(host: Host) -> None:
    _hide(host, "nft", "iptables")
    done = host.pyrun("run", "--rm", "--net", "bridge", BUSYBOX, "true")
    assert (done.returncode, b"neither iptables nor nft" in done.stderr) == (125, True)
    assert host.pyrun("run", "--rm", "--net", "none", BUSYBOX, "true").returncode == 0


def test_works_with_nft_alone(host: Host) -> None:
    """Forwarding, masquerade and clean-up by a table of our own, where iptables is missing."""
    before = host.out("nft list ruleset")
    _hide(host, "iptables")
    host.ok("run", "-d", "--name", "box", BUSYBOX, "sleep", "60")
    assert "masquerade" in host.out("/usr/sbin/nft list table inet pyrun")
    host.ok("exec", "box", "ping", "-c", "1", "-W", "2", "198.51.100.1")
    host.ok("rm", "-f", "box")
    host.settled()
    assert host.out("/usr/sbin/nft list ruleset") == before


def test_the_filter_is_compiled_without_a_compiler(host: Host) -> None:
    """libseccomp is found by its name alone, and nothing is run to find it."""
    _hide(host, "ldconfig", "gcc", "cc", "ld", "objdump")
    host.ok("run", "--rm", "--net", "none", BUSYBOX, "true")


_INTERRUPTED = """
import os
import pyrun.bundle  # which puts itself first
class Interrupt:
    def find_spec(self, name, path, target=None):
        if name == "{}":
            os.kill(os.getpid(), 2)
sys.meta_path.insert(0, Interrupt())
"""


@pytest.mark.parametrize("module", ["pyrun.cli", "pyrun.cli.verbs", "pyrun.cli.commands", "pyrun.store"])
def test_an_interrupt_at_any_time_ends_it_in_silence(shared_host: Host, module: str) -> None:
    """As SIGINT ends a program, with no traceback; who ignores it goes on."""
    line = [*without(_INTERRUPTED.format(module)), "ps" if module == "pyrun.store" else "--help"]
    if module == "pyrun.cli.verbs":
        line[-1] = "version"
    done = shared_host.run(line)
    assert (done.returncode, done.stdout, done.stderr) == (-signal.SIGINT, b"", b"")
    assert shared_host.shell(f"trap '' INT; {shlex.join(line)}").returncode == 0


def test_output_that_cannot_be_written_is_named(shared_host: Host) -> None:
    """T-P20: exit code 1 and what it was that could not be written."""
    shared_host.ok("run", "-d", "--name", "said", "--net", "none", BUSYBOX, "echo", "words")
    shared_host.ok("wait", "said")
    for line in ("logs said", f"run -d --name silent --net none {BUSYBOX} true"):
        done = shared_host.shell(f"{TYPED} {line} > /dev/full")
        assert (done.returncode, done.stderr) == (1, b"pyrun: write: standard output: no space left on device\n")
    shared_host.ok("wait", "silent")
    shared_host.ok("rm", "said", "silent")


@pytest.mark.parametrize(("place", "mode", "group", "runs"), [
    ("", "0777", 0, False), ("pyrun", "0777", 0, False), ("pyrun/__main__.py", "0666", 0, False),
    ("pyrun", "0775", 100, False), ("pyrun", "0775", 0, True), ("", "1777", 0, True),
])  # fmt: skip
def test_code_that_others_can_write_is_not_run(
    shared_host: Host, tmp_path: Path, place: str, mode: str, group: int, runs: bool
) -> None:
    """T-P16: as root nobody else's program is run by the name of ours."""
    copy = tmp_path / "copy"
    shared_host.out(
        f"mkdir {copy} && cp -r {TOP}/pyrun {copy} && chgrp {group} {copy}/{place} && chmod {mode} {copy}/{place}"
    )
    code = f"import sys; sys.path[:0] = {[str(copy), *SITE]!r}; from pyrun.__main__ import main; main()"
    done = shared_host.run([sys.executable, "-IS", "-c", code, "ps"])
    assert (done.returncode, b"others than its owner" in done.stderr) == ((0, False) if runs else (125, True)), done


def test_a_program_of_the_host_that_hangs_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    """T-P17: a firewall tool that waits for ever does not make every command wait."""
    monkeypatch.setattr(programs, "_PATIENCE", 0.05)
    with pytest.raises(PyrunError, match="did not end"):
        programs.run(programs.find("sleep"), "3601.5")
    assert subprocess.run(["pgrep", "-P", str(os.getpid()), "-f", "sleep 3601.5"], check=False).returncode == 1
