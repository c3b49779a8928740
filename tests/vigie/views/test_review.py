"""The review of an incident as it is drafted from its record."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from collectors.changes import Change, Kind, Status
from fleet import T0, Fleet, burn_signal
from incidents.people import Part
from incidents.review import template
from incidents.review_draft import drafted, offered, trigger
from incidents.types import TypeRules
from vigie.commands import acknowledge, comment, people, resolve, reviews, tasks
from vigie.commands.timeline import correct
from vigie.store import changes
from vigie.store.visibility import EVERYTHING
from vigie.views.records import recorded
from vigie.views.review import ReviewFormat, document, review
from vigie.views.reviews import page

GOLDEN = Path(__file__).parent / "golden"
DEPLOY = Change(
    "gh", "1", "checkout v2", Kind.DEPLOY, Status.SUCCEEDED, T0 - 1200, T0 - 900, T0 - 900,
    services=("checkout",), actor="ci",
)  # fmt: skip
AFTER = replace(DEPLOY, id="2", title="after", started_at=T0 - 30, finished_at=T0 - 20)


def lived(fleet: Fleet) -> int:
    """An incident with a whole life: a trigger, pages, a run, people, words, a correction."""
    config, db = fleet.board.now.config, fleet.db
    for told in (DEPLOY, AFTER):
        db.write(lambda c, told=told: changes.record(c, told, T0))
    number: int = fleet.open()
    fleet.tell(number)
    acknowledge(db, config, number, "ada", T0 - 400)
    people.take(db, config, number, Part.INCIDENT_MANAGER, actor="ada", now=T0 - 390)
    comment(db, config, number, "rolled back <b>v2</b> `@all`", actor="ada", now=T0 - 300)
    correct(db, number, 4, actor="ada", text="v3, not v2", reason="typo", now=T0 - 200)
    resolve(db, config, number, "ada", "rolled back", T0)
    return number


def whole(fleet: Fleet, number: int) -> dict[str, Any]:
    found = review(fleet.db, fleet.board.now.config, number, T0)
    assert found is not None
    return found


@pytest.mark.parametrize("output", [ReviewFormat.MARKDOWN, ReviewFormat.YAML])
def test_a_draft_is_written_like_this(
    fleet: Fleet, output: ReviewFormat, golden: Callable[[Path, str], None]
) -> None:
    number = lived(fleet)
    config, db = fleet.board.now.config, fleet.db
    reviews.start(db, config, number, actor="ada", now=T0)
    made = document(whole(fleet, number), output)
    assert made == document(whole(fleet, number), output)
    golden(GOLDEN / f"review-draft.{'md' if output is ReviewFormat.MARKDOWN else 'yaml'}", made)


def test_the_likely_trigger_is_the_last_change_that_was_over_before_it_began(fleet: Fleet) -> None:
    facts = recorded(fleet.db, lived(fleet))
    assert facts is not None
    found = trigger(facts)
    assert found is not None
    assert found["title"] == "checkout v2"
    later = [{**one, "finished_at": None} for one in facts["changes"]]
    assert trigger({**facts, "changes": later}) is None
    assert offered(facts)["root_cause"] == ["the last change before it began: deploy checkout v2"]


def test_what_nobody_measured_is_unknown_and_not_nothing(fleet: Fleet) -> None:
    facts = recorded(fleet.db, fleet.open())
    assert facts is not None
    text = drafted(facts)["impact"]
    for what in ("Error budget burned", "Bad events", "Share of traffic", "Users affected"):
        assert f"- {what}: unknown" in text
    measured = {"budget_burned": 0.123, "bad_events": 1234, "users_affected": 0}
    row = {**facts["incident"], **measured}
    text = drafted({**facts, "incident": row, "impact": {"window": "30d", "total": 9000.0}})[
        "impact"
    ]
    assert "- Error budget burned: 12.3 % of the 30d budget" in text
    assert "- Bad events: 1,234 of 9,000" in text
    assert "- Users affected: 0" in text


def test_what_was_met_and_missed_is_offered_on_its_side(fleet: Fleet) -> None:
    facts = recorded(fleet.db, lived(fleet))
    assert facts is not None
    due = {"response_due_at": "2026-10-01T12:00:00.000Z", "response_met": False}
    row = {**facts["incident"], **due, "detected_by": "person", "traffic_share": 0.25}
    found = offered({**facts, "incident": row})
    assert "the response target (2026-10-01 12:00:00 UTC) was missed" in found["went_badly"]
    assert "a person had to report it: no measurement found it" in found["went_badly"]
    assert "1 of 2 deliveries failed" in found["went_badly"]
    assert "75.0 % of the traffic was spared" in found["lucky"]
    assert any(said.startswith("the runbook") for said in found["went_well"])


def test_a_section_that_nobody_wrote_follows_the_record_until_it_is_final(fleet: Fleet) -> None:
    number = lived(fleet)
    config, db = fleet.board.now.config, fleet.db
    given: dict[str, Any] = {"actor": "ada", "now": T0}
    reviews.start(db, config, number, **given)
    reviews.edit(db, config, number, {"summary": "ours"}, **given)
    comment(db, config, number, "late words", actor="cy", now=T0 - 0.0)
    texts = {one["name"]: one["text"] for one in whole(fleet, number)["sections"]}
    assert texts["summary"] == "ours"
    assert "late words" in texts["timeline"]
    said = {"root_cause": "deploy", "factors": "f", "went_well": "w", "went_badly": "b"}
    reviews.edit(db, config, number, said, **given)
    reviews.approve(db, config, number, actor="bob", now=T0)
    facts = recorded(db, number)
    assert facts is not None
    reviews.finalize(db, config, number, drafted=drafted(facts), **given)
    before = document(whole(fleet, number), ReviewFormat.YAML)
    tasks.add(db, config, number, "of the day", **given)
    comment(db, config, number, "later words", actor="cy", now=T0 - 0.0)
    assert document(whole(fleet, number), ReviewFormat.YAML) == before


def test_words_of_an_earlier_template_still_show(fleet: Fleet) -> None:
    number = lived(fleet)
    config, db = fleet.board.now.config, fleet.db
    given: dict[str, Any] = {"actor": "ada", "now": T0}
    reviews.start(db, config, number, **given)
    reviews.edit(db, config, number, {"lucky": "it was night"}, **given)
    rules = TypeRules("slo-burn", review=template(TypeRules(""))[:2])
    types = config.types._replace(rules={"slo-burn": rules})
    found = review(db, replace(config, types=types), number, T0)
    assert found is not None
    names = [one["name"] for one in found["sections"]]
    assert names == ["summary", "impact", "root_cause", "actions", "lucky"]


def test_reviews_are_listed_a_page_at_a_time(fleet: Fleet) -> None:
    config, db = fleet.board.now.config, fleet.db
    for service in ("checkout", "frontend", "payments"):
        number = fleet.open(burn_signal(service))
        resolve(db, config, number, "ada", "done", T0)
        reviews.start(db, config, number, actor="ada", now=T0)
    first = page(db, viewer=EVERYTHING, limit=2)
    rest = page(db, viewer=EVERYTHING, limit=2, cursor=int(first["next"]))
    assert [one["incident"] for one in (*first["items"], *rest["items"])] == [3, 2, 1]
    assert rest["next"] is None
