"""The verbs about networks: what was read becomes calls of the driver, and their results become output.

What is printed of a network is made in `pyrun.runtime.network_inspection`; what a new one is to be is read in
`pyrun.cli.network_requests`.
"""

import sys

from pyrun import documents
from pyrun.cli.complaints import performed
from pyrun.cli.reader import Values
from pyrun.errors import NotFound, PyrunError, UsageError
from pyrun.network import definitions, standing
from pyrun.network.definitions import DEFAULT, PREDEFINED
from pyrun.typed import Any, Callable

MYPY = False  # mypy takes it to be true
if MYPY:
    from pyrun.filters import Filters

_COLUMNS = ("ID", "Name", "Driver", "Scope")
_HEADINGS = {
    "ID": "NETWORK ID",
    "Name": "NAME",
    "Driver": "DRIVER",
    "Scope": "SCOPE",
    "IPv6": "IPV6",
    "Internal": "INTERNAL",
    "Labels": "LABELS",
    "CreatedAt": "CREATED AT",
}


def _create(values: Values) -> int:
    from pyrun.cli import network_requests
    from pyrun.network import driver

    v: Any = values
    try:
        request = network_requests.request(v)
    except UsageError as problem:
        raise PyrunError(problem.message, 1, problem.hint) from problem
    net = driver.create(request)
    for warning in driver.interference(net.name):
        sys.stderr.write(f"pyrun: warning: {warning}\n")
    sys.stdout.write(f"{net.id}\n")
    return 0


def _ls(values: Values) -> int:
    from pyrun.cli import complaints
    from pyrun.runtime import network_listing as listing

    v: Any = values
    rows = listing.rows(_filters(v["filter"]))
    for problem in listing.problems():
        complaints.complain(problem)
    sys.stdout.write(_listed(v, rows))
    return 0


def _listed(v: Any, rows: Any) -> str:
    """Write networks as --format wants it; only what is a template needs what templates need."""
    form = v["format"] or "table"
    ids = [row.id if v["no_trunc"] else row.id[:12] for row in rows]
    if v["quiet"] and form in ("table", "json"):
        return "".join(f"{identity}\n" for identity in ids)
    if form == "table":
        from pyrun.cli import tables

        columns = [tables.Column(_HEADINGS[name], 12 if name == "Name" else 0) for name in _COLUMNS]
        cells = [(identity, row.name, row.driver, "local") for row, identity in zip(rows, ids, strict=True)]
        return tables.shown(columns, cells, v["no_trunc"])
    told = [_cells(row, identity) for row, identity in zip(rows, ids, strict=True)]
    if form == "json":
        return "".join(documents.line(each, escaped=True) + "\n" for each in told)
    from pyrun.cli import formats

    if form == "raw":
        form = "network_id: {{.ID}}" + (
            "" if v["quiet"] else "\nname: {{.Name}}\ndriver: {{.Driver}}\nscope: {{.Scope}}\n"
        )
    pairs = [(each, row.net.labels if row.net else ()) for each, row in zip(told, rows, strict=True)]
    return formats.rows(
        form, "network", _HEADINGS, pairs, lambda pair: formats.constant(pair[0]), lambda pair: tuple(pair[1])
    )


def _cells(row: Any, identity: str) -> "dict[str, str]":
    """Give what Docker tells of a network, by key."""
    from pyrun.cli import ages

    net = row.net
    return {
        "CreatedAt": ages.moment(net.created, fraction=True)
        if net and net.created
        else "0001-01-01 00:00:00 +0000 UTC",
        "Driver": row.driver,
        "ID": identity,
        "IPv6": str(bool(net and net.ipv6)).lower(),
        "Internal": str(bool(net and net.internal)).lower(),
        "Labels": ",".join(sorted(net.labels)) if net else "",
        "Name": row.name,
        "Scope": "local",
    }


def _inspect(values: Values) -> int:
    from pyrun.cli import inspecting

    return inspecting.perform(values, [inspecting.NETWORK])


def _rm(values: Values) -> int:
    from pyrun.cli import complaints
    from pyrun.network import driver

    v: Any = values
    code = 0
    for reference in v["arguments"]:
        try:
            if reference in PREDEFINED:
                raise PyrunError(f"network: {reference}: is predefined and cannot be removed", 1)
            failures = driver.remove(definitions.find(reference))
            if failures:
                raise PyrunError(f"network: {reference}: {failures[0]}", 1)
            sys.stdout.write(f"{reference}\n")
        except PyrunError as problem:
            if v["force"] and isinstance(problem, NotFound):
                continue
            code = 1
            complaints.complain(problem)
    return code


def _prune(values: Values) -> int:
    from pyrun.cli import pruning
    from pyrun.network import driver
    from pyrun.runtime import network_listing as listing

    v: Any = values
    wanted = pruning.filters(v["filter"])
    if not v["force"] and not pruning.agreed("This will remove all created networks that no container is on."):
        return 0
    removed = []
    for net in listing.unused():
        if pruning.is_meant(wanted, net.created, net.labels) and not driver.remove(net):
            removed.append(net.name)
    if removed:
        sys.stdout.write("Deleted Networks:\n" + "".join(f"{name}\n" for name in removed) + "\n")
    return 0


def _repair(values: Values) -> int:
    from pyrun.cli import complaints
    from pyrun.network import driver
    from pyrun.runtime import connection

    v: Any = values
    failures: list[Exception] = []
    names = [DEFAULT if name == DEFAULT else definitions.find(name).name for name in v["arguments"]]
    for name in names or standing.names():
        if name == DEFAULT and not standing.exists(name):
            continue
        found = driver.repair(name) + connection.repair(name)
        if not found:
            sys.stdout.write(f"{name}\n")
        failures += found
    try:
        driver.mend_rules()
    except (PyrunError, OSError) as failure:
        failures.append(failure)
    failures += driver.sweep()
    for told in {str(each): each for each in failures}.values():  # rules concern all: the same may come of each network
        complaints.complain(told)
    return 1 if failures else 0


def _connect(values: Values) -> int:
    from pyrun import store
    from pyrun.cli import networks
    from pyrun.runtime import connection

    v: Any = values
    name, reference = v["arguments"]
    wanted = networks.attachment(name, v)
    connection.connect(store.find(reference), wanted)
    return 0


def _disconnect(values: Values) -> int:
    from pyrun import store
    from pyrun.cli import networks
    from pyrun.network import strangers
    from pyrun.runtime import connection

    v: Any = values
    name, reference = v["arguments"]
    try:
        container = store.find(reference)
    except NotFound:
        name = networks.named(name)
        if not v["force"]:
            raise
        strangers.forget(name, reference)
        return 0
    joined = [each.network for each in container.config.attachments] if container.config else []
    connection.disconnect(container, name if name in joined else networks.named(name))  # it may be removed by now
    return 0


def _filters(given: tuple[str, ...]) -> "Filters":
    """Read the filters. Errors: UsageError."""
    if not given:
        return {}
    from pyrun import filters

    wanted = filters.read(given, ("dangling", "driver", "id", "label", "name", "scope", "type"))
    for key, known in (("dangling", ("true", "false", "1", "0")), ("type", ("builtin", "custom"))):
        for value in wanted.get(key, ()):
            if value not in known:
                raise filters.refuse(key, value, f"one of {', '.join(known)}")
    return wanted


_BODIES: dict[str, Callable[[Values], int]] = {
    "network create": _create,
    "network ls": _ls,
    "network inspect": _inspect,
    "network rm": _rm,
    "network prune": _prune,
    "network connect": _connect,
    "network disconnect": _disconnect,
    "network repair": _repair,
}
VERBS = {verb: performed(body) for verb, body in _BODIES.items()}
