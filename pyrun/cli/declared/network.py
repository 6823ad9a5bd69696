"""Verbs about networks."""

from pyrun.cli.declared import Verb, switch, value

_EXPLAIN = switch("Print every operation as a command while it happens", "--explain")
_FILTER = value("KEY=VALUE", "Only those that match", "--filter", multiple=True)
_NETWORKS = "NETWORK [NETWORK]..."
_NETWORK_VERBS = (
    Verb(
        "network create",
        "Make a network of your own",
        (
            value("DRIVER", "bridge, the only one", "--driver", "-d", hidden=True),
            value("SUBNET", "Subnet, as in 10.1.0.0/24", "--subnet", multiple=True),
            value("ADDRESS", "Address of the bridge", "--gateway", multiple=True),
            value("SUBNET", "Part of the subnet that containers get addresses from", "--ip-range", multiple=True),
            value("NAME=ADDRESS", "Address that no container gets", "--aux-address", multiple=True),
            switch("No way out of the network", "--internal"),
            switch("IPv6 beside IPv4", "--ipv6"),
            switch("IPv4, which every network has", "--ipv4", hidden=True, default=True),
            value("KEY=VALUE", "Label", "--label", multiple=True),
            value(
                "KEY=VALUE",
                "Option of the driver: com.docker.network.…, mtu=auto",
                "--opt",
                "-o",
                multiple=True,
            ),
            switch("Let containers join at any time; they always may", "--attachable", hidden=True),
            value("DRIVER", "default, the only one", "--ipam-driver", hidden=True),
            value("SCOPE", "local, the only one", "--scope", hidden=True),
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
            switch("Only ids", "--quiet", "-q"),
            switch("Do not shorten ids", "--no-trunc"),
            _FILTER._replace(flags=("--filter", "-f")),
            value("FORMAT", "table, json, or a template: '{{.Name}}'", "--format"),
        ),
        "",
        0,
        0,
    ),
    Verb(
        "network inspect",
        "Print all that is known of networks, as JSON",
        (
            value("FORMAT", "json, or a template: '{{.Driver}}'", "--format", "-f"),
            switch("Taken, and ignored: nothing is left out", "--verbose", "-v", hidden=True),
        ),
        _NETWORKS,
        1,
        -1,
    ),
    Verb(
        "network rm",
        "Remove networks",
        (switch("No error for one that does not exist", "--force", "-f"), _EXPLAIN),
        _NETWORKS,
        1,
        -1,
    ),
    Verb(
        "network prune",
        "Remove all created networks that no container is on",
        (
            switch("Do not ask", "--force", "-f"),
            value("KEY=VALUE", "Only those: until=TIME, label=…, label!=…", "--filter", multiple=True),
        ),
        "",
        0,
        0,
    ),
    Verb(
        "network connect",
        "Plug a container into a network",
        (
            value("NAME", "Further name of the container on the network", "--alias", multiple=True),
            value("ADDRESS", "IPv4 address", "--ip"),
            value("ADDRESS", "IPv6 address", "--ip6"),
            value("ADDRESS", "not supported", "--link-local-ip", multiple=True, hidden=True),
            value("MAC", "Link-layer address", "--mac-address"),
            value("KEY=VALUE", "com.docker.network.endpoint.ifname=NAME", "--driver-opt", multiple=True),
            value("NUMBER", "The plug with the highest one leads outside", "--gw-priority"),
            _EXPLAIN,
        ),
        "NETWORK CONTAINER",
        2,
        2,
    ),
    Verb(
        "network disconnect",
        "Take a container's plug out of a network",
        (switch("Also what is left of a container that is gone", "--force", "-f"), _EXPLAIN),
        "NETWORK CONTAINER",
        2,
        2,
    ),
    Verb("network repair", "Make links, addresses and rules stand again", (), "[NETWORK]...", 0, -1),
)
VERBS = {verb.name: verb for verb in _NETWORK_VERBS}
