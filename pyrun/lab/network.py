"""What a lab's host begins with, and the network of *broken*, as lists of operations. Pure.

Who serves there is said beside it. What stands in the way is in `pyrun.lab.faults`.
"""

from pyrun.kernel.links import AddAddress, AddBridge, AddRoute, Enslave, SetUp
from pyrun.kernel.sysctls import SetSysctl
from pyrun.lab.operations import AddNamespace, Inside, LayCable, PutFile, Typed
from pyrun.lab.servers import Server
from pyrun.network.addresses import container_mac
from pyrun.operation import Operation
from pyrun.typed import NamedTuple

UPLINK, HOST, INTERNET = "up0", "198.51.100.2", "198.51.100.1"  # as pyrun.testing.warden makes them
SPACE = "internet"  # the name of that namespace
PAGES, NAMES = "203.0.113.80", "203.0.113.53"  # RFC 5737: a web server and a name server on the internet
SITE = "www.example.test"
STUB = "127.0.0.53"  # as of systemd-resolved
PUBLISHED = 8080
_KNOWN = ((SITE, PAGES), ("example.test", PAGES))
RESOLV = "/etc/resolv.conf"
_RESOLV_HOST = f"nameserver {STUB}\n"


class Plug(NamedTuple):
    """One end of a cable in a container of *broken*."""

    container: str
    inner: str
    outer: str
    bridge: str
    address: str


class Bridge(NamedTuple):
    """A network of *broken*."""

    name: str
    gateway: str
    subnet: str


FRONT, BACK = Bridge("br-front", "10.10.1.1", "10.10.1.0/24"), Bridge("br-back", "10.10.2.1", "10.10.2.0/24")
PREFIX = 24
PLUGS = (
    Plug("web", "eth0", "web-front", FRONT.name, "10.10.1.10"),
    Plug("web", "eth1", "web-back", BACK.name, "10.10.2.30"),
    Plug("client", "eth0", "client-front", FRONT.name, "10.10.1.20"),
    Plug("db", "eth0", "db-back", BACK.name, "10.10.2.10"),
    Plug("app", "eth0", "app-back", BACK.name, "10.10.2.20"),
)
GATEWAYS = {"web": BACK.gateway, "client": FRONT.gateway, "db": BACK.gateway, "app": BACK.gateway}  # web: as Docker
PAGE_PORT, STORE_PORT = 80, 5432
_TELLS = (("client", "10.10.1.20"), ("db", "10.10.2.10"), ("app", "10.10.2.20"), *_KNOWN)


def served_everywhere() -> list[tuple[str, tuple[Server, ...]]]:
    """List the servers that every lab has, by their place; the empty one is the host."""
    far = (Server("page", "", 80), Server("names", NAMES, 53, _KNOWN))
    return [(SPACE, far), ("", (Server("names", STUB, 53, _KNOWN),))]


def served_in_broken() -> list[tuple[str, tuple[Server, ...]]]:
    """List the servers of *broken*: pages and a store in containers, names at each gateway."""
    front, back = (("web", "10.10.1.10"), *_TELLS), (("web", "10.10.2.30"), *_TELLS)
    gateways = (Server("names", FRONT.gateway, 53, front), Server("names", BACK.gateway, 53, back))
    return [("web", (Server("page", "", 80),)), ("db", (Server("hello", "", STORE_PORT),)), ("", gateways)]


def host() -> list[Operation]:
    """Give the operations after which the host and its way out are as at the beginning."""
    plan: list[Operation] = [SetSysctl("net/ipv4/ip_forward", "0", "a host is no router unless it is told to be")]
    plan += [SetSysctl(f"net/ipv4/conf/{name}/rp_filter", "0", "judged by rules alone") for name in ("all", "default")]
    return [
        *plan,
        SetSysctl(f"net/ipv4/conf/{UPLINK}/rp_filter", "0", "judged by rules alone"),
        Typed(f"ip link set {UPLINK} nomaster mtu 1500 up", "", "the way out"),
        Typed(f"ip address flush dev {UPLINK}", "", "only its own address"),
        AddAddress(UPLINK, HOST, PREFIX, "198.51.100.255"),
        Typed(f"ip route replace default via {INTERNET} dev {UPLINK}", "", "the internet is behind it"),
        PutFile(RESOLV, _RESOLV_HOST, "the host asks the resolver on its own loopback"),
    ]


def broken() -> list[Operation]:
    """Give the operations that make the network of *broken*, whole."""
    plan: list[Operation] = [SetSysctl("net/ipv4/ip_forward", "1", "the host passes the containers' packets on")]
    for bridge in (FRONT, BACK):
        plan += [
            AddBridge(bridge.name, container_mac(bridge.gateway)),
            AddAddress(bridge.name, bridge.gateway, PREFIX),
            SetUp(bridge.name),
        ]
    for name in GATEWAYS:
        plan += [AddNamespace(name), Inside(name, SetUp("lo"))]
        plan.append(Inside(name, SetSysctl("net/ipv4/conf/all/rp_filter", "0", "judged by rules alone")))
        plan.append(Inside(name, SetSysctl("net/ipv4/conf/default/rp_filter", "0", "judged by rules alone")))
    for plug in PLUGS:
        plan += [
            LayCable(plug.outer, plug.inner, plug.container, inner_mac=container_mac(plug.address)),
            Enslave(plug.outer, plug.bridge),
            SetUp(plug.outer),
            Inside(plug.container, AddAddress(plug.inner, plug.address, PREFIX)),
            Inside(plug.container, SetUp(plug.inner)),
        ]
    for name, gateway in GATEWAYS.items():
        link = next(plug.inner for plug in PLUGS if plug.container == name and _is_on(plug, gateway))
        plan.append(Inside(name, AddRoute(gateway, link)))
        plan += files(name)
    return plan + rules()


def files(name: str) -> list[Operation]:
    """Give the operations that write what a container of *broken* knows of names."""
    return [
        PutFile(f"/etc/netns/{name}/resolv.conf", resolv_conf(name), "its gateway knows the names"),
        PutFile(f"/etc/netns/{name}/hosts", hosts(name), "and its own it knows itself"),
    ]


def resolv_conf(name: str) -> str:
    """Give the resolv.conf of a container of *broken*."""
    return f"nameserver {GATEWAYS[name]}\noptions timeout:1 attempts:1\n"


def hosts(name: str) -> str:
    """Give the hosts file of a container of *broken*."""
    own = "".join(f"{plug.address} {name}\n" for plug in PLUGS if plug.container == name)
    return f"127.0.0.1 localhost\n{own}"


def rules() -> list[Operation]:
    """Give the operations that add the firewall rules of *broken*."""
    web = PLUGS[0].address
    lines = [
        ("-P FORWARD DROP", "what is not allowed does not get through"),
        ("-A FORWARD -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT", "who was let in gets answers"),
        (f"-A FORWARD -i {FRONT.name} -o {BACK.name} -j REJECT", "networks do not reach each other"),
        (f"-A FORWARD -i {BACK.name} -o {FRONT.name} -j REJECT", "neither way"),
        (f"-A FORWARD -i {FRONT.name} -o {UPLINK} -j ACCEPT", "containers reach the internet"),
        (f"-A FORWARD -i {BACK.name} -o {UPLINK} -j ACCEPT", "those of the other network, too"),
        (f"-A FORWARD -i {UPLINK} -o {FRONT.name} -d {web} -p tcp --dport {PAGE_PORT} -j ACCEPT", "the published port"),
        (f"-t nat -A PREROUTING -d {HOST} -p tcp --dport {PUBLISHED} -j DNAT --to-destination {web}:{PAGE_PORT}",
         "it leads into the container"),
        (f"-t nat -A POSTROUTING -s {FRONT.subnet} -o {UPLINK} -j MASQUERADE", "answers find the host's address"),
        (f"-t nat -A POSTROUTING -s {BACK.subnet} -o {UPLINK} -j MASQUERADE", "those of the other network, too"),
    ]  # fmt: skip
    return [Typed(f"iptables -w {line}", "", reason) for line, reason in lines]


def _is_on(plug: Plug, gateway: str) -> bool:
    return {FRONT.gateway: FRONT.name, BACK.gateway: BACK.name}[gateway] == plug.bridge
