"""Kernel settings: of a sandbox, of choice, and the host's that change while containers run."""

from pyrun.parity.catalogue.phrases import inside, kept, network
from pyrun.parity.scenario import Deviation, Scenario

_AREA = "sysctls"
_NAMED = "-o com.docker.network.bridge.name=named0"
_SET = "cd /proc/sys/net; cat ipv4/ip_unprivileged_port_start ipv4/ping_group_range ipv4/ip_forward"
_V6 = "cd /proc/sys/net/ipv6/conf; for n in all default lo eth0; do echo $n $(cat $n/disable_ipv6); done"
_PER_LINK = Deviation(
    "20.10 sets all.disable_ipv6 in each sandbox, and with it of all links; "
    "pyrun, as current releases, sets it of each link that has no IPv6",
    until="26",
    lines="^(all|default|lo) [01]$",
)

SCENARIOS = (
    Scenario(_AREA, "settings on the default bridge", "ports and pings without privileges, forwarding", inside(_SET)),
    Scenario(
        _AREA,
        "all of IPv4",
        "every setting of IPv4 in a sandbox, but what a kernel draws by lot",
        inside(
            "cd /proc/sys/net/ipv4; for f in $(find . -type f | sort); do echo $f $(cat $f 2>/dev/null); done"
            ' | grep -vE "fastopen_key|_seed|conf/(veth|docker|pyrun|br-)"'
        ),
        needs=(),
    ),
    Scenario(
        _AREA,
        "IPv6 on the default bridge",
        "whether links have IPv6",
        inside(_V6),
        deviations=(_PER_LINK,),
        needs=("IPv6",),
    ),
    Scenario(
        _AREA,
        "IPv6 on a network with it",
        "whether links have IPv6 where the network has",
        f"quiet E network create --ipv6 --subnet 10.77.0.0/24 --subnet fd00:77::/64 n1; {inside(_V6, '--network n1')}",
        deviations=(_PER_LINK,),
        needs=("IPv6",),
    ),
    Scenario(
        _AREA,
        "settings of choice",
        "--sysctl of the network and of IPC, inside and in inspect",
        "quiet E run -d --name c1 --sysctl net.ipv4.ip_forward=0 --sysctl net.core.somaxconn=77 --sysctl "
        "kernel.msgmax=9000 --sysctl fs.mqueue.msg_max=11 TREE sleep 300;"
        "E exec c1 sh -c 'cd /proc/sys; cat net/ipv4/ip_forward net/core/somaxconn kernel/msgmax fs/mqueue/msg_max';"
        "E inspect -f '{{json .HostConfig.Sysctls}}' c1",
    ),
    Scenario(
        _AREA,
        "settings refused",
        "--sysctl of what is the host's, of what there is not, of shared namespaces, and words that are none",
        "for s in kernel.panic=1 vm.swappiness=1 net.nothing=1 net.ipv4.ip_forward kernel.hostname=x =1; "
        "do no run --rm --sysctl $s TREE true; done;"
        "no run --rm --network host --sysctl net.ipv4.ip_forward=1 TREE true; "
        "no run --rm --ipc host --sysctl kernel.msgmax=9000 TREE true",
    ),
    Scenario(
        _AREA,
        "may not be written",
        "a container cannot change settings, its own among them",
        inside(
            "echo 0 >/proc/sys/net/ipv4/ip_forward || echo 0 >/proc/sys/kernel/msgmax || echo 1 "
            ">/proc/sysrq-trigger || echo refused"
        ),
    ),
    Scenario(
        _AREA,
        "written with privileges",
        "a privileged container changes its own settings",
        inside("echo 0 >/proc/sys/net/ipv4/ip_forward && cat /proc/sys/net/ipv4/ip_forward", "--privileged"),
        needs=("all capabilities",),
    ),
    Scenario(
        _AREA,
        "settings of the host's",
        "forwarding while a container runs, and settings of the bridge and of the host's end",
        f"{network(options=_NAMED)}; {kept('c1', '--network n1')}; cd /proc/sys/net/ipv4; cat ip_forward;"
        "cd conf/named0; for f in forwarding rp_filter route_localnet proxy_arp arp_filter accept_local; "
        "do echo $f $(cat $f); done",
    ),
)
