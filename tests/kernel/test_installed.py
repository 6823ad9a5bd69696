"""What scripts/quickstart leaves: a copy of the program that finds the checkout's trees by their names."""

import shlex
import sys
from pathlib import Path

from lab import BUSYBOX, PYRUN, TOP, Host

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


def test_manual_pages_and_completion_lie_where_they_are_looked_for(host: Host) -> None:
    for place in ("/usr/local/share", "/etc/fish"):
        host.out(f"mount -t tmpfs -o mode=755 none {place}")  # nothing of the machine is touched
    launcher = "/run/launcher"
    Path(f"/proc/{host.pid}/root{launcher}").write_text(f'#!/bin/sh\nexec {shlex.join(PYRUN)} "$@"\n')
    host.out(f"chmod 755 {launcher}")
    python = Path(sys.executable)
    _quickstart(host, f"umask 022; PREFIX={python.parent.parent} LAUNCHER={launcher} install_words")
    assert host.out("man -w pyrun-network-create").endswith("/man/man1/pyrun-network-create.1\n")
    assert "pyrun network create [OPTION]... NETWORK" in host.out("MANWIDTH=80 man -P cat pyrun-network-create")
    assert "_pyrun" in host.out("zsh -fc 'autoload -Uz compinit && compinit -u -D && echo $_comps[pyrun]'")
    completed = 'complete -C "pyrun network insp"'
    assert host.out(
        f"mkdir /run/bin; ln -s {launcher} /run/bin/pyrun; PATH=/run/bin:$PATH fish -c '{completed}'"
    ).startswith("inspect\t")
    assert host.out("stat -c %a /usr/local/share/bash-completion/completions/pyrun") == "644\n"
