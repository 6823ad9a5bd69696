"""Turns of speech of the scripts: what several of them type."""


def kept(name: str, options: str = "") -> str:
    """Give a line that starts a container which stays."""
    return f"quiet E run -d --name {name} {options} TREE sleep 300"


def inside(line: str, options: str = "") -> str:
    """Give a line that runs another one in a container of its own; the other one has no single quotes."""
    return f"E run --rm {options} TREE sh -c 'exec 2>&1; {line}'"


def network(name: str = "n1", subnet: str = "10.77.0.0/24", options: str = "") -> str:
    """Give a line that makes a network whose addresses are known."""
    return f"quiet E network create --subnet {subnet} {options} {name}"


def pings(source: str, *targets: str) -> str:
    """Give a line that says of each target whether a container reaches it; all are asked at once."""
    asked = " ".join(targets)
    ping = f"E exec {source} ping -c 1 -W 1 $t >/dev/null 2>&1 && echo yes || echo no"
    return f'{{ for t in {asked}; do echo "{source} to $t: $({ping})" & done; wait; }} | sort'


def pid(name: str) -> str:
    """Give the word that stands for a container's first process, as the host numbers it."""
    return f"$(pid {name})"


def serving(name: str, options: str = "", port: int = 80) -> str:
    """Give lines that start a container which says hello on a TCP port, and wait until it listens."""
    start = f"quiet E run -d --name {name} {options} TREE nc -ll -p {port} -e echo hello"
    return f"{start}; P={pid(name)}; until grep -q ':{port:04X} 0*:0000 0A' /proc/$P/net/tcp*; do sleep 0.02; done"


def asks(address: str, port: int, busybox: str = "$NC") -> str:
    """Give a line that prints what a TCP port says, or none; typed on the host, or with FAR before it behind it."""
    return f"timeout 3 {busybox} nc {address} {port} </dev/null || echo none"


def asks_from(name: str, address: str, port: int) -> str:
    """Give a line that asks a TCP port from inside of a container; what it says comes by one way, and so in order."""
    return f'E exec {name} sh -c "exec 2>&1; timeout 3 nc {address} {port} </dev/null || echo none"'


# A directory of the host for mounts, which the script's own is not: pyrun does not give its own away.
DIRECTORY = "D=$(mktemp -d) && trap 'rm -rf $D' EXIT"

# For normalise: IPv6 addresses before ports, which Docker writes as [::]:8080 since 23.0 in `port` and 27.2 in `ps`.
BRACKETS = (r"\[(::1?)\]:", r"\1:")
