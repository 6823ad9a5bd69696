"""What a container is to be, as immutable values; everything typed has been checked by then.

No I/O here: parsing of single option values lives in `pyrun.options`, the
search for a root file system in `pyrun.rootfs`.
"""

from pyrun.typed import NamedTuple


class Mount(NamedTuple):
    """One entry of ``-v``, ``--mount`` or ``--tmpfs``."""

    kind: str  # "bind" or "tmpfs"
    source: str  # absolute host path; empty for tmpfs
    target: str  # absolute path in the container
    read_only: bool = False
    options: str = ""  # tmpfs: size=…,mode=…, as mount(8) takes them
    create_source: bool = False  # -v makes a missing host directory, --mount refuses it


class Ulimit(NamedTuple):
    """One resource limit; -1 is unlimited. See setrlimit(2)."""

    name: str  # as in ulimit options: nofile, nproc, core, …
    soft: int
    hard: int


class Resources(NamedTuple):
    """Limits of the container; 0 or empty means not limited."""

    memory: int = 0  # bytes
    memory_swap: int = 0  # bytes, memory plus swap; -1 unlimited; 0 as Docker: twice the memory
    nano_cpus: int = 0  # 1e-9 CPUs
    cpu_shares: int = 0  # 2 … 262144, cgroup v1 scale
    cpuset_cpus: str = ""  # list format of cpuset(7)
    pids_limit: int = 2048  # -1 unlimited


class ContainerConfig(NamedTuple):
    """All that `run` was asked for: pure data, from which plans are made."""

    id: str  # 64 hex digits
    name: str
    image: str  # the ROOTFS argument as typed, for people
    rootfs: str  # absolute path of the lower directory; "/" for @host
    args: tuple[str, ...]  # entrypoint and command, never empty
    env: tuple[str, ...]  # KEY=VALUE, in order, defaults included
    created: float  # seconds since the epoch
    hostname: str = ""
    cwd: str = "/"
    user: str = ""  # as typed: name|uid[:group|gid]; looked up inside the root file system
    groups: tuple[str, ...] = ()  # --group-add, as typed
    tty: bool = False
    interactive: bool = False
    detach: bool = False
    remove: bool = False
    init: bool = False
    read_only: bool = False
    privileged: bool = False
    stop_signal: int = 15
    stop_timeout: int = 10  # seconds; negative waits for ever
    cap_add: tuple[str, ...] = ()  # names without CAP_, upper case, or ALL
    cap_drop: tuple[str, ...] = ()
    no_new_privileges: bool = False
    seccomp: str = ""  # "" the default policy, "unconfined", or the absolute path of a profile
    network: str = "bridge"  # bridge, none, host, or container:ID
    dns: tuple[str, ...] = ()
    dns_search: tuple[str, ...] = ()
    dns_options: tuple[str, ...] = ()
    extra_hosts: tuple[str, ...] = ()  # name:address, address may be host-gateway
    mounts: tuple[Mount, ...] = ()
    resources: Resources = Resources()
    ulimits: tuple[Ulimit, ...] = ()
    oom_score_adj: int = 0
    shm_size: int = 64 * 1024 * 1024  # bytes
    detach_keys: str = "ctrl-p,ctrl-q"


class ExecConfig(NamedTuple):
    """What `exec` was asked for."""

    args: tuple[str, ...]
    env: tuple[str, ...] = ()
    cwd: str = ""
    user: str = ""
    tty: bool = False
    interactive: bool = False
    detach: bool = False
    privileged: bool = False
    detach_keys: str = "ctrl-p,ctrl-q"


class ProcessConfig(NamedTuple):
    """What the container's process becomes: OCI's *process*, with what was looked up for it."""

    args: tuple[str, ...]
    env: tuple[str, ...]
    cwd: str
    make_cwd: bool
    capabilities: frozenset[str]  # names without CAP_
    no_new_privileges: bool
    filter: "bytes | None"  # compiled seccomp policy
    policy: str  # as people call it: default, or the path of a profile
    ulimits: tuple[Ulimit, ...]
    keyring: str  # name of its session keyring


DEFAULT_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


class Network(NamedTuple):
    """A bridge network: pure data, from which its links and rules are planned."""

    name: str
    bridge: str
    subnet: str  # ADDRESS/PREFIX
    gateway: str  # the bridge's own address
    broadcast: str
    mac: str  # of the bridge
    firewall: str  # iptables or nftables

    @property
    def prefix(self) -> int:
        """Give the prefix length."""
        return int(self.subnet.partition("/")[2])


class Endpoint(NamedTuple):
    """A container's plug into a network: the veth pair and its address."""

    network: Network
    address: str
    mac: str  # of eth0
    host_link: str
    host_mac: str
    alias: str  # what the host's end is called for people: the container's name
