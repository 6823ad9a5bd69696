"""What the values of options and arguments are, for completion: data alone.

A kind is a list of items with | between them. An item is a word, or WORD@SOURCE, where the source's names follow
the word. The sources are in `pyrun.cli.candidates`; the shell itself completes @files and @directories.
"""

from pyrun.cli.declared import Option, Verb

_FILTERS = {
    "ps": "name=@containers|id=|label=|network=@networks|status=created|status=running|status=paused|status=exited|"
    "status=restarting|ancestor=@rootfs|exited=|before=@containers|since=@containers|volume=@volumes|publish=|expose=|health=healthy|health=unhealthy",
    "network ls": "name=@networks|id=|driver=bridge|driver=host|driver=null|label=|type=custom|type=builtin|"
    "scope=local|dangling=true|dangling=false",
    "network prune": "label=|label!=|until=",
    "events": "container=@containers|network=@networks|volume=@volumes|rootfs=@rootfs|event=|type=container|"
    "type=network|type=volume|type=rootfs|label=",
    "prune": "until=|label=|label!=",
    "volume prune": "label=|label!=",
    "volume ls": "name=@volumes|label=|dangling=true|dangling=false|driver=local",
}
_BY_METAVAR = {
    "CONTAINER": "@containers",
    "NETWORK": "@networks",
    "ROOTFS": "@rootfs|@directories",
    "VOLUME": "@volumes",
    "FILE": "@files",
    "PATH": "@files",
    "ARCHIVE": "@files",
    "DIR": "@directories",
    "DIRECTORY": "@directories",
    "COMMAND": "@files",
    "ARG": "@files",
    "SIGNAL": "@signals",
    "CAPABILITY": "@capabilities",
    "FORMAT": "table|json",
    "FORMAT|TEMPLATE": "table|json",
    "TEMPLATE": "json",
}
_JOINED = "host|container:@running"
_BY_FLAG = {
    "--network": "bridge|none|host|container:@running|ns:@files|@networks",
    "--volume": "@mounted",
    "--mount": "type=bind,source=|type=tmpfs,target=|type=volume,source=",
    "--env": "@environment",
    "--ulimit": "@ulimits",
    "--volumes-from": "@containers",
    "--device": "@devices",
    "--security-opt": "no-new-privileges|seccomp=unconfined|systempaths=unconfined|seccomp=@files",
    "--restart": "no|always|unless-stopped|on-failure",
    "--pull": "always|missing|never",
    "--pid": _JOINED,
    "--ipc": f"none|private|shareable|{_JOINED}",
    "--uts": "host",
    "--userns": "host",
    "--cgroupns": "host|private",
    "--log-driver": "json-file|local|none",
    "--log-opt": "max-size=|max-file=|env=|env-regex=|labels=|labels-regex=|tag=|mode=",
    "--dns-option": "ndots:|timeout:|attempts:|rotate|edns0",
    "--link": "@running",
    "--opt": "com.docker.network.bridge.name=|com.docker.network.bridge.enable_ip_masquerade=|"
    "com.docker.network.bridge.enable_icc=|com.docker.network.bridge.host_binding_ipv4=|"
    "com.docker.network.bridge.inhibit_ipv4=|"
    "com.docker.network.driver.mtu=|antispoofing=false",
    "volume create --opt": "type=|device=|o=",
    "--driver-opt": "com.docker.network.endpoint.ifname=",
    "--driver": "bridge",
    "volume create --driver": "local",
    "--volume-driver": "local",
    "--ipam-driver": "default",
    "--scope": "local",
    "--runtime": "pyrun",
    "--isolation": "default",
    **dict.fromkeys(
        [f"--device-{way}-{what}" for way in ("read", "write") for what in ("bps", "iops")] + ["--blkio-weight-device"],
        "@devices",
    ),
    "--sysctl": "net.core.somaxconn=|net.ipv4.ip_forward=|net.ipv4.ip_local_port_range=|"
    "net.ipv4.ip_unprivileged_port_start=|net.ipv4.ping_group_range=|net.ipv6.conf.all.disable_ipv6=|"
    "kernel.msgmax=|kernel.msgmnb=|kernel.msgmni=|kernel.sem=|kernel.shmall=|kernel.shmmax=|kernel.shmmni=|"
    "kernel.shm_rmid_forced=|fs.mqueue.",
    "--detach-keys": "ctrl-p,ctrl-q",
    "--type": "container|network|volume",
    "--attach": "stdin|stdout|stderr",
    "--tail": "all",
    "--workdir": "",  # inside the container
    "--tmpfs": "",
    "--entrypoint": "",
}
_STAGES = "namespace|veth|bridge|addresses|up|route|forwarding|masquerade|dns"  # of pyrun lab
_BY_VERB = {  # the arguments of those whose metavars do not tell
    "network why": "@containers|host|internet",
    "network create": "",  # a name that nobody has
    "volume create": "",
    "cp": "@copied",
    "inspect": "@containers|@networks|@volumes",
    "rename": "@containers|",
    "completion": "bash|zsh|fish|",
    "rootfs build": "debian|ubuntu|busybox|",
    "rootfs import": "@files|",
    "rootfs inspect": "@rootfs",
    "rootfs rm": "@rootfs",
    "port": "@running|",
    "lab start": "bridge|broken|",
    **dict.fromkeys(("lab check", "lab hint"), f"{_STAGES}|"),
    **dict.fromkeys(("lab solve", "lab reset"), f"{_STAGES}|all|"),
}
_WITHOUT_TABLE = "inspect info version events".split()  # the last words of verbs
# Which containers are meant, where not all are; the switch that means all the same.
STATES = {
    **dict.fromkeys(("exec", "kill", "attach", "top", "stats", "port", "netns exec"), "running paused"),
    "stop": "running paused restarting",
    "wait": "running paused restarting created",
    "pause": "running",
    "unpause": "paused",
    "start": "created exited",
    "rm": "created exited corrupt",
}
ALL = {"rm": "--force", "stats": "--all"}


def of_option(verb: Verb, option: Option) -> str:
    """Give the kind of an option's value."""
    if option.kind:
        return option.kind
    if option.flags[0] == "--filter":
        return _FILTERS.get(verb.name, "")
    if option.flags[0] == "--format" and verb.name.split()[-1] in _WITHOUT_TABLE:
        return "json"
    flag = option.flags[0]
    if f"{verb.name} {flag}" in _BY_FLAG or flag in _BY_FLAG:
        return _BY_FLAG.get(f"{verb.name} {flag}", _BY_FLAG.get(flag, ""))
    return _BY_METAVAR.get(option.metavar, "")


def of_argument(verb: Verb, at: int) -> str:
    """Give the kind of a verb's argument number *at*, by its metavar; the last one of the line may repeat."""
    if verb.most == 0 or 0 <= verb.most <= at:
        return ""
    names = [_plain(word) for word in verb.arguments.split() if word not in ("--", "[--]")]
    by_verb = _BY_VERB.get(verb.name)
    if by_verb is not None:
        return by_verb if at == 0 or not by_verb.endswith("|") else ""
    name = names[min(at, len(names) - 1)] if names else ""
    return _BY_METAVAR.get(name, "")


def _plain(word: str) -> str:
    """Give the name in a word of a usage line: of [CONTAINER]... and TARGET[:PORT] the first letters in capitals."""
    return word.lstrip("[").partition("[")[0].partition("]")[0].rstrip(".")
