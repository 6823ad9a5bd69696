"""What Docker 20.10's command line has beside pyrun's: a complaint about it says so instead of guessing what was meant.

Nothing here has to be taken away when pyrun learns it: what is declared is never looked up.
"""

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
