"""resolv.conf, hosts and hostname of a container, as text, by Docker's rules for the default bridge.

They are written and mounted elsewhere.
"""

from pyrun.network import addresses
from pyrun.typed import Iterator

_RESOLV = "/etc/resolv.conf"
_STUB = "127.0.0.53"
_UPSTREAM = "/run/systemd/resolve/resolv.conf"  # what the stub of systemd-resolved forwards to
RESOLVER = "127.0.0.11"  # of every container on a network with names
_FALLBACK = ("8.8.8.8", "8.8.4.4")
_LOCALHOST = "127.0.0.1\tlocalhost\n"
_LOCALHOST_6 = (
    "::1\tlocalhost ip6-localhost ip6-loopback\n"
    "fe00::\tip6-localnet\n"
    "ff00::\tip6-mcastprefix\n"
    "ff02::1\tip6-allnodes\n"
    "ff02::2\tip6-allrouters\n"
)


def host_text(past_stub: bool = True) -> str:
    """Read the host's resolv.conf; empty when there is none.

    systemd-resolved's stub listens on loopback: a container has to ask its
    upstream servers, while our own resolver, which asks from the host, need not.
    """
    text = _read(_RESOLV)
    return _read(_UPSTREAM) or text if past_stub and _servers(text) == [_STUB] else text


def nameservers(text: str) -> Iterator[str]:
    """Give the name servers of a resolv.conf that are plain addresses."""
    for server in _servers(text):
        try:
            addresses.number(server)
        except ValueError:
            continue
        yield server


def resolv_conf(
    host: str, dns: tuple[str, ...] = (), search: tuple[str, ...] = (), options: tuple[str, ...] = ()
) -> str:
    """Give the resolv.conf of a container that has no IPv6, from the *host*'s.

    Given values replace the host's, unfiltered. Otherwise loopback and IPv6
    servers are left out, and Google's stand in when none is left. A search
    list of ``.`` means none.
    """
    servers = list(dns) or [s for s in _servers(host) if not s.startswith("127.") and ":" not in s]
    domains = list(search) or _words(host, "search") or _words(host, "domain")
    chosen = list(options) or _words(host, "options")
    lines = [f"nameserver {server}" for server in servers or _FALLBACK]
    if domains and domains != ["."]:
        lines.append(f"search {' '.join(domains)}")
    if chosen:
        lines.append(f"options {' '.join(chosen)}")
    return "\n".join(lines) + "\n"


def resolver_conf(
    host: str, dns: tuple[str, ...] = (), search: tuple[str, ...] = (), options: tuple[str, ...] = ()
) -> str:
    """Give the resolv.conf of a container whose networks have names: our resolver is the only server.

    *dns* is what the resolver asks in turn; it does not show here.
    """
    domains = list(search) or _words(host, "search") or _words(host, "domain")
    chosen = list(options) or _words(host, "options")
    if not any(option.startswith("ndots:") for option in chosen):
        chosen.append("ndots:0")
    lines = [f"search {' '.join(domains)}"] if domains and domains != ["."] else []
    return "\n".join([*lines, f"nameserver {RESOLVER}", f"options {' '.join(chosen)}"]) + "\n"


def has_ndots(host: str, options: tuple[str, ...]) -> bool:
    """Claim that somebody has chosen how many dots a whole name has, so that `resolver_conf` does not."""
    return any(option.startswith("ndots:") for option in list(options) or _words(host, "options"))


def hosts(hostname: str, own: list[str], extra: tuple[str, ...], gateway: str, ipv6: bool) -> str:
    """Give the hosts file; *own* are the container's addresses.

    *extra* are NAME:ADDRESS as given, ``host-gateway`` standing for *gateway*.
    """
    lines = [_LOCALHOST, _LOCALHOST_6 if ipv6 else ""]
    for entry in extra:
        name, _, target = entry.partition(":")
        lines.append(f"{gateway if target == 'host-gateway' else target}\t{name}\n")
    lines += [f"{address}\t{_names(hostname)}\n" for address in own]
    return "".join(lines)


def with_own(text: str, hostname: str, own: list[str]) -> str:
    """Give a hosts file with exactly the *own* addresses under the container's name; all other lines stay."""
    names = _names(hostname).split()
    lines = text.splitlines(keepends=True)
    if lines and not lines[-1].endswith("\n"):
        lines[-1] += "\n"
    kept = [line for line in lines if line.split()[1:] != names or line.split()[0] in own]
    present = {line.split()[0] for line in kept if line.split()[1:] == names}
    return "".join([*kept, *(f"{address}\t{' '.join(names)}\n" for address in own if address not in present)])


def asks_resolver(text: str) -> bool:
    """Claim that a resolv.conf is of a container on networks with names."""
    return _servers(text) == [RESOLVER]


def _names(hostname: str) -> str:
    short = hostname.partition(".")[0]
    return f"{hostname}{' ' + short if short != hostname else ''}"


def _servers(text: str) -> list[str]:
    return [row[1] for row in _rows(text) if row[0] == "nameserver" and len(row) > 1]


def _words(text: str, keyword: str) -> list[str]:
    """Give the words of the last line that begins with *keyword*: the last one counts, resolv.conf(5)."""
    rows = [row[1:] for row in _rows(text) if row[0] == keyword]
    return rows[-1] if rows else []


def _rows(text: str) -> list[list[str]]:
    rows = (line.split("#")[0].split(";")[0].split() for line in text.splitlines())
    return [row for row in rows if row]


def _read(path: str) -> str:
    try:
        with open(path, errors="replace") as file:
            return file.read(1 << 16)
    except OSError:
        return ""
