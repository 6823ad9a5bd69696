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
    from pyrun.api.networks import Network as Network
    from pyrun.api.networks import create_network as create_network
    from pyrun.api.networks import network as network
    from pyrun.api.networks import networks as networks
    from pyrun.api.programs import Execution as Execution
    from pyrun.api.programs import Output as Output
    from pyrun.api.programs import Result as Result
    from pyrun.api.running import create as create
    from pyrun.api.running import run as run
    from pyrun.errors import Failed as Failed
    from pyrun.errors import NotFound as NotFound
    from pyrun.errors import PyrunError as PyrunError
    from pyrun.errors import TimedOut as TimedOut
    from pyrun.errors import UsageError as UsageError

_PLACES = {  # where each public name is; the command line imports none of it
    "api.containers": ("Container", "PublishedPort", "container", "containers"),
    "api.networks": ("Network", "create_network", "network", "networks"),
    "api.programs": ("Execution", "Output", "Result"),
    "api.running": ("create", "run"),
    "errors": ("Failed", "NotFound", "PyrunError", "TimedOut", "UsageError"),
}
__all__ = [
    "Container",
    "Execution",
    "Failed",
    "Network",
    "NotFound",
    "Output",
    "PublishedPort",
    "PyrunError",
    "Result",
    "TimedOut",
    "UsageError",
    "container",
    "containers",
    "create",
    "create_network",
    "network",
    "networks",
    "run",
]


def __getattr__(name: str) -> object:
    for place, names in _PLACES.items():
        if name in names:
            found = getattr(__import__(f"pyrun.{place}", fromlist=(name,)), name)
            return globals().setdefault(name, found) if name != "network" else found
    raise AttributeError(f"module 'pyrun' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
