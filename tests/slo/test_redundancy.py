"""How redundant a service is, from one look at its replicas, and from one after the other."""

import re
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from replicas import seen
from slo.redundancy import (
    Observed,
    Redundancy,
    RedundancyState,
    Replica,
    Standing,
    Workload,
    judge,
)
from slo.selector import Selector

UNKNOWN, REDUNDANT = RedundancyState.UNKNOWN, RedundancyState.REDUNDANT
DEGRADED, AT_RISK, DOWN = RedundancyState.DEGRADED, RedundancyState.AT_RISK, RedundancyState.DOWN
ORDER = (REDUNDANT, DEGRADED, AT_RISK, DOWN)  # from the best to the worst
NOW = 1_000_000.0

ANY = Redundancy("shop", "shop")
OF_3 = replace(ANY, expected=3)
MIN_2 = replace(ANY, minimum=2)
ZONES = replace(ANY, zones=2)
ZONES_MIN_2 = replace(ZONES, minimum=2)
LED = replace(ANY, leader=Selector("leads"))
LEASED = replace(ANY, workload=Workload("deployment", "shop", "shop", "lease"))
EVEN = replace(ANY, skew_above=2.0, load=Selector("work"))


def stands(declared: Redundancy, observed: Observed) -> Standing:
    return judge(declared, observed, None, NOW)


@pytest.mark.parametrize(
    ("declared", "observed", "state", "lacks"),
    [
        # nothing is seen
        (ANY, seen("+a +b", error="timeout"), UNKNOWN, False),
        (ANY, seen(""), UNKNOWN, False),
        (OF_3, seen(""), UNKNOWN, False),
        (ANY, seen("?a ?b"), UNKNOWN, False),
        # replicas, of as many as there are
        (ANY, seen("-a -b"), DOWN, True),
        (ANY, seen("+a -b"), AT_RISK, True),
        (ANY, seen("+a"), AT_RISK, False),
        (ANY, seen("+a +b"), REDUNDANT, False),
        (ANY, seen("+a +b -c"), DEGRADED, True),
        # of as many as are written
        (OF_3, seen("+a +b"), DEGRADED, True),
        (OF_3, seen("+a +b +c -d"), REDUNDANT, False),
        (OF_3, seen("+a"), AT_RISK, True),
        (replace(ANY, expected=1), seen("+a"), AT_RISK, False),
        # of as many as the workload wants
        (ANY, seen("+a +b", wanted=3), DEGRADED, True),
        (ANY, seen("+a", wanted=1), AT_RISK, False),
        (ANY, seen("+a +b +c -d", wanted=3), REDUNDANT, False),
        (OF_3, seen("+a +b", wanted=2), DEGRADED, True),
        (ANY, seen("", wanted=2), DOWN, True),
        (ANY, seen("", wanted=0), DOWN, False),
        # the minimum: written, else of a budget, else 1
        (MIN_2, seen("+a +b"), AT_RISK, False),
        (MIN_2, seen("+a +b +c"), REDUNDANT, False),
        (MIN_2, seen("+a +b -c"), AT_RISK, True),
        (ANY, seen("+a +b +c", wanted=3, minimum=2), REDUNDANT, False),
        (ANY, seen("+a +b", wanted=2, minimum=2), AT_RISK, False),
        (MIN_2, seen("+a +b +c", wanted=3, minimum=3), REDUNDANT, False),
        (ANY, seen("+a +b", wanted=2, minimum=0), REDUNDANT, False),
        (ANY, seen("+a", wanted=1, minimum=0), AT_RISK, False),
        # a written minimum is wanted, whatever is left of a discovery or of a workload
        (MIN_2, seen("+a"), AT_RISK, True),
        (MIN_2, seen("+a", wanted=1), AT_RISK, True),
        (MIN_2, seen("", wanted=0), DOWN, True),
        # zones
        (ZONES, seen("+a@x +b@y"), REDUNDANT, False),
        (ZONES, seen("+a@x +b@x"), AT_RISK, True),
        (ZONES, seen("+a@x +b@x -c@y"), AT_RISK, True),
        (replace(ZONES, zones=3), seen("+a@x +b@y +c@y"), DEGRADED, True),
        (ZONES_MIN_2, seen("+a@x +b@x +c@y +d@y"), REDUNDANT, False),
        (ZONES_MIN_2, seen("+a@x +b@x +c@x +d@y"), AT_RISK, True),  # 2 and 2 would do
        (ZONES_MIN_2, seen("+a@x +b@x +c@y"), AT_RISK, False),  # three can't stand better
        (ANY, seen("+a@x +b@x"), REDUNDANT, False),  # nobody asked
        (ZONES, seen("+a +b"), UNKNOWN, False),
        (ZONES, seen("+a@x +b"), UNKNOWN, False),
        (ZONES, seen("+a +b -c"), DEGRADED, True),
        (ZONES, seen("+a@x +b@y +c"), REDUNDANT, False),
        (ZONES_MIN_2, seen("+a@x +b@x +c@y +d"), UNKNOWN, False),  # d may be in x
        # a leader
        (LED, seen("+a* +b +c"), REDUNDANT, False),
        (LED, seen("+a +b +c"), AT_RISK, True),
        (LED, seen("+a* +b* +c"), AT_RISK, True),
        (LED, seen("+a* +b -c*"), AT_RISK, True),
        (LED, seen("+a +b -c!"), AT_RISK, True),
        (LED, seen("+a +b!"), UNKNOWN, False),
        (LED, seen("+a +b! -c"), DEGRADED, True),
        (LED, seen("+a +b ?c!"), UNKNOWN, False),  # c may lead
        (LED, seen("-a -b"), DOWN, True),
        (ANY, seen("+a +b +c"), REDUNDANT, False),  # nobody asked
        (LEASED, seen("+a! +b!", leader="a"), REDUNDANT, False),
        (LEASED, seen("+a! +b!", leader=""), AT_RISK, True),
        (LEASED, seen("+a! +b!", leader=None), UNKNOWN, False),
        # load
        (EVEN, seen("+a=10 +b=10"), REDUNDANT, False),
        (EVEN, seen("+a=20 +b=5 +c=5"), REDUNDANT, False),  # 20 of a mean of 10: not over 2
        (EVEN, seen("+a=21 +b=5 +c=4"), DEGRADED, True),
        (replace(EVEN, expected=2), seen("+a=1 +b=1 -c=0 -d=0 -e=0"), REDUNDANT, False),
        (EVEN, seen("+a=0 +b=0"), REDUNDANT, False),
        (EVEN, seen("+a=9 +b +c"), REDUNDANT, False),
        (replace(EVEN, skew_above=None), seen("+a=9 +b=0 +c=0"), REDUNDANT, False),
        # of some nobody can tell whether they are ready
        (ANY, seen("+a +b ?c"), UNKNOWN, False),
        (OF_3, seen("+a +b +c ?d"), REDUNDANT, False),
        (OF_3, seen("+a +b ?c"), UNKNOWN, False),
        (MIN_2, seen("+a -b ?c"), AT_RISK, True),  # at the best
        (replace(OF_3, minimum=2), seen("+a +b ?c"), UNKNOWN, False),
        (ANY, seen("+a +b -c ?d"), DEGRADED, True),
        (ANY, seen("-a ?b"), AT_RISK, True),
    ],
)
def test_the_state_of_one_look(
    declared: Redundancy, observed: Observed, state: RedundancyState, lacks: bool
) -> None:
    standing = stands(declared, observed)
    assert (standing.state, standing.lacks) == (state, lacks), standing.reason


def test_the_figures_stand_beside_the_state() -> None:
    declared = Redundancy("shop", "shop", expected=4, minimum=2, zones=2, load=Selector("work"))
    standing = stands(declared, seen("+a@x=30 +b@x=10 +c@y=20 -d@y"))
    assert (standing.ready, standing.expected, standing.minimum) == (3, 4, 2)
    assert (standing.zones, standing.zones_wanted) == (2, 2)
    assert standing.skew == pytest.approx(1.5)
    assert standing.missing == ("d",)
    assert standing.declared


def test_what_is_not_declared_is_judged_and_marked() -> None:
    standing = judge(ANY, seen("+a -b"), None, NOW, is_declared=False)
    assert (standing.state, standing.declared) == (AT_RISK, False)


@pytest.mark.parametrize("load", ["nan", "inf"])
def test_a_load_that_is_no_number_is_left_out(load: str) -> None:
    replicas = (Replica("a", True, load=float(load)), Replica("b", True, load=1.0))
    assert stands(EVEN, Observed(NOW, replicas)).skew is None


def test_only_so_many_names_of_missing_replicas_are_kept() -> None:
    crowd = seen(" ".join(f"-r{number}" for number in range(500)))
    assert stands(ANY, crowd).missing == tuple(f"r{number}" for number in range(20))


# -- reasons ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("declared", "observed", "reason"),
    [
        (
            replace(OF_3, minimum=2),
            seen("+checkout-a +checkout-b -checkout-7f9-x"),
            "2 of 3 replicas ready: one more failure leaves less than the minimum of 2; "
            "not ready: checkout-7f9-x",
        ),
        (ANY, seen("+a"), "1 of 1 replicas ready: one failure leaves less than the minimum of 1"),
        (
            replace(OF_3, minimum=2),
            seen("+a"),
            "1 of 3 replicas ready: less than the minimum of 2",
        ),
        (
            ZONES_MIN_2,
            seen("+a@x +b@x +c@x +d@y"),
            "4 of 4 replicas ready: the loss of zone x leaves 1, less than the minimum of 2",
        ),
        (
            ZONES,
            seen("+a@x +b@x"),
            "2 of 2 replicas ready: the loss of zone x leaves 0, less than the minimum of 1; "
            "in 1 of 2 wanted zones (x)",
        ),
        (LED, seen("+a +b"), "2 of 2 replicas ready: none leads"),
        (LED, seen("+a* +b*"), "2 of 2 replicas ready: 2 lead at once (a, b)"),
        (LED, seen("+a! +b"), "2 of 2 replicas ready: nobody can tell which one leads"),
        (ZONES, seen("+a +b"), "2 of 2 replicas ready: 2 zones are wanted, none is known"),
        (
            EVEN,
            seen("+a=3 +b=1 +c=0 +d=0"),
            "4 of 4 replicas ready: a takes 3.0 times the mean load",
        ),
        (ANY, seen("+a +b +c", wanted=2), "3 replicas ready, 2 expected"),
        (ANY, seen("+a +b ?c"), "2 of 3 replicas ready; not known: c"),
        (ANY, seen("", wanted=0), "no replica is wanted, so none is ready"),
        (
            ANY,
            seen("-a -b -c -d -e"),
            "0 of 5 replicas ready; not ready: a, b, c and 2 more",
        ),
        (ANY, seen("+a", error="status\n 500"), "its replicas can't be seen: status 500"),
        (ANY, seen(""), "none of its replicas is seen"),
        (ANY, seen("?a ?b"), "nobody can tell whether any of 2 replicas is ready"),
        (ANY, seen("?a"), "nobody can tell whether its one replica is ready"),
    ],
)  # fmt: skip
def test_the_reason_says_what_to_look_at(
    declared: Redundancy, observed: Observed, reason: str
) -> None:
    assert stands(declared, observed).reason == reason


# -- properties of one look -------------------------------------------------------------------

ZONED = st.sampled_from(["x", "y", "z"])
NAMES = st.integers(0, 10**9).map(lambda number: f"r{number}")
REPLICAS = st.builds(
    Replica,
    NAMES,
    st.sampled_from([True, False, None]),
    ZONED | st.just(""),
    st.sampled_from([True, False, None]),
)
DECLARED = st.builds(
    Redundancy,
    st.just("shop"),
    st.just("shop"),
    expected=st.none() | st.integers(3, 6),
    minimum=st.none() | st.integers(1, 3),
    zones=st.integers(1, 3),
    leader=st.none() | st.just(Selector("leads")),
)
LOOKS = st.builds(
    Observed,
    st.just(NOW),
    st.lists(REPLICAS, max_size=6).map(tuple),
    st.none() | st.integers(0, 6),
    st.none() | st.integers(0, 3),
)


@given(DECLARED, LOOKS, ZONED)
def test_one_more_ready_replica_never_makes_it_worse(
    declared: Redundancy, observed: Observed, zone: str
) -> None:
    more = Replica("new", ready=True, zone=zone, leads=False)
    before = stands(declared, observed).state
    after = stands(declared, replace(observed, replicas=(*observed.replicas, more))).state
    if UNKNOWN not in (before, after):
        assert ORDER.index(after) <= ORDER.index(before)
    assert not (before is REDUNDANT and after is UNKNOWN)


@given(DECLARED, LOOKS)
def test_what_comes_to_be_known_is_never_better_than_what_was_certain(
    declared: Redundancy, observed: Observed
) -> None:
    """However the readiness that nobody could tell turns out: a state holds, or was unknown."""
    before = stands(declared, observed)
    for ready in (True, False):
        told = tuple(
            replace(one, ready=ready if one.ready is None else one.ready)
            for one in observed.replicas
        )
        after = stands(declared, replace(observed, replicas=told)).state
        if UNKNOWN not in (before.state, after):
            assert ORDER.index(after) >= ORDER.index(before.state)


@given(DECLARED, LOOKS, st.text(max_size=2000))
def test_a_reason_is_one_bounded_line(declared: Redundancy, observed: Observed, text: str) -> None:
    long = tuple(replace(one, name=f"{one.name}{text}") for one in observed.replicas)
    for look in (observed, replace(observed, replicas=long), replace(observed, error=text)):
        reason = stands(declared, look).reason
        assert 0 < len(reason) <= 400
        assert not re.search(r"[\n\r]", reason)
