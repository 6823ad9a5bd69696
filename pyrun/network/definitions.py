"""Networks as they were created: one durable record each, named after the network. `bridge` needs none.

What stands of them in the kernel is in `pyrun.network.standing`.
"""

import os

from pyrun import documents, paths
from pyrun.contexts import suppress
from pyrun.errors import Corrupt, NotFound, UsageError
from pyrun.kernel import reading
from pyrun.spec import Network, Pool
from pyrun.typed import Any

DEFAULT = "bridge"
PREDEFINED = (DEFAULT, "host", "none")
BRIDGE = "pyrun0"  # the link of `bridge`
VERSION = 1
_DEFAULT_ID = "70797275" + "6e30" * 14  # `bridge` is the same on every host


def default_unmade() -> Network:
    """Give `bridge` as far as it is known while it does not stand: without addresses."""
    return Network(_DEFAULT_ID, DEFAULT, BRIDGE, "", ())


def write(net: Network) -> None:
    """Write a new network down: from here on it exists. Errors: UsageError when there is one of that name."""
    from pyrun.kernel import files

    path = _path(net.name)
    try:
        files.write_new(path, encode(net), durable=True)
    except FileExistsError:
        raise UsageError(f"network: {net.name}: a network of that name already exists", 1) from None


def remove(name: str) -> None:
    """Remove the record: from here on the network does not exist."""
    with suppress(FileNotFoundError):
        os.unlink(_path(name))


def read(name: str) -> "Network | None":
    """Give the network that was created under a name. Errors: Corrupt."""
    try:
        return decode(_path(name), reading.read_limited(_path(name)))
    except FileNotFoundError:
        return None
    except OSError as cause:
        raise Corrupt(f"network: {_path(name)}: not readable") from cause


def names() -> list[str]:
    """List the names of the networks that were created."""
    try:
        found = os.listdir(paths.DEFINITIONS)
    except (FileNotFoundError, PermissionError):
        return []
    return sorted(name.removesuffix(".json") for name in found if name.endswith(".json"))


def networks() -> tuple[list[Network], list[Corrupt]]:
    """Read all that were created; what cannot be read is told beside the others."""
    found, problems = [], []
    for name in names():
        try:
            net = read(name)
        except Corrupt as problem:
            problems.append(problem)
            continue
        found += [net] if net else []
    return found, problems


def find(reference: str) -> Network:
    """Find a created network by name, id or the unique beginning of its id.

    Errors: NotFound with a near name, UsageError when several ids begin so, Corrupt.
    """
    if is_name(reference) and (net := read(reference)) is not None:
        return net
    found, _ = networks()
    matches = [net for net in found if net.id.startswith(reference)] if reference else []
    if len(matches) > 1:
        raise UsageError(f"network: {reference}: several ids begin so", 1, _both(matches))
    if not matches:
        from pyrun import near

        hint = near.hint(reference, [*names(), *PREDEFINED], "see pyrun network ls")
        raise NotFound(f"no such network: {reference}", hint=hint)
    return matches[0]


def is_name(text: str) -> bool:
    """Claim that a network may be called so."""
    return 0 < len(text) <= 128 and text[0].isalnum() and text.isascii() and not set(text) - _LETTERS


def encode(net: Network) -> bytes:
    """Write a network as JSON."""
    fields = {"version": VERSION, **net._asdict(), "pools": [pool._asdict() for pool in net.pools]}
    return documents.printed(fields).encode() + b"\n"


def decode(path: str, content: bytes) -> Network:
    """Read a network that `encode` wrote; *path* is for complaints. Errors: Corrupt."""
    try:
        fields: Any = documents.parse(content)
        version = fields.pop("version")
        if version != VERSION:
            raise Corrupt(f"network: {path}: written by another version")
        fields["pools"] = tuple(Pool(**{k: _tuple(v) for k, v in pool.items()}) for pool in fields["pools"])
        net = Network(**{name: _tuple(value) for name, value in fields.items()})
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as cause:
        raise Corrupt(f"network: {path}: not readable", hint="remove it; containers on it keep running") from cause
    _check(path, net)
    return net


def _check(path: str, net: Network) -> None:
    defaults = Network._field_defaults
    for field, value in net._asdict().items():
        expected: Any = {"pools": tuple, "created": (int, float)}.get(field, type(defaults.get(field, "")))
        if not isinstance(value, expected) or (expected is int and isinstance(value, bool)):
            raise Corrupt(f"network: {path}: {field}: of the wrong type")
    for pool in net.pools:
        if not all(isinstance(value, str) for value in (*pool[:3], *pool.reserved)):
            raise Corrupt(f"network: {path}: pools: of the wrong type")
    if not net.pools or not is_name(net.name) or len(net.id) != 64:
        raise Corrupt(f"network: {path}: not one of ours")


def _tuple(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


def _path(name: str) -> str:
    return f"{paths.DEFINITIONS}/{name}.json"


def _both(nets: list[Network]) -> str:
    """Tell networks apart that were meant by the same letters."""
    from pyrun import near

    return near.either([f"{net.name} ({net.id[:12]})" for net in nets])


_LETTERS = set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-")
