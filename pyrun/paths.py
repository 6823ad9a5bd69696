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
UNWATCHED = f"{RUN}/unwatched"  # a mark for each container whose ports and names are served by one that nobody watches
CHECKS = f"{RUN}/checks"  # a lock for each container with a health check, together: most have none
SERVICES = "/services"  # below a container's runtime directory: the lock of who serves its ports and names
VOLUMES = f"{STATE}/volumes"  # a directory each
LAB = f"{RUN}/lab"  # of `pyrun lab`: its lock and records, inside and outside of it
HELD = f"{RUN}/volumes"  # which containers run on a volume that is mounted from elsewhere
PARITY = f"{RUN}/parity"  # of a comparison with Docker: see pyrun.parity.stage
DEFINITIONS = f"{STATE}/networks"  # what was created, a file each

HEX = frozenset("0123456789abcdef")  # of which an id is made


def container(identity: str) -> str:
    """Give the durable directory of a container."""
    return f"{CONTAINERS}/{identity}"


def volume(name: str) -> str:
    """Give the directory of a volume: its record, and its files in _data."""
    return f"{VOLUMES}/{name}"


def volume_files(name: str) -> str:
    """Give the directory that containers see of a volume."""
    return f"{VOLUMES}/{name}/_data"


def runtime(identity: str) -> str:
    """Give the directory of a container's journal, root mount point and socket."""
    return f"{RUNTIMES}/{identity}"


def network(name: str) -> str:
    """Give the directory of a standing network: its journal, leases, endpoints and lock."""
    return f"{NETWORKS}/{name}"


def kept(identity: str) -> str:
    """Give the mark of a container that exists before its first start: whoever made it is not about to start it."""
    return f"{container(identity)}/kept"


def stopped(identity: str) -> str:
    """Give the mark of a container that somebody has ended: no policy starts it again."""
    return f"{container(identity)}/stopped"


def unwanted(identity: str) -> str:
    """Give the mark that stands in for `stopped` where the disk has no room for it."""
    return f"{runtime(identity)}/unwanted"


def again(identity: str) -> str:
    """Give the lock of who is about to end a container and to start it again."""
    return f"{container(identity)}/again"


def restarting(identity: str) -> str:
    """Give the mark of a container whose monitor waits before it starts it again."""
    return f"{runtime(identity)}/restarting"


def checks(identity: str) -> str:
    """Give the lock of who checks a container's health."""
    return f"{CHECKS}/{identity}"


def unwatched(identity: str) -> str:
    """Give the mark of a container of which nobody would see that it is served no more: that has to be looked for."""
    return f"{UNWATCHED}/{identity}"


def health(identity: str) -> str:
    """Give the record of what a container's health checks found."""
    return f"{runtime(identity)}/health.json"


def paused(identity: str) -> str:
    """Give the mark of a container that was paused; whether it still is, the kernel knows."""
    return f"{runtime(identity)}/paused"


def monitor(identity: str) -> str:
    """Give the socket at which a container's monitor is found."""
    return f"{runtime(identity)}/monitor"


def lock(identity: str) -> str:
    """Give the path of a container's lock."""
    return f"{LOCKS}/{identity}"


def is_identity(name: str) -> bool:
    """Claim that this is a container's whole id."""
    return len(name) == 64 and not set(name) - HEX
