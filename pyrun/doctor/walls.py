"""The firewall: with what its rules are made, who else rules here, and whether packets of containers get through."""

import os

from pyrun.doctor import Finding, fail, lasting, ok, trials, unseen, warn
from pyrun.errors import PyrunError
from pyrun.firewall import answers, choice, iptables, neighbours, nftables, present, rules, trace
from pyrun.firewall.packets import Packet
from pyrun.kernel import links, nf_tables, programs, rtnetlink, syscalls
from pyrun.network import addresses, definitions, standing
from pyrun.spec import Network
from pyrun.typed import Iterator

_OUTSIDE = "198.51.100.1"  # of nobody: RFC 5737
_IPTABLES = (
    "*nat\n-A POSTROUTING -s 172.17.0.0/16 ! -o tried0 -j MASQUERADE\n"
    "-A PREROUTING -m addrtype --dst-type LOCAL -p tcp --dport 1 -j DNAT --to-destination 172.17.0.2:1\nCOMMIT\n"
    "*filter\n-A FORWARD -o tried0 -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT\nCOMMIT\n"
)
_NFTABLES = (
    "table inet tried {\n chain nat { type nat hook postrouting priority 100; oifname != tried0 masquerade; }\n"
    " chain dnat { type nat hook prerouting priority -100; fib daddr type local tcp dport 1"
    " dnat ip to 172.17.0.2:1; }\n"
    " chain forward { type filter hook forward priority 0; ct state established accept; }\n}\n"
)
_KNOWN = (
    ("Docker", "DOCKER-USER, docker0", "docker0"),
    ("libvirt", "virbr0", "virbr0"),
    ("LXD", "lxdbr0", "lxdbr0"),
    ("Podman or CNI", "cni-podman0", "cni-podman0"),
)


def _backend() -> Iterator[Finding]:
    try:
        tool = choice.backend()
    except PyrunError as complaint:
        fix = "unset PYRUN_FIREWALL" if os.environ.get("PYRUN_FIREWALL") else "apt install iptables nftables"
        yield fail("tool", complaint.message, "networks need one to forward and to hide their addresses", fix)
        return
    yield ok("tool", f"{tool}, {_reason(tool)}: {_version(tool)}")
    if not nftables.available():
        cause = "containers can send under another's address, which is prevented with nft at the bridge"
        yield warn("tool", "nft is not there", cause, "apt install nftables")
    if os.geteuid() != 0:
        yield unseen("rules")
        return
    problem = trials.tried(lambda: _try_rules(tool), syscalls.CLONE_NEWNET)
    if problem:
        options = "CONFIG_NF_NAT, CONFIG_NETFILTER_XT_TARGET_MASQUERADE, _MATCH_CONNTRACK, _MATCH_ADDRTYPE"
        options = (
            options if tool == "iptables" else "CONFIG_NFT_NAT, CONFIG_NFT_MASQ, CONFIG_NFT_CT, CONFIG_NFT_FIB_INET"
        )
        fix = "modprobe -a nf_nat xt_MASQUERADE xt_conntrack xt_addrtype" if tool == "iptables" else "modprobe nft_masq"
        yield fail("rules", f"cannot be made: {problem}", f"the kernel lacks one of {options}", fix)
    else:
        yield ok("rules", "masquerade, dnat, conntrack and addrtype can be made")


def _reason(tool: str) -> str:
    if os.environ.get("PYRUN_FIREWALL", "auto") not in ("", "auto"):
        return "by PYRUN_FIREWALL"
    return "because the rules that stand here are nft's" if tool == "nftables" and iptables.available() else "by itself"


def _version(tool: str) -> str:
    path = programs.find("iptables" if tool == "iptables" else "nft")
    told = programs.run(path, "--version").output.strip() if path else ""
    return told.splitlines()[0] if told else "of unknown version"


def _try_rules(tool: str) -> None:
    name, given = ("iptables-restore", _IPTABLES) if tool == "iptables" else ("nft", _NFTABLES)
    told = programs.run(programs.find(name), *(() if tool == "iptables" else ("-f", "-")), given=given)
    if told.code:
        raise PyrunError((told.complaint.strip().splitlines() or [f"{name} ended with {told.code}"])[0])


def _others() -> Iterator[Finding]:
    there = [f"{name} ({mark})" for name, mark, link in _KNOWN if links.exists(link)]
    there += neighbours.active()
    chains = [chain for chain in nf_tables.forwarding_chains() if chain.table != "pyrun"]
    tables = sorted({f"{chain.family} {chain.table}" for chain in chains if chain.table not in ("filter", "firewalld")})
    there += [f"the tables {', '.join(tables)}"] if tables else []
    if os.geteuid() != 0:
        yield unseen("others", f"{'; '.join(there) or 'nobody'} as far as can be seen")
        return
    yield ok("others", f"{'; '.join(there)} rule here too" if there else "nobody else rules here")
    guards = neighbours.active()
    if guards:
        yield warn(
            "published ports",
            f"{' and '.join(guards)} do not guard them",
            "as with Docker they are led to containers before that firewall looks",
            "publish on 127.0.0.1, or: iptables -I PYRUN-USER -i LINK ! -s ADDRESS -j DROP",
        )


def _passage() -> Iterator[Finding]:
    """Walk a packet of each network to the outside and its answer back, through all rules that stand."""
    if os.geteuid() != 0:
        yield unseen("forwarding")
        return
    found = present.read()
    nets = [net for net in standing.networks() if not net.internal]
    for net in nets or [_imagined()]:
        tables = found.tables if nets else _without_late(found.tables, net.firewall)
        yield from _ways(net, tables, bool(nets))
    for line in found.blind:
        yield ok("forwarding", f"{line}: what it does is not known")


def _ways(net: Network, tables: "list[trace.Table]", stands: bool) -> Iterator[Finding]:
    pool = net.ipv4 or net.pools[0]
    inside = addresses.written(addresses.number(pool.gateway) + 1, 128 if pool.is_ipv6 else 32)
    outside = "2001:db8::1" if pool.is_ipv6 else _OUTSIDE
    uplink = _uplink()
    out = Packet(6 if pool.is_ipv6 else 4, inside, outside, "tcp", 443, net.bridge, uplink)
    back = answers.turned(out)._replace(entering=uplink, leaving=net.bridge)
    about = f"forwarding of {net.name}"
    for packet, way in ((out, "to the outside"), (back, "back from the outside")):
        outcome = trace.walk(tables, "forward", packet, frozenset())
        if outcome.verdict in ("drop", "reject") and outcome.decider:
            yield fail(about, f"packets {way} are stopped", *_stopped(outcome.decider, net))
            return
        if outcome.verdict == "unknown":
            rule = outcome.doubt.place if outcome.doubt else "a rule"
            yield ok(about, f"whether {rule} stops packets {way} depends on what cannot be seen")
            return
    yield ok(about, "packets to the outside and back get through" + ("" if stands else ", as far as others' rules go"))


def _stopped(step: trace.Step, net: Network) -> tuple[str, str]:
    """Give the cause, and what lets the packets of a network pass."""
    cause = f"{step.place}: {step.rule.text}"
    family, _, table = step.table.rpartition(" ")
    if table == "firewalld" or "firewalld" in step.table:
        zone = f"--zone=trusted --add-interface={net.bridge}"
        return cause, f"firewall-cmd --permanent {zone} && firewall-cmd --reload"
    ours = step.chain in rules.CHAINS["filter"] or step.table == nftables.TABLE
    if ours and step.chain not in (rules.USER, "user"):  # the way outside is a new one
        return cause, f"pyrun network repair {net.name}"
    if step.tool == "nft":
        where = f"{family} {table} {step.chain}".strip()
        each = (f"nft insert rule {where} {word} {net.bridge} accept" for word in ("oifname", "iifname"))
        return cause, " && ".join(each)
    each = (f"{step.tool} -t {step.table} -I {step.chain} -{way} {net.bridge} -j ACCEPT" for way in "oi")
    return cause, " && ".join(each)


def _imagined() -> Network:
    """Give `bridge` with the first of the default pools, for a host where no network stands."""
    from pyrun.network import ipam
    from pyrun.spec import Pool

    pool = Pool(str(ipam.POOLS[0]), ipam.gateway(ipam.POOLS[0]))
    tool = "iptables" if iptables.available() else "nftables"
    return definitions.default_unmade()._replace(pools=(pool,), firewall=tool)


def _without_late(tables: "list[trace.Table]", tool: str) -> "list[trace.Table]":
    """Leave out the chain that ours would stand at the head of: what follows there does not matter."""
    if tool != "iptables":
        return tables
    variant = [table for table in tables if table.tool in ("iptables", "ip6tables") and table.name == "filter"]
    return [
        table._replace(chains=tuple(chain for chain in table.chains if chain.name != "FORWARD"))
        if table in variant
        else table
        for table in tables
    ]


def _uplink() -> str:
    ways, _ = rtnetlink.way_out()
    for number, _, told in rtnetlink.links():
        if number in ways:
            return told[rtnetlink.IFLA_IFNAME].rstrip(b"\0").decode(errors="replace")
    return "eth0"


def _variants() -> Iterator[Finding]:
    if _is_mixed():
        yield warn(
            "variants",
            "there are rules of both iptables-legacy and iptables-nft",
            "a packet has to pass both, and each shows only its own",
            "iptables-legacy-save; move its rules, then: update-alternatives --config iptables",
        )


def _is_mixed() -> bool:
    """Claim that both variants of iptables have rules; asked only where legacy tables are loaded."""
    tool = "iptables" if iptables.available() else "nftables"
    loaded = any(line.startswith("iptables:") for line in neighbours.interfering(tool, definitions.BRIDGE))
    paths = [programs.find(f"{name}-legacy-save") for name in ("iptables", "ip6tables")] if loaded else []
    lines = [line for path in paths if path for line in programs.run(path).output.splitlines()]
    return any(line.startswith("-A ") or line.split()[1:2] in (["DROP"], ["REJECT"]) for line in lines)


def _bridged() -> Iterator[Finding]:
    path = "/proc/sys/net/bridge/bridge-nf-call-iptables"
    try:
        with open(path) as file:
            on = file.read().strip() == "1"
    except FileNotFoundError:
        yield ok("br_netfilter", "is not there: containers of one network meet no rules of iptables")
        return
    what = "pass iptables too" if on else "meet no rules of iptables"
    yield ok("br_netfilter", f"frames between containers of one network {what} (bridge-nf-call-iptables={int(on)})")


def _stand() -> Iterator[Finding]:
    """Look whether all rules of the networks that stand are there."""
    nets = standing.networks()
    if not nets:
        return
    ends = [end for net in nets for end in standing.endpoints(net.name)]
    gone = choice.missing(nets, ends)
    if gone:
        cause = "somebody flushed or deleted them"
        yield fail("own rules", "some of them are missing", cause, "pyrun ps")
    else:
        yield ok("own rules", f"of {', '.join(net.name for net in nets)} stand")


CHECKS = (
    ("tool", _backend),
    ("others", _others),
    ("variants", _variants),
    ("own rules", lasting(_stand)),
    ("forwarding", lasting(_passage)),
    ("br_netfilter", _bridged),
)
