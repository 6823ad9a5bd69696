"""Pages of the verbs about networks."""

from pyrun.cli.manual import Page

PAGES = {
    "network create": Page(
        "A network of your own is a bridge that no other network reaches. Its containers know each other by name."
        " It stands until it is removed, also over a reboot.",
        (
            ("pyrun network create backend", "with the first free subnet"),
            ("pyrun network create --subnet 10.1.0.0/24 --ipv6 lab", "with a subnet of your choice, and IPv6"),
            ("pyrun network create --internal closed", "without a way out"),
        ),
    ),
    "network ls": Page("", (("pyrun network ls", "all of them"), ("pyrun network ls -q -f driver=bridge", "ids only"))),
    "network inspect": Page(
        "Who is plugged in with which address, which addresses are free, the bridge's ports, and its firewall rules"
        " with"
        " their counters and reasons.",
        (("pyrun network inspect bridge", "the one that containers get by themselves"),),
    ),
    "network rm": Page("No container may be plugged in.", (("pyrun network rm backend", "bridge, rules and all"),)),
    "network prune": Page(
        "",
        (
            ("pyrun network prune -f", "without asking"),
            ("pyrun network prune --filter until=24h --filter label!=keep", "older than a day, and not to be kept"),
        ),
    ),
    "network connect": Page(
        "The container gets one interface more while it runs, and its names on that network.",
        (("pyrun network connect --alias db backend web", "known there as web and db"),),
    ),
    "network disconnect": Page("", (("pyrun network disconnect backend web", "the interface goes"),)),
    "network repair": Page(
        "Every command of pyrun looks for what cuts networks off; this one looks at each cable as well, at the MTU and"
        " at what the kernel was told of links. It goes on after a network that it cannot mend, and ends with 1 then.",
        (("pyrun network repair", "all that stand"),),
    ),
    "network diagram": Page(
        "Bridges, containers, namespaces that `ip netns` knows, and their cables, as they are now.",
        (("pyrun network diagram", "for people"), ("pyrun network diagram --format svg", "for a page")),
    ),
    "network why": Page(
        "Follows a packet through routes and firewall rules, on the host and in containers, and names the one that"
        " stops it. SOURCE and TARGET are containers, addresses (of this host, or outside), or host.",
        (
            ("pyrun network why web host", "does a container reach this host?"),
            ("pyrun network why --probe web host", "and does a packet really?"),
        ),
        (
            ("0", "it gets through"),
            ("1", "it does not, or that cannot be told"),
            ("125", "the line was not understood"),
        ),
    ),
    "netns exec": Page(
        "The program is the host's, with the host's files; only its network is the container's. So tcpdump, ss and"
        " nft work"
        " where the container has none of them.",
        (("pyrun netns exec web -- ip address", "its interfaces, by the host's ip"),),
        (("0-255", "what the program ended with"), ("125", "pyrun itself failed"), ("127", "the program is not there")),
    ),
}
