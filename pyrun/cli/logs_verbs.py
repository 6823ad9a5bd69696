"""`logs`: which part of what a container wrote is printed, and how."""

from pyrun.cli.complaints import arguments
from pyrun.cli.reader import Values
from pyrun.errors import UsageError
from pyrun.typed import Any, Callable


def _logs(values: Values) -> int:
    from pyrun import options, store
    from pyrun.runtime import logrecords, logs

    v: Any = values
    tail = logs.ALL
    if v["tail"] not in (None, "all"):
        tail = max(options.whole("tail", v["tail"], -(1 << 63)), logs.ALL)
    view = logrecords.View(_moment("since", v["since"]), _moment("until", v["until"]), v["timestamps"], v["details"])
    return logs.print_log(store.find(arguments(values)[0]), v["follow"], view, tail)


def _moment(what: str, text: "str | None") -> str:
    from pyrun import moments, options

    try:
        return moments.written(moments.read(text)) if text else ""
    except ValueError as cause:
        hint = "as in 10m, 2026-01-31T15:04:05 or 1700000000"
        raise UsageError(f"{what}: {options.show(text or '')}: {cause}", hint=hint) from cause


VERBS: dict[str, Callable[[Values], int]] = {"logs": _logs}
