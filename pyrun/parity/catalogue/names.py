"""Names: files about them in containers, and what the name server in a network answers."""

from pyrun.parity.catalogue.phrases import inside, kept, network, pid
from pyrun.parity.catalogue.servers import NAMESERVER
from pyrun.parity.scenario import Deviation, Scenario

_FILES = "DNS files"
_ANSWERS = "DNS answers"
_RESOLV = 'grep -v "^#" /etc/resolv.conf | grep . | sort -s -k 1,1'
_OPTIONS = (
    ("as it is", ""),
    ("another server", "--dns 9.9.9.9"),
    ("another domain", "--dns-search a.b --dns-search c"),
    ("no domain", "--dns-search ."),
    ("options", "--dns-option timeout:1 --dns-option ndots:3"),
    ("all of them", "--dns 9.9.9.9 --dns 8.8.4.4 --dns-search a.b --dns-option ndots:2 --dns-option rotate"),
)


def _resolv(title: str, options: str) -> Scenario:
    return Scenario(
        _FILES,
        f"resolv.conf, {title}",
        "the file, without comments, on a network of one's own and on the default bridge, with "
        f"{options or 'nothing said'}",
        f"{network()}; {inside(_RESOLV, f'--network n1 {options}')}; echo ==; {inside(_RESOLV, options)}",
    )


_TWO = (
    f"{network()}; {kept('c1', '--network n1 --network-alias db --hostname first.host')}; "
    f"{kept('c2', '--network n1 --network-alias db --dns $INTERNET')}"
)
_DIG = f"nsenter -t {pid('c2')} -n dig +tries=1 +time=5 +nocookie @127.0.0.11"
_CUT = (
    r"grep -vE '^;; (Query|SERVER|WHEN|MSG|ANSWER|QUESTION|OPT)|^; <<|^;; global|^$|EDNS|^;; "
    r"communications' | sed 's/, id: [0-9]*//; s/, ADDITIONAL/\nADDITIONAL/' | sort"
)

SCENARIOS = (
    Scenario(
        _FILES,
        "hosts on the default bridge",
        "/etc/hosts to the byte, with --hostname and --add-host",
        inside("cat /etc/hosts", "--hostname h.domain --add-host x:1.2.3.4 --add-host y:fd00::1"),
        deviations=(
            Deviation(
                "releases up to 27 write fe00::0 where current ones, and pyrun, write fe00::",
                until="28",
                lines="^f[ef]00::0?\\t",
            ),
        ),
    ),
    Scenario(
        _FILES,
        "hosts on networks of one's own",
        "lines for each network of a container, as it is connected and disconnected",
        f"{network()}; {network('n2', '10.78.0.0/24')}; {kept('c1', '--network n1 --hostname h')}; "
        "quiet E network connect n2 c1;"
        "E exec c1 grep '^10' /etc/hosts; quiet E network disconnect n1 c1; echo ==; E exec c1 grep '^10' /etc/hosts",
        deviations=(
            Deviation(
                "Docker takes the lines of the other networks as well, as they have the same name", lines="^10.78"
            ),
        ),
    ),
    Scenario(
        _FILES,
        "host-gateway",
        "--add-host NAME:host-gateway stands for the default bridge's address",
        inside("grep me /etc/hosts; grep -c host-gateway /etc/hosts", "--add-host me:host-gateway"),
    ),
    Scenario(
        _FILES,
        "hostname",
        "/etc/hostname, hostname and HOSTNAME, given and by the engine",
        inside("cat /etc/hostname; hostname; echo $HOSTNAME; hostname -d", "--hostname name.domain")
        + ";"
        + inside("cat /etc/hostname | wc -c; [ $(hostname) = $HOSTNAME ] && echo same", "")
        + ";"
        + inside("hostname; cat /proc/sys/kernel/domainname", "--hostname h --domainname d.e"),
    ),
    Scenario(
        _FILES,
        "files without a network",
        "/etc/hosts and /etc/resolv.conf with --network none",
        inside(f"cat /etc/hosts | grep -v ip6; {_RESOLV}", "--network none --dns 9.9.9.9 --hostname h"),
    ),
    Scenario(
        _FILES,
        "files of the host's",
        "with --network host the files are the host's",
        "E run --rm --network host TREE cat /etc/resolv.conf >copy; cmp copy /etc/resolv.conf 2>/dev/null && echo same;"
        "E run --rm --network host TREE hostname | cmp - <(hostname) && echo same; "
        "E run --rm --network host TREE cat /etc/hosts | grep -c 127.0.0.1",
        deviations=(
            Deviation("resolv.conf is the host's, byte for byte; 26 writes it anew", since="26", lines="^same$"),
        ),
    ),
    Scenario(
        _FILES,
        "written from inside",
        "a container changes the files; they are as it left them after a restart, but for hosts",
        f'{kept("c1")}; E exec c1 sh -c \'exec 2>&1; echo "1.1.1.1 x" >>/etc/hosts; echo "# x" >>/etc/resolv.conf; '
        "hostname new || echo refused';"
        "quiet E restart -t 0 c1; E exec c1 grep -c x /etc/hosts; E exec c1 grep -c x /etc/resolv.conf",
    ),
    *(_resolv(title, options) for title, options in _OPTIONS),
    Scenario(
        _ANSWERS,
        "name, alias, short id",
        "addresses that a neighbour finds by each of a container's names",
        f"{NAMESERVER}; {_TWO}; ID=$(E inspect -f '{{{{.Id}}}}' c1); "
        f"for n in c1 c1.n1 C1 db first.host ${{ID:0:12}}; do"
        " echo \"$n:\" $(E exec c2 nslookup $n 2>&1 | grep -o '10.77.0.[0-9]*' | sort -u); done; "
        "E exec c2 nslookup nothing 2>&1 | grep -ic nxdomain",
        normalise=(("^[0-9a-f]{12}", "ID"),),
    ),
    Scenario(
        _ANSWERS,
        "records, codes and flags",
        "what dig shows of questions about a neighbour: A, AAAA, MX, over TCP, by pointer",
        f"{_TWO}; for q in 'c1 A' 'c1 AAAA' 'c1 MX' 'c1 A +tcp' 'c1.n1 A' 'db A' '-x 10.77.0.2' '-x 10.77.0.3'; "
        f'do echo "== $q"; {_DIG} $q | {_CUT}; done',
        deviations=(Deviation("asked with EDNS pyrun answers with EDNS, as RFC 6891 wants it", lines="^ADDITIONAL"),),
        needs=("dig",),
    ),
    Scenario(
        _ANSWERS,
        "answers from outside",
        "answers and refusals of a server outside that --dns names come through as they are",
        f"{NAMESERVER}; {network()}; {kept('c2', '--network n1 --dns $INTERNET')};"
        "for q in 'x.test A' 'x.test AAAA' 'x.test MX' 'nobody.test A' 'fail.test A' 'x.test A +norecurse'; "
        f'do echo "== $q"; {_DIG} $q | {_CUT}; done',
        normalise=((r"\b(300|29\d)\tIN", "TTL IN"),),
        deviations=(
            Deviation(
                "a server's failure comes through as it is; 26 answers for it, as one that asks nobody",
                since="23",
                lines="^;; (WARNING: recursion|flags: qr rd)",
            ),
        ),
        needs=("dig", "python3"),
    ),
    Scenario(
        _ANSWERS,
        "what programs make of it",
        "ping in a container, with a search domain, of names within and outside",
        f"{NAMESERVER}; {_TWO}; {kept('c3', '--network n1 --dns $INTERNET --dns-search test')};"
        'for n in c1 db x x.test nobody; do echo "$n:" $(E exec c3 ping -c 1 -W 1 $n 2>&1 | head -n 1 | sed '
        "'s/0[.][23])/0.2-3)/'); done",
        needs=("python3",),
    ),
    Scenario(
        _ANSWERS,
        "names that come and go",
        "a name is found from the moment its container runs until it ends, and under its alias once connected",
        f"{NAMESERVER}; {network()}; {network('n2', '10.78.0.0/24')}; {kept('c2', '--network n1 --dns $INTERNET')};"
        "N() { echo \"$1:\" $(E exec c2 nslookup $1 2>&1 | grep -oiE '10.7[78].0.[0-9]*|nxdomain' | sort -u); }; N c1;"
        f"{kept('c1', '--network n2')}; N c1; quiet E network connect --ip 10.77.0.50 --alias late n1 c1; N c1; "
        "N late; quiet E rm -f c1; N c1; N late",
    ),
    Scenario(
        _ANSWERS,
        "none on the default bridge",
        "names of neighbours are known there to nobody",
        f"{NAMESERVER}; {kept('c1')}; {kept('c2', '--dns $INTERNET')}; "
        "E exec c2 nslookup c1 2>/dev/null | grep -c 172; E exec c2 grep -cw c1 /etc/hosts; "
        "E exec c2 ping -c 1 -W 1 c1 2>&1 | tail -n 1",
    ),
    Scenario(
        _ANSWERS,
        "in the sandbox",
        "how questions get to the server: rules and sockets in the container's network",
        f"{_TWO}; nsenter -t {pid('c2')} -n iptables-save -t nat | grep -E '^(-A|:)' | sed -E 's/\\[.*//; "
        "s/(127.0.0.11:|--sport )[0-9]+/\\1PORT/; s/(DOCKER|PYRUN)_/ENGINE_/g';"
        f"nsenter -t {pid('c2')} -n ss -Hlnut | grep -c 127.0.0.11",
        needs=("iptables",),
    ),
    Scenario(
        _ANSWERS,
        "across networks",
        "a container on two networks finds neighbours on both, and they do not find each other",
        f"{NAMESERVER}; {network()}; {network('n2', '10.78.0.0/24')}; "
        f"{kept('c1', '--network n1 --dns $INTERNET')}; {kept('c2', '--network n2 --dns $INTERNET')}; "
        f"{kept('c3', '--network n1')}; quiet E network connect n2 c3;"
        "for p in 'c3 c1' 'c3 c2' 'c1 c3' 'c2 c3' 'c1 c2'; do set -- $p; "
        "echo \"$1 asks for $2:\" $(E exec $1 nslookup $2 2>&1 | grep -oiE '10.7[78].0.[0-9]*|nxdomain' | sort "
        "-u); done",
    ),
)
