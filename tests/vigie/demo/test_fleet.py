"""vigie.demo.fleet: who is in the shop and who calls whom."""

import socket

import pytest

from vigie.demo.fleet import PORTS, PortsError, free_ports, order_url, plan

PORT_NUMBERS = list(range(9000, 9000 + PORTS))


def test_the_shop_has_three_services_and_checkout_spans_two_zones() -> None:
    fleet = plan(PORT_NUMBERS, seed=1)
    assert [len(fleet.of(name)) for name in ("frontend", "checkout", "payments")] == [2, 3, 2]
    assert {replica.zone for replica in fleet.of("checkout")} == {"a", "b"}
    assert len({replica.port for replica in fleet.replicas}) == PORTS


def test_each_service_calls_every_replica_of_the_next() -> None:
    fleet = plan(PORT_NUMBERS, seed=1)
    for caller, called in (("frontend", "checkout"), ("checkout", "payments")):
        for replica in fleet.of(caller):
            assert replica.downstream == tuple(order_url(r) for r in fleet.of(called))
    assert all(replica.downstream == () for replica in fleet.of("payments"))
    assert all(order_url(r) in fleet.customers().arguments[1] for r in fleet.of("frontend"))


def test_no_two_replicas_share_a_seed_and_the_seed_repeats() -> None:
    seeds = [replica.seed for replica in plan(PORT_NUMBERS, seed=1).replicas]
    assert len(set(seeds)) == PORTS
    assert seeds == [replica.seed for replica in plan(PORT_NUMBERS, seed=1).replicas]
    assert set(seeds).isdisjoint(r.seed for r in plan(PORT_NUMBERS, seed=2).replicas)


def test_a_port_that_is_taken_is_passed_over() -> None:
    port = free_ports(1, 27_000)[0]
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", port))
        taken.listen()
        assert port not in free_ports(2, port)


def test_too_few_free_ports_are_an_error() -> None:
    with pytest.raises(PortsError, match="no 3 free ports between 32766 and 32767"):
        free_ports(3, 32_766)
