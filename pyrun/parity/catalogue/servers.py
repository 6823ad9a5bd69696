"""Programs that scripts put beside an engine: a name server, a server that says who asks, and its client."""

import shlex

_NAMES = """
import os, socket, struct, sys, threading
threading.Thread(target=lambda: (sys.stdin.read(), os._exit(0)), daemon=True).start()
server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
server.bind(("0.0.0.0", 53))
print("ready", flush=True)
while True:
    asked, client = server.recvfrom(4096)
    name, at = [], 12
    while asked[at]:
        name.append(asked[at + 1 : at + 1 + asked[at]].decode().lower())
        at += asked[at] + 1
    kind = struct.unpack("!H", asked[at + 1 : at + 3])[0]
    code = {"fail": 2, "refused": 5, "x": 0}.get(name[0] if name else "", 3)
    found = {1: b"\\xc0\\x00\\x02\\x07", 28: b"\\xfd\\x00" + bytes(13) + b"\\x07"}.get(kind, b"") if code == 0 else b""
    head = asked[:2] + struct.pack("!HHHHH", 0x8180 | code, 1, bool(found), 0, 0)
    answer = b"\\xc0\\x0c" + struct.pack("!HHIH", kind, 1, 300, len(found)) + found if found else b""
    server.sendto(head + asked[12 : at + 5] + answer, client)
"""

_WHO = """
import os, socketserver, sys, threading
threading.Thread(target=lambda: (sys.stdin.read(), os._exit(0)), daemon=True).start()
class Stream(socketserver.BaseRequestHandler):
    def handle(self): self.request.sendall(self.client_address[0].encode())
class Datagram(socketserver.BaseRequestHandler):
    def handle(self): self.request[1].sendto(self.client_address[0].encode(), self.client_address)
socketserver.TCPServer.allow_reuse_address = True
stream = socketserver.TCPServer(("", 80), Stream)
threading.Thread(target=stream.serve_forever, daemon=True).start()
datagrams = socketserver.UDPServer(("", 80), Datagram)
print("ready", flush=True)
datagrams.serve_forever()
"""

_ASK = """
import socket, sys
kind, host, port = sys.argv[1:]
try:
    family, form, *_, address = socket.getaddrinfo(host, int(port), type=1 if kind == "tcp" else 2)[0]
    asking = socket.socket(family, form)
    asking.settimeout(1)
    asking.connect(address)
    asking.send(b"who am I?")
    print(asking.recv(100).decode())
except OSError as problem:
    print(type(problem).__name__)
"""


def _program(text: str) -> str:
    return f"python3 -I -S -c {shlex.quote(text)}"


def _started(enter: str, text: str) -> str:
    """Give lines that start a server, and wait until it is ready; it ends with the script, which holds its input."""
    return f"coproc SERVER {{ {enter} {_program(text)}; }}; read -r ready <&${{SERVER[0]}}"


NAMESERVER = _started("FAR", _NAMES)  # behind the uplink: x.test, and x of any domain; fail.* and refused.*; no others
WHO_OUTSIDE = _started("FAR", _WHO)
ASK = f'ask() {{ {_program(_ASK)} "$@"; }}'  # defines ask tcp|udp ADDRESS PORT


def who(process: str) -> str:
    """Give lines that start a server on port 80 of a container's network, TCP and UDP, that says who asks."""
    return _started(f"nsenter -t {process} -n", _WHO)
