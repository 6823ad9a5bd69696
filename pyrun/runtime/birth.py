"""The birth of a container: its files, its name and its record, whether it is started now or later.

`run` lets its monitor do this, so that a start that fails leaves nothing; `create` does it and is done.
"""

import errno
import os
import time

from pyrun import chronicle, keeping, leftovers, paths, records, store
from pyrun.contexts import suppress
from pyrun.errors import PyrunError
from pyrun.kernel import files, processes
from pyrun.operation import OperationFailed, perform
from pyrun.plan import container as plan
from pyrun.runtime import host
from pyrun.spec import ContainerConfig
from pyrun.store import Container


def create(config: ContainerConfig) -> None:
    """Let a container exist that somebody will start. Errors: PyrunError; nothing is left of it then."""
    lock = keeping.claim(config.id)
    try:
        bear(config)
        keeping.mark(paths.kept(config.id))
        keeping.confirm(config.id)
    except BaseException:
        keeping.retire(config.id, lock)
        raise
    keeping.discard(config.id)
    os.close(lock)
    keeping.tidy()


def bear(config: ContainerConfig) -> None:
    """Make a container's files, name and record, as its birth journal notes. Errors: PyrunError for a taken name."""
    journal = keeping.birth_journal(config.id)
    operations = plan.birth(config, host.top_of(config))
    try:
        perform(operations, "host", journal)
    except OperationFailed as problem:
        if problem.errno != errno.EEXIST or not problem.operation.shell().startswith("ln "):
            raise
        if not _frees_name(config.name):
            other = os.readlink(f"{paths.NAMES}/{config.name}")[:12]
            text = f"container: {config.name}: the name is already in use by container {other}"
            raise PyrunError(text) from problem
        perform(operations[operations.index(problem.operation) :], "host", journal)
    records.write_config(f"{paths.container(config.id)}/config.json", config, not config.remove)
    chronicle.container(config.id, config, "create")
    if any(mount.kind == "volume" for mount in config.mounts):
        from pyrun import volume_store

        volume_store.provide(config, journal)


def _frees_name(name: str) -> bool:
    """Remove a name that its container does not have any more: somebody was interrupted in renaming it.

    Or somebody has removed that container by hand.
    """
    with suppress(OSError):
        identity = os.readlink(f"{paths.NAMES}/{name}")
        if leftovers.is_gone(identity):
            files.Unlink(f"{paths.NAMES}/{name}", identity).apply()
            return True
        with keeping.changing(identity):
            config = store.load(identity).config
            if config and config.name != name:
                os.unlink(f"{paths.NAMES}/{name}")
                return True
    return False


def note(config: ContainerConfig) -> None:
    """Let a container that exists be removed when it is retired, as `--rm` wants it."""
    journal = keeping.birth_journal(config.id)
    for operation in plan.birth(config, host.top_of(config)):
        inverse = operation.inverse()
        if inverse is not None:
            journal.intend(inverse)
    for mount in config.mounts:
        if mount.anonymous:
            from pyrun import volume_store

            journal.intend(volume_store.RemoveUnused(mount.source, config.id))


def former_start(container: Container) -> "records.Start | None":
    """Give the last start of a container whose lock we hold; an end that nobody saw is written down.

    Errors: PyrunError when its program lives, without a monitor.
    """
    directory = paths.container(container.id)
    start, end = records.read_start(f"{directory}/start.json"), records.read_exit(f"{directory}/exit.json")
    if start is None or (end and end.started == start.at):
        return start
    if processes.is_alive(start.process, processes.boot_id()):
        raise PyrunError(f"container {container.name} is running", 1)
    unseen = records.Exit(store.UNSEEN, time.time(), False, start.at)
    records.write_exit(f"{directory}/exit.json", unseen, durable=False)
    return start
