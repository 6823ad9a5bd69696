"""Test a network program: a TCP server in a container, asked from elsewhere.

`@host` runs this machine's own Python in the container; a directory or a name of a root file system does as well.
"""

import socket

SERVER = """
import socketserver
class Upper(socketserver.StreamRequestHandler):
    def handle(self):
        print("asked by", self.client_address[0], flush=True)
        self.wfile.write(self.rfile.readline().upper())
socketserver.ThreadingTCPServer(("", 7000), Upper).serve_forever()
"""


def test_clients_on_the_network_are_answered(netlab, container, network, assert_reachable):
    lan = network("lan", subnet="10.1.0.0/24")
    server = container("@host", ["python3", "-c", SERVER], name="server", network=lan)
    client = container("@host", "sleep 60", name="client", network=lan)
    assert_reachable(client, server, port=7000)  # waits until the server listens

    # The sockets of this test are the client's now.
    with netlab.inside(client), socket.create_connection((server.ip_address, 7000), timeout=5) as connection:
        connection.sendall(b"hello\n")
        assert connection.recv(100) == b"HELLO\n"
    server.wait_for_output(f"asked by {client.ip_address}")


def test_a_published_port_is_reached_from_outside(netlab, container, assert_reachable):
    server = container("@host", ["python3", "-c", SERVER], ports={7000: 80})
    assert_reachable("internet", "host", port=80)

    asked = netlab.call("python3 -", where="internet", input=_ASK.format(address=netlab.address), check=True)
    assert asked.text == "HELLO\n"
    server.wait_for_output(f"asked by {netlab.internet_address}")


_ASK = """
import socket
with socket.create_connection(("{address}", 80), timeout=5) as connection:
    connection.sendall(b"hello\\n")
    print(connection.recv(100).decode(), end="")
"""
