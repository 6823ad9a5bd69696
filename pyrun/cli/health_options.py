"""`--health-…` and `--no-healthcheck`: how it is asked whether a container works."""

from pyrun import options
from pyrun.errors import UsageError
from pyrun.spec import HealthCheck
from pyrun.typed import Any

_TIMES = ("interval", "timeout", "start_period", "start_interval")
_LEAST = 10**6  # nanoseconds: Docker's


def chosen(v: Any) -> dict[str, Any]:
    """Check how the container's health is to be checked. Errors: UsageError."""
    given = [name for name in ("cmd", "retries", *_TIMES) if v[f"health_{name}"]]
    if v["no_healthcheck"]:
        if given:
            raise UsageError("no-healthcheck: excludes the --health-* options")
        return {"health": HealthCheck(("NONE",))}
    if not given:
        return {}
    times = {name: _time(f"health-{name.replace('_', '-')}", v[f"health_{name}"]) for name in _TIMES}
    retries = options.whole("health-retries", v["health_retries"], 0, 1 << 31) if v["health_retries"] else 0
    line = v["health_cmd"]
    if line and "\0" in line:
        raise UsageError("health-cmd: has a byte that no command can have")
    return {"health": HealthCheck(("CMD-SHELL", line) if line else (), retries=retries, **times)}


def _time(what: str, text: "str | None") -> int:
    """Read a time span in nanoseconds; 0 leaves Docker's."""
    if not text or text == "0":
        return 0
    from pyrun import moments

    span = moments.span_of(text)
    if span is None:
        raise UsageError(f"{what}: {options.show(text)}: not a time span", hint="as in 30s or 1m30s")
    if span and not _LEAST <= span < 1 << 63:
        raise UsageError(f"{what}: {options.show(text)}: must be 1ms or more")
    return span
