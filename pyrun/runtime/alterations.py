"""What is changed of a container that exists: its name, its limits and policy, whether it goes on or stands still."""

import os
import time

from pyrun import chronicle, keeping, leftovers, paths, store
from pyrun.contexts import contextmanager
from pyrun.errors import PyrunError
from pyrun.kernel import cgroups, files, links, locks
from pyrun.network import endpoints, standing, turns
from pyrun.operation import Operation, perform
from pyrun.plan import container as plan
from pyrun.plan import resources
from pyrun.spec import ContainerConfig, Endpoint, Resources
from pyrun.store import Container
from pyrun.typed import Any, Iterator, NamedTuple

_MOMENT = 0.005  # seconds
_UNPAUSABLE = {"paused": "is already paused", "restarting": "is restarting, wait until it is running"}


class Update(NamedTuple):
    """What `update` is to change; None leaves it as it is."""

    resources: "dict[str, Any]"  # fields of Resources
    restart: "tuple[str, int] | None" = None  # policy, and the most starts of on-failure


def pause(container: Container) -> None:
    """Stop every process of a container where it is. Errors: PyrunError when it does not run, or stands still."""
    status = container.status()
    if status.state != "running":
        raise PyrunError(f"container {container.name} {_UNPAUSABLE.get(status.state, 'is not running')}", 1)
    keeping.mark(paths.paused(container.id))
    try:
        perform([_freezing(container, frozen=True)])
    except BaseException:
        keeping.unmark(paths.paused(container.id))
        raise
    chronicle.container(container.id, container.config, "pause")


def unpause(container: Container) -> None:
    """Let every process of a container go on. Errors: PyrunError when it is not paused."""
    if container.status().state != "paused":
        raise PyrunError(f"container {container.name} is not paused", 1)
    perform([_freezing(container, frozen=False)])
    keeping.unmark(paths.paused(container.id))
    chronicle.container(container.id, container.config, "unpause")


def _freezing(container: Container, frozen: bool) -> cgroups.Freeze:
    found = cgroups.freezing(cgroups.hierarchies(), container.id, frozen)
    if found is None:
        raise PyrunError("pause: this host has no freezer", 1, "the kernel needs CONFIG_CGROUP_FREEZER")
    return found


def rename(container: Container, name: str) -> None:
    """Give a container another name, also where it runs: on its networks and for `ip netns`.

    One moment decides: interrupted at any time it has the one name or the other. Errors: PyrunError for a taken name.
    """
    with _changing(container) as config:
        if name == config.name:
            raise PyrunError("renaming a container with the same name as its current name", 1)
        new = config._replace(name=name)
        _take_name(config.id, name)
        keeping.rewrite(new)
        files.Unlink(f"{paths.NAMES}/{config.name}", config.id).apply()
        if container.status().is_up:
            _rename_running(container, config, new)
        chronicle.container(new.id, new, "rename", oldName=f"/{config.name}")


def _take_name(identity: str, name: str) -> None:
    """Let a name lead to a container, also one that was left by another which is gone. Errors: PyrunError."""
    link = files.Link(f"{paths.NAMES}/{name}", identity, "no other container gets this name")
    if os.path.exists(f"{paths.runtime(identity)}/birth"):  # it will be removed when it ends, with both names
        keeping.birth_journal(identity).intend(link.inverse())
    try:
        perform([link])
    except PyrunError as problem:
        other = os.readlink(link.path)
        if leftovers.is_gone(other):
            perform([files.Unlink(link.path, other), link])
        elif other != identity:  # else somebody was interrupted in the same
            text = f"container: {name}: the name is already in use by container {other[:12]}"
            raise PyrunError(text, 1) from problem


def _rename_running(container: Container, old: ContainerConfig, new: ContainerConfig) -> None:
    pid = container.process().pid
    shown = plan.visible(new, pid)
    perform(shown, "host", keeping.journal(new.id))
    for operation in plan.visible(old, pid)[1:]:
        inverse = operation.inverse()
        if inverse is not None:
            perform([inverse])
    for wanted in new.attachments:
        with turns.locked(wanted.network, make=False) as exists:
            end = standing.endpoint(wanted.network, new.id) if exists else None
            if end:
                perform([*_renamed_cable(end, new.name), endpoints.registered(end._replace(name=new.name))])


def _renamed_cable(end: Endpoint, name: str) -> list[Operation]:
    """Let `ip link` tell the new name, where the cable is still there."""
    return [links.SetAlias(end.host_link, end._replace(name=name).alias)] if links.exists(end.host_link) else []


def update(container: Container, change: Update) -> None:
    """Change limits, at once where the container runs, and its policy. Errors: PyrunError, nothing changed then."""
    with _changing(container) as config:
        limits = config.resources._replace(**change.resources)
        _check(config.resources, limits)
        new = config._replace(resources=limits)
        if change.restart is not None:
            if config.remove and change.restart[0]:
                raise PyrunError("restart: cannot be set for a container that is removed when it ends", 1)
            new = new._replace(restart=change.restart[0], restart_most=change.restart[1])
        if container.status().is_up and limits != config.resources:
            perform(resources.updated(config, new, cgroups.hierarchies()))
        keeping.rewrite(new)
        chronicle.container(new.id, new, "update")


def _check(old: Resources, new: Resources) -> None:
    if new.nano_cpus and (new.cpu_quota or new.cpu_period):
        told = "cpu-quota: cannot be set beside --cpus" if old.nano_cpus else "cpus: cannot be set beside --cpu-quota"
        raise PyrunError(told, 1, "make the container anew")
    if new.memory_reservation > new.memory > 0:
        raise PyrunError("memory: must not be below --memory-reservation", 1)
    if new.memory_swap > 0 and new.memory_swap < new.memory:
        hint = "raise --memory-swap with it"
        raise PyrunError("memory: must not be above memory and swap together", 1, hint if old.memory_swap else "")


@contextmanager
def _changing(container: Container) -> Iterator[ContainerConfig]:
    """Be the only one who changes the container; give its record as it is. Errors: PyrunError.

    Whoever starts it just now has read the record already, so it is changed once its program runs.
    """
    while True:
        with keeping.changing(container.id) as exists:
            if not (exists and _is_between(container)):
                config = store.load(container.id).config if exists else None
                if config is None:
                    raise PyrunError(f"container {container.name}: {container.problem or 'is gone'}", 1)
                yield config
                return
        time.sleep(_MOMENT)


def _is_between(container: Container) -> bool:
    """Claim that somebody starts the container at this moment, or takes it apart."""
    return locks.is_held(paths.lock(container.id)) and container.status().state in ("created", "exited")
