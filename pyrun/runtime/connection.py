"""A container's plugs while it exists: put in, taken out, and what follows from them made true.

A plug is in when its journal is among the container's own, so one rename puts
it in or takes it out. Who is interrupted before has what was made undone, and a
file that says `unsettled` lets the next command make true what follows: the way
outside, published ports, hosts and resolv.conf, who serves, the record.
"""

import os

from pyrun import chronicle, keeping, paths, store
from pyrun.contexts import contextmanager, suppress
from pyrun.errors import PyrunError
from pyrun.journal import FileJournal
from pyrun.kernel import files, links, processes, reading, sysctls
from pyrun.network import driver, endpoints, hostfiles, ports, standing, turns
from pyrun.network.definitions import DEFAULT
from pyrun.operation import perform
from pyrun.plan import network as plan
from pyrun.runtime import host, plugging, published, visits
from pyrun.spec import Attachment, ContainerConfig, Endpoint
from pyrun.store import Container
from pyrun.typed import Iterator, NamedTuple

_HOST = "container cannot be disconnected from host network or connected to host network"
_SHARED = "container sharing network namespace with another container or host cannot be connected to any other network"
_PATIENCE = 1.0  # seconds that a process which is ending gets to have ended
_NONE = "container cannot be connected to multiple networks with one of the networks in private (none) mode"


class Sandbox(NamedTuple):
    """A running container's network namespace."""

    config: ContainerConfig
    process: processes.Process
    pidfd: int


def connect(container: Container, wanted: Attachment) -> None:
    """Plug a container into one more network; one that does not run will be when it is started.

    Errors: PyrunError, in Docker's words where Docker refuses the same.
    """
    with _held(container) as (current, config):
        status = current.status()
        _refuse(config, wanted.network, status.is_up)
        if not status.is_up:
            others = tuple(each for each in config.attachments if each.network != wanted.network)
            keeping.rewrite(config._replace(attachments=(*others, wanted)))
            return
        try:
            with _sandbox(current, config) as sandbox, turns.locked(wanted.network):
                _plug_in(sandbox, wanted)
        except BaseException:
            driver.sweep()  # `bridge` may have been made for it
            raise


def disconnect(container: Container, network: str) -> None:
    """Take a container's plug out of a network. Errors: PyrunError."""
    with _held(container) as (current, config):
        if network == config.network == "host":
            raise PyrunError(_HOST, 1)
        if network == config.network == "none" and not config.attachments:
            keeping.rewrite(config._replace(network=DEFAULT))
            return
        if network not in [each.network for each in config.attachments]:
            raise PyrunError(f"container {config.id} is not connected to network {network}", 1)
        if not current.status().is_up:
            keeping.rewrite(_without(config, network))
            return
        with _sandbox(current, config) as sandbox, turns.locked(network):
            _take_out(sandbox, network)
    driver.sweep()


def repair(name: str) -> list[Exception]:
    """Plug those in again whose cable somebody has deleted."""
    failures: list[Exception] = []
    for end in standing.endpoints(name):
        try:
            if not links.exists(end.host_link):
                _repair(name, end)
        except (PyrunError, OSError) as failure:
            failures.append(failure)
    return failures


def _repair(name: str, end: Endpoint) -> None:
    with _held(store.load(end.container)) as (current, config):
        if current.status().is_up and standing.endpoint(name, config.id):
            _wire_again(current, config, end)


def _wire_again(container: Container, config: ContainerConfig, end: Endpoint) -> None:
    with _sandbox(container, config) as sandbox, turns.locked(end.network.name):
        _wire(sandbox, end)
        _follow(sandbox, standing.plugs(config.id))


def finish() -> list[Exception]:
    """Make true what follows from plugs that somebody was interrupted in changing."""
    failures: list[Exception] = []
    for name in standing.names():
        for identity in standing.unsettled_containers(name):
            try:
                failures += _finish(name, identity)
            except (PyrunError, OSError) as failure:
                failures.append(failure)
    return failures


def _finish(name: str, identity: str) -> list[Exception]:
    with keeping.changing(identity), turns.locked(name, make=False) as exists:
        mark = standing.unsettled(name, identity)
        if not exists or not os.path.exists(mark):
            return []
        failures = driver.unwound(name)
        for directory in (paths.container(identity), paths.runtime(identity)):
            files.remove_unfinished(directory)
        container = store.load(identity)
        if container.config and container.status().is_up:
            try:
                with _sandbox(container, container.config) as sandbox:
                    _settle(sandbox, mark)
            except (PyrunError, OSError):
                if container.living():  # else its keeper comes next, and looks at the mark
                    raise
        else:
            os.unlink(mark)
        return failures


@contextmanager
def _held(container: Container) -> "Iterator[tuple[Container, ContainerConfig]]":
    """Give the container as it is while nobody else changes its plugs. Errors: PyrunError when it cannot be."""
    with keeping.changing(container.id) as exists:
        current = store.load(container.id) if exists else container._replace(config=None, problem="is being removed")
        status = current.status()
        if current.config is None or status.state == "corrupt":
            raise PyrunError(f"container {container.name}: {current.problem or 'its record is corrupt'}", 1)
        if status.state == "created" and status.monitored:
            raise PyrunError(f"container {container.name} is being started", 1, "try again")
        yield current, current.config


@contextmanager
def _sandbox(container: Container, config: ContainerConfig) -> Iterator[Sandbox]:
    process = container.process()
    try:
        pidfd = processes.open_process(process)
    except ProcessLookupError:
        raise PyrunError(f"container {container.name} is not running", 1) from None
    try:
        yield Sandbox(config, process, pidfd)
    finally:
        os.close(pidfd)


def _refuse(config: ContainerConfig, network: str, running: bool) -> None:
    """Refuse what Docker refuses, in its words. Errors: PyrunError."""
    there = [each.network for each in config.attachments] if running else []
    if network in there or (network == config.network and network in ("host", "none")):
        raise PyrunError(f"endpoint with name {config.name} already exists in network {network}", 1)
    if network == "host":
        raise PyrunError(_HOST, 1)
    if not config.has_sandbox:
        raise PyrunError(_SHARED, 1)
    if "none" in (network, config.network) and not config.attachments:
        raise PyrunError(_NONE, 1)
    if network == "none":
        raise PyrunError(_NONE, 1)


def _plug_in(sandbox: Sandbox, wanted: Attachment) -> None:
    """Put a plug in. The locks of the container and of the network are held."""
    config, name = sandbox.config, wanted.network
    _raise(driver.unwound(name))
    mark = standing.unsettled(name, config.id)
    files.write_atomically(mark, b"")
    try:
        end, held = _make(sandbox, wanted)
    except BaseException:
        failures = driver.unwound(name)
        keeping.rewrite(config)
        if not failures:
            with suppress(FileNotFoundError):  # the network was removed just before
                os.unlink(mark)
        raise
    try:
        _settle(sandbox._replace(config=config._replace(attachments=(*config.attachments, wanted))), mark, held)
    finally:
        ports.release(held)
    chronicle.network(end.network, "connect", config.id)


def _make(sandbox: Sandbox, wanted: Attachment) -> tuple[Endpoint, plugging.Sockets]:
    """Make all of a plug, journaled as pending, up to the rename by which it is in; give it, and what it holds."""
    config, pid = sandbox.config, sandbox.process.pid
    journal = FileJournal(standing.pending(wanted.network))
    ends = standing.plugs(config.id)
    used = links.names_in(pid) | {end.link for end in ends}
    if wanted.link in used:
        raise PyrunError(f"network: {wanted.link}: the container has an interface of that name", 1)
    end = driver.lease(config.id, config.name, wanted, used, journal)._replace(hostname=config.hostname)
    held = () if plan.gateway(ends) else plugging.reserve(config, [end]) or ()  # later ones get what the first has
    try:
        end = end._replace(published=tuple(port for port, _ in held))
        _wire(sandbox, end, journal)
        perform([*plan.published(end), endpoints.registered(end)], "host", journal)
        keeping.rewrite(config._replace(attachments=(*config.attachments, wanted)))
        os.rename(journal.path, keeping.endpoint_journal(config.id, wanted.network).path)
    except BaseException:
        ports.release(held)
        raise
    return end, held


def _wire(sandbox: Sandbox, end: Endpoint, journal: "FileJournal | None" = None) -> None:
    """Make a plug's cable, and configure its end inside."""
    ipv6 = sysctls.exists("net/ipv6/conf/all/disable_ipv6")
    perform(plan.endpoint(end, sandbox.process.pid, ipv6), "host", journal)
    if not processes.is_alive(sandbox.process, processes.boot_id()):  # its number may be another's by now
        raise PyrunError(f"container {sandbox.config.name} is not running", 1)
    visits.perform_inside(sandbox.pidfd, lambda: plan.interface(end, ipv6))


def _take_out(sandbox: Sandbox, name: str) -> None:
    """Take a plug out. The locks of the container and of the network are held."""
    from pyrun.network import mending

    config = sandbox.config
    _raise(driver.unwound(name))
    ends = standing.plugs(config.id)
    end = next((each for each in ends if each.network.name == name), None)
    if end is None:
        raise PyrunError(f"container {config.id} is not connected to network {name}", 1)
    mending.reclaim_cable(end)  # it is taken out by its address, as the journal knows it
    mark = standing.unsettled(name, config.id)
    files.write_atomically(mark, b"")
    published.lead(config.id, ends, plan.gateway([each for each in ends if each != end]))
    os.rename(keeping.endpoint_journal(config.id, name).path, standing.pending(name))
    perform([links.DeleteLink(end.host_link, end.host_mac)])
    _raise(driver.unwound(name))
    _settle(sandbox, mark)
    chronicle.network(end.network, "disconnect", config.id)


def _settle(sandbox: Sandbox, mark: str, held: plugging.Sockets = ()) -> None:
    """Make true what follows from the plugs that are in, and say so; a container that has ended has no need of it."""
    config, ends = sandbox.config, standing.plugs(sandbox.config.id)
    names = {end.network.name for end in ends}
    keeping.rewrite(config._replace(attachments=tuple(each for each in config.attachments if each.network in names)))
    try:
        _follow(sandbox, ends, held)
    except (PyrunError, OSError):
        if not processes.wait_end(sandbox.pidfd, _PATIENCE):  # its namespaces go a moment before it counts as ended
            raise
    os.unlink(mark)


def _follow(sandbox: Sandbox, ends: list[Endpoint], held: plugging.Sockets = ()) -> None:
    """Let ports, the way outside, hosts, resolv.conf and whoever serves follow the plugs. Errors: PyrunError.

    *held* are ports that were bound just now, for whoever serves.
    """
    config = sandbox.config
    published.lead(config.id, ends, plan.gateway(ends))
    ends = standing.plugs(config.id)
    visits.perform_inside(sandbox.pidfd, lambda: plan.rerouted(ends, links.default_routes()))
    perform(_hostfiles(config, ends))
    plugging.serve_again(config, ends, sandbox.process.pid, held)


def _hostfiles(config: ContainerConfig, ends: list[Endpoint]) -> list[files.RewriteFile]:
    """Give the changes of hosts and resolv.conf; what the container has written there itself stays."""
    own = paths.container(config.id)
    addresses = [address for end in ends for address in (end.address, end.address6) if address]
    hosts, resolv = _text(f"{own}/hosts"), _text(f"{own}/resolv.conf")
    wanted = {"hosts": hostfiles.with_own(hosts, config.hostname, addresses), "resolv.conf": resolv}
    named = any(end.network.name != DEFAULT for end in ends)
    if ends and named != hostfiles.asks_resolver(resolv):
        wanted["resolv.conf"] = host.resolv_text(config, ends)
    changed = {name: text for name, text in wanted.items() if text != {"hosts": hosts, "resolv.conf": resolv}[name]}
    return [files.RewriteFile(f"{own}/{name}", text) for name, text in changed.items()]


def _text(path: str) -> str:
    return reading.read_limited(path).decode(errors="surrogateescape")


def _without(config: ContainerConfig, network: str) -> ContainerConfig:
    return config._replace(attachments=tuple(each for each in config.attachments if each.network != network))


def _raise(failures: list[Exception]) -> None:
    if failures:
        raise failures[0]
