"""Heartbeats: when they are due, and what is said of them, also when nobody could listen."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from math import inf
from zoneinfo import ZoneInfo

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from collectors.heartbeat import (
    EARLY_S,
    Beats,
    Heartbeat,
    HeartbeatState,
    Said,
    due,
    expected_after,
    heard,
    next_change,
    resumed,
    standings,
)

T0 = 1_790_000_000.0
OK, LATE, MISSED = HeartbeatState.OK, HeartbeatState.LATE, HeartbeatState.MISSED
FAILED, UNKNOWN = HeartbeatState.FAILED, HeartbeatState.UNKNOWN
EVERY = Heartbeat("sync", "shop", every_s=300.0, grace_s=60.0)
RUNS = Heartbeat("sync", "shop", every_s=3600.0, grace_s=60.0, runs_for_s=600.0)
NIGHTLY = Heartbeat("backup", "db", schedule="0 3 * * *", zone="Europe/Paris", grace_s=3600.0)


def at(text: str, zone: str = "Europe/Paris") -> float:
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).timestamp()


def beaten(last_at: float, since: float | None = None, said: Said = Said.OK) -> Beats:
    return Beats(last_at if since is None else since, last_at, said, beats=1)


@pytest.mark.parametrize(
    ("after_s", "state", "since_s", "changes_s"),
    [
        (0, OK, 0, 300),
        (299, OK, 0, 300),
        (300, LATE, 300, 360),  # due, and its grace of a minute runs
        (359, LATE, 300, 360),
        (360, MISSED, 360, inf),
        (86_400, MISSED, 360, inf),
    ],
)
def test_a_period_goes_from_ok_to_late_to_missed(
    after_s: float, state: HeartbeatState, since_s: float, changes_s: float
) -> None:
    found = due(EVERY, beaten(T0), T0 + after_s)
    assert (found.state, found.since, found.changes_at) == (state, T0 + since_s, T0 + changes_s)
    assert (found.expected_at, found.deadline) == (T0 + 300, T0 + 360)


def test_what_never_beat_is_unknown_until_the_first_deadline_since_it_is_known() -> None:
    new = Beats(T0)
    assert due(EVERY, new, T0 + 359.9).state is UNKNOWN
    found = due(EVERY, new, T0 + 360)
    assert (found.state, found.since, found.reason) == (MISSED, T0 + 360, "it has never beaten")


def test_a_failure_stays_until_a_beat_that_is_ok() -> None:
    failed = heard(beaten(T0), Said.FAIL, T0 + 100)
    found = due(EVERY, failed, T0 + 9999)
    assert (found.state, found.since, found.changes_at) == (FAILED, T0 + 100, inf)
    assert due(EVERY, heard(failed, Said.START, T0 + 200), T0 + 201).state is FAILED
    assert due(EVERY, heard(failed, Said.OK, T0 + 300), T0 + 301).state is OK


@pytest.mark.parametrize(
    ("down_s", "up_s", "at_s", "state"),
    [
        # Down for ten periods: what was sent then is lost. One period and grace later it is missed.
        (100, 3100, 3100, UNKNOWN),
        (100, 3100, 3100 + 359, UNKNOWN),
        (100, 3100, 3100 + 360, MISSED),
        # Down for a moment before it was due: nothing is said about a beat that is not due yet.
        (100, 101, 299, OK),
        (100, 101, 300, UNKNOWN),
        (100, 101, 101 + 360, MISSED),
        # Down within its grace: the beat may have come then.
        (310, 320, 400, UNKNOWN),
        # Missed while Vigie listened: its own silence afterwards takes nothing back.
        (360, 9000, 9000, MISSED),
        (5000, 9000, 9001, MISSED),
    ],
)
def test_a_silence_of_vigies_own_is_unknown_until_one_period_after_it(
    down_s: float, up_s: float, at_s: float, state: HeartbeatState
) -> None:
    after = resumed(EVERY, beaten(T0), T0 + down_s, T0 + up_s)
    assert due(EVERY, after, T0 + at_s).state is state


def test_a_beat_after_the_silence_ends_all_doubt() -> None:
    after = resumed(EVERY, beaten(T0), T0 + 100, T0 + 3100)
    after = heard(after, Said.OK, T0 + 3200)
    assert due(EVERY, after, T0 + 3499).state is OK
    assert due(EVERY, after, T0 + 3560).state is MISSED


@pytest.mark.parametrize(
    ("down", "up", "looked", "state"),
    [
        # Down and up again before 03:00: tonight's beat could not be lost.
        ("2026-10-02 02:50", "2026-10-02 02:55", "2026-10-02 04:00", MISSED),
        # Down over 03:00: it may have been; the next night says it.
        ("2026-10-02 02:50", "2026-10-02 03:30", "2026-10-02 04:00", UNKNOWN),
        ("2026-10-02 02:50", "2026-10-02 03:30", "2026-10-03 03:59", UNKNOWN),
        ("2026-10-02 02:50", "2026-10-02 03:30", "2026-10-03 04:00", MISSED),
    ],
)
def test_a_schedule_knows_which_beats_a_silence_could_lose(
    down: str, up: str, looked: str, state: HeartbeatState
) -> None:
    last = beaten(at("2026-10-01 03:00:10"))
    assert due(NIGHTLY, resumed(NIGHTLY, last, at(down), at(up)), at(looked)).state is state


@pytest.mark.parametrize(
    ("schedule", "last", "expected"),
    [
        ("0 3 * * *", "2026-10-01 03:00:10", "2026-10-02 03:00"),
        ("0 3 * * *", "2026-10-01 02:59:56", "2026-10-02 03:00"),  # within EARLY_S of its time
        ("0 3 * * *", "2026-10-01 02:59:54", "2026-10-01 03:00"),
        ("0 3 * * 1-5", "2026-10-02 03:01", "2026-10-05 03:00"),  # Friday to Monday
        # 02:00 jumps to 03:00 on 29 March 2026: the job of 02:30 runs when the clocks have jumped.
        ("30 2 * * *", "2026-03-28 02:31", "2026-03-29 03:00"),
        ("30 2 * * *", "2026-03-29 03:01", "2026-03-30 02:30"),
        # 03:00 falls back to 02:00 on 25 October 2026: once, at the first of the two 02:30.
        ("30 2 * * *", "2026-10-24 02:31", "2026-10-25 02:30"),
        ("30 2 * * *", "2026-10-25 02:31", "2026-10-26 02:30"),
    ],
)
def test_a_schedule_is_read_on_the_clocks_of_its_zone(
    schedule: str, last: str, expected: str
) -> None:
    one = Heartbeat("b", "s", schedule=schedule, zone="Europe/Paris")
    assert expected_after(one, at(last)) == at(expected)


def test_a_job_of_the_repeated_hour_is_not_due_again_after_its_second_time() -> None:
    one = Heartbeat("b", "s", schedule="30 2 * * *", zone="Europe/Paris")
    second = datetime(2026, 10, 25, 1, 10, tzinfo=UTC).timestamp()  # 02:10 for the second time
    assert expected_after(one, second) == at("2026-10-26 02:30")


def test_an_hourly_job_runs_in_both_of_two_equal_hours() -> None:
    one = Heartbeat("b", "s", schedule="0 * * * *", zone="Europe/Paris")
    first = datetime(2026, 10, 25, 0, 0, 10, tzinfo=UTC).timestamp()  # 02:00 in summer time
    assert expected_after(one, first) == datetime(2026, 10, 25, 1, 0, tzinfo=UTC).timestamp()


@pytest.mark.parametrize(("after_s", "state"), [(50, OK), (599, OK), (600, MISSED), (3600, MISSED)])
def test_a_run_that_began_in_time_has_its_longest_time_to_finish(
    after_s: float, state: HeartbeatState
) -> None:
    running = heard(beaten(T0), Said.START, T0 + 3600)
    assert due(RUNS, running, T0 + 3600 + after_s).state is state


def test_a_run_over_the_deadline_of_its_schedule_is_no_missed_beat() -> None:
    running = heard(beaten(T0), Said.START, T0 + 3650)
    found = due(RUNS, running, T0 + 4000)  # the deadline was 3660
    assert (found.state, found.deadline) == (OK, T0 + 4250)
    done = heard(running, Said.OK, T0 + 4100)
    assert (done.duration_s, done.started_at) == (450.0, None)
    assert due(RUNS, done, T0 + 4101).state is OK


def test_a_start_after_the_deadline_is_no_beat_yet() -> None:
    late = heard(beaten(T0), Said.START, T0 + 5000)
    assert due(RUNS, late, T0 + 5001).state is LATE
    assert due(RUNS, late, T0 + 5600).state is MISSED


def test_a_chain_of_runs_that_hang_is_noticed_by_the_first() -> None:
    beats = beaten(T0)
    for hour in range(1, 4):
        beats = heard(beats, Said.START, T0 + hour * 3600)
    found = due(RUNS, beats, T0 + 3 * 3600)
    assert (found.state, found.since) == (MISSED, T0 + 3600 + 600)


def test_the_end_of_a_run_may_have_come_while_vigie_did_not_listen() -> None:
    running = heard(beaten(T0), Said.START, T0 + 3600)
    after = resumed(RUNS, running, T0 + 3700, T0 + 5000)
    assert due(RUNS, after, T0 + 5000).state is UNKNOWN
    assert due(RUNS, after, T0 + 5000 + 3660).state is MISSED


def test_without_a_longest_run_a_start_says_nothing() -> None:
    started = heard(beaten(T0), Said.START, T0 + 10)
    assert due(EVERY, started, T0 + 310) == due(EVERY, beaten(T0), T0 + 310)


def test_only_what_may_have_changed_is_looked_at_again() -> None:
    both = {"a": EVERY, "b": EVERY}
    beats = {"a": beaten(T0), "b": beaten(T0 + 100)}
    found = standings(both, beats, {}, frozenset(), T0 + 200)
    assert next_change(found) == T0 + 300
    again = standings(both, beats, found, frozenset(), T0 + 310)
    assert (again["a"].state, again["b"]) == (LATE, found["b"])
    assert again["b"] is found["b"]
    beats["b"] = heard(beats["b"], Said.FAIL, T0 + 311)
    assert standings(both, beats, again, frozenset({"b"}), T0 + 311)["b"].state is FAILED
    assert standings({}, beats, again, frozenset(), T0 + 311) == {}
    assert next_change({}) == inf


@given(
    gaps=st.lists(st.floats(1, 359), min_size=1, max_size=20),
    silences=st.lists(st.tuples(st.floats(0, 2000), st.floats(0.1, 1500)), max_size=4),
)
def test_a_job_that_beats_in_time_is_never_missed_and_one_that_stops_is_found_in_a_period(
    gaps: list[float], silences: list[tuple[float, float]]
) -> None:
    sent, beats, up = T0, beaten(T0), T0
    down = iter(sorted((T0 + start, lasted) for start, lasted in silences))
    falls = next(down, None)
    for gap in gaps:
        sent += gap
        while falls is not None and falls[0] < sent:
            if falls[0] >= up:
                assert due(EVERY, beats, falls[0]).state is not MISSED
                beats, up = resumed(EVERY, beats, falls[0], sum(falls)), sum(falls)
            falls = next(down, None)
        if sent >= up:  # else it is lost
            assert due(EVERY, beats, sent).state is not MISSED
            beats = heard(beats, Said.OK, sent)
    found_by = max(sent, up) + EVERY.every_s + EVERY.grace_s
    assert due(EVERY, beats, found_by).state is MISSED


@given(
    beat=st.sampled_from([EVERY, RUNS, NIGHTLY]),
    since_s=st.floats(-90_000, 0),
    said=st.lists(st.tuples(st.sampled_from(Said), st.floats(0.1, 5000)), max_size=5),
    looked_s=st.floats(0, 200_000),
)
def test_it_changes_when_it_says_and_not_before(
    beat: Heartbeat, since_s: float, said: list[tuple[Said, float]], looked_s: float
) -> None:
    now, beats = T0 + since_s, Beats(T0 + since_s)
    for word, later_s in said:
        now += later_s
        beats = heard(beats, word, now)
    now += looked_s
    found = due(beat, beats, now)
    assert found.changes_at > now
    if found.changes_at == inf:
        assert due(beat, beats, now + 1e9).state is found.state
        return
    assert due(beat, beats, found.changes_at).state is not found.state
    assert due(beat, beats, (now + found.changes_at) / 2).state is found.state


# -- schedules against a walk over every minute ------------------------------------------------

FIELDS = (range(60), range(24), range(1, 32), range(1, 13), range(7))
SCHEDULES = [
    "*/7 * * * *", "0 * * * *", "30 * * * *", "15,45 */2 * * *", "* 2 * * *", "*/20 1-3 * * *",
    "0 0 * * *", "30 0 * * *", "30 2 * * *", "15 1,2,3 * * *", "10,50 2 * * *", "0 3 * * 0",
    "59 23 * * *", "0 2 1 * *", "20 2 29 * 0", "0 12 * * 1-5",
]  # fmt: skip
# Their clocks change at 02:00, 03:00 and midnight, and in Lord Howe by half an hour.
ZONES = {
    "Europe/Paris": ["2026-03-29 01:00", "2026-10-25 01:00"],
    "America/New_York": ["2026-03-08 07:00", "2026-11-01 06:00"],
    "America/Santiago": ["2026-04-05 03:00", "2026-09-06 04:00"],
    "Australia/Lord_Howe": ["2026-04-04 15:00", "2026-10-03 15:30"],
    "UTC": ["2026-02-28 23:00", "2026-12-31 23:00"],
}


@given(
    st.sampled_from(SCHEDULES),
    st.sampled_from([(zone, change) for zone, changes in ZONES.items() for change in changes]),
    st.integers(-3 * 86_400, 3 * 86_400),
)
def test_a_schedule_equals_a_walk_over_every_minute(
    schedule: str, place: tuple[str, str], off_s: int
) -> None:
    zone, change = place
    # Clocks that change by half an hour, in one zone of all: there the time after the change may be
    # left out, which makes a missed beat known later, never a beat in time a missed one.
    assume(zone != "Australia/Lord_Howe" or not _by_the_clock(schedule))
    last = datetime.fromisoformat(change).replace(tzinfo=UTC).timestamp() + off_s
    one = Heartbeat("b", "s", schedule=schedule, zone=zone)
    expected = expected_after(one, last)
    walked = next(
        found for found in _walk(schedule, ZoneInfo(zone), last) if found > last + EARLY_S
    )
    assert expected == walked


def _walk(schedule: str, zone: ZoneInfo, after: float) -> Iterator[float]:
    """The times of a schedule, in order: what shows its minute; of fixed hours each wall-clock
    time once, the first one, and for what a gap swallows the end of the gap.
    """
    start = datetime.fromtimestamp(after // 60 * 60, UTC)
    if _by_the_clock(schedule):
        while True:
            if _shows(schedule, start.astimezone(zone)):
                yield start.timestamp()
            start += timedelta(minutes=1)
    wall = start.astimezone(zone).replace(tzinfo=None) - timedelta(hours=3)
    while True:
        if _shows(schedule, wall):
            real = wall
            while _is_skipped(real.replace(tzinfo=zone)):
                real += timedelta(minutes=1)
            yield real.replace(tzinfo=zone).timestamp()
        wall += timedelta(minutes=1)


def _by_the_clock(schedule: str) -> bool:
    return any(field.startswith("*") for field in schedule.split()[:2])


def _is_skipped(wall: datetime) -> bool:
    back = wall.astimezone(UTC).astimezone(wall.tzinfo)
    return back.replace(tzinfo=None) != wall.replace(tzinfo=None)


def _shows(schedule: str, wall: datetime) -> bool:
    _, _, day, _, weekday = schedule.split()
    values = (wall.minute, wall.hour, wall.day, wall.month, wall.isoweekday() % 7)
    fits = [
        value in _values(text, allowed)
        for text, allowed, value in zip(schedule.split(), FIELDS, values, strict=True)
    ]
    both = day.startswith("*") or weekday.startswith("*")
    on_day = fits[2] and fits[4] if both else fits[2] or fits[4]
    return fits[0] and fits[1] and fits[3] and on_day


def _values(text: str, allowed: range) -> set[int]:
    found: set[int] = set()
    for part in text.split(","):
        span, _, step = part.partition("/")
        first, _, last = span.partition("-")
        low, high = (allowed[0], allowed[-1]) if span == "*" else (int(first), int(last or first))
        found |= set(range(low, high + 1, int(step or 1)))
    return found
