"""What Docker's command line, from 20.10 to 28, has beside pyrun's: a complaint says so instead of guessing.

Nothing here has to be taken away when pyrun learns it: what is declared is never looked up.
"""

_ROOTFS = "a container's root file system is a directory here"
_ONE_HOST = "made for one host, without a cluster"
_INSTEAD = {
    "docker": "leave that word out, as in pyrun run",
    "images": f"{_ROOTFS}: pyrun rootfs ls",
    "image": f"{_ROOTFS}: see pyrun rootfs --help",
    "image ls": f"{_ROOTFS}: pyrun rootfs ls",
    "image list": f"{_ROOTFS}: pyrun rootfs ls",
    "image inspect": f"{_ROOTFS}: pyrun rootfs inspect",
    "image rm": f"{_ROOTFS}: pyrun rootfs rm",
    "image build": f"{_ROOTFS}: pyrun rootfs build",
    "image import": f"{_ROOTFS}: pyrun rootfs import",
    "image load": f"{_ROOTFS}: pyrun rootfs import takes the archive of docker export",
    "image pull": f"{_ROOTFS}: pyrun rootfs build, or pyrun rootfs import of an archive",
    "rmi": f"{_ROOTFS}: pyrun rootfs rm",
    "pull": f"{_ROOTFS}: pyrun rootfs build, or pyrun rootfs import of an archive",
    "build": f"{_ROOTFS}: pyrun rootfs build",
    "builder": f"{_ROOTFS}: pyrun rootfs build",
    "buildx": f"{_ROOTFS}: pyrun rootfs build",
    "import": f"{_ROOTFS}: pyrun rootfs import",
    "load": f"{_ROOTFS}: pyrun rootfs import takes the archive of docker export",
    "save": f"{_ROOTFS}: tar -C DIRECTORY -c . writes it, pyrun export a container's",
    "push": "there is no registry; pyrun export gives a tar archive, tar -C DIRECTORY -c . a root file system's",
    "tag": f"{_ROOTFS}: a link under /var/lib/pyrun/rootfs gives it another name",
    "history": f"{_ROOTFS}, without layers: pyrun rootfs inspect",
    "commit": f"{_ROOTFS}: pyrun export CONTAINER, then pyrun rootfs import",
    "container commit": f"{_ROOTFS}: pyrun export CONTAINER, then pyrun rootfs import",
    "search": "there is no registry: pyrun rootfs build, or pyrun rootfs import of an archive",
    "login": "there is no registry to log in to",
    "logout": "there is no registry to log out of",
    "compose": "a shell script with a line of pyrun run for each container does it",
    "system df": "for all of it du -sh /var/lib/pyrun, for each container pyrun ps -as",
    "system prune": "pyrun container prune, pyrun network prune and pyrun volume prune",
    "volume update": "made for one host, without a cluster",
    "system dial-stdio": "there is no daemon to talk to",
    "context": "there is no daemon to choose",
    "plugin": "there are no plugins",
    "manifest": "there is no registry",
    "trust": "there is no registry",
    "checkpoint": "pyrun pause stops a container for a while",
    **dict.fromkeys(("swarm", "service", "stack", "node", "secret", "config"), _ONE_HOST),
}


def instead(verb: str, following: str) -> str:
    """Say what does here what a *verb* of Docker does; the word *following* it may tell more. Empty: it is none."""
    return _INSTEAD.get(f"{verb} {following}") or _INSTEAD.get(verb, "")


_BY_NAME = "containers on a network of their own find each other by name"
_WINDOWS = "Docker has it for Windows alone"
_CLUSTER = "made for one host, without a cluster"
_NO_DAEMON = "there is no daemon to talk to"
_NO_FREEZE = "nothing is written to disk of a running program: pyrun pause stops it for a while"
_RUN = {
    **dict.fromkeys(("--cpu-count", "--cpu-percent", "--io-maxbandwidth", "--io-maxiops"), _WINDOWS),
    "--use-api-socket": _NO_DAEMON,
}
# Options of Docker's that a verb does not have, and why, or what to type instead; those that have been given other
# meanings or are refused by their values are declared.
_OPTIONS: "dict[str, dict[str, str]]" = {
    "": {
        **dict.fromkeys(("--host", "-H", "--context", "-c", "--config"), _NO_DAEMON),
        **dict.fromkeys(("--tls", "--tlscacert", "--tlscert", "--tlskey", "--tlsverify"), _NO_DAEMON),
        **dict.fromkeys(("--debug", "-D", "--log-level", "-l"), "run --explain shows what is done"),
    },
    "run": _RUN,
    "create": _RUN,
    "start": dict.fromkeys(("--checkpoint", "--checkpoint-dir"), _NO_FREEZE),
    "rm": dict.fromkeys(("--link", "-l"), f"there are no links: {_BY_NAME}"),
    "version": {"--kubeconfig": _CLUSTER},
    "network create": {
        **dict.fromkeys(("--config-from", "--config-only"), "a network has its options on its own line"),
        "--ingress": _CLUSTER,
        "--ipam-opt": "addresses are chosen by --subnet, --ip-range and --aux-address alone",
    },
    "network connect": {"--link": _BY_NAME},
    "volume create": dict.fromkeys(
        "--availability --group --limit-bytes --required-bytes --scope --secret --sharing --topology-preferred "
        "--topology-required --type".split(),
        _CLUSTER,
    ),
    "volume ls": {"--cluster": _CLUSTER},
}


MEANT = {  # words for options that many expect, and those that do it
    **dict.fromkeys(("port", "ports"), ("publish",)),
    **dict.fromkeys(("environment", "variable"), ("env",)),
    **dict.fromkeys(("background", "daemon"), ("detach",)),
    **dict.fromkeys(("cwd", "working-dir", "directory"), ("workdir",)),
    **dict.fromkeys(("bind", "volumes"), ("volume",)),
    "timeout": ("time", "stop-timeout"),
    "signal": ("stop-signal",),
}


def without(verb: str, flag: str) -> str:
    """Say why a *verb*, empty for pyrun itself, has no *flag* that Docker's has; empty when Docker has none either."""
    return _OPTIONS.get(verb, {}).get(flag, "")
