"""A host with networks of all kinds, and what ip and ping say of it."""

import contextlib
import json
import os
from collections.abc import Iterator

from lab import BUSYBOX, HOST_ADDRESS, Host, fresh_host, wait_until


@contextlib.contextmanager
def made(tool: str) -> Iterator[Host]:
    """Give a host with networks of all kinds, a neighbour's bridge and an IPv6 uplink, its rules made with *tool*."""
    former = os.environ.get("PYRUN_FIREWALL", "")
    os.environ["PYRUN_FIREWALL"] = tool
    try:
        with fresh_host() as host:
            _build(host)
            yield host
            host.shell("kill $(cat /run/neighbour)")
    finally:
        os.environ["PYRUN_FIREWALL"] = former


def _build(host: Host) -> None:
    host.out("ip addr add 2001:db8:1::2/64 dev up0 nodad; ip -6 route add default via 2001:db8:1::1")
    host.internet("ip addr add 2001:db8:1::1/64 dev up0 nodad")
    host.ok("network", "create", "--ipv6", "web")
    host.ok("network", "create", "--internal", "shut")
    host.ok("network", "create", "-o", "com.docker.network.bridge.enable_icc=false", "apart")
    for name, *options in (
        ("con1",),
        ("con2",),
        ("con3", "--network", "web", "-p", "8080:80", "-p", f"{HOST_ADDRESS}:8081:80"),
        ("both", "--network", "web", "--network", "shut"),
        ("in1", "--network", "shut"),
        ("ap1", "--network", "apart"),
        ("ap2", "--network", "apart"),
        ("bare", "--network", "none"),
        ("side", "--network", "container:con1"),
    ):
        host.ok("run", "-d", "--name", name, *options, BUSYBOX, "sh", "-c", "httpd -p 80; touch /up; sleep 1000")
        wait_until(lambda: host.pyrun("exec", name, "test", "-e", "/up").returncode == 0)  # noqa: B023
    host.out(
        "ip link add docker0 type bridge; ip addr add 172.31.0.1/16 dev docker0; ip link set docker0 up;"
        "unshare -n sleep 1000 >/dev/null 2>&1 & P=$!; echo $P > /run/neighbour;"
        "until [ $(readlink /proc/$P/ns/net) != $(readlink /proc/self/ns/net) ]; do sleep 0.01; done;"
        "ip link add vethn type veth peer name eth0 netns $P; ip link set vethn master docker0 up;"
        "nsenter -t $P -n sh -c 'ip addr add 172.31.0.2/16 dev eth0; ip link set eth0 up; ip route add default via 172.31.0.1'"
    )


def inside(host: Host, name: str) -> dict[str, dict[str, object]]:
    return {link["ifname"]: link for link in json.loads(host.out(f"ip -n pyrun-{name} -j addr"))}


def outside(host: Host) -> dict[int, dict[str, object]]:
    return {link["ifindex"]: link for link in json.loads(host.out("ip -j -d addr"))}


def why(host: Host, source: str, target: str, *options: str) -> "dict[str, object]":
    done = host.pyrun("network", "why", source, target, "--format", "json", *options)
    told: dict[str, object] = json.loads(done.stdout)
    assert done.returncode == (0 if told["Reachable"] else 1), done
    return told


def decider(told: "dict[str, object]") -> str:
    rule = told["Decider"]
    assert isinstance(rule, dict)
    return f"{rule['Chain']}: {rule['Rule']}"


def pings(host: Host, source: str, target: str) -> bool:
    """Ask ping of the host, in the source's namespace."""
    where = "" if source == "host" else f"ip netns exec pyrun-{source} "
    return host.shell(f"{where}ping -c 1 -W 1 {target}").returncode == 0


def address(host: Host, name: str, link: str = "eth0") -> str:
    return next(str(a["local"]) for a in inside(host, name)[link]["addr_info"] if a["family"] == "inet")  # type: ignore[attr-defined]
