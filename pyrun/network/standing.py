"""The bridge network as it is written down, and whether it still stands so: cheap enough for every command.

Making, mending and taking it down is in `pyrun.network.driver`.
"""

import json
import os
from contextlib import suppress

from pyrun import paths
from pyrun.errors import PyrunError
from pyrun.firewall import generation
from pyrun.kernel import files, rtnetlink
from pyrun.spec import Network
from pyrun.typed import Any

NAME = "bridge"
DIRECTORY = f"{paths.NETWORKS}/{NAME}"
LEASES = f"{DIRECTORY}/leases"
_RECORD = f"{DIRECTORY}/network.json"
_GENERATION = f"{DIRECTORY}/rules"  # the generation of the rules that were last seen complete


def exists() -> bool:
    """Claim that the network has been made, or its making begun."""
    return os.path.isdir(DIRECTORY)


def read() -> "Network | None":
    """Give the network as it was made. Errors: PyrunError when its record cannot be read."""
    try:
        fields: dict[str, Any] = json.loads(files.read_limited(_RECORD))
        return Network(**fields)
    except FileNotFoundError:
        return None
    except (OSError, ValueError, TypeError) as cause:
        raise PyrunError(f"network: {_RECORD}: not readable", hint="remove it; the network is made anew") from cause


def write(net: Network) -> None:
    """Write the network down. Errors: OSError."""
    files.write_atomically(_RECORD, json.dumps(net._asdict()).encode())


def leases() -> list[str]:
    """List the addresses that are taken."""
    try:
        return os.listdir(LEASES)
    except FileNotFoundError:
        return []


def lease_of(identity: str) -> str:
    """Give the address that a container has taken, or nothing."""
    for address in leases():
        with suppress(FileNotFoundError), open(f"{LEASES}/{address}") as file:
            if file.read() == identity:
                return address
    return ""


def is_up(net: Network) -> bool:
    """Claim that the bridge is there, ours, and switched on."""
    found = rtnetlink.find_link(net.bridge)
    if found is None or found[2].get(rtnetlink.IFLA_ADDRESS) != rtnetlink.mac(net.mac):
        return False
    return bool(found[1] & rtnetlink.IFF_UP)


def note_rules(number: "int | None") -> None:
    """Note the generation in which the rules were complete; None where nobody counts."""
    with suppress(OSError):
        files.write_atomically(_GENERATION, str(number or "").encode())


def is_forwarding() -> bool:
    """Claim that this host passes packets on."""
    with open("/proc/sys/net/ipv4/ip_forward") as file:
        return file.read() == "1\n"


def is_untouched() -> bool:
    """Claim that the bridge is up, packets are passed on, and no rule of this host has changed since noted."""
    try:
        noted = files.read_limited(_GENERATION)
        net = read()
    except (OSError, PyrunError):
        return False
    if net is None or not is_up(net) or not is_forwarding():
        return False
    return noted == str(generation.current()).encode()
