"""The process that serves published ports where no rule leads: it comes back, ends in time, loses nothing, costs nothing."""

import subprocess
import sys
import time

from lab import BUSYBOX, HOST_ADDRESS, INTERNET_ADDRESS, Host, fresh_host, wait_until
from served import SLEEP, ask, server_of, services


def test_whoever_serves_is_started_again(host: Host) -> None:
    """Killed with -9 it comes back with the next command, also when the container's monitor is dead."""
    host.ok("run", "-d", "--name", "web", "-p", "8080:80", *SLEEP)
    server = server_of(host, "web")
    for killed in ("services", "monitor"):
        if killed == "monitor":
            host.kill_monitor("web")
        pid = services(host)
        host.kill(pid)
        wait_until(lambda: not host.out("ss -lntH"))
        assert ask(host, "internet", "tcp", HOST_ADDRESS, 8080) == f"web {INTERNET_ADDRESS}"  # by the rules alone
        host.ok("ps")
        assert services(host) != pid
        assert ask(host, None, "tcp", "127.0.0.1", 8080) == "web 172.17.0.1"
        assert len(host.out("ss -lntH").splitlines()) == 2
    host.ok("rm", "-f", "web")
    assert host.out("ss -lntH") == ""
    server.kill()
    server.communicate()


def test_a_port_that_somebody_took_meanwhile_is_told_about(host: Host) -> None:
    host.ok("run", "-d", "--name", "web", "-p", "127.0.0.1:8080:80", *SLEEP)
    host.kill(services(host))
    wait_until(lambda: not host.out("ss -lntH"))
    thief = host.start(["busybox", "nc", "-l", "-p", "8080"])
    wait_until(lambda: host.out("ss -lntH"))
    told = host.pyrun("ps").stderr.decode()
    assert "left over: publish: 127.0.0.1:8080/tcp: Bind for 127.0.0.1:8080 failed" in told
    thief.kill()
    thief.wait()
    host.ok("ps")
    assert "python" in host.out("ss -lntpH")


def test_everything_killed_leaves_nothing_and_frees_the_port(host: Host) -> None:
    host.ok("run", "--rm", BUSYBOX, "true")
    before = host.settled()
    host.ok("run", "-d", "--rm", "--name", "web", "-p", "8080:80", "-p", "8080:80/udp", *SLEEP)
    pid = services(host)
    host.kill_monitor("web")
    host.kill(pid)
    host.kill_programs()
    host.ok("ps")
    assert host.settled() == before
    host.ok("run", "--rm", "-p", "8080:80", BUSYBOX, "true")


def test_the_process_that_serves_ends_with_the_container(host: Host) -> None:
    """Also when nobody takes the container apart."""
    host.ok("run", "-d", "--rm", "--name", "web", "-p", "8080:80", *SLEEP)
    host.kill_monitor("web")
    host.kill_programs()
    wait_until(lambda: not host.out("ss -lntH"))
    host.ok("ps")


def test_half_a_connection_may_end_first(host: Host) -> None:
    """The client is done sending and still gets all of the answer, which is larger than any buffer."""
    host.ok("run", "-d", "--name", "web", "-p", "127.0.0.1:8080:80", BUSYBOX, "sh", "-c", _TAIL)
    script = (
        "import socket, time\ns = socket.create_connection(('127.0.0.1', 8080)); s.sendall(b'x' * (8 << 20))\n"
        "s.shutdown(socket.SHUT_WR); time.sleep(0.5); n = 0\n"
        "while True:\n    part = s.recv(1 << 20)\n    n += len(part)\n    if not part: break\nprint(n)"
    )
    asked = [sys.executable, "-I", "-S", "-c", script]
    wait_until(lambda: host.run(asked).stdout == b"%d\n" % (24 << 20))


def test_an_answer_arrives_although_the_server_hangs_up(host: Host) -> None:
    """A server that answers and closes without reading all of the question resets the connection behind its answer."""
    host.ok("run", "-d", "--name", "web", "-p", "127.0.0.1:8080:80", *SLEEP)
    server = server_of(host, "web")
    script = (
        "import socket\n"
        "for _ in range(200):\n    s = socket.create_connection(('127.0.0.1', 8080)); s.sendall(b'who am I?')\n"
        "    assert s.recv(100) == b'web ::ffff:172.17.0.1'"
    )
    assert host.run([sys.executable, "-I", "-S", "-c", script]).stderr == b""
    server.kill()
    server.communicate()


_TAIL = "while :; do nc -l -p 80 -e sh -c 'cat >/tmp/x; cat /tmp/x /tmp/x /tmp/x'; done"


def test_thousands_of_connections_at_once_cost_nothing_while_idle(host: Host) -> None:
    """All are served, none keeps the processor busy; also those of a client that does not read."""
    host.ok("run", "-d", "--name", "web", "-p", "127.0.0.1:8080:80", *SLEEP)
    enter = ["ip", "netns", "exec", "pyrun-web"]
    echo = host.start([*enter, sys.executable, "-I", "-S", "-c", _ECHO], stdout=subprocess.PIPE)
    assert echo.stdout
    echo.stdout.readline()
    crowd = host.start([sys.executable, "-I", "-S", "-c", _CROWD], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert crowd.stdout
    assert crowd.stdin
    assert crowd.stdout.readline() == b"all\n"
    pid = services(host)
    times = f"cut -d' ' -f14-15 /proc/{pid}/stat"

    def spends_nothing() -> bool:
        before = host.out(times)
        time.sleep(0.5)
        return sum(map(int, host.out(times).split())) - sum(map(int, before.split())) <= 1  # clock ticks

    wait_until(spends_nothing)  # once all that is under way has arrived
    crowd.stdin.write(b"\n")
    crowd.stdin.flush()
    assert crowd.stdout.readline() == b"closed\n"
    wait_until(lambda: int(host.out(f"ls /proc/{pid}/fd | wc -l")) < 60)
    for process in (crowd, echo):
        process.kill()
        process.communicate()


_ECHO = """
import resource, select, socket
resource.setrlimit(resource.RLIMIT_NOFILE, (9000, 9000))
held = socket.socket(); held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
held.bind(("", 80)); held.listen(4096); poll = select.epoll(); poll.register(held, 1); clients = {}
print("ready", flush=True)
while True:
    for fd, events in poll.poll():
        if fd == held.fileno():
            client = held.accept()[0]; clients[client.fileno()] = client; poll.register(client, 1)
        elif events == 4: clients[fd].send(b"x" * (1 << 20))
        else:
            got = clients[fd].recv(100)
            if got == b"flood": clients[fd].setblocking(False); poll.modify(fd, 5)
            elif got: clients[fd].send(got)
            else: poll.unregister(fd); clients.pop(fd).close()
"""


_CROWD = """
import resource, socket, sys
resource.setrlimit(resource.RLIMIT_NOFILE, (9000, 9000))
crowd = [socket.create_connection(("127.0.0.1", 8080)) for _ in range(3000)]
for each in crowd: each.send(b"hello")
for each in crowd: assert each.recv(100) == b"hello"
for each in crowd[:20]:
    each.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 16)
    each.send(b"flood")
print("all", flush=True)
sys.stdin.readline()
for each in crowd: each.close()
print("closed", flush=True)
sys.stdin.readline()
"""


def test_what_is_explained_serves_a_port(private_host: None) -> None:
    """The last line of the plan, typed on another host, with socat in the place of our process."""
    with fresh_host() as host:
        arguments = ["--name", "web", "-p", "8080:80", "-p", "127.0.0.1:81:80", "-p", "8080:80/udp", *SLEEP]
        lines = host.ok("run", "--dry-run", *arguments).splitlines()
        typed = next(line for line in lines if line.startswith("host$ socat"))
        host.ok("run", "-d", "--name", "web", *SLEEP)
        server = server_of(host, "web")
        command = typed.removeprefix("host$ ").partition("  # ")[0]
        listening = host.start(["bash", "-c", f"{command}\nwait"], start_new_session=True)
        for port, address in ((8080, "127.0.0.1"), (8080, "::1"), (81, "127.0.0.1")):
            wait_until(lambda: ask(host, None, "tcp", address, port) == "web 172.17.0.1")  # noqa: B023
        wait_until(lambda: ask(host, None, "udp", "127.0.0.1", 8080) == "web 172.17.0.1")
        host.out(f"kill -- -{listening.pid}")
        listening.wait()
        server.kill()
        server.communicate()
