"""Readers of what is mounted: -v, --mount, --tmpfs, --volumes-from, and the options of a volume.

Values of one word are read in `pyrun.options`. No I/O but looking at what a path names.
"""

import os

from pyrun import paths
from pyrun.errors import UsageError
from pyrun.options import DIGITS, LETTERS, NAME, pairs, show, size, whole
from pyrun.spec import Mount
from pyrun.typed import Any

_SELINUX = ("z", "Z")
_CONSISTENCY = ("cached", "delegated", "consistent", "default")
PROPAGATION = ("rprivate", "private", "rshared", "shared", "rslave", "slave")
_LONGEST_NAME = 240  # a file's name has 255 bytes, and ours get something before
_DRIVER = ("type", "device", "o")
_ALIASES = {"src": "source", "dst": "target", "destination": "target", "ro": "readonly"}
_SWITCHES = ("readonly", "volume-nocopy", "bind-nonrecursive")
_REPEATED = ("volume-label", "volume-opt")
_KEYS = {
    "bind": ("bind-propagation", "bind-nonrecursive"),
    "volume": ("volume-nocopy", "volume-label", "volume-driver", "volume-opt"),
    "tmpfs": ("tmpfs-size", "tmpfs-mode"),
}


def volume(text: str) -> Mount:
    """Read [SOURCE:]TARGET[:OPTIONS] of -v: a path of the host, a volume's name, or no source for a new volume.

    A missing path of the host will be made as a directory, as Docker does.
    """
    parts = text.split(":")
    if len(parts) > 3 or not all(parts[:2]):
        raise UsageError(f"volume: {show(text)}: expected [SOURCE:]TARGET[:OPTIONS]")
    if len(parts) == 1:
        return Mount("volume", "", target("volume", text), anonymous=True)
    source, where, mode = parts[0], target("volume", parts[1]), parts[2] if len(parts) == 3 else ""
    bind = _is_path(source)
    given = _mode_words(text, mode, bind)
    read_only = "ro" in given
    if not bind:
        return Mount("volume", volume_name("volume", source), where, read_only, mode, nocopy="nocopy" in given)
    propagation = next((word for word in given if word in PROPAGATION), "")
    return Mount("bind", _path("volume", source), where, read_only, mode, True, propagation=propagation)


def _mode_words(text: str, mode: str, bind: bool) -> list[str]:
    """Check what stands behind the second colon of -v: each kind of option once."""
    given = mode.split(",") if mode else []
    kinds = (("ro", "rw"), _SELINUX, _CONSISTENCY, PROPAGATION if bind else (), () if bind else ("nocopy",))
    for word in given:
        if not any(word in kind for kind in kinds):
            place = "a directory of the host" if bind else "a volume"
            known = word in (*PROPAGATION, "nocopy")
            problem = f"{word} is not for {place}" if known else f"unknown option {show(word)}"
            raise UsageError(f"volume: {show(text)}: {problem}")
    for kind in kinds:
        twice = [word for word in given if word in kind]
        if len(twice) > 1:
            raise UsageError(f"volume: {show(text)}: {twice[0]} and {twice[1]} exclude each other")
    return given


def mount(text: str) -> Mount:
    """Read KEY=VALUE,… of --mount, for type=bind, type=volume and type=tmpfs."""
    fields = _fields(text)
    kind = fields.pop("type", ["volume"])[0]
    if kind not in _KEYS:
        raise UsageError(f"mount: {show(text)}: type {show(kind)} is not supported", hint="use bind, volume or tmpfs")
    for other in _KEYS:
        mixed = next((key for key in _KEYS[other] if key in fields), "")
        if other != kind and mixed:
            raise UsageError(f"mount: {show(text)}: {mixed} is not for type {kind}")
    fields.pop("consistency", [])  # of file systems that Docker shares with a Mac
    where = target("mount", fields.pop("target", [""])[0])
    read_only = _switch(text, fields, "readonly")
    source = fields.pop("source", [""])[0]
    found: Mount = _READERS[kind](text, fields, source, Mount(kind, source, where, read_only, option="mount"))
    if fields:
        raise UsageError(f"mount: {show(text)}: unknown key {show(next(iter(fields)))}")
    return found


def _fields(text: str) -> dict[str, list[str]]:
    fields: dict[str, list[str]] = {}
    for part in text.split(","):
        given, equals, value = part.partition("=")
        key = _ALIASES.get(given.lower(), given.lower())
        if not equals and key not in _SWITCHES:
            raise UsageError(f"mount: {show(text)}: {show(part)} must be KEY=VALUE")
        fields[key] = [*(fields.get(key, []) if key in _REPEATED else []), value if equals else "true"]
    return fields


def _switch(text: str, fields: dict[str, list[str]], key: str) -> bool:
    value = fields.pop(key, ["false"])[0].lower()
    if value not in ("true", "false", "1", "0", "t", "f"):
        raise UsageError(f"mount: {show(text)}: {key} is true or false")
    return value in ("true", "1", "t")


def _bind(text: str, fields: dict[str, list[str]], source: str, found: Mount) -> Mount:
    path = _path("mount", source)
    propagation = fields.pop("bind-propagation", [""])[0]
    if propagation not in ("", *PROPAGATION):
        raise UsageError(f"mount: {show(text)}: bind-propagation is one of {', '.join(PROPAGATION)}")
    if not os.path.lexists(path):
        raise UsageError(f"mount: {show(path)}: no such file or directory")
    single = _switch(text, fields, "bind-nonrecursive")
    return found._replace(source=path, propagation=propagation, recursive=not single)


def _volume(text: str, fields: dict[str, list[str]], source: str, found: Mount) -> Mount:
    driver(fields.pop("volume-driver", ["local"])[0])
    return found._replace(
        source=volume_name("mount", source) if source else "",
        anonymous=not source,
        nocopy=_switch(text, fields, "volume-nocopy"),
        labels=pairs("volume-label", tuple(fields.pop("volume-label", []))),
        settings=driver_options("volume-opt", tuple(fields.pop("volume-opt", []))),
    )


def _tmpfs(text: str, fields: dict[str, list[str]], source: str, found: Mount) -> Mount:
    if source:
        raise UsageError(f"mount: {show(text)}: type tmpfs has no source")
    options = []
    if "tmpfs-size" in fields:
        options.append(f"size={size('tmpfs-size', fields.pop('tmpfs-size')[0])}")
    if "tmpfs-mode" in fields:
        options.append(f"mode={_mode(fields.pop('tmpfs-mode')[0])}")
    return found._replace(options=",".join(options))


_READERS: dict[str, Any] = {"bind": _bind, "volume": _volume, "tmpfs": _tmpfs}


def tmpfs(text: str) -> Mount:
    """Read DIR[:OPTIONS] of --tmpfs."""
    where, _, options = text.partition(":")
    for option in filter(None, options.split(",")):
        key, equals, value = option.partition("=")
        known = key in ("size", "mode", "uid", "gid", "nr_inodes", "nr_blocks") if equals else False
        if not known and option not in ("ro", "rw", "exec", "noexec", "suid", "nosuid", "dev", "nodev"):
            raise UsageError(f"tmpfs: {show(text)}: unknown option {show(option)}")
        if key == "size":
            size("tmpfs", value.removesuffix("%"))
        elif equals:
            whole("tmpfs", value)
    access = [option for option in options.split(",") if option in ("ro", "rw")]
    return Mount("tmpfs", "", target("tmpfs", where), access[-1:] == ["ro"], options, option="tmpfs")


def volumes_from(text: str) -> tuple[str, bool]:
    """Read CONTAINER[:MODE] of --volumes-from; give the container, and the claim that all is read-only."""
    reference, colon, mode = text.partition(":")
    words = mode.split(",") if colon else []
    if not reference or any(word not in ("ro", "rw", *_SELINUX) for word in words) or {"ro", "rw"} <= set(words):
        raise UsageError(f"volumes-from: {show(text)}: expected CONTAINER[:ro|rw]")
    return reference, "ro" in words


def volume_name(what: str, text: str) -> str:
    """Check the name of a volume."""
    plain = len(text) > 1 and text[0] in LETTERS | DIGITS and not set(text) - NAME
    if not plain or len(text) > _LONGEST_NAME:
        raise UsageError(
            f"{what}: {show(text)}: a volume's name is 2 to {_LONGEST_NAME} of [a-zA-Z0-9_.-], beginning with a letter "
            "or digit",
            hint="a directory of the host is an absolute path",
        )
    return text


def driver(text: str) -> str:
    """Check the driver of a volume."""
    if text != "local":
        raise UsageError(f"volume-driver: {show(text)}: only local is there")
    return text


def driver_options(what: str, given: "tuple[str, ...]") -> tuple[str, ...]:
    """Read KEY=VALUE of -o: type, device and o, as mount(8) takes them; the first two come together."""
    found = pairs(what, given)
    fields = {key: value for key, _, value in (each.partition("=") for each in found)}
    unknown = next((key for key in fields if key not in _DRIVER), "")
    if unknown:
        raise UsageError(f"{what}: {show(unknown)}: unknown key", hint=f"known are {', '.join(_DRIVER)}")
    missing = next((key for key in ("device", "type") if fields and not fields.get(key)), "")
    if missing:
        raise UsageError(f"{what}: {missing} is missing", hint="as in type=tmpfs,device=tmpfs")
    if "\n" in "".join(found):
        raise UsageError(f"{what}: {show(next(each for each in found if chr(10) in each))}: has a line break")
    return found


def target(what: str, text: str) -> str:
    """Check where something is mounted: absolute, and not over the root or a kernel file system."""
    if not text.startswith("/") or "\0" in text:
        raise UsageError(f"{what}: {show(text)}: the target must be an absolute path")
    path = os.path.normpath("/" + text.lstrip("/"))
    if path == "/" or any(path == each or path.startswith(each + "/") for each in ("/proc", "/sys", "/dev/pts")):
        raise UsageError(f"{what}: {show(text)}: may not lie over the root or a kernel file system")
    return path


def _is_path(text: str) -> bool:
    return text.startswith(("/", "./", "../")) or text in (".", "..")


def _path(what: str, text: str) -> str:
    if not _is_path(text) or "\0" in text:
        raise UsageError(f"{what}: {show(text)}: not a path of the host", hint="use an absolute path")
    return os.path.abspath(text)


def guarded(mounts: "tuple[Mount, ...]") -> "tuple[Mount, ...]":
    """Refuse volumes that would give a container power over this host, unless --privileged gives it all power.

    Where the kernel's files, or pyrun's own, can be written through a volume it
    may show them read-only; pyrun's own directories it may not show at all.
    """
    for each in (mount for mount in mounts if mount.kind == "bind"):
        guard(each.source, each.read_only)
    return mounts


def guard(source: str, read_only: bool) -> None:
    """Refuse a directory of the host that would give a container power over this host."""
    real = os.path.realpath(source)
    for own in (paths.STATE, paths.RUN):
        if _is_within(real, own):
            raise UsageError(f"volume: {show(source)}: is pyrun's own", hint="only --privileged allows it")
    kernel = any(_is_within(real, each) for each in ("/proc", "/sys"))
    above = any(_is_within(own, real) for own in (paths.STATE, paths.RUN))
    if (kernel or above) and not read_only:
        raise UsageError(
            f"volume: {show(source)}: would give the container power over this host",
            hint="add :ro, or --privileged",
        )


def _is_within(path: str, directory: str) -> bool:
    return path == directory or path.startswith(directory.rstrip("/") + "/")


def _mode(text: str) -> str:
    if not text or set(text) - set("01234567") or len(text) > 5:
        raise UsageError(f"mount: {show(text)}: not a mode, as in 1777")
    return text
