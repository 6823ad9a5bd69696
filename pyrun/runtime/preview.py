"""What a start would do: every operation as `--explain` prints it, needing no root and touching nothing."""

from pyrun import volume_store
from pyrun.kernel import accounts, trees
from pyrun.network import driver, endpoints
from pyrun.operation import Operation, line
from pyrun.plan import container as plan
from pyrun.plan import filesystem, network
from pyrun.plan.process import process
from pyrun.runtime import checks, host, plugging
from pyrun.runtime.program import Execute, Program, at_home
from pyrun.spec import ContainerConfig, Endpoint, Network


def preview(config: ContainerConfig) -> list[str]:
    """Give every operation of a start as `--explain` would print it, needing no root and touching nothing."""
    nets, ends = _previewed(config)
    ends = plugging.preview(config, ends)
    around = host.look_around(config)
    mounted, pivot = plan.assembled(config, around, host.binds(config))
    with trees.opened(config.rootfs) as root:
        account = accounts.resolve(root, config.user, config.groups)
    become = Program(at_home(host.process(config, compiled=False), account), -1, -1, (-1, -1, -1))
    contents = host.hostfile_contents(config, ends, around.ipv6)
    sides: list[tuple[str, list[Operation]]] = [
        ("host", [*plan.birth(config, host.top_of(config)), *plan.place(config)]),
        ("host", [each for net in nets for each in network.network(net, around.ipv6)]),
        ("host", [each for end in ends for each in endpoints.leased(end)]),
        ("host", plan.sources(around)),
        ("host", volume_store.planned(config)),
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
        ("host", checks.planned(config, 0)),
    ]
    short = filesystem.abbreviations(config.id)
    return [filesystem.preamble(config.id), *(line(side, each, short) for side, part in sides for each in part)]


def _previewed(config: ContainerConfig) -> "tuple[list[Network], list[Endpoint]]":
    """Give the networks that have to be made for the container, and its plugs into all of its networks."""
    nets: list[Network] = []
    ends: list[Endpoint] = []
    for wanted in config.attachments:
        net, end = driver.preview(config.id, config.name, wanted, {each.link for each in ends})
        nets += [net] if net else []
        ends.append(end._replace(hostname=config.hostname))
    return nets, ends
