"""What a user types about networks, for either engine: the same script, its output normalised alike.

In a script, `E` is the engine's command, `TREE` the image or root file system, `INTERNET` an address behind the
uplink, `FAR` a command typed there, `$NC` busybox, `quiet` runs a command whose output does not matter, and `no` one of which only matters whether it is taken. Whatever it makes is removed afterwards.
"""

_KEEP = "quiet E run -d --name {name} {options} TREE sleep 300"


def _kept(name: str, options: str = "") -> str:
    return _KEEP.format(name=name, options=options)


_REACHES = "E exec {source} ping -c 1 -W 1 {target} >/dev/null 2>&1 && echo yes || echo no"


def _reaches(source: str, target: str) -> str:
    return _REACHES.format(source=source, target=target)


_SERVER = "nc -ll -p 80 -e echo hello"
_ASK = "timeout 3 $NC nc {address} {port} </dev/null || echo none"
_ASK_INSIDE = "timeout 3 nc {address} {port} </dev/null || echo none"


def _serving(name: str, options: str) -> str:
    return f"quiet E run -d --name {name} {options} TREE {_SERVER}; sleep 0.5"


SCENARIOS = {
    "network create: prints an id": "E network create n1 | wc -c",
    "network create: name taken": "quiet E network create n1; E network create n1; echo $?",
    "network create: predefined name": "E network create bridge; echo $?; E network create host; echo $?",
    "network create: bad subnet": "E network create --subnet 10.1.0.0/33 n1; echo $?",
    "network create: overlap": (
        "quiet E network create --subnet 10.77.0.0/24 n1; E network create --subnet 10.77.0.128/25 n2; echo $?"
    ),
    "network create: gateway outside": "E network create --subnet 10.77.0.0/24 --gateway 10.78.0.1 n1; echo $?",
    "network create: bridge name": (
        "quiet E network create -o com.docker.network.bridge.name=named0 n1; ip -br link show named0 | cut -d' ' -f1"
    ),
    "network create: bridge up with its address": (
        "quiet E network create --subnet 10.77.0.0/24 -o com.docker.network.bridge.name=named0 n1;"
        "ip -o -4 addr show named0 | awk '{ print $4, $6 }'; cat /sys/class/net/named0/mtu"
    ),
    "network create: mtu": (
        "quiet E network create -o com.docker.network.driver.mtu=1400 n1;"
        "E run --rm --network n1 TREE cat /sys/class/net/eth0/mtu"
    ),
    "network create: gateway and range": (
        "quiet E network create --subnet 10.77.0.0/24 --gateway 10.77.0.254 --ip-range 10.77.0.128/25 n1;"
        "E run --rm --network n1 TREE sh -c 'ip -o -4 addr show eth0 | cut -d\" \" -f7; ip route'"
    ),
    "network create: auxiliary address": (
        "quiet E network create --subnet 10.77.0.0/24 --aux-address router=10.77.0.2 n1;"
        "E run --rm --network n1 TREE ip -o -4 addr show eth0 | awk '{ print $4 }'"
    ),
    "network rm: in use": (
        f"quiet E network create n1; {_kept('c1', '--network n1')}; E network rm n1 2>/dev/null; echo $?"
    ),
    "network rm: predefined": "E network rm bridge 2>/dev/null; echo $?; E network rm host 2>/dev/null; echo $?",
    "network rm: unknown": "E network rm nothing 2>/dev/null; echo $?",
    "network rm: several": "quiet E network create n1; quiet E network create n2; E network rm n1 nothing n2 2>/dev/null; echo $?",
    "network ls: table": "quiet E network create n1; E network ls | sed 's/^[0-9a-f]*/ID/' | grep -v ' default '",
    "network ls: filters": (
        "quiet E network create --label a=b n1; quiet E network create n2; E network ls -q --filter label=a=b | wc -l;"
        "E network ls --filter name=n --filter driver=bridge | grep -c 'n[12]'; E network ls -f type=custom -q | wc -l"
    ),
    "network prune": (
        f"quiet E network create n1; quiet E network create n2; {_kept('c1', '--network n2')}; E network prune -f; echo $?"
    ),
    "network inspect: fields": (
        "quiet E network create --subnet 10.77.0.0/24 --label a=b -o com.docker.network.driver.mtu=1400 n1;"
        "E network inspect n1 | python3 -c 'import json, sys; n = json.load(sys.stdin)[0];"
        ' [print(k, json.dumps(n[k], sort_keys=True)) for k in sorted(n) if k in ("Name", "Scope", "Driver", "EnableIPv6",'
        ' "IPAM", "Internal", "Attachable", "Ingress", "ConfigFrom", "ConfigOnly", "Options", "Labels")]\''
    ),
    "network inspect: containers": (
        f"quiet E network create --subnet 10.77.0.0/24 n1; {_kept('c1', '--network n1')};"
        "E network inspect n1 | python3 -c 'import json, sys; n = json.load(sys.stdin)[0];"
        ' [print({k: v for k, v in sorted(c.items()) if k != "EndpointID"}) for c in n["Containers"].values()]\''
    ),
    "run: unknown network": "E run --rm --network nothing TREE true 2>/dev/null; echo $?",
    "run: address of choice": (
        "quiet E network create --subnet 10.77.0.0/24 n1;"
        "E run --rm --network n1 --ip 10.77.0.77 TREE sh -c 'ip -o -4 addr show eth0 | cut -d\" \" -f7; cat /sys/class/net/eth0/address'"
    ),
    "run: address of choice on bridge": "E run --rm --ip 172.17.0.99 TREE true 2>/dev/null; echo $?",
    "run: address outside": (
        "quiet E network create --subnet 10.77.0.0/24 n1; E run --rm --network n1 --ip 10.78.0.7 TREE true 2>/dev/null; echo $?"
    ),
    "run: link-layer address": "E run --rm --mac-address 02:42:01:02:03:04 TREE cat /sys/class/net/eth0/address",
    "run: interface of a created network": (
        "quiet E network create --subnet 10.77.0.0/24 n1;"
        "E run --rm --network n1 TREE sh -c 'ip -o -4 addr | cut -d\" \" -f2-8; ip route; cat /sys/class/net/eth0/address'"
    ),
    "run: hosts and resolv.conf of a created network": (
        "quiet E network create --subnet 10.77.0.0/24 n1;"
        "E run --rm --hostname h --network n1 --network-alias db TREE sh -c 'cat /etc/resolv.conf; tail -n 1 /etc/hosts'"
    ),
    "run: dns options on a created network": (
        "quiet E network create n1; E run --rm --network n1 --dns 9.9.9.9 --dns-search a.b --dns-option timeout:1 TREE"
        " cat /etc/resolv.conf"
    ),
    "run: sysctls of a created network": (
        "quiet E network create n1; E run --rm --network n1 TREE sh -c"
        " 'cd /proc/sys/net; cat ipv4/ip_unprivileged_port_start ipv4/ping_group_range ipv6/conf/all/disable_ipv6'"
    ),
    "reach: one network": (
        f"quiet E network create --subnet 10.77.0.0/24 n1; {_kept('c1', '--network n1')}; {_kept('c2', '--network n1')};"
        f"{_reaches('c1', '10.77.0.3')}; {_reaches('c1', '10.77.0.1')}; {_reaches('c1', '$INTERNET')}"
    ),
    "reach: two networks": (
        "quiet E network create --subnet 10.77.0.0/24 n1; quiet E network create --subnet 10.78.0.0/24 n2;"
        f"{_kept('c1', '--network n1')}; {_kept('c2', '--network n2')}; {_kept('c3')};"
        f"{_reaches('c1', '10.78.0.2')}; {_reaches('c2', '10.77.0.2')}; {_reaches('c3', '10.77.0.2')}"
    ),
    "reach: internal": (
        "quiet E network create --internal --subnet 10.77.0.0/24 n1;"
        f"{_kept('c1', '--network n1')}; {_kept('c2', '--network n1')};"
        f"{_reaches('c1', '10.77.0.3')}; {_reaches('c1', '$INTERNET')}; E exec c1 ip route"
    ),
    "connect: live": (
        "quiet E network create --subnet 10.77.0.0/24 n1; quiet E network create --subnet 10.78.0.0/24 n2;"
        f"{_kept('c1', '--network n1')}; E network connect n2 c1; echo $?; E exec c1 sh -c 'ip -o -4 addr | cut -d\" \" -f2-8; ip route'"
        "; E network connect n2 c1 2>/dev/null; echo $?"
    ),
    "connect: the first name leads outside": (
        "quiet E network create --subnet 10.77.0.0/24 zz; quiet E network create --subnet 10.78.0.0/24 aa;"
        f"{_kept('c1', '--network zz')}; quiet E network connect aa c1; E exec c1 ip route | sort"
    ),
    "disconnect: live": (
        "quiet E network create --subnet 10.77.0.0/24 n1; quiet E network create --subnet 10.78.0.0/24 n2;"
        f"{_kept('c1', '--network n1')}; quiet E network connect n2 c1; E network disconnect n1 c1; echo $?;"
        "E exec c1 sh -c 'ip -o -4 addr | cut -d\" \" -f2-8; ip route'; E network disconnect n1 c1 2>/dev/null; echo $?"
    ),
    "connect: address and alias": (
        "quiet E network create --subnet 10.77.0.0/24 n1; quiet E network create --subnet 10.78.0.0/24 n2;"
        f"{_kept('c1', '--network n1')}; {_kept('c2', '--network n2')};"
        "E network connect --ip 10.78.0.50 --alias db n2 c1; E exec c2 nslookup db 2>&1 | grep -c 10.78.0.50"
    ),
    "names: by name, alias and short id": (
        f"quiet E network create --subnet 10.77.0.0/24 n1; {_kept('c1', '--network n1 --network-alias db')};"
        f"{_kept('c2', '--network n1')}; ID=$(E ps -q --filter name=c1 2>/dev/null | head -1);"
        "for n in c1 db c1.n1; do E exec c2 nslookup $n 2>&1 | grep -o '10.77.0.2$'; done;"
        "E exec c2 nslookup nothing 2>&1 | grep -ic nxdomain"
    ),
    "names: pointer": (
        f"quiet E network create --subnet 10.77.0.0/24 n1; {_kept('c1', '--network n1')}; {_kept('c2', '--network n1')};"
        "E exec c2 nslookup 10.77.0.2 2>&1 | grep -o 'name = .*'"
    ),
    "names: none on bridge": (
        f"{_kept('c1')}; {_kept('c2')}; E exec c2 nslookup c1 2>/dev/null | grep -c 172; E exec c2 grep -cw c1 /etc/hosts"
    ),
    "port: from this host": (
        f"{_serving('c1', '-p 8080:80')}; {_ASK.format(address='127.0.0.1', port=8080)}; {_ASK.format(address='198.51.100.2', port=8080)}"
    ),
    "port: from outside": (f"{_serving('c1', '-p 8080:80')}; FAR {_ASK.format(address='198.51.100.2', port=8080)}"),
    "port: on one address": (
        f"{_serving('c1', '-p 198.51.100.2:8080:80')}; FAR {_ASK.format(address='198.51.100.2', port=8080)};"
        f"{_ASK.format(address='127.0.0.1', port=8080)}"
    ),
    "port: on loopback": (
        f"{_serving('c1', '-p 127.0.0.1:8080:80')}; {_ASK.format(address='127.0.0.1', port=8080)};"
        f"FAR {_ASK.format(address='198.51.100.2', port=8080)}"
    ),
    "port: from the container itself": (
        f'{_serving("c1", "-p 8080:80")}; E exec c1 sh -c "{_ASK_INSIDE.format(address="198.51.100.2", port=8080)}"'
    ),
    "port: from a neighbour": (
        f'{_serving("c1", "-p 8080:80")}; {_kept("c2")}; E exec c2 sh -c "{_ASK_INSIDE.format(address="198.51.100.2", port=8080)}"'
    ),
    "port: from another network": (
        f"quiet E network create n1; {_serving('c1', '-p 8080:80')}; {_kept('c2', '--network n1')};"
        f'E exec c2 sh -c "{_ASK_INSIDE.format(address="198.51.100.2", port=8080)}"'
    ),
    "port: the verb": (
        f"{_kept('c1', '-p 8080:80 -p 127.0.0.1:8081:81/udp -p 8090-8091:90-91')}; E port c1 | sort; E port c1 80; E port c1 81/udp;"
        "E port c1 99 2>/dev/null; echo $?"
    ),
    "port: in ps": (
        f"{_kept('c1', '-p 8080:80 -p 8090-8092:90-92 --expose 99')}; E ps | tail -n 1 | grep -o '0.0.0.0.* ' | sed 's/  *$//'"
    ),
    "port: taken": (f"{_kept('c1', '-p 8080:80')}; E run --rm -p 8080:80 TREE true 2>/dev/null; echo $?"),
    "port: all exposed": (
        f"{_kept('c1', '-P --expose 80 --expose 81-82/udp')}; E port c1 | sed 's/[0-9]*$/PORT/' | sort"
    ),
    "port: invalid": (
        "for p in x:80 80:x 70000:80 80:0/icmp 80-81:80-82 1.2.3:80:80; do E run --rm -p $p TREE true 2>/dev/null; echo $?; done"
    ),
    "port: with the host's network": f"{_kept('c1', '--network host -p 8080:80')}; E port c1; echo $?",
    "inspect: the tutorial's fields": (
        f"quiet E network create --subnet 10.77.0.0/24 n1; {_kept('c1')}; {_kept('c3', '--network n1')};"
        'for c in c1 c3; do E inspect $c | python3 -c \'import json, sys; s = json.load(sys.stdin)[0]["NetworkSettings"];'
        ' print(s["MacAddress"], s["IPPrefixLen"], s["Gateway"][:4], sorted(s["Networks"]),'
        ' [n["IPAddress"][:5] for n in s["Networks"].values()])\'; done'
    ),
}
