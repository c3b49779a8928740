"""What services were found to be, and the pasts that follow."""

from slo.outages import Outage
from slo.spec import ServiceState
from slo.uptime import History
from vigie.store import outages, pasts, states
from vigie.store.db import Database
from vigie.store.states import Became

UP, DOWN, UNKNOWN = ServiceState.UP, ServiceState.DOWN, ServiceState.UNKNOWN
A = [Became("a", at, state, "why") for at, state in ((10.0, UP), (20.0, DOWN), (30.0, UNKNOWN))]
B = [Became("b", 15.0, UNKNOWN, "why"), Became("b", 40.0, UP, "why")]


def test_a_state_of_the_same_moment_is_replaced(db: Database) -> None:
    db.write(lambda c: states.write(c, A))
    later = Became("a", 30.0, UP, "after all")
    db.write(lambda c: states.write(c, [later]))
    assert db.read(states.read) == [*A[:2], later]


def test_what_was_before_the_time_that_is_asked_for_comes_with_it(db: Database) -> None:
    db.write(lambda c: states.write(c, [*A, *B]))
    assert db.read(lambda c: states.read(c, 25.0)) == [B[0], A[1], A[2], B[1]]
    assert db.read(lambda c: states.read(c, 20.0, "a")) == A[1:]
    assert db.read(lambda c: states.read(c, 5.0, "a")) == A


def test_a_service_is_known_from_its_first_state_that_is_known(db: Database) -> None:
    db.write(lambda c: states.write(c, [*A, *B]))
    assert db.read(states.known_from) == {"a": 10.0, "b": 40.0}


def test_the_last_state_is_never_pruned(db: Database) -> None:
    db.write(lambda c: states.write(c, [*A, *B]))
    counts = []
    while not counts or counts[-1]:
        counts.append(db.write(lambda c: states.prune(c, 35.0, batch=1)))
    assert counts == [1, 1, 0]
    assert db.read(states.read) == [B[0], A[2], B[1]]


def test_a_past_holds_outages_that_ended_and_times_unknown(db: Database) -> None:
    db.write(lambda c: states.write(c, [*A, Became("a", 50.0, UP, "why")]))
    over, lasting = Outage("a", 18.0, 30.0), Outage("a", 60.0, None)
    db.write(lambda c: outages.write(c, [over, lasting]))
    found = db.read(lambda c: pasts.read(c, 0.0))
    assert found == {"a": History(10.0, (over,), ((30.0, 50.0),))}
    assert db.read(lambda c: pasts.read(c, 55.0)) == {"a": History(10.0)}
