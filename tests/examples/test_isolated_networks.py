"""Test what must not work: networks that do not reach each other, and one without a way out."""


def test_networks_are_apart(container, network, assert_reachable, assert_unreachable):
    front, back = network("front"), network("back")
    web = container("@host", "python3 -m http.server 80", name="web", network=front)
    database = container("@host", "python3 -m http.server 80", name="database", network=back)
    proxy = container("@host", "sleep 60", name="proxy", network=[front, back])

    assert_reachable(proxy, web, port=80)
    assert_reachable(proxy, database, port=80)
    assert_unreachable(web, database, port=80)


def test_an_internal_network_has_no_way_out(container, network, assert_reachable, assert_unreachable):
    inner = network("inner", internal=True)
    alone, neighbour = (container("@host", "sleep 60", network=inner) for _ in range(2))

    assert_reachable(alone, neighbour)  # without a port: by ping
    assert_unreachable(alone, "internet", timeout=0.3)
    assert_unreachable("internet", alone, timeout=0.3)
