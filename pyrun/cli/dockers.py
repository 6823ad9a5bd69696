"""What Docker 20.10's command line has beside pyrun's: a complaint about it says so instead of guessing what was meant.

Nothing here has to be taken away when pyrun learns it: what is declared is never looked up.
"""

_ROOTFS = "a container's root file system is a directory here"
_ONE_HOST = "made for one host, without a cluster"
_INSTEAD = {
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


# Options of each verb.
LATER = {
    "run": "--attach -a --blkio-weight --blkio-weight-device --cgroup-parent --cgroupns --cpu-period --cpu-quota "
    "--cpu-rt-period --cpu-rt-runtime --cpuset-mems --device --device-cgroup-rule --device-read-bps --device-read-iops "
    "--device-write-bps --device-write-iops --domainname --expose --gpus --health-cmd --health-interval "
    "--health-retries --health-start-period --health-timeout --ipc --isolation --kernel-memory --label -l --label-file "
    "--link --link-local-ip --log-driver --log-opt --memory-reservation --memory-swappiness --no-healthcheck "
    "--oom-kill-disable --pid --publish -p --publish-all -P --restart --runtime --storage-opt --sysctl --userns --uts "
    "--volume-driver --volumes-from",
    "ps": "--filter -f --size -s",
    "logs": "--details --since --tail -n --timestamps -t --until",
    "rm": "--link -l --volumes -v",
    "inspect": "--format -f --size -s --type",
    "network create": "--config-from --config-only --ingress --ipam-opt",
    "network inspect": "--format -f --verbose -v",
    "version": "--format -f",
}
VERBS_LATER = set(
    "attach build builder commit completion config container context cp create diff events export history image images "
    "import info load login logout manifest node pause plugin port pull push rename restart rmi save search secret "
    "service stack start stats swarm system tag top trust unpause update volume".split()
) | {"network connect", "network disconnect"}
