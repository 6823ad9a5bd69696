"""Where pyrun keeps things: durable state, what a reboot forgets, and the names made from an id."""

STATE = "/var/lib/pyrun"  # survives a reboot
RUN = "/run/pyrun"  # tmpfs: gone after a reboot together with the kernel objects it names
NETNS = "/run/netns"  # where iproute2 looks for named network namespaces

CONTAINERS = f"{STATE}/containers"
NAMES = f"{STATE}/names"
EVENTS = f"{STATE}/events.log"  # what happened: see pyrun.chronicle
EVENTS_FORMER = f"{EVENTS}.1"
ROOTFS = f"{STATE}/rootfs"
SECCOMP_CACHE = f"{STATE}/seccomp"
LOCKS = f"{RUN}/locks"
RUNTIMES = f"{RUN}/containers"
NETWORKS = f"{RUN}/networks"  # what stands now, a directory each
PLUG = "endpoint."  # and a network's name: the journal of a container's plug into it, beside the container's own
DEFINITIONS = f"{STATE}/networks"  # what was created, a file each


def container(identity: str) -> str:
    """Give the durable directory of a container."""
    return f"{CONTAINERS}/{identity}"


def runtime(identity: str) -> str:
    """Give the directory of a container's journal, root mount point and socket."""
    return f"{RUNTIMES}/{identity}"


def network(name: str) -> str:
    """Give the directory of a standing network: its journal, leases, endpoints and lock."""
    return f"{NETWORKS}/{name}"
