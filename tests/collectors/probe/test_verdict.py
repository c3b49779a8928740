"""Damping and quorum: worked out by hand, and what holds for any attempts."""

from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collectors.probe.model import HttpOptions, Location, Probe, ProbeTarget
from collectors.probe.readings import Result
from collectors.probe.verdict import History, State, Verdict, judge, taken, worst

T = 1_000_000.0
URL = "https://shop.example/"
UP, DOWN, UNKNOWN = State.UP, State.DOWN, State.UNKNOWN
ONE = Probe("front", "shop", (ProbeTarget(URL),), HttpOptions(), interval_s=60.0)
THREE = replace(ONE, locations=tuple(Location(name) for name in ("a", "b", "c")), quorum=2)
OUTCOME = {"+": True, "-": False, "?": None}


def result(sign: str, expires_at: float | None = None) -> Result:
    return Result(OUTCOME[sign], "" if sign == "+" else f"because {sign}", expires_at=expires_at)


def states(signs: str, probe: Probe = ONE) -> str:
    """The state after each attempt, one in every interval; a blank is an interval without one."""
    history, shown = History(), ""
    for turn, sign in enumerate(signs):
        at = T + turn * probe.interval_s
        if sign != " ":
            history = taken(history, at, result(sign), probe)
        shown += {UP: "U", DOWN: "D", UNKNOWN: "."}[history.state_at(at, probe.interval_s)]
    return shown


# -- damping ------------------------------------------------------------------------------------

DAMPED = [
    # failures 3, successes 2
    ("++", ".U"),
    ("---", "..D"),
    ("++---", ".UUUD"),
    ("---++", "..DDU"),
    ("++--+--+---", ".UUUUUUUUUD"),  # two failures in a row are none too many
    ("---+-+-++", "..DDDDDDU"),
    ("+-+-+-", "......"),  # never twice alike: nobody knows
    ("++-?--", ".UUUUD"),  # what could not be found out neither counts nor breaks a row
    ("++??", ".UUU"),  # two intervals old: still known
    ("++???", ".UUU."),  # three: not any more
    ("++???-", ".UUU.."),  # and rows begin anew
    ("++???---", ".UUU...D"),
    ("++   ++", ".UUU..U"),
    ("--???-", "......"),  # failures on either side of a silence are no row
]


@pytest.mark.parametrize(("signs", "expected"), DAMPED)
def test_a_state_changes_after_so_many_attempts_in_a_row(signs: str, expected: str) -> None:
    assert states(signs) == expected.ljust(len(signs), expected[-1])


def test_counts_of_one_damp_nothing() -> None:
    assert states("+-+?-", replace(ONE, failures=1, successes=1)) == "UDUUD"


def test_an_attempt_that_is_not_later_than_the_last_changes_nothing() -> None:
    once = taken(History(), T, result("-"), ONE)
    assert taken(once, T, result("-"), ONE) is once
    assert taken(once, T - 60, result("+"), ONE) is once


@given(
    st.text("+-? ", max_size=60),
    st.integers(1, 5),
    st.integers(1, 5),
)
def test_a_flip_takes_a_whole_row_and_a_whole_row_always_flips(
    signs: str, failures: int, successes: int
) -> None:
    probe = replace(ONE, failures=failures, successes=successes)
    shown = states(signs, probe)
    needed = {"U": ("+", successes), "D": ("-", failures)}
    for turn, (before, after) in enumerate(pairwise("." + shown)):
        if after != before and after in needed:
            sign, count = needed[after]
            known = signs[: turn + 1].replace("?", "").replace(" ", "")
            assert known.endswith(sign * count)
    for sign, count, state in (("+", successes, "U"), ("-", failures, "D")):
        at = signs.find(sign * count)
        if at >= 0:
            assert shown[at + count - 1] == state


# -- quorum -------------------------------------------------------------------------------------


def judged(rows: dict[str, str], probe: Probe = THREE, before: Verdict | None = None) -> Verdict:
    """The verdict after a row of attempts at each location."""
    histories = {}
    for name, signs in rows.items():
        histories[name] = History()
        for turn, sign in enumerate(signs):
            at = T + turn * 60
            histories[name] = taken(histories[name], at, result(f"{sign}"), probe)
    at = T + 60 * max((len(signs) - 1 for signs in rows.values()), default=0)
    return judge(histories, probe, URL, at, before)


QUORUM = [
    # two of three must fail
    (("+++", "+++", "+++"), UP),
    (("---", "+++", "+++"), UP),
    (("---", "---", "+++"), DOWN),
    (("---", "---", "---"), DOWN),
    (("---", "---", "???"), DOWN),  # what is not known could change nothing
    (("+++", "+++", "???"), UP),
    (("+++", "---", "???"), UNKNOWN),  # here it could
    (("+++", "???", "???"), UNKNOWN),
    (("---", "???", "???"), UNKNOWN),
    (("???", "???", "???"), UNKNOWN),
]


@pytest.mark.parametrize(("rows", "state"), QUORUM)
def test_the_quorum_decides_and_nothing_is_guessed(rows: tuple[str, ...], state: State) -> None:
    verdict = judged(dict(zip("abc", rows, strict=True)))
    assert verdict.state is state
    assert (verdict.service, verdict.probe, verdict.target) == ("shop", "front", URL)


def test_a_location_that_never_reported_is_unknown() -> None:
    verdict = judged({"a": "---"})
    assert verdict.by_location == {"a": DOWN, "b": UNKNOWN, "c": UNKNOWN}
    assert verdict.reason == "b: not probed yet; c: not probed yet"


def test_of_one_location_its_failure_is_enough() -> None:
    assert judged({"local": "---"}, ONE).state is DOWN


def test_it_is_down_since_the_failure_that_made_the_quorum_not_since_it_was_noticed() -> None:
    # a fails from the first attempt on, b from the second, c from the fourth
    verdict = judged({"a": "-------", "b": "+------", "c": "+++----"})
    assert (verdict.state, verdict.since) == (DOWN, T + 60)
    assert judged({"a": "-------", "b": "+------", "c": "+++----"}, replace(THREE, quorum=3)).since\
        == T + 180  # fmt: skip


def test_it_is_up_since_the_success_that_ruled_the_quorum_out() -> None:
    verdict = judged({"a": "++++", "b": "--++", "c": "----"})
    assert (verdict.state, verdict.since) == (UP, T + 120)


def test_a_state_that_lasts_keeps_its_beginning() -> None:
    before = judged({"a": "---", "b": "---", "c": "+++"})
    later = judged({"a": "++++++", "b": "------", "c": "------"}, before=before)
    assert (later.state, later.since) == (DOWN, before.since)
    assert before.since == T


def test_it_is_unknown_since_it_was_judged_so() -> None:
    before = judged({"a": "---", "b": "---", "c": "---"})
    after = judge({}, THREE, URL, T + 999, before)
    assert (after.state, after.since) == (UNKNOWN, T + 999)
    assert judge({}, THREE, URL, T + 1200, after).since == T + 999


def test_the_reason_is_that_of_the_locations_that_decided() -> None:
    assert judged({"a": "---", "b": "---", "c": "+++"}).reason == "a: because -; b: because -"
    assert judged({"a": "+++", "b": "+++", "c": "---"}).reason == ""
    assert judged({"a": "+++", "b": "---", "c": "???"}).reason == "c: because ?"


def test_a_reason_of_many_locations_is_bounded() -> None:
    names = [f"place-{number}" for number in range(50)]
    probe = replace(THREE, locations=tuple(Location(name) for name in names), quorum=26)
    assert len(judged(dict.fromkeys(names, "---"), probe).reason) == 400


@given(st.lists(st.sampled_from(["+++", "---", "???", "+-+"]), min_size=1, max_size=6))
def test_a_higher_quorum_never_brings_a_target_down_and_a_failure_never_up(
    rows: list[str],
) -> None:
    names = [f"l{number}" for number in range(len(rows))]
    order = {DOWN: 0, UNKNOWN: 1, UP: 2}

    def state(quorum: int, signs: list[str]) -> int:
        locations = tuple(Location(name) for name in names)
        probe = replace(THREE, locations=locations, quorum=quorum)
        return order[judged(dict(zip(names, signs, strict=True)), probe).state]

    by_quorum = [state(quorum, rows) for quorum in range(1, len(rows) + 1)]
    assert by_quorum == sorted(by_quorum)
    for place in range(len(rows)):
        worse = [*rows[:place], "---", *rows[place + 1 :]]
        better = [*rows[:place], "+++", *rows[place + 1 :]]
        for quorum in range(1, len(rows) + 1):
            assert state(quorum, worse) <= state(quorum, rows) <= state(quorum, better)


# -- certificates, and all targets of a service -------------------------------------------------


def test_a_certificate_ends_when_the_first_one_seen_ends() -> None:
    early = taken(History(), T, result("+", 2e9), THREE)
    late = taken(History(), T, result("+", 3e9), THREE)
    assert judge({"a": late, "b": early}, THREE, URL, T).expires_at == 2e9
    assert judge({}, THREE, URL, T).expires_at is None


def test_a_failure_forgets_no_certificate_and_a_success_without_one_does() -> None:
    seen = taken(History(), T, result("+", 2e9), ONE)
    failed = taken(seen, T + 60, result("-"), ONE)
    silent = taken(failed, T + 600, result("-"), ONE)
    assert (failed.expires_at, silent.expires_at) == (2e9, 2e9)
    assert taken(seen, T + 60, result("-", 3e9), ONE).expires_at == 3e9
    assert taken(failed, T + 120, result("+"), ONE).expires_at is None


def test_the_worst_target_speaks_for_a_service() -> None:
    def verdict(state: State, since: float) -> Verdict:
        return Verdict("shop", "front", URL, state, since)

    some = [verdict(UP, 1), verdict(DOWN, 5), verdict(UNKNOWN, 2), verdict(DOWN, 4)]
    assert worst(some) == verdict(DOWN, 4)
    assert worst(some[:1]) == verdict(UP, 1)
    assert worst([some[0], some[2]]) == verdict(UNKNOWN, 2)
    assert worst([]) is None
