"""What scripts/quickstart leaves: a copy of the program that finds the checkout's trees by their names."""

import shlex
import sys
from pathlib import Path

from lab import BUSYBOX, TOP, Host

_SITE = [p for p in sys.path if p.endswith("site-packages")]


def _quickstart(host: Host, function: str) -> str:
    """Call one function of the script, whose last line would do all of it."""
    script = f'ROOT={TOP}; source <(sed "\\$d" {TOP}/scripts/quickstart); {function}'
    return host.out(f"bash -c {shlex.quote(script)} {TOP}/scripts/quickstart")


def test_trees_of_the_checkout_are_found_by_name_from_anywhere(host: Host, tmp_path: Path) -> None:
    host.out(f"cp -r {TOP}/pyrun {tmp_path}")
    copy = f"import sys; sys.path[:0] = {[str(tmp_path), *_SITE]!r}; from pyrun.__main__ import main; main()"
    line = [sys.executable, "-IS", "-c", copy, "run", "--rm", "--net", "none", Path(BUSYBOX).name, "echo", "found"]
    assert b"no such directory or name" in host.run(line).stderr
    _quickstart(host, "link_rootfs")
    done = host.run(line)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"found\n", b"")


def test_a_tree_that_is_there_already_stays(host: Host) -> None:
    place = f"/var/lib/pyrun/rootfs/{Path(BUSYBOX).name}"
    host.out(f"mkdir -p {place}/mine")
    _quickstart(host, "link_rootfs; link_rootfs")
    assert host.out(f"ls {place}") == "mine\n"
