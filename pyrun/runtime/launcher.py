"""The client of `run`: checks, forks the monitor, and connects the caller's stdio to the container."""

import _signal as signal  # type: ignore[import-not-found]  # signal itself imports enum
import os

from pyrun import operation
from pyrun.errors import PyrunError
from pyrun.kernel import files
from pyrun.operation import Operation, line
from pyrun.plan import filesystem
from pyrun.runtime import channel, console, monitor
from pyrun.runtime.channel import FAILED, STARTED, Channel, read_failure
from pyrun.spec import ContainerConfig, Endpoint, Network


class Options(tuple[bool, bool, str]):
    """How the client behaves: explain each operation, pass signals on, where to write the id."""

    def __new__(cls, explain: bool = False, sig_proxy: bool = True, cidfile: str = "") -> "Options":
        return super().__new__(cls, (explain, sig_proxy, cidfile))


def run(config: ContainerConfig, options: "Options | None" = None) -> int:
    """Run a container; give the exit code of its program, or 0 once it is detached.

    Errors: PyrunError when it could not be started; nothing is left of it then.
    """
    explain, proxy, cidfile = options or Options()
    if not config.detach:
        console.check_terminal(config.tty, config.interactive)
    if explain:
        os.write(2, _preamble(config).encode())
        operation.observers.append(operation.explain_to(2, filesystem.abbreviations(config.id)))
    ours, theirs = channel.pair()
    inner, outer = _pipes(config)
    former = signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
    if os.fork() == 0:
        ours.close()
        _close(outer)
        monitor.keep(config, theirs, inner, explain)
    theirs.close()
    _close(inner)
    if config.detach:
        signal.pthread_sigmask(signal.SIG_SETMASK, former)
        return _detached(config, ours, cidfile)
    attached = console.Console(ours, config.tty, console.parse_keys(config.detach_keys), proxy)
    signal.pthread_sigmask(signal.SIG_SETMASK, former)
    _started(ours)
    _write_cidfile(cidfile, config.id)
    return attached.run(console.Ends(*outer))


def _pipes(config: ContainerConfig) -> tuple[tuple[int, int, int], tuple[int, int, int]]:
    """Make the pipes between client and monitor: the monitor's ends and ours."""
    if config.detach:
        return (-1, -1, -1), (-1, -1, -1)
    stdin_r, stdin_w = os.pipe2(os.O_CLOEXEC) if config.interactive else (-1, -1)
    stdout_r, stdout_w = os.pipe2(os.O_CLOEXEC)
    stderr_r, stderr_w = os.pipe2(os.O_CLOEXEC) if not config.tty else (-1, -1)
    return (stdin_r, stdout_w, stderr_w), (stdin_w, stdout_r, stderr_r)


def _detached(config: ContainerConfig, control: Channel, cidfile: str) -> int:
    _started(control)
    control.close()
    _write_cidfile(cidfile, config.id)
    files.write_output(1, f"{config.id}\n".encode())
    return 0


def _started(control: Channel) -> None:
    kind, content, _ = control.receive()
    if kind == FAILED:
        code, message = read_failure(content)
        raise PyrunError(message, code)
    if kind != STARTED:
        raise PyrunError("monitor: ended unexpectedly", hint="the next pyrun command cleans up")


def _write_cidfile(path: str, identity: str) -> None:
    if path:
        fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o644)
        os.write(fd, identity.encode())
        os.close(fd)


def _close(fds: tuple[int, ...]) -> None:
    for fd in fds:
        if fd >= 0:
            os.close(fd)


def preview(config: ContainerConfig) -> list[str]:
    """Give every operation of a start as `--explain` would print it, needing no root and touching nothing."""
    from pyrun import volumes
    from pyrun.kernel import accounts, trees
    from pyrun.network import endpoints
    from pyrun.plan import container as plan
    from pyrun.plan import network
    from pyrun.plan.process import process
    from pyrun.runtime import host, plugging
    from pyrun.runtime.program import Execute, Program, at_home

    nets, ends = _previewed(config)
    ends = plugging.preview(config, ends)
    around = host.look_around(config)
    mounted, pivot = plan.assembled(config, around, host.binds(config))
    with trees.opened(config.rootfs) as root:
        account = accounts.resolve(root, config.user, config.groups)
    become = Program(at_home(host.process(config, compiled=False), account), -1, -1, (-1, -1, -1))
    contents = host.hostfile_contents(config, ends, around.ipv6)
    sides: list[tuple[str, list[Operation]]] = [
        ("host", plan.birth(config, host.top_of(config))),
        ("host", [each for net in nets for each in network.network(net, around.ipv6)]),
        ("host", [each for end in ends for each in endpoints.leased(end)]),
        ("host", plan.sources(around)),
        ("host", volumes.planned(config)),
        ("host", plan.hostfiles(config.id, contents)),
        ("host", plan.limits(config, around)),
        ("host", plan.fork(config, around)),
        ("container", plan.joining(config, around)),
        ("host", plan.visible(config, 0)),
        ("host", [each for end in ends for each in plugging.planned(end, 0, around.ipv6)]),
        ("host", plugging.serving(config, ends, 0, ())),
        ("container", mounted),
        ("container", plan.configured(config, around, ends)),
        ("container", plan.closed(config, around, pivot)),
        ("container", process(become.config, account)),
        ("container", [Execute(become, "")]),
    ]
    short = filesystem.abbreviations(config.id)
    return [_preamble(config), *(line(side, each, short) for side, part in sides for each in part)]


def _previewed(config: ContainerConfig) -> "tuple[list[Network], list[Endpoint]]":
    """Give the networks that have to be made for the container, and its plugs into all of its networks."""
    from pyrun.network import driver

    nets: list[Network] = []
    ends: list[Endpoint] = []
    for wanted in config.attachments:
        net, end = driver.preview(config.id, config.name, wanted, {each.link for each in ends})
        nets += [net] if net else []
        ends.append(end._replace(hostname=config.hostname))
    return nets, ends


def _preamble(config: ContainerConfig) -> str:
    root = filesystem.root(config.id).replace(config.id, "$ID")
    return (
        f"host$ export ID={config.id}  # the container\n"
        f"host$ export ROOT={root}  # where its root file system is assembled\n"
    )
