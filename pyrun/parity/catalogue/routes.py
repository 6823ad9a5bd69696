"""Routes: of containers on one network, on several, on internal ones, on none; and the host's to them."""

from pyrun.parity.catalogue.phrases import inside, kept, network
from pyrun.parity.scenario import Deviation, Scenario

_AREA = "routes"
_TABLE = "ip route show table all | grep -v ^local"

SCENARIOS = (
    Scenario(
        _AREA,
        "routes on the default bridge",
        "routes of a container, and how it would reach the internet",
        inside('ip route; ip route get 192.0.2.1 | head -n 1 | cut -d" " -f1-5'),
    ),
    Scenario(
        _AREA,
        "routes on a network of one's own",
        "all routes of all tables, and the rules that lead there",
        f"{network()}; {kept('c1', '--network n1')}; IN c1 sh -c 'ip -4 route show table all; ip rule'",
    ),
    Scenario(
        _AREA,
        "the first name leads outside",
        "a container on two networks has its default route by the one whose name comes first",
        f"{network('zz')}; {network('aa', '10.78.0.0/24')}; {kept('c1', '--network zz')}; E exec c1 ip route | sort;"
        "quiet E network connect aa c1; E exec c1 ip route | sort; quiet E network disconnect aa c1; "
        "E exec c1 ip route | sort",
    ),
    Scenario(
        _AREA,
        "routes on an internal network",
        "routes of a container on a network without a way out",
        f"{network(options='--internal')}; {inside('ip route', '--network n1')}",
        deviations=(
            Deviation(
                "20.10 gives a default route that leads nowhere; pyrun, as current releases, gives none",
                until="23",
                lines="^default",
            ),
        ),
    ),
    Scenario(
        _AREA,
        "internal and not",
        "on an internal network and on another one, the default route is by the other one, whatever their names",
        f"{network('aa', options='--internal')}; {network('zz', '10.78.0.0/24')}; {kept('c1', '--network aa')}; "
        "quiet E network connect zz c1; E exec c1 ip route | sort",
    ),
    Scenario(
        _AREA,
        "another gateway",
        "--gateway: the default route and the bridge's address follow it",
        f"{network(options='--gateway 10.77.0.200 -o com.docker.network.bridge.name=named0')}; "
        f"{inside('ip route', '--network n1')};"
        "ip -br -4 addr show named0 | awk '{ print $3 }'",
    ),
    Scenario(
        _AREA,
        "the host's",
        "the host's route to a network while a container runs there, and none once it is removed",
        f"{network(options='-o com.docker.network.bridge.name=named0')}; {kept('c1', '--network n1')}; "
        "ip route show 10.77.0.0/24;"
        "ip route show table local | grep 10.77 | sed 's/ *$//' | sort; quiet E rm -f c1; "
        "quiet E network rm n1; ip route show 10.77.0.0/24 | wc -l",
    ),
    Scenario(
        _AREA,
        "changed from inside",
        "with NET_ADMIN a container changes its routes, without it may not",
        inside("ip route del default && ip route | wc -l", "--cap-add NET_ADMIN")
        + ";"
        + inside("ip route del default 2>/dev/null; echo $?"),
    ),
)
