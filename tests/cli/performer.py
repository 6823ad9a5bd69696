"""Perform command lines of pyrun, each in a process of its own that is forked here: JSON in, JSON out, a line each.

An interpreter of its own for each would take ten times as long, and the kernel lets no word of a megabyte through.
"""

import json
import os
import select
import sys
import tempfile

from pyrun.__main__ import main
from pyrun.cli import commands, dockers, formats, limits, networks, run, verbs
from pyrun.runtime import launcher, preview

_PATIENCE = 20_000  # milliseconds; none comes near
_KEPT = (commands, dockers, formats, limits, networks, run, verbs, launcher, preview)  # imported once for all


def performed(line: "list[str]") -> "list[object]":
    """Give exit code, -1 for one that does not end, and what was written to standard output and error."""
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        pid = os.fork()
        if pid == 0:
            for fd, number in ((os.open("/dev/null", os.O_RDONLY), 0), (out.fileno(), 1), (err.fileno(), 2)):
                os.dup2(fd, number)
            os.setsid()
            sys.argv = ["pyrun", *line]
            main()
        watched = select.poll()
        watched.register(os.pidfd_open(pid), select.POLLIN)
        ended = watched.poll(_PATIENCE)
        if not ended:
            os.kill(pid, 9)
        code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        told = [file.seek(0) or file.read(1 << 20).decode(errors="replace") for file in (out, err)]
        return [code if ended else -1, *told]


for text in sys.stdin:
    print(json.dumps(performed(json.loads(text))), flush=True)
