"""Records: a container's configuration and facts as JSON files that cannot be trusted when read back.

What the records mean together is decided in `pyrun.store`.
"""

from pyrun import documents
from pyrun.errors import Corrupt
from pyrun.kernel import files, reading
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
_FIELDS = frozenset(ContainerConfig._fields)


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
    known = {name: value for name, value in fields.items() if name in _FIELDS}
    try:
        for name, kind in _NESTED.items():
            known[name] = tuple(_tuple(path, name, kind, value) for value in known.get(name, ()))
        for name, kind in _SINGLE.items():
            known[name] = _tuple(path, name, kind, known.get(name, {}))
        config: ContainerConfig = _made(ContainerConfig, known)
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
        fields = documents.parse(reading.read_limited(path))
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
    if fields.keys() - set(kind._fields):
        raise TypeError(f"{name}: unknown fields")
    value: Any = _made(kind, fields)
    for field, given in zip(kind._fields, value, strict=True):
        default = kind._field_defaults.get(field, given)
        if type(given) is not type(default):
            raise Corrupt(f"record: {path}: {name}.{field}: of the wrong type")
        if given and isinstance(given, tuple) and not all(isinstance(item, str) for item in given):
            raise Corrupt(f"record: {path}: {name}.{field}: of the wrong type")
    return value


def _made(kind: Any, fields: dict[str, Any]) -> Any:
    """Make a value of *kind*, field by field in their order, which costs half of naming them. Errors: TypeError."""
    values = []
    for field in kind._fields:
        value = fields[field] if field in fields else kind._field_defaults.get(field, _TYPES)
        if value is _TYPES:
            raise TypeError(f"{field} is missing")
        values.append(tuple(value) if isinstance(value, list) else value)
    return kind(*values)


def _types() -> "tuple[tuple[str, Any, bool], ...]":
    """Give each field of a configuration, the types that it may have, and whether it is a tuple of words."""
    typed: dict[str, Any] = {"args": tuple, "env": tuple, "created": (float, int)}
    typed |= {field: type(default) for field, default in _DEFAULTS.items()}
    nested = (*_NESTED, *_SINGLE)
    fields = ((field, typed.get(field, str)) for field in ContainerConfig._fields)
    return tuple((field, kind, kind is tuple and field not in nested) for field, kind in fields)


_TYPES = _types()


def _check_types(path: str, config: ContainerConfig) -> None:
    for (field, expected, words), value in zip(_TYPES, config, strict=True):
        if type(value) is not expected and (not isinstance(value, expected) or isinstance(value, bool)):
            raise Corrupt(f"record: {path}: {field}: of the wrong type")
        items: Any = value
        if words and items and not all(isinstance(item, str) for item in items):
            raise Corrupt(f"record: {path}: {field}: of the wrong type")
    if not config.args or len(config.id) != 64 or set(config.id) - set("0123456789abcdef"):
        raise Corrupt(f"record: {path}: not one of ours")
    if "/" in config.name or not config.name:
        raise Corrupt(f"record: {path}: name: not one of ours")
