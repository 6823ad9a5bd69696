"""Every verb and option, declared once as data: the reader and click's commands are made from it.

No imports but typing: reading a plain command line has to cost nothing.
"""

from pyrun.typed import NamedTuple


class Option(NamedTuple):
    """An option; a switch takes no value, a *multiple* one may be given again."""

    flags: tuple[str, ...]  # the long spelling first
    help: str
    metavar: str = ""  # empty for a switch
    multiple: bool = False
    hidden: bool = False
    default: bool = False  # of a switch

    @property
    def key(self) -> str:
        """Give the name under which the value is found."""
        return self.flags[0].lstrip("-").replace("-", "_")


class Verb(NamedTuple):
    """A verb: what stands after its options is *arguments*, of which the last may repeat."""

    name: str  # the words that are typed: "ps", "network create"
    summary: str
    options: tuple[Option, ...]
    arguments: str  # as in the usage line
    least: int  # how many arguments at least
    most: int  # at most; -1 any number
    options_first: bool = False  # what follows the first argument belongs to the program


def _switch(help_text: str, *flags: str, hidden: bool = False, default: bool = False) -> Option:
    return Option(flags, help_text, "", False, hidden, default)


def _value(metavar: str, help_text: str, *flags: str, multiple: bool = False, hidden: bool = False) -> Option:
    return Option(flags, help_text, metavar, multiple, hidden)


_KEYS = _value("KEYS", "Detach with these keys (ctrl-p,ctrl-q)", "--detach-keys")
_TTY = (
    _switch("Keep standard input open", "--interactive", "-i"),
    _switch("Give the program a terminal", "--tty", "-t"),
)
_PROGRAM = (
    _value("KEY=VALUE", "Set an environment variable", "--env", "-e", multiple=True),
    _value("FILE", "Set variables from a file", "--env-file", multiple=True),
    _value("DIR", "Working directory", "--workdir", "-w"),
    _value("USER[:GROUP]", "Run as this user", "--user", "-u"),
)

_OF_IMAGES = (  # of no meaning for a directory, and harmless in a line that was written for Docker
    _value("WHEN", "Taken, and ignored", "--pull", hidden=True),
    _value("PLATFORM", "Taken, and ignored", "--platform", hidden=True),
    _switch("Taken, and ignored", "--disable-content-trust", hidden=True, default=True),
)

RUN = Verb(
    "run",
    "Run a program in a new container",
    (
        *_TTY,
        _switch("Run in the background, print the id", "--detach", "-d"),
        _switch("Remove the container when it ends", "--rm"),
        _value("NAME", "Name of the container", "--name"),
        *_PROGRAM,
        _value("GROUP", "Additional group", "--group-add", multiple=True),
        _value("PROGRAM", "Program to run instead of the command", "--entrypoint"),
        _switch("Run a small init that reaps zombies", "--init"),
        _value("NAME", "Host name", "--hostname", "-h"),
        _value(
            "NETWORK", "bridge, none, host, container:NAME, ns:PATH or one's name", "--network", "--net", multiple=True
        ),
        _value("NAME", "Further name on the network", "--network-alias", "--net-alias", multiple=True),
        _value("ADDRESS", "IPv4 address on the network", "--ip"),
        _value("ADDRESS", "IPv6 address on the network", "--ip6"),
        _value("ADDRESS", "Link-layer address", "--mac-address"),
        _value(
            "[IP:][HOSTPORT:]PORT", "Port of the host that leads to the container's", "--publish", "-p", multiple=True
        ),
        _switch("Publish all exposed ports on ports that are free", "--publish-all", "-P"),
        _value("PORT[/PROTOCOL]", "Port that the program listens on", "--expose", multiple=True),
        _value("ADDRESS", "Name server", "--dns", multiple=True),
        _value("DOMAIN", "Search domain", "--dns-search", multiple=True),
        _value("OPTION", "Resolver option", "--dns-option", "--dns-opt", multiple=True),
        _value("NAME:ADDRESS", "Add a line to /etc/hosts", "--add-host", multiple=True),
        _value("SOURCE:TARGET[:ro]", "Mount a directory or file of the host", "--volume", "-v", multiple=True),
        _value("KEY=VALUE,…", "Mount, written in full", "--mount", multiple=True),
        _value("DIR[:OPTIONS]", "Mount a file system in memory", "--tmpfs", multiple=True),
        _switch("Make the root file system read-only", "--read-only"),
        _value("BYTES", "Memory limit (b, k, m, g)", "--memory", "-m"),
        _value("BYTES", "Memory and swap together; -1 unlimited", "--memory-swap"),
        _value("NUMBER", "Number of CPUs", "--cpus"),
        _value("SHARES", "Relative share of CPU time", "--cpu-shares", "-c"),
        _value("LIST", "CPUs to run on (0-1,3)", "--cpuset-cpus"),
        _value("NUMBER", "Most processes; -1 unlimited", "--pids-limit"),
        _value("NAME=SOFT[:HARD]", "Resource limit", "--ulimit", multiple=True),
        _value("NUMBER", "Preference of the OOM killer, -1000 to 1000", "--oom-score-adj"),
        _value("BYTES", "Size of /dev/shm", "--shm-size"),
        _value("CAPABILITY", "Give a capability", "--cap-add", multiple=True),
        _value("CAPABILITY", "Take a capability away", "--cap-drop", multiple=True),
        _switch("Give all power; protects nothing", "--privileged"),
        _value("OPTION", "no-new-privileges, seccomp=FILE|unconfined", "--security-opt", multiple=True),
        _value("SIGNAL", "Signal that asks the program to end", "--stop-signal"),
        _value("SECONDS", "How long to wait before killing", "--stop-timeout"),
        _value("FILE", "Write the id to a file", "--cidfile"),
        *_OF_IMAGES,
        _KEYS,
        _switch("Pass signals on to the program", "--sig-proxy", default=True),
        _switch("Print every operation as a command while it happens", "--explain"),
        _switch("Print the plan, touch nothing", "--dry-run"),
    ),
    "ROOTFS [COMMAND [ARG]...]",
    1,
    -1,
    options_first=True,
)
EXEC = Verb(
    "exec",
    "Run another program in a running container",
    (
        *_TTY,
        _switch("Run in the background", "--detach", "-d"),
        *_PROGRAM,
        _switch("Give all power", "--privileged"),
        _KEYS,
    ),
    "CONTAINER COMMAND [ARG]...",
    2,
    -1,
    options_first=True,
)
PS = Verb(
    "ps",
    "List containers",
    (
        _switch("Also those that do not run", "--all", "-a"),
        _switch("Only ids", "--quiet", "-q"),
        _switch("Do not shorten ids and commands", "--no-trunc"),
        _value("FORMAT", "table or json", "--format"),
        _value("NUMBER", "Only the newest ones", "--last", "-n"),
        _switch("Only the newest one", "--latest", "-l"),
    ),
    "",
    0,
    0,
)
_FOLLOW = _switch("Go on as more is written", "--follow", "-f")
_SIGNAL = _value("SIGNAL", "Signal to send (KILL)", "--signal", "-s")
_TIME = _value("SECONDS", "How long to wait before killing", "--time", "-t")
_FORCE = _switch("Kill it first if it runs", "--force", "-f")
_MANY = "CONTAINER [CONTAINER]..."

_EXPLAIN = _switch("Print every operation as a command while it happens", "--explain")
_FILTER = _value("KEY=VALUE", "Only those that match", "--filter", multiple=True)
_NETWORKS = "NETWORK [NETWORK]..."
_NETWORK_VERBS = (
    Verb(
        "network create",
        "Make a network of your own",
        (
            _value("DRIVER", "bridge, the only one", "--driver", "-d", hidden=True),
            _value("SUBNET", "Subnet, as in 10.1.0.0/24", "--subnet", multiple=True),
            _value("ADDRESS", "Address of the bridge", "--gateway", multiple=True),
            _value("SUBNET", "Part of the subnet that containers get addresses from", "--ip-range", multiple=True),
            _value("NAME=ADDRESS", "Address that no container gets", "--aux-address", multiple=True),
            _switch("No way out of the network", "--internal"),
            _switch("IPv6 beside IPv4", "--ipv6"),
            _value("KEY=VALUE", "Label", "--label", multiple=True),
            _value(
                "KEY=VALUE",
                "Option of the driver: com.docker.network.…, mtu=auto",
                "--opt",
                "-o",
                multiple=True,
            ),
            _switch("Let containers join at any time; they always may", "--attachable", hidden=True),
            _value("DRIVER", "default, the only one", "--ipam-driver", hidden=True),
            _value("SCOPE", "local, the only one", "--scope", hidden=True),
            _EXPLAIN,
        ),
        "NETWORK",
        1,
        1,
    ),
    Verb(
        "network ls",
        "List networks",
        (
            _switch("Only ids", "--quiet", "-q"),
            _switch("Do not shorten ids", "--no-trunc"),
            _FILTER._replace(flags=("--filter", "-f")),
            _value("FORMAT", "table or json", "--format"),
        ),
        "",
        0,
        0,
    ),
    Verb("network inspect", "Print all that is known of networks, as JSON", (), _NETWORKS, 1, -1),
    Verb(
        "network rm",
        "Remove networks",
        (_switch("No error for one that does not exist", "--force", "-f"), _EXPLAIN),
        _NETWORKS,
        1,
        -1,
    ),
    Verb(
        "network prune",
        "Remove all created networks that no container is on",
        (_switch("Do not ask", "--force", "-f"), _FILTER),
        "",
        0,
        0,
    ),
    Verb(
        "network connect",
        "Plug a container into a network",
        (
            _value("NAME", "Further name of the container on the network", "--alias", multiple=True),
            _value("ADDRESS", "IPv4 address", "--ip"),
            _value("ADDRESS", "IPv6 address", "--ip6"),
            _value("ADDRESS", "not supported", "--link-local-ip", multiple=True, hidden=True),
            _value("MAC", "Link-layer address", "--mac-address"),
            _value("KEY=VALUE", "com.docker.network.endpoint.ifname=NAME", "--driver-opt", multiple=True),
            _value("NUMBER", "The plug with the highest one leads outside", "--gw-priority"),
            _EXPLAIN,
        ),
        "NETWORK CONTAINER",
        2,
        2,
    ),
    Verb(
        "network disconnect",
        "Take a container's plug out of a network",
        (_switch("Also what is left of a container that is gone", "--force", "-f"), _EXPLAIN),
        "NETWORK CONTAINER",
        2,
        2,
    ),
    Verb("network repair", "Make links, addresses and rules stand again", (), "[NETWORK]...", 0, -1),
    Verb(
        "network diagram",
        "Draw what is plugged into what",
        (_value("FORMAT", "text, mermaid or svg", "--format"),),
        "",
        0,
        0,
    ),
    Verb(
        "network why",
        "Say why a packet gets through, or which rule stops it",
        (
            _switch("Send one packet, and see which counters move", "--probe"),
            _value("FORMAT", "text or json", "--format"),
            _switch("Also the rules that did not match", "--verbose", "-v"),
        ),
        "SOURCE TARGET[:PORT[/PROTOCOL]]",
        2,
        2,
    ),
    Verb(
        "netns exec",
        "Run a program of the host in a container's network namespace",
        (),
        "CONTAINER [--] COMMAND [ARG]...",
        2,
        -1,
        options_first=True,
    ),
)

VERBS = {
    verb.name: verb
    for verb in (
        RUN,
        EXEC,
        PS,
        Verb("logs", "Print what a container wrote", (_FOLLOW,), "CONTAINER", 1, 1),
        Verb("stop", "Ask containers to end, then kill them", (_TIME,), _MANY, 1, -1),
        Verb("kill", "Send a signal to containers", (_SIGNAL,), _MANY, 1, -1),
        Verb("rm", "Remove containers", (_FORCE,), _MANY, 1, -1),
        Verb("inspect", "Print all that is known, as JSON", (), _MANY, 1, -1),
        Verb("port", "Print where a container's ports are published", (), "CONTAINER [PORT[/PROTOCOL]]", 1, 2),
        Verb("wait", "Wait for containers to end, print their exit codes", (), _MANY, 1, -1),
        Verb("version", "Print the version", (), "", 0, 0),
        *_NETWORK_VERBS,
    )
}
GROUPS = {"network": "Make and look at networks", "netns": "Go where a container's network is"}


def named(words: list[str]) -> "tuple[Verb | None, list[str]]":
    """Give the verb that a command line begins with, and what follows it."""
    count = 2 if words and words[0] in GROUPS else 1
    return VERBS.get(" ".join(words[:count])), words[count:]
