"""What `ps` tells of a container: Docker's columns and words, each made when it is asked for."""

import os

from pyrun.cli import ages, screen
from pyrun.cli.tables import Column
from pyrun.spec import ContainerConfig
from pyrun.store import Container, Status
from pyrun.typed import Any, Callable, NamedTuple

HEADINGS = {
    "ID": "CONTAINER ID",
    "Image": "IMAGE",
    "Command": "COMMAND",
    "RunningFor": "CREATED",
    "Status": "STATUS",
    "Ports": "PORTS",
    "Names": "NAMES",
    "CreatedAt": "CREATED AT",
    "Labels": "LABELS",
    "LocalVolumes": "LOCAL VOLUMES",
    "Mounts": "MOUNTS",
    "Networks": "NETWORKS",
    "Size": "SIZE",
    "State": "STATE",
}
RAW = (  # Docker's format `raw`
    "container_id: {{.ID}}\nimage: {{.Image}}\ncommand: {{.Command}}\ncreated_at: {{.CreatedAt}}\n"
    "state: {{.State}}\nstatus: {{.Status}}\nnames: {{.Names}}\nlabels: {{.Labels}}\nports: {{.Ports}}\n"
)
_COMMAND_WIDTH, _MOUNT_WIDTH = 20, 15


def colour(status: str) -> str:
    """Give the colour of a state, by its words."""
    if status.startswith("Exited"):
        return "" if status.startswith("Exited (0)") else "red"
    if status.startswith("Up"):
        if status.endswith(("(Paused)", "(health: starting)")):
            return "yellow"
        return "red" if status.endswith("(unhealthy)") else "green"
    return {"Created": "dim", "Restarting": "yellow", "Dead": "red", "Corrupt": "red"}.get(status.split(" ")[0], "")


COLUMNS = (
    Column("CONTAINER ID"),
    Column("IMAGE", 10, end=True),
    Column("COMMAND", 8),
    Column("CREATED", tight=10),
    Column("STATUS", colour=colour, tight=10),
    Column("PORTS", 8),
    Column("NAMES", 12),
)
SIZE = Column("SIZE")


class Row(NamedTuple):
    """A container, and how it is told: at which moment, whether in full, whether with its size."""

    container: Container
    status: Status
    now: float
    full: bool = False
    sized: bool = True

    def cells(self) -> "dict[str, Callable[[], Any]]":
        """Give what can be asked for."""
        return {name: getattr(self, f"_{name.lower()}") for name in sorted(HEADINGS)}

    def plain(self) -> "tuple[str, ...]":
        """Give the columns of the usual table."""
        cells = (self._id(), self._image(), self._command(), self._runningfor(), self._status(), self._ports())
        return (*cells, self._names())

    def labels(self) -> "tuple[str, ...]":
        """Give the labels, by key."""
        return self.container.config.labels if self.container.config else ()

    def _id(self) -> str:
        return self.container.id if self.full else self.container.id[:12]

    def _image(self) -> str:
        return screen.printable(self.container.config.image) if self.container.config else ""

    def _command(self) -> str:
        if self.container.config is None:
            return ""
        first, *others = self.container.config.args
        command = " ".join([first, *(f"'{word}'" if " " in word else word for word in others)])
        return _quoted(command if self.full else screen.shortened(command, _COMMAND_WIDTH))

    def _created(self) -> int:
        return int(self.container.config.created) if self.container.config else 0

    def _createdat(self) -> str:
        return ages.moment(self._created(), local=True)

    def _runningfor(self) -> str:
        return ages.ago(self.now - self._created()) if self.container.config else ""

    def _state(self) -> str:
        return self.status.state

    def _status(self) -> str:
        return words(self.status, self.now)

    def _ports(self) -> str:
        config = self.container.config
        if config is None or not config.exposed or self.status.state not in ("running", "paused"):
            return ""
        from pyrun.cli import port_tables
        from pyrun.network import standing

        return port_tables.column(config, standing.plugs(self.container.id))

    def _names(self) -> str:
        return self.container.name

    def _labels(self) -> str:
        return ",".join(self.labels())

    def _localvolumes(self) -> str:
        mounts = self.container.config.mounts if self.container.config else ()
        return str(sum(mount.kind == "volume" for mount in mounts))

    def _mounts(self) -> str:
        mounts = self.container.config.mounts if self.container.config else ()
        found = [mount.source for mount in mounts if mount.source]
        return ",".join(found if self.full else [screen.shortened(each, _MOUNT_WIDTH) for each in found])

    def _networks(self) -> str:
        return ",".join(networks(self.container.config)) if self.container.config else ""

    def _size(self) -> str:
        if not self.sized or self.container.config is None:
            return ages.size(0, 3)
        from pyrun.runtime import sizes

        own, whole = sizes.of(self.container.config)
        return f"{ages.size(own, 3)} (virtual {ages.size(whole, 3)})" if whole else ages.size(own, 3)


def words(status: Status, now: float) -> str:
    """Say the status as Docker does: ``Up 3 minutes (healthy)``, ``Exited (0) 5 seconds ago``."""
    health = status.health
    if status.state in ("running", "paused"):
        shown = {"": "", "none": "", "starting": " (health: starting)"}.get(health, f" ({health})")
        return f"Up {ages.duration(now - status.started)}{' (Paused)' if status.state == 'paused' else shown}"
    if status.state in ("exited", "restarting"):
        return f"{status.state.capitalize()} ({status.exit_code}) {ages.ago(now - status.finished)}"
    return "Removal In Progress" if status.state == "removing" else status.state.capitalize()


def networks(config: ContainerConfig) -> "tuple[str, ...]":
    """List what a container is plugged into; `host` and `none` count as networks, somebody else's do not."""
    if config.network in ("host", "none"):
        return (config.network,)
    return tuple(each.network for each in config.attachments)


def of_directory(config: ContainerConfig) -> str:
    """Give the name that a root file system has where it lies."""
    return os.path.basename(config.rootfs)


def _quoted(text: str) -> str:
    inner = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{screen.printable(inner)}"'
