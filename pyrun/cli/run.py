"""`run` and `exec`: what was typed becomes a configuration; every complaint comes here, nothing touched."""

import os
import time

from pyrun import options, rootfs
from pyrun.cli import health_options, limits, log_options, networks, surroundings
from pyrun.cli.names import random_name
from pyrun.cli.reader import Values
from pyrun.errors import UsageError
from pyrun.spec import DEFAULT_PATH, ContainerConfig, ExecConfig
from pyrun.typed import Any

_SWITCHES = ("tty", "interactive", "detach", "init", "read_only", "privileged")


def container_config(values: Values, environ: "dict[str, str]") -> ContainerConfig:
    """Check everything that `run` was given. Errors: UsageError."""
    v: Any = values
    image, *command = v["arguments"]
    identity = os.urandom(32).hex()
    network, attachments = networks.chosen(v)
    hostname = _hostname(v, network, identity)
    return ContainerConfig(
        id=identity,
        name=options.container_name(v["name"]) if v["name"] else random_name(),
        image=image,
        rootfs=rootfs.find(image),
        args=_words((((v["entrypoint"],) if v["entrypoint"] else ()) + tuple(command)) or ("/bin/sh",)),
        entrypoint=bool(v["entrypoint"]),
        env=_environment(v, environ, hostname),
        created=time.time(),
        hostname=hostname,
        network=network,
        attachments=attachments,
        **_ports(v, network),
        detach_keys=detach_keys(v["detach_keys"]),
        resources=limits.chosen(v),
        **surroundings.chosen(v, network),
        **_switches(v),
        **_process(v),
        **_security(v["security_opt"]),
        **_names(v),
        **_restart(v),
        **log_options.chosen(v),
        **health_options.chosen(v),
        **_mounts(v),
        labels=options.pairs("label", v["label"], v["label_file"]),
        annotations=options.pairs("annotation", v["annotation"]),
    )


def _mounts(v: Any) -> dict[str, Any]:
    if not any(v[key] for key in ("volume", "mount", "tmpfs", "volumes_from", "volume_driver")):
        return {}
    from pyrun.cli import mounts

    return mounts.chosen(v)


def _switches(v: Any) -> dict[str, Any]:
    return {
        "tty": v["tty"],
        "interactive": v["interactive"],
        "detach": v["detach"],
        "remove": v["rm"],
        "init": v["init"],
        "read_only": v["read_only"],
        "privileged": v["privileged"],
    }


def _restart(v: Any) -> dict[str, Any]:
    policy, most = options.restart_policy(v["restart"]) if v["restart"] is not None else ("", 0)
    if policy and v["rm"]:
        raise UsageError("conflicting options: --restart and --rm")
    return {"restart": policy, "restart_most": most}


def streams(given: tuple[str, ...]) -> tuple[str, ...]:
    """Check what to attach to; all of it where nothing is given. Errors: UsageError."""
    known = ("stdin", "stdout", "stderr")
    for text in given:
        if text.lower() not in known:
            raise UsageError(f"attach: {options.show(text)}: use {', '.join(known)}")
    return tuple(text.lower() for text in given) or known


def _process(v: Any) -> dict[str, Any]:
    """Check who the program is to be, what it may, and how it ends."""
    found: dict[str, Any] = {
        "cwd": _directory(v["workdir"]) or "/",
        "user": options.user(v["user"]) if v["user"] is not None else "",
        "groups": tuple(map(options.group, v["group_add"])),
        "cap_add": tuple(v["cap_add"]),
        "cap_drop": tuple(v["cap_drop"]),
        "ulimits": tuple({limit.name: limit for limit in map(options.ulimit, v["ulimit"])}.values()),
    }
    if found["cap_add"] or found["cap_drop"]:
        from pyrun.kernel import capabilities

        capabilities.check((*found["cap_add"], *found["cap_drop"]))
    if v["stop_signal"]:
        found["stop_signal"] = options.signal_number(v["stop_signal"])
    if v["stop_timeout"] is not None:
        found["stop_timeout"] = options.whole("stop-timeout", v["stop_timeout"], -1, 1 << 31)
    if v["oom_score_adj"] is not None:
        found["oom_score_adj"] = options.whole("oom-score-adj", v["oom_score_adj"], -1000, 1000)
    shm = options.size("shm-size", v["shm_size"]) if v["shm_size"] is not None else 0
    if shm:
        found["shm_size"] = shm
    return found


def _names(v: Any) -> dict[str, Any]:
    """Check how names are to be looked up."""
    return {
        "dns": tuple(options.address("dns", server) for server in v["dns"]),
        "dns_search": tuple(options.word("dns-search", domain) for domain in v["dns_search"]),
        "dns_options": tuple(options.word("dns-option", option) for option in v["dns_option"]),
        "extra_hosts": tuple(options.add_host(host) for host in v["add_host"]),
    }


def exec_config(values: Values, environ: "dict[str, str]") -> ExecConfig:
    """Check everything that `exec` was given. Errors: UsageError."""
    v: Any = values
    variables = _variables(v, environ)
    return ExecConfig(
        args=_words(tuple(v["arguments"][1:])),
        env=tuple(variables),
        cwd=_directory(v["workdir"]),
        user=options.user(v["user"]) if v["user"] is not None else "",
        tty=v["tty"],
        interactive=v["interactive"],
        detach=v["detach"],
        privileged=v["privileged"],
        detach_keys=detach_keys(v["detach_keys"]),
    )


def check_cidfile(path: "str | None") -> str:
    """Refuse to write over a file. Errors: UsageError."""
    if path and os.path.lexists(path):
        raise UsageError(f"cidfile: {options.show(path)}: exists", hint="remove it, or name another")
    if path and not os.path.isdir(os.path.dirname(os.path.abspath(path))):
        raise UsageError(f"cidfile: {options.show(path)}: no such directory")
    return path or ""


def _environment(v: Any, environ: "dict[str, str]", hostname: str) -> tuple[str, ...]:
    """Give the variables: pyrun's own first, then those given, of which the last counts."""
    own = [f"PATH={DEFAULT_PATH}", f"HOSTNAME={hostname}", *(["TERM=xterm"] if v["tty"] else [])]
    merged = {entry.partition("=")[0]: entry for entry in (*own, *_variables(v, environ))}
    return tuple(merged.values())


def _variables(v: Any, environ: "dict[str, str]") -> list[str]:
    found = [entry for path in v["env_file"] for entry in options.env_file(path, environ)]
    for text in v["env"]:
        entry = options.env(text, environ)
        found += [entry] if entry is not None else []
    return list({entry.partition("=")[0]: entry for entry in found}.values())


def _ports(v: Any, network: str) -> dict[str, Any]:
    if not (v["publish"] or v["expose"] or v["publish_all"]):
        return {}
    from pyrun.cli import ports

    bindings, exposed = ports.chosen(v, network)
    return {"ports": bindings, "publish_all": v["publish_all"], "exposed": exposed}


def _hostname(v: Any, network: str, identity: str) -> str:
    given = v["hostname"]
    if v["uts"] == "host" and given:
        raise UsageError("hostname: cannot be set for the host's UTS namespace", hint="leave out --hostname")
    if v["uts"] == "host":
        return os.uname().nodename
    if network.startswith("container:"):
        from pyrun import store

        config = store.find(network.removeprefix("container:")).config
        return config.hostname if config else identity[:12]
    if given:
        return options.hostname(given)
    return os.uname().nodename if network == "host" else identity[:12]


def _security(given: tuple[str, ...]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for text in given:
        key, separator, value = text.partition("=") if "=" in text else text.partition(":")
        if key == "no-new-privileges" and value in ("", "true", "false"):
            found["no_new_privileges"] = value != "false"
        elif key == "seccomp" and separator:
            found["seccomp"] = value if value == "unconfined" else _profile(value)
        elif (key, value) == ("systempaths", "unconfined"):
            found["unmasked"] = True
        elif (key, value) not in (("label", "disable"), ("apparmor", "unconfined")):  # as every container here is
            hint = "no-new-privileges, seccomp=FILE, seccomp=unconfined or systempaths=unconfined"
            raise UsageError(f"security-opt: {options.show(text)}: not supported", hint=hint)
    return found


def _profile(path: str) -> str:
    if not os.path.isfile(path):
        raise UsageError(f"seccomp: {options.show(path)}: no such file")
    return os.path.abspath(path)


def _directory(path: "str | None") -> str:
    if path and (not path.startswith("/") or "\0" in path):
        raise UsageError(f"workdir: {options.show(path)}: must be an absolute path")
    return os.path.normpath(path) if path else ""


def _words(args: tuple[str, ...]) -> tuple[str, ...]:
    if not args[0]:
        raise UsageError("command: '': no program named", 127)
    return args


def detach_keys(text: "str | None") -> str:
    """Check the keys that detach. Errors: UsageError."""
    chosen = text or "ctrl-p,ctrl-q"
    names = "abcdefghijklmnopqrstuvwxyz@[\\]^_"
    for part in chosen.split(","):
        control = part.startswith("ctrl-") and len(part) == 6 and part[5] in names
        if not control and not (len(part) == 1 and part.isascii() and part.isprintable()):
            raise UsageError(f"detach-keys: {options.show(chosen)}: use letters or ctrl- and a letter")
    return chosen
