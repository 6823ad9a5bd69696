"""The whole of a container as plans: what the monitor does on the host, what init does inside. Pure."""

from pyrun import paths
from pyrun.kernel import credentials, files, mounts, namespaces, syscalls, sysctls, trees
from pyrun.kernel.cgroups import Hierarchy
from pyrun.operation import Operation
from pyrun.plan import filesystem, network, resources
from pyrun.plan.filesystem import HostView
from pyrun.spec import ContainerConfig, Endpoint
from pyrun.typed import NamedTuple


class Surroundings(NamedTuple):
    """What was looked up on the host before planning."""

    groups: tuple[Hierarchy, ...]
    enabled: frozenset[str]  # v2 controllers the root group passes on
    host: HostView
    ipv6: bool
    sandbox: str = ""  # path of the network namespace that is shared, with --net container: or ns:
    pid_namespace: str = ""  # path of the one that is shared, with --pid container:
    ipc_namespace: str = ""  # path of the one that is shared, with --ipc container:


def birth(config: ContainerConfig, top: tuple[int, int, int]) -> list[Operation]:
    """Make what a container keeps until it is removed: its directory and its name.

    *top* is mode, owner and group of the root file system's own directory: the
    overlay shows those of the upper layer.
    """
    own = paths.container(config.id)
    return [
        trees.MakeDirectory(own),
        files.Link(f"{paths.NAMES}/{config.name}", config.id, "no other container gets this name"),
        trees.MakeDirectory(f"{own}/upper", *top),
        trees.MakeDirectory(f"{own}/work"),
    ]


def place(config: ContainerConfig) -> list[Operation]:
    """Make what a container has while it runs: where its root is assembled."""
    return [trees.MakeDirectory(filesystem.root(config.id))]


def sources(around: Surroundings) -> list[Operation]:
    """Make the directories that volumes name and that are missing."""
    return [mounts.MakeSource(path) for path in around.host.missing]


def hostfiles(identity: str, contents: dict[str, str]) -> list[Operation]:
    """Write the files that are mounted over those of the root file system."""
    own, reason = paths.container(identity), "mounted over the container's own"
    return [files.WriteFile(f"{own}/{name}", text, 0o644, reason) for name, text in contents.items()]


def limits(config: ContainerConfig, around: Surroundings) -> list[Operation]:
    """Make the control groups with all limits."""
    return resources.resources(config, around.groups, around.enabled, around.host)


def fork(config: ContainerConfig, around: Surroundings) -> list[Operation]:
    """Choose the PID namespace that the container's first process is born in."""
    if around.pid_namespace:
        reason = "one set of processes for two containers"
        return [namespaces.Join(around.pid_namespace, syscalls.CLONE_NEWPID, reason)]
    return [] if config.pid == "host" else [namespaces.Unshare(syscalls.CLONE_NEWPID)]


def visible(config: ContainerConfig, pid: int) -> list[Operation]:
    """Let `ip netns` see the sandbox, as the tutorial does by hand for Docker."""
    if config.network == "host":
        return []
    number = str(pid) if pid else "$PID"
    reason = "ip netns list and ip netns exec find it by this name"
    return [
        files.MakeSharedDirectory(paths.NETNS, f"{paths.RUN}/made-netns"),
        files.Link(f"{paths.NETNS}/pyrun-{config.name}", f"/proc/{number}/ns/net", reason),
    ]


def joining(config: ContainerConfig, around: Surroundings) -> list[Operation]:
    """Enter the control groups, then leave for namespaces of its own."""
    flags = namespaces.PRIVATE
    flags &= ~syscalls.CLONE_NEWUTS if config.uts == "host" else -1
    flags &= ~syscalls.CLONE_NEWCGROUP if config.cgroupns == "host" else -1
    flags &= ~syscalls.CLONE_NEWIPC if config.ipc == "host" or around.ipc_namespace else -1
    plan: list[Operation] = [credentials.AdjustOomScore(config.oom_score_adj)] if config.oom_score_adj else []
    plan += resources.join(config.id, around.groups)
    if around.ipc_namespace:
        plan.append(
            namespaces.Join(around.ipc_namespace, syscalls.CLONE_NEWIPC, "one shared memory for two containers")
        )
    if config.has_sandbox:
        flags |= syscalls.CLONE_NEWNET
    elif around.sandbox:
        plan.append(namespaces.JoinNetwork(around.sandbox))
    return [*plan, namespaces.Unshare(flags)]


def assembled(
    config: ContainerConfig, around: Surroundings, binds: tuple[tuple[str, str], ...]
) -> tuple[list[Operation], Operation]:
    """Assemble the file system; the pivot itself comes separately, after the sandbox is configured."""
    *plan, pivot = filesystem.filesystem(config, around.host, binds)
    return plan, pivot


def configured(config: ContainerConfig, around: Surroundings, ends: list[Endpoint]) -> list[Operation]:
    """Configure the sandbox from inside; a shared one is left as it is."""
    plan = network.sandbox(ends, around.ipv6) if config.has_sandbox else []
    parameters = [(key.replace(".", "/"), value) for key, _, value in (each.partition("=") for each in config.sysctls)]
    plan += [sysctls.SetSysctl(name, value, "--sysctl") for name, value in parameters]
    if config.domainname and config.uts != "host":
        plan.append(sysctls.SetSysctl("kernel/domainname", config.domainname, "--domainname"))
    return plan


def closed(config: ContainerConfig, around: Surroundings, pivot: Operation) -> list[Operation]:
    """Take the name, let go of the host's files, hide what remains."""
    return [
        *([] if config.uts == "host" else [namespaces.SetHostname(config.hostname)]),
        pivot,
        *filesystem.protection(config, around.host),
    ]
