"""Every option that Docker's command line has, from 20.10 to 28: it is understood here, or a line says what is instead."""

import pytest

from pyrun.cli import commands, dockers, reader, run
from pyrun.cli.declared import ALIASES, canonical, declaration, every
from pyrun.errors import UsageError

_PROGRAM = (
    "--add-host --annotation -a --attach --blkio-weight --blkio-weight-device --cap-add --cap-drop --cgroup-parent "
    "--cgroupns --cidfile --cpu-count --cpu-percent --cpu-period --cpu-quota --cpu-rt-period --cpu-rt-runtime "
    "-c --cpu-shares --cpus --cpuset-cpus --cpuset-mems --device --device-cgroup-rule --device-read-bps "
    "--device-read-iops --device-write-bps --device-write-iops --disable-content-trust --dns --dns-opt --dns-option "
    "--dns-search --domainname --entrypoint -e --env --env-file --expose --gpus --group-add --health-cmd "
    "--health-interval --health-retries --health-start-interval --health-start-period --health-timeout -h --hostname "
    "--init -i --interactive --io-maxbandwidth --io-maxiops --ip --ip6 --ipc --isolation --kernel-memory -l --label "
    "--label-file --link --link-local-ip --log-driver --log-opt --mac-address -m --memory --memory-reservation "
    "--memory-swap --memory-swappiness --mount --name --net --net-alias --network --network-alias --no-healthcheck "
    "--oom-kill-disable --oom-score-adj --pid --pids-limit --platform --privileged -p --publish -P --publish-all "
    "--pull -q --quiet --read-only --restart --rm --runtime --security-opt --shm-size --stop-signal --stop-timeout "
    "--storage-opt --sysctl --tmpfs -t --tty --ulimit --use-api-socket -u --user --userns --uts -v --volume "
    "--volume-driver --volumes-from -w --workdir"
)
_PS = "-a --all -f --filter --format -n --last -l --latest --no-trunc -q --quiet -s --size"
_STOP = "-s --signal -t --time --timeout"
DOCKERS = {
    "": "--config -c --context -D --debug -H --host -l --log-level --tls --tlscacert --tlscert --tlskey --tlsverify "
    "-v --version",
    "attach": "--detach-keys --no-stdin --sig-proxy",
    "container prune": "--filter -f --force",
    "container ls": _PS,
    "cp": "-a --archive -L --follow-link -q --quiet",
    "create": _PROGRAM,
    "diff": "",
    "events": "-f --filter --format --since --until",
    "exec": "-d --detach --detach-keys -e --env --env-file -i --interactive --privileged -t --tty -u --user -w --workdir",
    "export": "-o --output",
    "info": "-f --format",
    "inspect": "-f --format -s --size --type",
    "kill": "-s --signal",
    "logs": "--details -f --follow --since -n --tail -t --timestamps --until",
    "network connect": "--alias --driver-opt --gw-priority --ip --ip6 --link --link-local-ip",
    "network create": "--attachable --aux-address --config-from --config-only -d --driver --gateway --ingress --internal "
    "--ip-range --ipam-driver --ipam-opt --ipv4 --ipv6 --label -o --opt --scope --subnet",
    "network disconnect": "-f --force",
    "network inspect": "-f --format -v --verbose",
    "network list": "-f --filter --format --no-trunc -q --quiet",
    "network prune": "--filter -f --force",
    "network remove": "-f --force",
    "pause": "",
    "port": "",
    "ps": _PS,
    "rename": "",
    "restart": _STOP,
    "rm": "-f --force -l --link -v --volumes",
    "run": f"{_PROGRAM} -d --detach --detach-keys --sig-proxy",
    "start": "-a --attach --checkpoint --checkpoint-dir --detach-keys -i --interactive",
    "stats": "-a --all --format --no-stream --no-trunc",
    "stop": _STOP,
    "system events": "-f --filter --format --since --until",
    "system info": "-f --format",
    "top": "",
    "unpause": "",
    "update": "--blkio-weight --cpu-period --cpu-quota --cpu-rt-period --cpu-rt-runtime -c --cpu-shares --cpus "
    "--cpuset-cpus --cpuset-mems --kernel-memory -m --memory --memory-reservation --memory-swap --pids-limit --restart",
    "version": "-f --format --kubeconfig",
    "volume create": "--availability -d --driver --group --label --limit-bytes -o --opt --required-bytes --scope --secret "
    "--sharing --topology-preferred --topology-required --type",
    "volume inspect": "-f --format",
    "volume list": "--cluster -f --filter --format -q --quiet",
    "volume prune": "-a --all --filter -f --force",
    "volume remove": "-f --force",
    "wait": "",
}
_HERE_ONLY_TO_BE_REFUSED = {
    "--gpus all": "gpus: all: no device driver for GPUs is there",
    "--isolation hyperv": "isolation: hyperv: only default is there",
    "--link db": "link: db: not supported: containers on a network of their own find each other by name",
    "--link-local-ip 169.254.1.1": "link-local-ip: 169.254.1.1: not supported: an address of the network's subnet is "
    "given with --ip",
    "--runtime kata": "runtime: kata: pyrun is the only runtime",
    "--storage-opt size=1g": "storage-opt: size=1g: a container's files have no quota",
    "--userns keep-id": "userns: keep-id: expected host",
    "--volume-driver nfs -v data:/x": "volume-driver: nfs: only local is there",
    "--log-driver syslog": "log-driver: syslog: not supported",
    "--security-opt apparmor=mine": "security-opt: apparmor=mine: not supported",
}


@pytest.mark.parametrize(("verb", "flag"), [(verb, flag) for verb, flags in DOCKERS.items() for flag in flags.split()])
def test_an_option_of_dockers_is_understood_or_a_line_says_what_is_instead(verb: str, flag: str) -> None:
    declared = declaration(canonical(verb)).options if verb else ()
    if any(flag in option.flags for option in declared) or (not verb and flag in ("-v", "--version")):
        return
    with pytest.raises(UsageError) as told:
        commands.parse([*verb.split(), flag, "x"])
    assert told.value.message == f"{flag}: not supported"
    assert told.value.hint == dockers.without(canonical(verb), flag) != ""


def test_what_is_understood_is_not_said_to_be_missing() -> None:
    for name, verb in every().items():
        for flag in (flag for option in verb.options for flag in option.flags):
            assert not dockers.without(name, flag), (name, flag)


@pytest.mark.parametrize("line", _HERE_ONLY_TO_BE_REFUSED)
def test_what_is_declared_only_to_be_refused_says_why(line: str) -> None:
    parsed = reader.read(["run", *line.split(), "@host"])
    assert parsed
    with pytest.raises(UsageError) as told:
        run.container_config(parsed[1], {})
    assert told.value.message == _HERE_ONLY_TO_BE_REFUSED[line]


@pytest.mark.parametrize(
    "verb",
    "attach build builder buildx checkpoint commit compose config container-commit context cp create diff events exec "
    "export history image images import info inspect kill load login logout logs manifest network node pause plugin port "
    "ps pull push rename restart rm rmi run save search secret service stack start stats stop swarm system system-df "
    "system-prune tag top trust unpause update version volume volume-update wait".split(),
)
def test_a_verb_of_dockers_is_one_here_or_a_line_says_what_to_type(verb: str) -> None:
    words = verb.split("-")
    known = {name.split()[0] for name in (*every(), *ALIASES)} | {*every(), *ALIASES}
    if " ".join(words) in known:
        return
    with pytest.raises(UsageError) as told:
        commands.parse([*words, "x"])
    assert told.value.message == f"{words[-1]}: not a verb of pyrun"
    assert told.value.hint == dockers.instead(" ".join(words), "x") != ""
