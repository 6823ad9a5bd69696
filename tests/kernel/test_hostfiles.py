"""Which name servers a container asks: the host's own, past the stub of systemd-resolved. busybox's cat is the witness."""

import pytest
from lab import BUSYBOX, Host

_STUB = "nameserver 127.0.0.53\noptions edns0\nsearch stub.test\n"
_REAL = "nameserver 203.0.113.9\nsearch real.test\n"


def _resolver(host: Host, name: str, text: str) -> None:
    host.out(f"mkdir -p /run/systemd/resolve; cat > /run/{name} <<'END'\n{text}END")


@pytest.mark.parametrize(
    ("stub", "expected"),
    [
        (_STUB, _REAL),
        ("nameserver 127.0.0.53\nnameserver 203.0.113.1\n", "nameserver 203.0.113.1\n"),
        ("nameserver 127.0.0.54\n", "nameserver 8.8.8.8\nnameserver 8.8.4.4\n"),
    ],
    ids=["the stub alone", "not alone", "another loopback server"],
)
def test_the_stub_of_systemd_resolved_is_looked_through(host: Host, stub: str, expected: str) -> None:
    """Where the stub is all there is, what it forwards to is asked; no loopback address means anything inside."""
    _resolver(host, "stub", stub)
    _resolver(host, "systemd/resolve/resolv.conf", _REAL)
    host.out("mount --bind /run/stub $(realpath /etc/resolv.conf)")
    assert host.ok("run", "--rm", BUSYBOX, "cat", "/etc/resolv.conf") == expected


def test_the_stub_without_anything_behind_it(host: Host) -> None:
    _resolver(host, "stub", _STUB)
    host.out("mount --bind /run/stub $(realpath /etc/resolv.conf)")
    assert host.ok("run", "--rm", BUSYBOX, "cat", "/etc/resolv.conf") == (
        "nameserver 8.8.8.8\nnameserver 8.8.4.4\nsearch stub.test\noptions edns0\n"
    )
