"""The verbs: what was read becomes calls, and their results become output and exit codes.

Each verb imports what it needs itself: a verb pays for nothing that only others use.
"""

import os
import sys

from pyrun.cli.reader import Values
from pyrun.contexts import suppress
from pyrun.errors import NotFound, PyrunError, UsageError
from pyrun.typed import Any, Callable

_WITHOUT_ROOT = ("version",)


def perform(verb: str, values: Values, umask: int = 0o022) -> int:
    """Carry out a verb; give the exit code. *umask* is the caller's, for what runs in our place. Errors: PyrunError."""
    preview = verb == "run" and bool(values["dry_run"])
    if os.geteuid() != 0 and verb not in _WITHOUT_ROOT and not preview:
        raise PyrunError("needs root: namespaces, mounts, links and control groups", hint="use sudo")
    if verb not in _WITHOUT_ROOT and not preview:
        _reconcile()
    if verb in ("network diagram", "network why", "netns exec"):
        from pyrun.cli import sight_verbs

        return sight_verbs.VERBS[verb](values, umask)
    if verb.startswith("network "):
        from pyrun.cli import network_verbs

        return network_verbs.perform(verb, values)
    return _VERBS[verb](values)


def _run(values: Values) -> int:
    from pyrun.cli import run
    from pyrun.network import driver, standing
    from pyrun.runtime import launcher

    v: Any = values
    config = run.container_config(values, dict(os.environ))
    cidfile = run.check_cidfile(v["cidfile"])
    if v["dry_run"]:
        sys.stdout.write("".join(launcher.preview(config)))
        return 0
    for name in (wanted.network for wanted in config.attachments):
        if not standing.exists(name):
            sys.stderr.writelines(f"pyrun: warning: {warning}\n" for warning in driver.interference(name))
    if config.exposed or config.publish_all:
        from pyrun.cli import ports

        sys.stderr.write("".join(f"{line}\n" for line in ports.warnings(config)))
    _let_go_of_callers_files()
    return launcher.run(config, launcher.Options(v["explain"], v["sig_proxy"], cidfile))


def _exec(values: Values) -> int:
    from pyrun import store
    from pyrun.__main__ import command
    from pyrun.cli import run
    from pyrun.runtime import execute

    with suppress(NotFound, UsageError):  # told below, behind what is wrong with the options
        execute.take_cover(store.find(_arguments(values)[0]), command())
    config = run.exec_config(values, dict(os.environ))
    _let_go_of_callers_files()
    return execute.execute(store.find(_arguments(values)[0]), config)


def _let_go_of_callers_files() -> None:
    """Close what we were started with beyond standard input, output and error: no container may come by it.

    Its monitor would keep it open as well, a lock or a pipe's end, for as long as the container lives.
    What an option names as /dev/fd/N has been read by now.
    """
    from pyrun.kernel import syscalls

    syscalls.close_range(3)


def _ps(values: Values) -> int:
    import time

    from pyrun import options, store
    from pyrun.cli import tables

    v: Any = values
    form = v["format"] or "table"
    if form not in ("table", "json"):
        raise UsageError(f"format: {options.show(form)}: use table or json", hint="templates come later")
    now = time.time()
    found = [(container, container.status()) for container in store.containers()]
    last = 1 if v["latest"] else options.whole("last", v["last"], -1) if v["last"] is not None else -1
    if last >= 0:
        found = found[:last]
    elif not v["all"]:
        found = [pair for pair in found if pair[1].state in ("running", "paused")]
    if v["quiet"]:
        text = "".join(f"{c.id if v['no_trunc'] else c.id[:12]}\n" for c, _ in found)
    elif form == "json":
        text = "".join(tables.as_json(c, status, now, v["no_trunc"]) + "\n" for c, status in found)
    else:
        text = tables.table([tables.row(c, status, now, v["no_trunc"]) for c, status in found])
    sys.stdout.write(text)
    return 0


def _logs(values: Values) -> int:
    from pyrun import store
    from pyrun.runtime import logs

    return logs.print_log(store.find(_arguments(values)[0]), bool(values["follow"]))


def _stop(values: Values) -> int:
    from pyrun import options
    from pyrun.runtime import lifecycle

    given = values["time"]
    seconds = options.whole("time", given, -1, 1 << 31) if isinstance(given, str) else None
    return _each(values, lambda container: lifecycle.stop(container, seconds))


def _kill(values: Values) -> int:
    from pyrun import options
    from pyrun.runtime import lifecycle

    given = values["signal"]
    number = options.signal_number(given) if isinstance(given, str) else 9
    return _each(values, lambda container: lifecycle.kill(container, number))


def _rm(values: Values) -> int:
    from pyrun.runtime import lifecycle

    force = bool(values["force"])
    return _each(values, lambda container: lifecycle.remove(container, force), missing=0 if force else 1)


def _inspect(values: Values) -> int:
    from pyrun import documents, store
    from pyrun.runtime import inspection

    found, failures = [], 0
    for reference in _arguments(values):
        try:
            found.append(inspection.describe(store.find(reference)))
        except PyrunError as problem:
            failures += 1
            _complain(problem)
    sys.stdout.write(documents.printed(found) + "\n")
    return 1 if failures else 0


def _port(values: Values) -> int:
    from pyrun import store
    from pyrun.cli import port_tables
    from pyrun.network import standing

    reference, *wanted = _arguments(values)
    container = store.find(reference)
    sys.stdout.write(port_tables.lines(container.name, standing.plugs(container.id), "".join(wanted)))
    return 0


def _wait(values: Values) -> int:
    from pyrun.runtime import lifecycle

    return _each(values, lambda container: print(lifecycle.wait(container), flush=True), announce=False)


def _version(values: Values) -> int:
    from pyrun import __version__

    sys.stdout.write(f"pyrun {__version__}, Python {sys.version.split()[0]}, Linux {os.uname().release}\n")
    return 0


def _each(values: Values, change: Callable[[Any], object], announce: bool = True, missing: int = 1) -> int:
    """Change each named container, going on after one that cannot be; print what was named.

    *missing* is the exit code for one that does not exist.
    """
    from pyrun import store

    code = 0
    for reference in _arguments(values):
        try:
            change(store.find(reference))
            if announce:
                sys.stdout.write(f"{reference}\n")
                sys.stdout.flush()
        except PyrunError as problem:
            code = max(code, missing if isinstance(problem, NotFound) else 1)
            _complain(problem)
    return code


def _complain(problem: PyrunError) -> None:
    sys.stdout.flush()
    complain(problem)


def complain(problem: "Exception | str") -> None:
    """Tell the user what is wrong; that nobody can read it, as on a terminal that was hung up, changes no exit code."""
    line = one_line(problem if isinstance(problem, PyrunError) else PyrunError(str(problem)))
    with suppress(OSError):
        os.write(2, line.encode(errors="backslashreplace"))


def one_line(problem: PyrunError) -> str:
    """Give the line that tells the user what is wrong."""
    text = f"{problem.message} ({problem.hint})" if problem.hint else problem.message
    plain = "".join(c if c.isprintable() else repr(c)[1:-1] for c in text)
    return f"pyrun: {plain}\n"


def _arguments(values: Values) -> tuple[str, ...]:
    arguments: Any = values["arguments"]
    return tuple(arguments)


def _reconcile() -> None:
    """Clean what dead keepers left and mend the network; most often a look shows that there is nothing to do."""
    from pyrun import store
    from pyrun.network import standing

    served = not store.unserved()
    clean = not (store.abandoned() or store.interrupted() or store.nameless() or store.forgotten())
    if clean and served and all(map(standing.is_settled, standing.names())) and not standing.is_littered():
        return
    from pyrun import keeping
    from pyrun.network import driver

    failures = keeping.reconcile()
    if any(map(standing.unsettled_containers, standing.names())):
        from pyrun.runtime import connection

        failures += connection.finish()
    if not served:
        from pyrun.runtime import plugging

        failures += plugging.reconcile()
    for failure in failures + driver.reconcile():
        complain(PyrunError(f"left over: {failure}", hint=getattr(failure, "hint", "")))
    keeping.tidy()


_VERBS: dict[str, Callable[[Values], int]] = {
    "run": _run,
    "exec": _exec,
    "ps": _ps,
    "logs": _logs,
    "stop": _stop,
    "kill": _kill,
    "rm": _rm,
    "inspect": _inspect,
    "port": _port,
    "wait": _wait,
    "version": _version,
}
