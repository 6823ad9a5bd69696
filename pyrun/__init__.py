"""pyrun: containers with Docker-style bridge networking, without a daemon.

`import pyrun` is the command line for programs, in the same words:

    with pyrun.create_network("lan") as lan, pyrun.run("@host", "sleep 60", detach=True, network=lan) as server:
        print(server.ip_address, server.exec(["ip", "route"]).text)

Each change is made by a process of its own, so any thread may ask for it; see docs/python.md.
"""

__version__ = "0.1.0"

TYPE_CHECKING = False  # type checkers take it to be true
if TYPE_CHECKING:
    from pyrun.api.containers import Container as Container
    from pyrun.api.containers import PublishedPort as PublishedPort
    from pyrun.api.containers import container as container
    from pyrun.api.containers import containers as containers
    from pyrun.api.host import Event as Event
    from pyrun.api.host import events as events
    from pyrun.api.host import info as info
    from pyrun.api.host import prune as prune
    from pyrun.api.host import version as version
    from pyrun.api.networks import Network as Network
    from pyrun.api.networks import create_network as create_network
    from pyrun.api.networks import network as network
    from pyrun.api.networks import networks as networks
    from pyrun.api.networks import prune_networks as prune_networks
    from pyrun.api.programs import Attachment as Attachment
    from pyrun.api.programs import Execution as Execution
    from pyrun.api.programs import Output as Output
    from pyrun.api.programs import Result as Result
    from pyrun.api.rootfs import Rootfs as Rootfs
    from pyrun.api.rootfs import build_rootfs as build_rootfs
    from pyrun.api.rootfs import every_rootfs as every_rootfs
    from pyrun.api.rootfs import import_rootfs as import_rootfs
    from pyrun.api.rootfs import rootfs_named as rootfs_named
    from pyrun.api.running import create as create
    from pyrun.api.running import run as run
    from pyrun.api.volumes import Volume as Volume
    from pyrun.api.volumes import create_volume as create_volume
    from pyrun.api.volumes import prune_volumes as prune_volumes
    from pyrun.api.volumes import volume as volume
    from pyrun.api.volumes import volumes as volumes
    from pyrun.errors import Failed as Failed
    from pyrun.errors import NotFound as NotFound
    from pyrun.errors import PyrunError as PyrunError
    from pyrun.errors import TimedOut as TimedOut
    from pyrun.errors import UsageError as UsageError

_PLACES = {  # where each public name is; the command line imports none of it
    "api.containers": ("Container", "PublishedPort", "container", "containers"),
    "api.host": ("Event", "events", "info", "prune", "version"),
    "api.networks": ("Network", "create_network", "network", "networks", "prune_networks"),
    "api.programs": ("Attachment", "Execution", "Output", "Result"),
    "api.rootfs": ("Rootfs", "build_rootfs", "every_rootfs", "import_rootfs", "rootfs_named"),
    "api.running": ("create", "run"),
    "api.volumes": ("Volume", "create_volume", "prune_volumes", "volume", "volumes"),
    "errors": ("Failed", "NotFound", "PyrunError", "TimedOut", "UsageError"),
}
__all__ = [
    "Attachment",
    "Container",
    "Event",
    "Execution",
    "Failed",
    "Network",
    "NotFound",
    "Output",
    "PublishedPort",
    "PyrunError",
    "Result",
    "Rootfs",
    "TimedOut",
    "UsageError",
    "Volume",
    "build_rootfs",
    "container",
    "containers",
    "create",
    "create_network",
    "create_volume",
    "errors",
    "events",
    "every_rootfs",
    "import_rootfs",
    "info",
    "network",
    "networks",
    "prune",
    "prune_networks",
    "prune_volumes",
    "rootfs_named",
    "run",
    "version",
    "volume",
    "volumes",
]


def __getattr__(name: str) -> object:
    for place, names in _PLACES.items():
        if name in names:
            found = getattr(__import__(f"pyrun.{place}", fromlist=(name,)), name)
            return globals().setdefault(name, found) if name != "network" else found
    raise AttributeError(f"module 'pyrun' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
