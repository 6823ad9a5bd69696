"""`logs`: which part of what a container wrote is printed, and how."""

from pyrun.cli.complaints import arguments
from pyrun.cli.reader import Values
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
    import time

    if not text:
        return ""
    from pyrun import moments

    return moments.stamp(moments.parse(what, text, time.time_ns()))


VERBS: dict[str, Callable[[Values], int]] = {"logs": _logs}
