"""What `ps` prints: Docker's columns and words, plain text or one JSON object a line."""

import time

from pyrun import documents
from pyrun.spec import ContainerConfig
from pyrun.store import Container, Status
from pyrun.typed import NamedTuple

_COLUMNS = ("CONTAINER ID", "IMAGE", "COMMAND", "CREATED", "STATUS", "PORTS", "NAMES")
_COMMAND_WIDTH = 20
_GAP, _NARROWEST = 3, 10


class Row(NamedTuple):
    """One container, in words."""

    id: str
    image: str
    command: str
    created: str
    status: str
    ports: str
    names: str


def row(container: Container, status: Status, now: float, full: bool) -> Row:
    """Describe a container at the time *now*; *full* shortens nothing."""
    config = container.config
    identity = container.id if full else container.id[:12]
    if config is None:
        return Row(identity, "", "", "", "Corrupt", "", container.name)
    command = " ".join(config.args)
    if not full and len(command) > _COMMAND_WIDTH:
        command = command[: _COMMAND_WIDTH - 1] + "…"
    created = ago(now - config.created)
    return Row(
        identity,
        printable(config.image),
        printable(f'"{command}"'),
        created,
        words(status, now),
        _ports(container, status, config),
        config.name,
    )


def words(status: Status, now: float) -> str:
    """Say the status as Docker does: ``Up 3 minutes``, ``Exited (0) 5 seconds ago``."""
    if status.is_up:
        return f"Up {duration(now - status.started)}{' (Paused)' if status.state == 'paused' else ''}"
    if status.state == "restarting":
        return f"Restarting ({status.exit_code}) {ago(now - status.finished)}"
    if status.state == "exited":
        return f"Exited ({status.exit_code}) {ago(now - status.finished)}"
    return status.state.capitalize()


def table(rows: list[Row]) -> str:
    """Lay the rows out under Docker's headings."""
    return columns([_COLUMNS, *rows])


def columns(lines: "list[tuple[str, ...]]") -> str:
    """Lay lines out in columns as Docker does: three blanks between, ten places at least, the last as it is."""
    widths = [max(_NARROWEST, *(len(line[at]) + _GAP for line in lines)) for at in range(len(lines[0]) - 1)]
    laid = ("".join(map(str.ljust, line, widths)) + line[-1] for line in lines)
    return "".join(text.rstrip() + "\n" for text in laid)


def as_json(container: Container, status: Status, now: float, full: bool) -> str:
    """Give Docker's JSON object of a container, as one line."""
    cells = row(container, status, now, full)
    config = container.config
    created = config.created if config else 0.0
    mounts = [mount.source or "tmpfs" for mount in config.mounts] if config else []
    fields = {
        "Command": cells.command,
        "CreatedAt": time.strftime("%Y-%m-%d %H:%M:%S +0000 UTC", time.gmtime(created)),
        "ID": cells.id,
        "Image": cells.image,
        "Labels": "",
        "LocalVolumes": "0",
        "Mounts": ",".join(mounts),
        "Names": cells.names,
        "Networks": _networks(config) if config else "",
        "Ports": cells.ports,
        "RunningFor": cells.created,
        "Size": "0B",
        "State": status.state,
        "Status": cells.status,
    }
    return documents.written(fields)


def _ports(container: Container, status: Status, config: ContainerConfig) -> str:
    if not config.exposed or not status.is_up:
        return ""
    from pyrun.cli import port_tables
    from pyrun.network import standing

    return port_tables.column(config, standing.plugs(container.id))


def _networks(config: ContainerConfig) -> str:
    mode = "" if config.has_sandbox and config.network != "none" else config.network.partition(":")[0]
    return ",".join(each.network for each in config.attachments) or mode


def ago(seconds: float) -> str:
    """Say how long ago."""
    return f"{duration(seconds)} ago"


def duration(seconds: float) -> str:
    """Say a time span in the words of go-units' HumanDuration."""
    whole = int(max(0.0, seconds))
    minutes, hours = whole // 60, int(max(0.0, seconds) / 3600 + 0.5)
    if whole < 1:
        return "Less than a second"
    if whole == 1:
        return "1 second"
    if whole < 60:
        return f"{whole} seconds"
    if minutes == 1:
        return "About a minute"
    if minutes < 60:
        return f"{minutes} minutes"
    if hours == 1:
        return "About an hour"
    for limit, divisor, unit in (
        (48, 1, "hours"),
        (336, 24, "days"),
        (1440, 168, "weeks"),
        (17520, 720, "months"),
    ):
        if hours < limit:
            return f"{hours // divisor} {unit}"
    return f"{int(seconds / 3600 / 24 / 365)} years"


def printable(text: str) -> str:
    """Show control characters instead of sending them to the terminal."""
    return text if text.isprintable() else "".join(c if c.isprintable() else repr(c)[1:-1] for c in text)
