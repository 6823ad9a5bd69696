"""What a container's log is to be: from its configuration to the one word that its writer gets."""

import os

from pyrun import documents, options, paths
from pyrun.contexts import suppress
from pyrun.kernel import files
from pyrun.runtime import logwriter
from pyrun.spec import ContainerConfig
from pyrun.typed import Callable


def prepared(config: ContainerConfig) -> str:
    """Write down what every record is to say besides, and give the description for `LogWriter`. Errors: OSError."""
    extras = _extras(config)
    if extras:
        content = '"attrs":' + documents.written(extras)
        files.write_atomically(_path(config) + logwriter.EXTRAS, content.encode(), 0o600, not config.remove)
    else:
        with suppress(FileNotFoundError):
            os.unlink(_path(config) + logwriter.EXTRAS)
    return description(config)


def description(config: ContainerConfig) -> str:
    """Give the description for `LogWriter`."""
    if config.log_driver == "none":
        return logwriter.described(_path(config), files=0)
    given = _given(config)
    usual = 1 if "max-size" in given and config.log_driver == "json-file" else logwriter.FILES
    size = options.decimal_size("max-size", given["max-size"]) if "max-size" in given else logwriter.FILE_SIZE
    extras = os.path.lexists(_path(config) + logwriter.EXTRAS)
    return logwriter.described(_path(config), size, int(given.get("max-file", usual)), extras)


def _path(config: ContainerConfig) -> str:
    return f"{paths.container(config.id)}/container.log"


def _given(config: ContainerConfig) -> dict[str, str]:
    return dict(option.split("=", 1) for option in config.log_options)


def _extras(config: ContainerConfig) -> dict[str, str]:
    """Choose from labels and variables what the options name, and fill in the tag, as Docker does."""
    given = _given(config)
    env, labels = (dict(entry.split("=", 1) for entry in each if "=" in entry) for each in (config.env, config.labels))
    found = {
        key: value
        for name, known in (("labels", labels), ("env", env))
        for key, value in known.items()
        if _is_chosen(key, given.get(name, ""), given.get(f"{name}-regex", ""))
    }
    if given.get("tag"):
        found["tag"] = tag(given["tag"], config)
    return dict(sorted(found.items()))


def _is_chosen(key: str, names: str, pattern: str) -> bool:
    if key in names.split(","):
        return True
    if not pattern:
        return False
    import re

    return re.search(pattern, key) is not None


def tag(template: str, config: ContainerConfig) -> str:
    """Fill in the fields of a tag; one that is unknown stays as it is."""
    for field, value in TAG_FIELDS.items():
        for written in (f"{{{{.{field}}}}}", f"{{{{ .{field} }}}}"):
            if written in template:
                template = template.replace(written, value(config))
    return template


TAG_FIELDS: dict[str, Callable[[ContainerConfig], str]] = {
    "ID": lambda config: config.id[:12],
    "FullID": lambda config: config.id,
    "Name": lambda config: config.name,
    "ImageName": lambda config: config.image,
    "ImageFullID": lambda config: config.rootfs,
    "ImageID": lambda config: config.rootfs,
    "Command": lambda config: " ".join(config.args),
    "DaemonName": lambda config: "pyrun",
}
