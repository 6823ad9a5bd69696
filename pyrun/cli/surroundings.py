"""What `run` was told to share with others: namespaces, kernel parameters, devices; every complaint comes here."""

from pyrun import options
from pyrun.errors import PyrunError, UsageError
from pyrun.options import show
from pyrun.spec import ContainerConfig
from pyrun.typed import Any

_OF_IPC: tuple[str, ...] = ("kernel.msgmax", "kernel.msgmnb", "kernel.msgmni", "kernel.sem")
_OF_IPC += ("kernel.shmall", "kernel.shmmax", "kernel.shmmni", "kernel.shm_rmid_forced")
_REFUSED = {
    "gpus": "no device driver for GPUs is there",
    "runtime": "pyrun is the only runtime",
    "storage_opt": "a container's files have no quota",
    "link": "not supported: containers on a network of their own find each other by name",
    "link_local_ip": "not supported: an address of the network's subnet is given with --ip",
}


def chosen(v: Any, network: str) -> dict[str, Any]:
    """Give what a container shares, and its devices. Errors: UsageError."""
    _refuse(v)
    pid, ipc = _pid(v["pid"] or ""), _ipc(v["ipc"] or "private")
    return {
        "pid": pid,
        "ipc": ipc,
        "uts": _one_of("uts", v["uts"], ("", "host")),
        "cgroupns": _one_of("cgroupns", v["cgroupns"], ("private", "host")),
        "userns": _one_of("userns", v["userns"], ("", "host")),
        "domainname": options.hostname(v["domainname"]) if v["domainname"] else "",
        "sysctls": _sysctls(v["sysctl"], network, ipc),
        **_devices(v),
        "cgroup_parent": _cgroup_parent(v["cgroup_parent"] or ""),
    }


def _devices(v: Any) -> dict[str, Any]:
    if not v["device"] and not v["device_cgroup_rule"]:
        return {}
    from pyrun.options import devices

    return {
        "devices": tuple({each.target: each for each in map(devices.device, v["device"])}.values()),
        "device_rules": tuple(map(devices.rule, v["device_cgroup_rule"])),
    }


def _refuse(v: Any) -> None:
    for key, reason in _REFUSED.items():
        if v[key]:
            given = v[key] if isinstance(v[key], str) else v[key][0]
            if (key, given) != ("runtime", "pyrun"):
                raise UsageError(f"{key.replace('_', '-')}: {show(given)}: {reason}")
    if v["isolation"] not in (None, "", "default"):
        raise UsageError(f"isolation: {show(v['isolation'])}: only default is there")


def _one_of(what: str, given: "str | None", known: tuple[str, ...]) -> str:
    chosen = given or known[0]
    if chosen not in known:
        raise UsageError(f"{what}: {show(chosen)}: expected {' or '.join(filter(None, known))}")
    return chosen


def _pid(text: str) -> str:
    if text in ("", "host"):
        return text
    kind, _, reference = text.partition(":")
    if kind != "container" or not reference:
        raise UsageError(f"pid: {show(text)}: expected host or container:NAME")
    return f"container:{_running('pid', reference).id}"


def _ipc(text: str) -> str:
    if text in ("none", "private", "shareable", "host"):
        return text
    kind, _, reference = text.partition(":")
    if kind != "container" or not reference:
        raise UsageError(f"ipc: {show(text)}: expected none, private, shareable, host or container:NAME")
    target = _running("ipc", reference)
    if target.ipc in ("none", "private"):
        hint = f"start {target.name} with --ipc shareable"
        raise UsageError(f"ipc: container {target.name} does not share its own", hint=hint)
    return f"container:{target.id}"


def _running(what: str, reference: str) -> ContainerConfig:
    from pyrun import store

    try:
        target = store.find(reference)
    except PyrunError as problem:
        raise UsageError(f"{what}: {problem.message}") from problem
    if target.config is None or target.status().state != "running":
        raise UsageError(f"{what}: container {show(reference)} is not running")
    return target.config


def _sysctls(given: tuple[str, ...], network: str, ipc: str) -> tuple[str, ...]:
    """Check kernel parameters: only such as belong to a namespace that is the container's own."""
    found = {}
    for text in given:
        key, equals, value = text.partition("=")
        parts = key.split(".")
        plain = equals and value.isprintable() and all(part and part.isascii() and part.isprintable() for part in parts)
        of_network, of_ipc = parts[0] == "net", key in _OF_IPC or key.startswith("fs.mqueue.")
        if not plain or "/" in key or " " in key or len(parts) < 2 or not (of_network or of_ipc):
            hint = "net.*, kernel.msg*, kernel.sem, kernel.shm* and fs.mqueue.* are, as KEY=VALUE"
            raise UsageError(f"sysctl: {show(text)}: not one of a container's own", hint=hint)
        shared = (of_network and (network == "host" or ":" in network)) or (of_ipc and (ipc == "host" or ":" in ipc))
        if shared:
            kind = "network" if of_network else "IPC namespace"
            raise UsageError(f"sysctl: {show(text)}: the container has no {kind} of its own")
        found[key] = value
    return tuple(f"{key}={value}" for key, value in found.items())


def _cgroup_parent(text: str) -> str:
    """Check a path of control groups."""
    parts = [part for part in text.split("/") if part]
    if any(part in (".", "..") or not part.isprintable() or len(part) > 200 for part in parts) or len(text) > 1000:
        raise UsageError(f"cgroup-parent: {show(text)}: not a path of control groups")
    return text
