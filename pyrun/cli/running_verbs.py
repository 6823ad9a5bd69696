"""Verbs that start a program: what was typed becomes a configuration, and that is run."""

import os
import sys

from pyrun.cli.complaints import arguments
from pyrun.cli.reader import Values
from pyrun.contexts import suppress
from pyrun.errors import NotFound, UsageError
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


VERBS: dict[str, Callable[[Values], int]] = {"run": _run, "exec": _exec}
