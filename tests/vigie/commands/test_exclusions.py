"""Corrections by people: of the past, with a reason, recorded with what they take out."""

from typing import Any

import numpy as np
import pytest

from slo.ledger import Row
from vigie.commands.errors import Conflict, Invalid, NotFound
from vigie.commands.exclusions import MAX_LENGTH_S, correct, put_back
from vigie.config import Config
from vigie.store import exclusions
from vigie.store.db import Database
from vigie.store.exclusions import Stored
from vigie.store.ledger import sli_ids, write_slices
from world import T0, config_for

START = float(T0 // 60 * 60)


@pytest.fixture
def config() -> Config:
    return config_for(1)


@pytest.fixture
def filled(db: Database, config: Config) -> Database:
    """An hour of 10 events a minute, one of them bad."""
    (watch,) = config.watches.values()
    rows = [
        Row(60, int(START) + 60 * m, 1, np.array([9]), np.array([10]), np.array([60_000_000]))
        for m in range(60)
    ]
    db.write(lambda c: write_slices(c, rows, sli_ids(c, [watch.slo.sli.fingerprint(10)])))
    return db


def say(db: Database, config: Config, **changes: Any) -> Stored:
    said: dict[str, Any] = {
        "service": "shop",
        "slo": "availability",
        "start": START + 600,
        "end": START + 1200,
        "actor": "ada",
        "reason": "the probe was wrong",
        "slice_s": 10,
        "now": START + 7200,
        **changes,
    }
    return correct(db, config, **said)


def test_a_correction_is_recorded_with_exactly_what_it_takes_out(
    filled: Database, config: Config
) -> None:
    stored = say(filled, config)
    assert stored.figures == {"shop/availability": (90, 100)}
    assert (stored.excluded.author, stored.excluded.planned) == ("ada", False)
    assert filled.read(exclusions.read) == [stored]


def test_its_edges_are_the_nearest_minutes(filled: Database, config: Config) -> None:
    stored = say(filled, config, start=START + 631, end=START + 1171)
    assert (stored.excluded.start, stored.excluded.end) == (START + 660, START + 1200)
    assert stored.figures == {"shop/availability": (81, 90)}


def test_one_of_a_service_is_of_all_its_slos(filled: Database, config: Config) -> None:
    stored = say(filled, config, slo="")
    assert stored.excluded.slo == ""
    assert stored.figures == {"shop/availability": (90, 100)}


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"service": "shpo"}, NotFound, "no service `shpo`"),
        ({"slo": "latency"}, NotFound, "no SLO `shop/latency`"),
        ({"actor": " "}, Invalid, "the name is empty"),
        ({"reason": ""}, Invalid, "the reason is empty"),
        ({"end": START + 600}, Invalid, "no whole minute"),
        ({"end": START + 599}, Invalid, "no whole minute"),
        ({"start": START - MAX_LENGTH_S}, Invalid, "longer than 35 days"),
        ({"end": START + 7300, "start": START + 7000}, Invalid, "MaintenanceWindow"),
    ],
)
def test_what_cannot_be_corrected_is_refused_and_leaves_nothing(
    filled: Database,
    config: Config,
    changes: dict[str, object],
    error: type[Exception],
    message: str,
) -> None:
    with pytest.raises(error, match=message):
        say(filled, config, **changes)
    assert filled.read(lambda c: exclusions.read(c, removed=True)) == []


def test_sent_twice_under_one_key_it_is_recorded_once(filled: Database, config: Config) -> None:
    assert say(filled, config, key="k") == say(filled, config, key="k")


def test_what_is_put_back_counts_again_once(filled: Database, config: Config) -> None:
    number = say(filled, config).id
    back = put_back(filled, number, actor="bob", reason="it was right", now=START + 8000)
    assert (back.removed_by, back.removed_for, back.removed_at) == (
        "bob", "it was right", START + 8000,
    )  # fmt: skip
    assert filled.read(exclusions.read) == []
    with pytest.raises(Conflict, match="removed already by bob"):
        put_back(filled, number, actor="eve", reason="too", now=START + 9000)
    with pytest.raises(NotFound, match="no correction 99"):
        put_back(filled, 99, actor="eve", reason="too", now=START + 9000)
