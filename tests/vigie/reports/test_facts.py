"""What a report says, and that the same ledger says the same, byte for byte, in every format."""

import csv
import io
import json
import re
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import numpy as np
import pytest

from slo.calendar import Calendar, Unit, named
from slo.exclusions import MaintenanceWindow
from slo.ledger import Row
from slo.outages import Outage
from slo.promql import compile_events
from slo.spec import (
    Budgeting,
    CountingSli,
    Excluded,
    Method,
    Policy,
    RatioKind,
    Service,
    Slo,
)
from vigie.config import Config, Watch
from vigie.reports.facts import Object, facts
from vigie.reports.read import figures_of, read
from vigie.reports.shown import ReportFormat, events, lasting, percent, shown
from vigie.store import exclusions, outages
from vigie.store.db import Database
from vigie.store.ledger import sli_ids, write_slices

ZONE = "Europe/Paris"
DAY, _END = named("2026-10-17", ZONE)  # a Saturday
FIRST = int(DAY // 60)
SLI = CountingSli(RatioKind.BAD, compile_events('sum(e{code="500"})'), compile_events("sum(e)"))
NASTY = 'probe | was <b onclick="x">wrong</b>'


def config() -> Config:
    monthly = Calendar(1, Unit.MONTH, datetime(2026, 1, 1), ZONE)  # noqa: DTZ001 - wall clock
    events_ = Slo("shop", "answers", 0.99, 2_592_000.0, SLI, calendar=monthly)
    slices = replace(
        events_, name="slices", budgeting=Budgeting(Method.TIMESLICES, 0.9, 300.0), calendar=None
    )
    start = datetime(2026, 10, 3, 22)  # noqa: DTZ001 - wall clock
    upgrade = MaintenanceWindow(
        "db", ("shop",), (), {}, start, 3600.0, ZONE, "FREQ=WEEKLY;BYDAY=SA", "team-shop", "upgrade"
    )  # fmt: skip
    watches = {one.id: Watch(one, Policy("p"), ()) for one in (events_, slices)}
    services = {"shop": Service("shop"), "idle": Service("idle")}
    return Config(services, watches, {}, {}, (), maintenance=(upgrade,))


@pytest.fixture
def filled(db: Database) -> Database:
    """A day of 10 events a minute; all failed from 22:00 to 22:10 and, for an hour, half of them
    from 08:00.
    """
    rows = []
    for minute in range(24 * 60):
        bad = 10 if 22 * 60 <= minute < 22 * 60 + 10 else 5 if 8 * 60 <= minute < 9 * 60 else 0
        good, total = np.array([10 - bad]), np.array([10])
        rows.append(Row(60, (FIRST + minute) * 60, 1, good, total, np.array([60_000_000])))
    db.write(lambda c: write_slices(c, rows, sli_ids(c, [SLI.fingerprint(10)])))
    down = [
        Outage("shop", DAY + 8 * 3600, DAY + 9 * 3600),
        Outage("shop", DAY + 22 * 3600, DAY + 22 * 3600 + 600),
    ]
    db.write(lambda c: outages.write(c, down))
    wrong = Excluded("shop", "", DAY + 8 * 3600, DAY + 8 * 3600 + 1200, NASTY, "ada", planned=False)
    db.write(lambda c: exclusions.add(c, wrong, {}, _END))
    return db


def said(db: Database, folder: Path | None = None, at: float | None = None) -> Object:
    report = db.read(lambda c: read(c, config(), DAY, _END, slice_s=10, folder=folder, at=at))
    return facts(report, "2026-10-17", ZONE)


def test_the_statement_of_a_day_worked_out_by_hand(filled: Database) -> None:
    whole = said(filled)
    idle, shop = whole["services"]
    assert (idle["service"], idle["availability"], idle["slos"]) == ("idle", None, [])
    # Down for 70 min; 10 of them were planned and 20 are corrected: 40 of 1360 count.
    assert shop["downtime_seconds"] == 4200
    assert (shop["downtime_planned_seconds"], shop["downtime_corrected_seconds"]) == (600, 1200)
    assert shop["availability"] == pytest.approx(1 - 40 / (1440 - 60 - 20))
    assert shop["availability_without_exclusions"] == pytest.approx(1 - 70 / 1440)
    assert (shop["mttr_seconds"], shop["mtbf_seconds"]) == (2400, (1360 - 40) * 60)
    answers, slices = shop["slos"]
    assert (answers["total"], answers["bad"]) == (14_400 - 600 - 200, 200)
    raw = answers["without_exclusions"]
    assert (raw["total"], raw["bad"]) == (14_400, 400)
    assert answers["budget_remaining"] == pytest.approx(1 - 200 / 136)
    taken = {(x["kind"], x["by"]): (x["good"], x["total"]) for x in answers["exclusions"]}
    assert taken == {("maintenance", "team-shop"): (500, 600), ("correction", "ada"): (100, 200)}
    assert (answers["low_seconds"], answers["low_spells"]) == (600, 1)  # half is not under half
    assert (slices["good"], slices["total"]) == (1360 / 5 - 8, 1360 / 5)
    window = answers["calendar_window"]
    assert (window["from"][:10], window["to"][:10]) == ("2026-10-01", "2026-11-01")
    assert slices["calendar_window"] is None


def test_the_same_ledger_gives_the_same_bytes_in_every_format(
    filled: Database, tmp_path: Path
) -> None:
    first, folder = said(filled), tmp_path / "history"
    for again in (said(filled, folder), said(filled, folder)):
        for output in ReportFormat:
            assert shown(again, output) == shown(first, output)


def test_the_digest_is_of_the_figures(filled: Database) -> None:
    before = said(filled)
    late = Row(60, FIRST * 60, 2, np.array([9]), np.array([10]), np.array([60_000_000]))
    filled.write(lambda c: write_slices(c, [late], sli_ids(c, [SLI.fingerprint(10)])))
    after = said(filled)
    assert re.fullmatch("[0-9a-f]{64}", before["sha256"])
    assert before["sha256"] != after["sha256"]


def test_what_is_known_ends_with_the_ledger_unless_a_time_is_given(filled: Database) -> None:
    assert said(filled)["period"]["complete"] is True
    noon = said(filled, at=DAY + 12 * 3600)
    assert (noon["period"]["complete"], noon["period"]["until"][11:16]) == (False, "12:00")
    assert noon["services"][1]["slos"][0]["without_exclusions"]["total"] == 7200


def test_an_exclusion_is_recorded_with_exactly_what_it_takes_out(filled: Database) -> None:
    watches = list(config().watches.values())
    first, last = FIRST + 22 * 60, FIRST + 22 * 60 + 20
    found = filled.read(lambda c: figures_of(c, watches, first, last, slice_s=10))
    assert found == {"shop/answers": (100, 200), "shop/slices": (2, 4)}


def test_html_is_one_file_that_loads_nothing_and_takes_no_markup_from_people(
    filled: Database,
) -> None:
    page = shown(said(filled), ReportFormat.HTML)
    assert "&lt;b onclick=" in page
    assert "<b " not in page
    assert not re.search(r"(src|href)=|@import|url\(|<script|<link", page)
    assert said(filled)["sha256"] in page


def test_markdown_keeps_what_people_wrote_inside_its_cell(filled: Database) -> None:
    text = shown(said(filled), ReportFormat.MD)
    (line,) = [row for row in text.splitlines() if "answers | correction" in row]
    assert r"probe \| was \<b onclick" in line
    assert len(re.findall(r"(?<!\\)\|", line)) == 9


def test_csv_has_a_row_an_slo_and_no_formula(filled: Database) -> None:
    whole = said(filled)
    whole["services"][1]["slos"][0]["slo"] = "=cmd()"
    rows = list(csv.DictReader(io.StringIO(shown(whole, ReportFormat.CSV))))
    assert [row["slo"] for row in rows] == ["'=cmd()", "slices"]
    assert (rows[0]["total"], rows[0]["excluded_events"]) == ("13600", "800")
    assert {row["sha256"] for row in rows} == {whole["sha256"]}


def test_json_is_the_facts(filled: Database) -> None:
    assert json.loads(shown(said(filled), ReportFormat.JSON)) == said(filled)


@pytest.mark.parametrize(
    ("ratio", "text"),
    [(0.999512, "99.9512 %"), (1.0, "100 %"), (-0.5, "-50 %"), (None, "n/a"), (-1e-9, "0 %")],
)
def test_ratios_are_shown_in_percent(ratio: float | None, text: str) -> None:
    assert percent(ratio) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0 s"), (59.6, "1 min"), (2592, "43 min 12 s"), (93_784, "1 d 2 h"), (None, "n/a")],
)
def test_times_are_shown_in_their_two_largest_units(seconds: float | None, text: str) -> None:
    assert lasting(seconds) == text


@pytest.mark.parametrize(
    ("number", "text"), [(1234567, "1,234,567"), (0.5, "0.5"), (1440.0, "1,440"), (None, "n/a")]
)
def test_events_are_grouped_by_thousands(number: float | None, text: str) -> None:
    assert events(number) == text
