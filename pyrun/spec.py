"""What a container is to be, as immutable values; everything typed has been checked by then.

No I/O here: parsing of single option values lives in `pyrun.options`, the
search for a root file system in `pyrun.rootfs`.
"""

from pyrun.typed import NamedTuple


class Mount(NamedTuple):
    """One entry of ``-v``, ``--mount``, ``--tmpfs`` or ``--volumes-from``."""

    kind: str  # "bind", "volume" or "tmpfs"
    source: str  # absolute host path, or a volume's name; empty for tmpfs
    target: str  # absolute path in the container
    read_only: bool = False
    options: str = ""  # tmpfs: size=…,mode=…, as mount(8) takes them; else what stood behind -v's second colon
    create_source: bool = False  # -v makes a missing host directory, --mount refuses it
    option: str = "volume"  # which one it was typed with: volume, mount, tmpfs or volumes-from
    propagation: str = ""  # of a bind: shared, rslave, …; empty is rprivate
    recursive: bool = True  # with what is mounted below it
    nocopy: bool = False  # an empty volume is not filled with what the root file system has there
    anonymous: bool = False  # a volume made for this container
    labels: tuple[str, ...] = ()  # of a volume that is missing: KEY=VALUE
    settings: tuple[str, ...] = ()  # of a volume that is missing: the driver's KEY=VALUE


class Volume(NamedTuple):
    """A named place for files that outlives containers."""

    name: str
    created: float  # seconds since the epoch
    labels: tuple[str, ...] = ()  # KEY=VALUE, sorted
    settings: tuple[str, ...] = ()  # the driver's KEY=VALUE: type, device and o, as mount(8) takes them
    anonymous: bool = False  # nobody chose the name


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
    memory_reservation: int = 0  # bytes
    memory_swappiness: int = -1  # 0 … 100; -1 as the host's
    oom_kill_disable: bool = False
    cpu_period: int = 0  # microseconds
    cpu_quota: int = 0  # microseconds of each period; -1 unlimited
    cpu_rt_period: int = 0  # microseconds
    cpu_rt_runtime: int = 0  # microseconds of each period
    cpuset_mems: str = ""  # list format of cpuset(7)
    blkio_weight: int = 0  # 10 … 1000
    blkio_weight_device: tuple[str, ...] = ()  # /dev/NAME:WEIGHT
    device_read_bps: tuple[str, ...] = ()  # /dev/NAME:BYTES
    device_write_bps: tuple[str, ...] = ()
    device_read_iops: tuple[str, ...] = ()  # /dev/NAME:OPERATIONS
    device_write_iops: tuple[str, ...] = ()


class Device(NamedTuple):
    """A device of the host, or a directory of them, that a container gets."""

    source: str  # absolute path on the host
    target: str  # absolute path in the container, below /dev
    access: str = "rwm"  # what its control group allows


class Attachment(NamedTuple):
    """A network that a container is to be on, and what it wants to be there."""

    network: str  # its name
    aliases: tuple[str, ...] = ()  # further names of the container on this network
    address: str = ""  # a given one; empty takes the lowest that is free
    address6: str = ""
    mac: str = ""
    priority: int = 0  # the highest gives the default route
    link: str = ""  # name of the interface; empty takes the next eth…


class PortBinding(NamedTuple):
    """One port of -p: a port of the container, and where on the host it is wanted."""

    protocol: str  # tcp, udp or sctp
    target: int  # the container's port
    address: str = ""  # of the host; empty for all
    first: int = 0  # the lowest host port that will do; 0 lets pyrun choose
    last: int = 0  # and the highest


class HealthCheck(NamedTuple):
    """How it is asked whether a container works; times in nanoseconds, 0 for Docker's defaults."""

    test: tuple[str, ...] = ()  # CMD-SHELL and a line for /bin/sh, or NONE
    interval: int = 0
    timeout: int = 0
    start_period: int = 0  # in which failures do not count
    retries: int = 0  # so many failures one after the other are needed
    start_interval: int = 0  # between two checks in the start period, until one is good; 0: as later

    @property
    def is_wanted(self) -> bool:
        """Claim that there is something to ask."""
        return self.test[:1] == ("CMD-SHELL",)

    @property
    def command(self) -> tuple[str, ...]:
        """Give the program that asks."""
        return ("/bin/sh", "-c", *self.test[1:])


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
    unmasked: bool = False  # --security-opt systempaths=unconfined: nothing of /proc and /sys is hidden or read-only
    seccomp: str = ""  # "" the default policy, "unconfined", or the absolute path of a profile
    network: str = "none"  # none, host, container:ID, ns:PATH, or the first network's name
    attachments: tuple[Attachment, ...] = ()  # the networks that it is on
    ports: tuple[PortBinding, ...] = ()
    publish_all: bool = False  # also what is exposed and not among them
    exposed: tuple[str, ...] = ()  # PORT/PROTOCOL: of --expose, and those of -p
    dns: tuple[str, ...] = ()
    dns_search: tuple[str, ...] = ()
    dns_options: tuple[str, ...] = ()
    extra_hosts: tuple[str, ...] = ()  # name:address, address may be host-gateway
    mounts: tuple[Mount, ...] = ()
    volumes_from: tuple[str, ...] = ()  # as typed; what they gave is among the mounts
    resources: Resources = Resources()
    ulimits: tuple[Ulimit, ...] = ()
    oom_score_adj: int = 0
    shm_size: int = 64 * 1024 * 1024  # bytes
    detach_keys: str = "ctrl-p,ctrl-q"
    log_driver: str = "json-file"  # json-file, local or none
    log_options: tuple[str, ...] = ()  # KEY=VALUE, sorted, each key once
    health: HealthCheck = HealthCheck()
    restart: str = ""  # the policy: always, unless-stopped, on-failure; empty for no
    restart_most: int = 0  # of on-failure; 0 for any number
    labels: tuple[str, ...] = ()  # KEY=VALUE, sorted, each key once
    annotations: tuple[str, ...] = ()  # KEY=VALUE, sorted, each key once
    pid: str = ""  # its own, host, or container:ID
    ipc: str = "private"  # none (no /dev/shm), private, shareable, host, or container:ID
    uts: str = ""  # its own, or host
    cgroupns: str = "private"  # or host
    userns: str = ""  # the host's, whether it is said or not
    domainname: str = ""
    sysctls: tuple[str, ...] = ()  # KEY=VALUE, the key with dots
    devices: tuple[Device, ...] = ()
    device_rules: tuple[str, ...] = ()  # TYPE MAJOR:MINOR ACCESS
    entrypoint: bool = False  # the first of args is of --entrypoint
    cgroup_parent: str = ""  # path below each hierarchy, as it was given; empty for pyrun's own

    @property
    def parent_group(self) -> str:
        """Give the path of *cgroup_parent* without slashes at its ends; empty for pyrun's own."""
        return "/".join(part for part in self.cgroup_parent.split("/") if part)

    @property
    def has_sandbox(self) -> bool:
        """Claim that it has a network namespace of its own; it may be plugged into no network at all."""
        return self.network != "host" and not self.network.startswith(("container:", "ns:"))

    @property
    def full_hostname(self) -> str:
        """Give the host name with its domain."""
        return f"{self.hostname}.{self.domainname}" if self.domainname else self.hostname


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


class Pool(NamedTuple):
    """One address family of a network: its subnet and who holds which address of it."""

    subnet: str  # ADDRESS/PREFIX
    gateway: str  # the bridge's own address
    ip_range: str = ""  # containers get addresses from this part only; empty for the whole subnet
    reserved: tuple[str, ...] = ()  # NAME=ADDRESS of --aux-address: never given to a container

    @property
    def prefix(self) -> int:
        """Give the prefix length."""
        return int(self.subnet.partition("/")[2])

    @property
    def is_ipv6(self) -> bool:
        """Claim that the addresses are IPv6's."""
        return ":" in self.subnet


class Network(NamedTuple):
    """A bridge network: pure data, from which its links and rules are planned."""

    id: str  # 64 hex digits
    name: str
    bridge: str  # name of the link, at most 15 bytes
    mac: str  # of the bridge
    pools: tuple[Pool, ...]  # IPv4's, then IPv6's if it has one
    created: float = 0.0  # seconds since the epoch
    internal: bool = False  # no way out: no default route, no masquerade
    icc: bool = True  # its containers reach each other
    masquerade: bool = True  # packets leave under the host's address
    mtu: int = 0  # 0 leaves the kernel's
    host_binding: str = ""  # address that -p binds where none is given
    link_prefix: str = "eth"  # of the containers' interfaces
    labels: tuple[str, ...] = ()  # KEY=VALUE
    options: tuple[str, ...] = ()  # KEY=VALUE, as given
    firewall: str = ""  # what its rules were made with: iptables or nftables
    spoofing: bool = False  # its containers may send under addresses that are not theirs
    guarded: bool = False  # what they send is checked, on this host
    uplinks: tuple[str, ...] = ()  # this host's ways outside that are called like a neighbour's network
    ifindex: int = 0  # of the bridge that stands: the kernel gives no number twice
    addressless: bool = False  # the bridge has no IPv4 address: its gateway is another machine

    @property
    def ipv4(self) -> Pool:
        """Give the IPv4 pool, which every network has."""
        return self.pools[0]

    @property
    def ipv6(self) -> "Pool | None":
        """Give the IPv6 pool, if there is one."""
        return self.pools[1] if len(self.pools) > 1 else None

    @property
    def too_narrow(self) -> bool:
        """Claim that its links have no IPv6, not even to be switched off: RFC 8200 asks for an MTU of 1280."""
        return 0 < self.mtu < 1280

    @property
    def bridged(self) -> tuple[Pool, ...]:
        """Give the pools whose gateway is the bridge."""
        return self.pools[1:] if self.addressless else self.pools


class Endpoint(NamedTuple):
    """A container's plug into a network: the veth pair and its addresses."""

    network: Network
    container: str  # its id
    name: str  # the container's
    link: str  # inside: eth0
    mac: str
    host_link: str  # outside: veth and seven hexadecimal digits
    host_mac: str
    address: str
    address6: str = ""
    aliases: tuple[str, ...] = ()
    priority: int = 0  # of --network …,gw-priority=N
    published: "tuple[Published, ...]" = ()  # the ports that are reached through this endpoint
    hostname: str = ""  # the container's

    @property
    def alias(self) -> str:
        """Give what the host's end is called for people."""
        return f"pyrun:{self.name}"


class Published(NamedTuple):
    """A port of the host that leads to one of a container."""

    protocol: str  # tcp, udp or sctp
    address: str  # of the host: 0.0.0.0, ::, or one of its own
    port: int  # of the host
    target: int  # the container's port
