"""`--log-driver` and `--log-opt`: checked before anything is made."""

from pyrun import options
from pyrun.errors import UsageError
from pyrun.typed import Any

DRIVERS = ("json-file", "local", "none")
_SHARED = ("max-size", "max-file", "compress", "mode", "max-buffer-size")
_KNOWN = {
    "json-file": (*_SHARED, "env", "env-regex", "labels", "labels-regex", "tag"),
    "local": _SHARED,
    "none": (),
}


def chosen(v: Any) -> dict[str, Any]:
    """Check how output is to be kept. Errors: UsageError."""
    driver = v["log_driver"] or "json-file"
    if driver not in DRIVERS:
        raise UsageError(f"log-driver: {options.show(driver)}: not supported", hint="json-file, local or none")
    given: dict[str, str] = {}
    for text in v["log_opt"]:
        key, equals, value = text.partition("=")
        if key not in _KNOWN[driver] or not equals:
            known = ", ".join(_KNOWN[driver]) or "it has none"
            raise UsageError(f"log-opt: {options.show(text)}: not an option of {driver}", hint=f"KEY=VALUE of {known}")
        given[key] = value
    for key, value in given.items():
        _check(key, value)
    if "max-buffer-size" in given and given.get("mode") != "non-blocking":
        raise UsageError("log-opt: max-buffer-size: goes with mode=non-blocking only")
    return {"log_driver": driver, "log_options": tuple(sorted(f"{key}={value}" for key, value in given.items()))}


def _check(key: str, value: str) -> None:
    """Check one option. Errors: UsageError."""
    if key in ("max-size", "max-buffer-size") and not options.decimal_size(key, value):
        raise UsageError(f"log-opt: {key}: {options.show(value)}: must be more than nothing")
    if key == "max-file":
        options.whole(key, value, 1, 1000)
    if key == "compress" and value not in ("0", "f", "F", "false", "False", "FALSE"):
        raise UsageError(
            f"log-opt: compress={options.show(value)}: not supported", hint="rotated files stay as they are"
        )
    if key == "mode" and value not in ("blocking", "non-blocking"):
        raise UsageError(f"log-opt: mode: {options.show(value)}: must be blocking or non-blocking")
    if key.endswith("-regex"):
        _check_pattern(key, value)
    if key == "tag":
        _check_tag(value)


def _check_pattern(key: str, value: str) -> None:
    import re

    try:
        re.compile(value)
    except (re.error, RecursionError, OverflowError) as cause:
        raise UsageError(f"log-opt: {key}: {options.show(value)}: not a regular expression: {cause}") from cause


def _check_tag(value: str) -> None:
    from pyrun.runtime import logged

    left = value
    for field in logged.TAG_FIELDS:
        left = left.replace(f"{{{{.{field}}}}}", "").replace(f"{{{{ .{field} }}}}", "")
    if "{{" in left:
        known = ", ".join(f"{{{{.{field}}}}}" for field in logged.TAG_FIELDS)
        raise UsageError(f"log-opt: tag: {options.show(value)}: has a field that is unknown", hint=f"known are {known}")
