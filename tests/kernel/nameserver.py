"""A name server for tests: python3 nameserver.py LOG ADDRESS. By UDP and TCP; each question is a line of LOG.

What it says follows from the name: drop.* nothing, fail.* SERVFAIL, refused.* REFUSED, big.* sixty addresses, of
which a datagram has some, spoofed.* first what is no answer, short.* an answer that lives a second, *.test one
address, anything else NXDOMAIN.
"""

import socket
import sys
import threading

log, address = sys.argv[1:]


def main() -> None:
    udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    udp.bind((address, 53))
    tcp = socket.create_server((address, 53))
    threading.Thread(target=serve_tcp, args=(tcp,), daemon=True).start()
    print("ready", flush=True)
    while True:
        query, peer = udp.recvfrom(4096)
        name = name_of(query)
        if name.startswith("spoofed"):
            spoof(udp, query, peer)
        reply = answer(query, peer[0], "udp")
        if reply:
            udp.sendto(reply, peer)


def serve_tcp(tcp: socket.socket) -> None:
    while True:
        connection, peer = tcp.accept()
        with connection:
            size = int.from_bytes(connection.recv(2), "big")
            reply = answer(connection.recv(size), peer[0], "tcp")
            connection.sendall(len(reply).to_bytes(2, "big") + reply)


def answer(query: bytes, peer: str, protocol: str) -> bytes:
    name, kind = name_of(query), int.from_bytes(query[end_of(query) - 4 : end_of(query) - 2], "big")
    with open(log, "a") as file:
        file.write(f"{protocol} {peer} {name} {kind}\n")
    if name.startswith("drop"):
        return b""
    count, lifetime, code = (1 if kind == 1 else 0), (1 if name.startswith("short") else 60), 0
    if name.startswith(("fail", "refused")):
        code = 2 if name.startswith("fail") else 5
    elif not name.endswith(".test") and name != "single":
        code = 3
    elif name.startswith("big"):
        count = 60 if protocol == "tcp" else 20
    return message(query, code, 0 if code else count, lifetime, name.startswith("big") and protocol == "udp")


def message(query: bytes, code: int, count: int, lifetime: int = 60, cut: bool = False, first: int = 7) -> bytes:
    flags = 0x8180 | code | (0x200 if cut else 0)
    head = query[:2] + flags.to_bytes(2, "big") + b"\0\1" + count.to_bytes(2, "big") + bytes(4)
    record = b"\xc0\x0c\0\1\0\1" + lifetime.to_bytes(4, "big") + b"\0\4" + bytes([203, 0, 113])
    return head + query[12 : end_of(query)] + b"".join(record + bytes([first + at]) for at in range(count))


def spoof(udp: socket.socket, query: bytes, peer: "tuple[str, int]") -> None:
    """Send a wrong number, another question, a question, nonsense, and the right thing from another port."""
    wrong = bytes([query[0] ^ 1]) + query[1:]
    other = query.replace(b"spoofed", b"another")
    forged = [message(wrong, 0, 1, first=66), message(other, 0, 1, first=66), query, query[:2] + b"\x80\0", b""]
    for each in forged:
        udp.sendto(each, peer)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as elsewhere:
        elsewhere.bind((address, 0))
        elsewhere.sendto(message(query, 0, 1, first=66), peer)


def name_of(query: bytes) -> str:
    labels, at = [], 12
    while query[at]:
        labels.append(query[at + 1 : at + 1 + query[at]].decode(errors="replace").lower())
        at += query[at] + 1
    return ".".join(labels)


def end_of(query: bytes) -> int:
    return query.index(0, 12) + 5


main()
