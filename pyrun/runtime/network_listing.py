"""Which networks there are, predefined ones too, and which of them are meant.

What one consists of is in `pyrun.runtime.network_inspection`.
"""

from pyrun.errors import Corrupt
from pyrun.network import definitions, standing
from pyrun.network.definitions import DEFAULT, PREDEFINED
from pyrun.spec import Network
from pyrun.typed import NamedTuple

MYPY = False  # mypy takes it to be true
if MYPY:
    from pyrun.filters import Filters


class Row(NamedTuple):
    """One network as `network ls` shows it."""

    id: str
    name: str
    driver: str
    net: "Network | None"


def find(reference: str) -> Row:
    """Find a network, a predefined one too. Errors: NotFound, UsageError, Corrupt."""
    if reference in PREDEFINED:
        return next(row for row in _predefined() if row.name == reference)
    net = definitions.find(reference)
    return Row(net.id, net.name, "bridge", standing.read(net.name) or net)


def rows(wanted: "Filters") -> list[Row]:
    """List the networks that have all that is wanted, by name."""
    found, _ = definitions.networks()
    all_rows = [*_predefined(), *(Row(net.id, net.name, "bridge", net) for net in found)]
    return sorted((row for row in all_rows if _matches(row, wanted)), key=lambda row: row.name)


def problems() -> list[Corrupt]:
    """List what cannot be read."""
    return definitions.networks()[1]


def unused() -> list[Network]:
    """List the created networks that no container is on."""
    found, _ = definitions.networks()
    return [net for net in found if not standing.leases(net.name)]


def _predefined() -> list[Row]:
    bridge = standing.read(DEFAULT) or definitions.default_unmade()
    ids = {"host": f"{1:064x}", "none": f"{2:064x}"}
    return [
        Row(bridge.id, DEFAULT, "bridge", bridge),
        *(Row(ids[name], name, "null" if name == "none" else name, None) for name in PREDEFINED if name in ids),
    ]


def _matches(row: Row, wanted: "Filters") -> bool:
    """Claim that a network has all that is wanted; of one key any value will do, of labels all, as in Docker."""
    return all(_has(row, key, values) for key, values in wanted.items())


def _has(row: Row, key: str, values: "tuple[str, ...]") -> bool:
    from pyrun import filters

    if key == "label":
        return filters.has_labels(values, row.net.labels if row.net else ())
    if key == "dangling":
        used = row.name in PREDEFINED or bool(standing.leases(row.name))
        return any(used != (value in ("true", "1")) for value in values)
    if key == "type":
        return ("builtin" if row.name in PREDEFINED else "custom") in values
    if key in ("name", "id"):
        return filters.matches(values, row.name if key == "name" else row.id)
    return {"driver": row.driver, "scope": "local"}[key] in values
