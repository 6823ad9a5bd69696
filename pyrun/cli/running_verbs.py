"""Verbs that start a program: what was typed becomes a configuration, and that is run."""

import os
import sys

from pyrun.cli.complaints import arguments, each
from pyrun.cli.reader import Values
from pyrun.contexts import suppress
from pyrun.errors import NotFound, PyrunError, UsageError
from pyrun.typed import Any, Callable


def _run(values: Values) -> int:
    from pyrun.cli import limits, run
    from pyrun.network import driver, standing
    from pyrun.runtime import launcher

    v: Any = values
    config = run.container_config(values, dict(os.environ))
    cidfile = run.check_cidfile(v["cidfile"])
    sys.stderr.writelines(f"pyrun: warning: {warning}\n" for warning in limits.warnings(v))
    if v["dry_run"]:
        from pyrun.runtime import preview

        sys.stdout.write("".join(preview.preview(config)))
        return 0
    for name in (wanted.network for wanted in config.attachments):
        if not standing.exists(name):
            sys.stderr.writelines(f"pyrun: warning: {warning}\n" for warning in driver.interference(name))
    if config.exposed or config.publish_all:
        from pyrun.cli import ports

        sys.stderr.write("".join(f"{line}\n" for line in ports.warnings(config)))
    chosen = run.streams(v["attach"])
    if v["detach"] and v["attach"]:
        raise UsageError("conflicting options: -a and -d")
    _let_go_of_callers_files()
    announce = config.id if v["detach"] else ""
    return launcher.run(config, launcher.Options(v["explain"], v["sig_proxy"], cidfile, v["detach"], chosen, announce))


def _create(values: Values) -> int:
    from pyrun.cli import limits, run
    from pyrun.runtime import birth, launcher

    v: Any = {"detach": False, "detach_keys": None, **values}
    run.streams(v["attach"])
    config = run.container_config(v, dict(os.environ))
    cidfile = run.check_cidfile(v["cidfile"])
    sys.stderr.writelines(f"pyrun: warning: {warning}\n" for warning in limits.warnings(v))
    if config.exposed or config.publish_all:
        from pyrun.cli import ports

        sys.stderr.write("".join(f"{line}\n" for line in ports.warnings(config)))
    birth.create(config)
    launcher.write_cidfile(cidfile, config.id)
    sys.stdout.write(f"{config.id}\n")
    return 0


def _start(values: Values) -> int:
    from pyrun import store

    v: Any = values
    if not (v["attach"] or v["interactive"]):
        return each(values, lambda container: started(container, v["explain"]))
    names = arguments(values)
    if len(names) > 1:
        raise UsageError("start: several containers cannot be attached to at once", 1)
    container = store.find(names[0])
    from pyrun.runtime import lifecycle

    if container.status().state == "paused" or lifecycle.runs_soon(container):
        return _attach({"arguments": names, "no_stdin": not v["interactive"], "sig_proxy": True, **_keys(values)})
    from pyrun.cli import run
    from pyrun.runtime import launcher

    chosen = run.streams(()) if v["interactive"] else ("stdout", "stderr")
    config = _known(container)._replace(**{k: run.detach_keys(t) for k, t in _keys(values).items() if t})
    _let_go_of_callers_files()
    return launcher.start(config, launcher.Options(v["explain"], streams=chosen))


def _keys(values: Values) -> dict[str, Any]:
    return {"detach_keys": values["detach_keys"]}


def _known(container: Any) -> Any:
    if container.config is None:
        raise PyrunError(f"container {container.name}: {container.problem or 'its record is corrupt'}", 1)
    return container.config


def started(container: Any, explain: bool = False) -> None:
    """Start a container that does not run, and leave it. Errors: PyrunError."""
    from pyrun.runtime import launcher, lifecycle

    config = _known(container)
    if container.status().state == "paused":
        raise PyrunError(f"container {container.name}: cannot start a paused container, try unpause instead", 1)
    if lifecycle.runs_soon(container):
        return
    try:
        launcher.start(config, launcher.Options(explain, detach=True))
    except PyrunError as problem:
        if not lifecycle.runs_soon(container):  # else somebody was faster
            problem.code = 1
            raise


def _restart(values: Values) -> int:
    from pyrun import chronicle, keeping, store
    from pyrun.cli.container_verbs import ending
    from pyrun.runtime import lifecycle

    seconds, number = ending(values)

    def again(container: Any) -> None:
        with keeping.starting_over(container.id):
            lifecycle.stop(container, seconds, wanted=number)
            started(store.load(container.id))
        chronicle.container(container.id, container.config, "restart")

    return each(values, again)


def _attach(values: Values) -> int:
    from pyrun import store
    from pyrun.cli import run
    from pyrun.runtime import attaching

    v: Any = values
    container = store.find(arguments(values)[0])
    keys = run.detach_keys(v["detach_keys"] or _known(container).detach_keys)
    return attaching.attach(container, attaching.Options(not v["no_stdin"], v["sig_proxy"], keys))


def _exec(values: Values) -> int:
    from pyrun import store
    from pyrun.__main__ import command
    from pyrun.cli import run
    from pyrun.runtime import execute

    with suppress(NotFound, UsageError):  # told below, behind what is wrong with the options
        execute.take_cover(store.find(arguments(values)[0]), command())
    config = run.exec_config(values, dict(os.environ))
    _let_go_of_callers_files()
    return execute.execute(store.find(arguments(values)[0]), config)


def _let_go_of_callers_files() -> None:
    """Close what we were started with beyond standard input, output and error: no container may come by it.

    Its monitor would keep it open as well, a lock or a pipe's end, for as long as the container lives.
    What an option names as /dev/fd/N has been read by now.
    """
    from pyrun.kernel import syscalls

    syscalls.close_range(3)


VERBS: dict[str, Callable[[Values], int]] = {
    "run": _run,
    "create": _create,
    "start": _start,
    "restart": _restart,
    "attach": _attach,
    "exec": _exec,
}
