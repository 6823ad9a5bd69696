"""A lab started: the process that it stands by is begun, and waited for until the lab is ready."""

import os
import subprocess

from pyrun.__main__ import isolated
from pyrun.errors import PyrunError
from pyrun.lab import entering, faults, progress, standing
from pyrun.lab.standing import Standing


def start(kind: str, seed: int, fault: str) -> Standing:
    """Make a lab of a kind; of *broken*, the *fault*, else that of the seed, else any.

    Errors: PyrunError when one stands already, or none can be made here.
    """
    if kind == "broken":
        seed = (
            faults.seed_of(faults.find(fault).name) if fault else seed or 1 + int.from_bytes(os.urandom(2), "big") % 999
        )
        fault = fault or faults.of_seed(seed).name
    lock = standing.claim()
    try:
        entering.write_settings(isolated("from pyrun.__main__ import main; main()", []))
        progress.prompt("bridge 0/9" if kind == "bridge" else "broken")
        main = f"from pyrun.lab.host import main; main({kind!r}, {seed}, {fault!r}, {lock})"
        keeper = subprocess.Popen(
            isolated(main, []),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            pass_fds=(lock,),
            cwd="/",
        )
    finally:
        os.close(lock)  # the lab has it, and with it the lab ends
    assert keeper.stdout
    assert keeper.stderr
    said = keeper.stdout.readline()  # not to the end: what serves in the lab has the same one
    keeper.wait()  # what is left of it is the lab's first process
    if said != b"ready\n":
        reason = keeper.stderr.read().decode(errors="replace").strip().rpartition("\n")[2]
        standing.sweep()
        raise PyrunError(f"lab: cannot be made: {reason or 'it ended'}", 1)
    return standing.find()
