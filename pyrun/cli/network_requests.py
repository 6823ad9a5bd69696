"""What `network create` was given, checked. What becomes of it is designed in `pyrun.network.design`."""

from pyrun import options
from pyrun.errors import PyrunError, UsageError
from pyrun.network import addresses, definitions, design
from pyrun.network.definitions import PREDEFINED
from pyrun.typed import Any


def request(v: Any) -> design.Request:
    """Check everything that `network create` was given. Errors: UsageError."""
    name = v["arguments"][0]
    if not definitions.is_name(name):
        raise UsageError(
            f"network: {options.show(name)}: must be 1 to 128 of [a-zA-Z0-9_.-], beginning with a letter or digit"
        )
    if name in PREDEFINED or name == "default":
        raise PyrunError(f"network: {name}: is predefined and cannot be made", 1)
    for key, only in (("driver", "bridge"), ("ipam_driver", "default"), ("scope", "local")):
        if v[key] not in (None, only):
            raise UsageError(f"{key.replace('_', '-')}: {options.show(v[key])}: only {only} is there", 1)
    if not v["ipv4"]:
        raise UsageError("ipv4: false: every network has IPv4 addresses", hint="--ipv6 adds others")
    return design.Request(
        name,
        tuple(_subnet("subnet", text) for text in v["subnet"]),
        tuple(options.address("gateway", text) for text in v["gateway"]),
        tuple(_subnet("ip-range", text) for text in v["ip_range"]),
        tuple(f"{name}={address}" for name, address in dict(map(_reserved, v["aux_address"])).items()),
        v["internal"],
        v["ipv6"],
        tuple(_pair("label", text) for text in v["label"]),
        tuple(_pair("opt", text) for text in v["opt"]),
    )


def _subnet(what: str, text: str) -> str:
    try:
        return str(addresses.subnet(text))
    except ValueError:
        raise UsageError(f"{what}: {options.show(text)}: not a subnet", hint="as in 10.1.0.0/24") from None


def _reserved(text: str) -> tuple[str, str]:
    name, equals, address = text.partition("=")
    if not name or not equals:
        raise UsageError(f"aux-address: {options.show(text)}: expected NAME=ADDRESS")
    return options.word("aux-address", name), options.address("aux-address", address)


def _pair(what: str, text: str) -> str:
    key = text.partition("=")[0]
    if not key or not text.isprintable():
        raise UsageError(f"{what}: {options.show(text)}: expected KEY=VALUE")
    return text if "=" in text else f"{text}="
