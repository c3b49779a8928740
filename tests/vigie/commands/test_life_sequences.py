"""Any sequence of commands: no illegal state, no time out of order, no word lost or too many."""

from collections.abc import Callable
from dataclasses import replace
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from blank import blank_database
from incidents import lifecycle
from incidents.model import IncidentState, IncidentType, Severity, Signal, Urgency
from incidents.types import Closing, SubStatus, TypeRules, Types
from vigie.commands import acknowledge, resolve
from vigie.commands.closing import close
from vigie.commands.errors import CommandError
from vigie.commands.reopening import confirm, reopen
from vigie.commands.status import cancel, set_status
from vigie.commands.tiers import escalate
from vigie.config import Config
from vigie.store import incidents, timeline
from vigie.store.db import Database, open_database

S = IncidentState
NOW = 1_790_000_000.0
RULES = TypeRules(
    "slo-burn",
    statuses=(SubStatus("vendor", "Vendor", "identified"), SubStatus("told", "Told", "resolved")),
    closing=Closing(review=()),
    reopen_within_s=500.0,
)
CONFIG = replace(Config({}, {}, {}, {}, ()), types=Types({"slo-burn": RULES}))
SIGNAL = Signal(
    key="slo-burn:a/b",
    type=IncidentType.SLO_BURN,
    service="a",
    slo="b",
    title="a/b burns",
    urgency=Urgency.HIGH,
    severity=Severity.SEV3,
    started_at=NOW - 60,
    firing=True,
    clear=False,
    recover_after_s=120.0,
)
WORDS = st.sampled_from([None, "", "vendor", "told", "nonsense"])
STATUS = st.tuples(st.just("status"), st.one_of(st.none(), st.sampled_from(S)), WORDS)
TIER = st.tuples(st.just("escalate"), st.integers(0, 4))
CONFIRM = st.tuples(st.just("confirm"), st.booleans())
# What ends everything comes seldom, what leads on often.
VERBS = ["acknowledge", "cancel", *2 * ["close"], *3 * ["resolve"], *3 * ["reopen"]]
PLAIN = st.sampled_from(VERBS).map(lambda verb: (verb,))
ONWARD = st.sampled_from([S.INVESTIGATING, S.IDENTIFIED, S.MITIGATED, S.REVIEW])
MOVE = st.tuples(st.just("status"), ONWARD, st.none())
# A clock that is set back now and then.
CALL = st.one_of(STATUS, TIER, CONFIRM, MOVE, MOVE, PLAIN, PLAIN)
CALLS = st.lists(st.tuples(CALL, st.sampled_from([-40, -40, 0, 30, 300])), min_size=6, max_size=20)
KEYS = count()
ORDERED = (
    ("started_at", "opened_at"),
    ("started_at", "mitigated_at"),
    ("started_at", "recovered_at"),
    ("opened_at", "acknowledged_at"),
    ("opened_at", "resolved_at"),
    ("mitigated_at", "resolved_at"),
    ("resolved_at", "closed_at"),
    ("resolved_at", "confirmed_at"),
)


def call(db: Database, number: int, what: tuple[Any, ...], now: float) -> None:
    by: dict[str, Any] = {"actor": "ann", "now": now}
    verb, *rest = what
    do: dict[str, Callable[[], Any]] = {
        "status": lambda: set_status(
            db, CONFIG, number, state=rest[0], sub_status=rest[1], reason="r", **by
        ),
        "escalate": lambda: escalate(db, CONFIG, number, rest[0], reason="r", **by),
        "confirm": lambda: confirm(db, CONFIG, number, over=rest[0], words="w", **by),
        "acknowledge": lambda: acknowledge(db, CONFIG, number, "ann", now),
        "resolve": lambda: resolve(db, CONFIG, number, "ann", "r", now),
        "cancel": lambda: cancel(db, CONFIG, number, reason="r", **by),
        "close": lambda: close(db, CONFIG, number, reason="r", roles=None, **by),
        "reopen": lambda: reopen(db, CONFIG, number, reason="r", **by),
    }
    do[verb]()


def check(before: Any, after: Any) -> None:
    state = S(after["state"])
    assert lifecycle.allowed(S(before["state"]), state)
    assert (after["open_key"] is not None) is lifecycle.is_open(state)
    for earlier, later in ORDERED:
        if after[earlier] is not None and after[later] is not None:
            assert after[earlier] <= after[later], (earlier, later)
    assert (after["resolved_at"] is not None) is (state in {S.RESOLVED, S.REVIEW, S.CLOSED})
    assert (after["closed_at"] is not None) is (state in {S.CLOSED, S.CANCELLED})
    assert state is not S.MITIGATED or after["mitigated_at"] is not None
    if after["sub_status"] is not None:
        word = RULES.status(after["sub_status"])
        assert word is not None
        assert word.state == state


@settings(
    max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(CALLS)
def run_any_sequence(db: Database, calls: list[tuple[tuple[Any, ...], int]]) -> None:
    signal = replace(SIGNAL, key=f"slo-burn:a/{next(KEYS)}")
    number = db.write(lambda c: incidents.open_incident(c, signal, NOW)) or 0
    assert number
    now = NOW
    for what, passes in calls:
        now += passes
        before = db.read(lambda c: incidents.get(c, number))
        assert before is not None
        try:
            call(db, number, what, now)
            done = True
        except CommandError:
            done = False
        after = db.read(lambda c: incidents.get(c, number))
        assert after is not None
        if not done:
            assert after == before
            continue
        check(before, after)
        added = after["timeline_length"] - before["timeline_length"]
        seen = what == ("acknowledge",) and before["acknowledged_at"] is not None
        assert added == 0 if seen else added >= 1
    assert db.read(timeline.verify).good


def test_no_sequence_of_commands_breaks_the_record() -> None:
    with TemporaryDirectory() as folder:
        db = open_database(blank_database(Path(folder)))
        try:
            run_any_sequence(db)
        finally:
            db.close()
