"""A verb performed: who may, what is cleaned up before, and which module has its body.

Each body imports what it needs itself: a verb pays for nothing that only others use.
"""

import os

from pyrun.cli import declared
from pyrun.cli.complaints import complain
from pyrun.cli.reader import Values
from pyrun.errors import PyrunError

_WITHOUT_ROOT = ("version", "doctor", "completion", "__complete")  # and nothing is mended before them
_REPAIR = "network repair"  # tells of networks itself


def perform(verb: str, values: Values, umask: int = 0o022) -> int:
    """Carry out a verb; give the exit code. *umask* is the caller's, for what runs in our place. Errors: PyrunError."""
    preview = verb == "run" and bool(values["dry_run"])
    if os.geteuid() != 0 and verb not in _WITHOUT_ROOT and not preview:
        raise PyrunError("needs root: namespaces, mounts, links and control groups", hint="use sudo")
    if verb not in _WITHOUT_ROOT and not preview:
        _reconcile(told=verb == _REPAIR)
    if verb == "netns exec":
        values["umask"] = f"{umask:o}"
    bodies = __import__(f"pyrun.cli.{declared.area(verb)}_verbs", fromlist=("VERBS",))  # importlib imports warnings
    code: int = bodies.VERBS[verb](values)
    return code


def _reconcile(told: bool) -> None:
    """Clean what dead keepers left and mend the network; most often a look shows that there is nothing to do.

    What cannot be mended of networks is left out where it is *told* afterwards.
    """
    from pyrun import leftovers
    from pyrun.network import standing

    _end_hosts()
    settled = not leftovers.are_there() and all(map(standing.is_settled, standing.names()))
    if settled and not standing.is_littered():
        return
    from pyrun import keeping
    from pyrun.network import driver
    from pyrun.rootfs import unfinished

    failures = keeping.reconcile() + unfinished.sweep()
    if any(map(standing.unsettled_containers, standing.names())):
        from pyrun.runtime import connection

        failures += connection.finish()
    if leftovers.unserved():
        from pyrun.runtime import plugging

        failures += plugging.reconcile()
    if leftovers.unchecked():
        from pyrun.runtime import checks

        failures += checks.reconcile()
    unmended = driver.reconcile()
    for failure in failures + ([] if told else unmended):
        complain(PyrunError(f"left over: {failure}", hint=getattr(failure, "hint", "")))
    keeping.tidy()


def _end_hosts() -> None:
    """End what is left of the private hosts of a comparison and of a lab that were killed."""
    from pyrun import leftovers, paths

    if leftovers.is_comparison_left():
        from pyrun.parity import contest

        for text in contest.finish():
            complain(PyrunError(f"left over: {text}"))
    if os.path.exists(paths.LAB):
        from pyrun.lab import standing as lab

        for problem in lab.sweep():
            complain(problem)
