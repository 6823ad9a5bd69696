"""A container's health: what its checks found, read and written, and what follows from the next one.

Derived, and gone with the container's run; asking the container is in `pyrun.runtime.checkup`.
"""

from pyrun import documents, paths
from pyrun.contexts import suppress
from pyrun.kernel import files, reading
from pyrun.spec import HealthCheck
from pyrun.typed import Any, NamedTuple

STARTING, HEALTHY, UNHEALTHY = "starting", "healthy", "unhealthy"
_KEPT = 5  # results
_RETRIES = 3
_LIMIT = 1 << 20  # bytes of the record


class Result(NamedTuple):
    """What one check found; times as in RFC 3339."""

    start: str
    end: str
    code: int  # 0 for healthy; -1 when it did not end by itself
    output: str


class Health(NamedTuple):
    """What is known of a container's health."""

    status: str = STARTING
    streak: int = 0  # how many checks have failed since one was good
    log: tuple[Result, ...] = ()  # the last ones


def after(former: Health, result: Result, check: HealthCheck, lived: int) -> Health:
    """Give the health after another check, which began when the program had *lived* so many nanoseconds.

    While it is starting, what fails within the start period does not count.
    """
    log = (*former.log, result)[-_KEPT:]
    if result.code == 0:
        return Health(HEALTHY, 0, log)
    if former.status == STARTING and lived < check.start_period:
        return former._replace(log=log)
    streak = former.streak + 1
    return Health(UNHEALTHY if streak >= (check.retries or _RETRIES) else former.status, streak, log)


def begin(identity: str) -> None:
    """Begin anew, with a start of the container; the last results stay to be seen. Errors: OSError."""
    write(identity, Health(log=read(identity).log))


def write(identity: str, found: Health) -> None:
    """Write down what is known. Errors: OSError."""
    log = [result._asdict() for result in found.log]
    content = documents.written({"status": found.status, "streak": found.streak, "log": log})
    files.write_atomically(paths.health(identity), content.encode())


def read(identity: str) -> Health:
    """Give what is known; nothing yet where there is no record that can be read."""
    with suppress(OSError, ValueError, TypeError, KeyError, RecursionError):
        fields = documents.parse(reading.read_limited(paths.health(identity), _LIMIT))
        results = (Result(str(r["start"]), str(r["end"]), int(r["code"]), str(r["output"])) for r in fields["log"])
        return Health(str(fields["status"]), int(fields["streak"]), tuple(results))
    return Health()


def status(identity: str, is_up: bool) -> str:
    """Give the status; of a container whose program does not live it is Docker's."""
    return read(identity).status if is_up else UNHEALTHY


def told(identity: str, is_up: bool) -> dict[str, Any]:
    """Give Docker's object."""
    found = read(identity)
    log = [{"Start": r.start, "End": r.end, "ExitCode": r.code, "Output": r.output} for r in found.log]
    return {"Status": found.status if is_up else UNHEALTHY, "FailingStreak": found.streak, "Log": log}
