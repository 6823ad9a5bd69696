"""Records: a container's configuration and facts as JSON files that cannot be trusted when read back.

What the records mean together is decided in `pyrun.store`.
"""

from pyrun import documents
from pyrun.errors import Corrupt
from pyrun.kernel import files
from pyrun.kernel.processes import Process
from pyrun.spec import Attachment, ContainerConfig, Device, HealthCheck, Mount, PortBinding, Resources, Ulimit
from pyrun.typed import Any, NamedTuple

VERSION = 1
_NESTED: dict[str, Any] = {
    "mounts": Mount,
    "ulimits": Ulimit,
    "attachments": Attachment,
    "ports": PortBinding,
    "devices": Device,
}
_SINGLE: dict[str, Any] = {"resources": Resources, "health": HealthCheck}
_DEFAULTS = ContainerConfig._field_defaults


class Start(NamedTuple):
    """The container's program: written before it may run."""

    process: Process
    at: float  # seconds since the epoch
    restarts: int = 0  # how often its policy started it again since somebody did
    delay: float = 0.0  # seconds that were waited before


class Exit(NamedTuple):
    """How the container's program ended."""

    code: int
    at: float
    oom_killed: bool = False
    started: float = 0.0  # when what has ended was started: with another start this is of the past
    error: str = ""  # why it could not be started


def write_config(path: str, config: ContainerConfig, durable: bool) -> None:
    """Write the configuration. Errors: OSError."""
    fields = config._asdict()
    for name in _SINGLE:
        fields[name] = fields[name]._asdict()
    for name in _NESTED:
        fields[name] = [value._asdict() for value in fields[name]]
    _write(path, fields, durable)


def read_config(path: str) -> ContainerConfig:
    """Read a configuration. Errors: Corrupt naming what is wrong, FileNotFoundError."""
    fields = _read(path)
    known = {name: value for name, value in fields.items() if name in ContainerConfig._fields}
    try:
        for name, kind in _NESTED.items():
            known[name] = tuple(_tuple(path, name, kind, value) for value in known.get(name, ()))
        for name, kind in _SINGLE.items():
            known[name] = _tuple(path, name, kind, known.get(name, {}))
        make: Any = ContainerConfig
        config: ContainerConfig = make(**{k: tuple(v) if isinstance(v, list) else v for k, v in known.items()})
    except (TypeError, ValueError) as cause:
        raise Corrupt(f"record: {path}: incomplete") from cause
    _check_types(path, config)
    return config


def write_start(path: str, start: Start, durable: bool) -> None:
    """Write who the program is. Errors: OSError."""
    _write(path, {**start._asdict(), "process": list(start.process)}, durable)


def read_start(path: str) -> "Start | None":
    """Read who the program is; None when it never started. Errors: Corrupt."""
    try:
        fields = _read(path)
        pid, started, boot = fields["process"]
        process = Process(int(pid), int(started), str(boot))
        return Start(process, float(fields["at"]), int(fields.get("restarts", 0)), float(fields.get("delay", 0.0)))
    except FileNotFoundError:
        return None
    except (KeyError, TypeError, ValueError) as cause:
        raise Corrupt(f"record: {path}: incomplete") from cause


def write_exit(path: str, end: Exit, durable: bool) -> None:
    """Write how the program ended. Errors: OSError."""
    _write(path, end._asdict(), durable)


def read_exit(path: str) -> "Exit | None":
    """Read how the program ended; None when nobody saw it. Errors: Corrupt."""
    try:
        fields = _read(path)
        whole = (int(fields["code"]), float(fields["at"]), bool(fields["oom_killed"]))
        return Exit(*whole, float(fields.get("started", 0.0)), str(fields.get("error", "")))
    except FileNotFoundError:
        return None
    except (KeyError, TypeError, ValueError) as cause:
        raise Corrupt(f"record: {path}: incomplete") from cause


def _write(path: str, fields: dict[str, Any], durable: bool) -> None:
    content = documents.written({"version": VERSION, **fields})
    files.write_atomically(path, content.encode() + b"\n", 0o600, durable)


def _read(path: str) -> dict[str, Any]:
    try:
        fields = documents.parse(files.read_limited(path))
    except FileNotFoundError:
        raise
    except (OSError, ValueError, RecursionError) as cause:
        raise Corrupt(f"record: {path}: not readable") from cause
    if not isinstance(fields, dict):
        raise Corrupt(f"record: {path}: not one of ours")
    if fields.pop("version", None) != VERSION:
        raise Corrupt(f"record: {path}: written by another version")
    return fields


def _tuple(path: str, name: str, kind: Any, fields: Any) -> Any:
    value = kind(**{key: tuple(given) if isinstance(given, list) else given for key, given in fields.items()})
    for field, given in value._asdict().items():
        default = kind._field_defaults.get(field, given)
        if type(given) is not type(default):
            raise Corrupt(f"record: {path}: {name}.{field}: of the wrong type")
        if isinstance(given, tuple) and not all(isinstance(item, str) for item in given):
            raise Corrupt(f"record: {path}: {name}.{field}: of the wrong type")
    return value


def _check_types(path: str, config: ContainerConfig) -> None:
    for field, value in config._asdict().items():
        default = _DEFAULTS.get(field)
        expected: Any = {"args": tuple, "env": tuple, "created": (float, int)}.get(field, str)
        if default is not None:
            expected = type(default)
        if not isinstance(value, expected) or (expected is int and isinstance(value, bool)):
            raise Corrupt(f"record: {path}: {field}: of the wrong type")
        words = isinstance(value, tuple) and field not in (*_NESTED, *_SINGLE)
        if words and not all(isinstance(item, str) for item in value):
            raise Corrupt(f"record: {path}: {field}: of the wrong type")
    if not config.args or len(config.id) != 64 or set(config.id) - set("0123456789abcdef"):
        raise Corrupt(f"record: {path}: not one of ours")
    if "/" in config.name or not config.name:
        raise Corrupt(f"record: {path}: name: not one of ours")
