"""What people do to the review of an incident, on a real database."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from blank import blank_database
from fleet import CONFIG as FLEET
from fleet import burn_signal
from incidents.model import Severity
from incidents.review import OUTDATED
from incidents.tasks import TaskKind, TaskSource
from incidents.types import Closing, Section, Taxonomy, TypeRules, Types
from vigie.commands import closing, reopening, resolve, restrict, reviews, tasks
from vigie.commands.errors import Conflict, Invalid, NotFound, Unready
from vigie.commands.reviews import Overtaken
from vigie.store import incidents, timeline
from vigie.store import reviews as store
from vigie.store.db import Database, open_database
from vigie.views.review import drafted_of

NOW = 1_790_000_000.0
CONFIG = replace(FLEET, types=Types({}, Taxonomy(causes=("deploy", "load"))))
WORDS = {
    "root_cause": "deploy",
    "factors": ["no canary"],
    "went_well": "The page came **at once**.",
    "went_badly": "The rollback took long.",
}


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.system)])
def db(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    on_disk = request.param == "sqlite"
    url = blank_database(tmp_path) if on_disk else request.getfixturevalue("postgres_url")
    db = open_database(url)
    yield db
    db.close()


@pytest.fixture
def number(db: Database) -> int:
    """A SEV1 that is over."""
    signal = replace(burn_signal(), severity=Severity.SEV1)
    number = db.write(lambda c: incidents.open_incident(c, signal, NOW - 60))
    assert number is not None
    resolve(db, CONFIG, number, "ann", "rolled back", NOW - 10)
    return number


def do(db: Database, verb: str, number: int, *given: Any, **more: Any) -> Any:
    said = {"actor": "ann", "now": NOW, **more}
    return getattr(reviews, verb)(db, CONFIG, number, *given, **said)


def finalize(db: Database, number: int, **more: Any) -> Any:
    return do(db, "finalize", number, drafted=drafted_of(db, number), **more)


def finished(db: Database, number: int) -> None:
    do(db, "start", number)
    do(db, "edit", number, WORDS)
    do(db, "approve", number, actor="bob")
    finalize(db, number)


def close(db: Database, number: int) -> Any:
    said: dict[str, Any] = {"actor": "desk", "reason": "done", "roles": None, "now": NOW + 9}
    return closing.close(db, CONFIG, number, **said)


def said(db: Database, number: int) -> list[str]:
    entries = db.read(lambda c: timeline.read(c, number))
    return [entry["text"] for entry in entries if entry["kind"] == "reviewed"]


def test_a_severe_incident_is_closed_once_its_review_is_final(db: Database, number: int) -> None:
    with pytest.raises(Unready, match="SEV1 needs a final review: it has none"):
        close(db, number)
    assert do(db, "start", number)["state"] == "draft"
    incident = db.read(lambda c: incidents.get(c, number))
    assert incident is not None
    assert incident["state"] == "review"
    with pytest.raises(Unready, match="it is draft"):
        close(db, number)
    with pytest.raises(Conflict, match="set the root cause") as lacks:
        finalize(db, number)
    for point in ("Contributing factors is empty: add one", "What went well is empty: write it"):
        assert point in str(lacks.value)
    assert "approved by 0 of 1: ask a reviewer" in str(lacks.value)
    do(db, "edit", number, WORDS)
    do(db, "ask", number, ["bob"])
    with pytest.raises(Unready, match="it is review"):
        close(db, number)
    do(db, "approve", number, actor="bob")
    final = finalize(db, number)
    assert (final["state"], final["root_cause"], final["final_by"]) == ("final", "deploy", "ann")
    assert "Found by Vigie" in final["sections"]["detection"]
    assert close(db, number)["state"] == "closed"
    assert said(db, number) == [
        "Review begun by ann",
        "Review: ann wrote root_cause, factors, went_well, went_badly",
        "Review: ann asked bob to approve it",
        "Review approved by bob",
        "Review final, said ann",
    ]


def test_the_root_cause_is_the_cause_of_the_record_and_a_word_of_the_taxonomy(
    db: Database, number: int
) -> None:
    do(db, "start", number)
    with pytest.raises(Invalid, match="cause"):
        do(db, "edit", number, {"summary": "x", "root_cause": "gremlins"})
    row = db.read(lambda c: store.get(c, number))
    assert row is not None
    assert row["sections"] == {}  # none of it
    do(db, "edit", number, {"root_cause": "load"})
    incident = db.read(lambda c: incidents.get(c, number))
    assert incident is not None
    assert incident["cause"] == "load"


def test_two_who_write_the_same_are_told_and_different_sections_go_through(
    db: Database, number: int
) -> None:
    seen = do(db, "start", number)["version"]
    do(db, "edit", number, {"summary": "hers"}, actor="ann", seen=seen)
    both = do(db, "edit", number, {"impact": "his"}, actor="bob", seen=seen)
    assert both["sections"] == {"summary": "hers", "impact": "his"}
    with pytest.raises(Overtaken, match="ann changed summary") as refused:
        do(db, "edit", number, {"summary": "his", "lucky": "his"}, actor="bob", seen=seen)
    row = db.read(lambda c: store.get(c, number))
    assert row is not None
    assert row["sections"] == {"summary": "hers", "impact": "his"}
    again = {"actor": "bob", "seen": refused.value.version}
    assert do(db, "edit", number, {"summary": "both"}, **again)["sections"]["summary"] == "both"
    words = [e["data"] for e in db.read(lambda c: timeline.read(c, number))]
    kept = [c["new"] for data in words for c in data.get("changes", ()) if "review." in c["field"]]
    assert kept == ["hers", "his", "both"]  # what was written over still stands


def test_two_without_a_name_are_two_people(db: Database, number: int) -> None:
    seen = do(db, "start", number)["version"]
    do(db, "edit", number, {"summary": "one"}, actor="api", seen=seen)
    with pytest.raises(Overtaken, match="api changed summary"):
        do(db, "edit", number, {"summary": "two"}, actor="api", seen=seen)


def test_an_emptied_section_goes_back_to_the_record(db: Database, number: int) -> None:
    do(db, "start", number)
    do(db, "edit", number, {"summary": "ours"})
    assert do(db, "edit", number, {"summary": " "})["sections"] == {}


def test_whoever_began_it_does_not_approve_it_nor_do_their_tokens(
    db: Database, number: int
) -> None:
    do(db, "start", number)
    for who in ("ann", "Ann", "ann/laptop", "bob (by ann)"):
        with pytest.raises(Conflict, match="ann began the review: somebody else approves it"):
            do(db, "approve", number, actor=who)
    with pytest.raises(Conflict, match="somebody else"):
        do(db, "approve", number, told_apart=False)
    with pytest.raises(Invalid, match="somebody else"):
        do(db, "ask", number, ["ann"])


def test_nobody_named_is_taken_at_their_word_where_nobody_is_told_apart(
    db: Database, number: int
) -> None:
    do(db, "start", number, actor="api")
    with pytest.raises(Conflict):
        do(db, "approve", number, actor="api")
    assert do(db, "approve", number, actor="api", told_apart=False)["state"] == "review"


def test_a_change_withdraws_what_was_approved_before(db: Database, number: int) -> None:
    do(db, "start", number)
    do(db, "edit", number, WORDS)
    do(db, "approve", number, actor="bob")
    row = do(db, "edit", number, {"summary": "another story"})
    assert [one["approved_at"] for one in row["reviewers"]] == [None]
    assert said(db, number)[-1].endswith("wrote summary; withdrawn: the approval of bob")
    with pytest.raises(Conflict, match="approved by 0 of 1"):
        finalize(db, number)
    unchanged = do(db, "edit", number, {"summary": "another story"})
    assert unchanged["version"] == row["version"]


def test_what_is_final_changes_only_when_it_is_opened_again(db: Database, number: int) -> None:
    finished(db, number)
    for verb, given in (("edit", [{"summary": "x"}]), ("ask", [["cy"]]), ("approve", [])):
        with pytest.raises(Conflict, match="is final: open it again"):
            do(db, verb, number, *given, actor="cy")
    with pytest.raises(Conflict, match="is final"):
        finalize(db, number)
    row = do(db, "reopen", number, reason="a new trace", actor="cy")
    assert (row["state"], row["reopened"], row["final_at"]) == ("draft", 1, None)
    assert set(row["sections"]) == {"went_well", "went_badly"}  # the rest is the record's again
    assert [one["approved_at"] for one in row["reviewers"]] == [None]
    with pytest.raises(Conflict, match="draft already"):
        do(db, "reopen", number, reason="again")
    with pytest.raises(Unready, match="it is draft"):
        close(db, number)


def test_a_review_from_before_it_was_opened_again_does_not_close_it(
    db: Database, number: int
) -> None:
    finished(db, number)
    reopening.reopen(db, CONFIG, number, actor="ann", reason="it is back", now=NOW + 1)
    assert db.read(lambda c: store.state_of(c, number)) == OUTDATED
    resolve(db, CONFIG, number, "ann", "really", NOW + 5)
    with pytest.raises(Unready, match="it is from before it was opened again"):
        close(db, number)


def test_every_action_has_an_owner_before_it_is_final(db: Database, number: int) -> None:
    do(db, "start", number)
    do(db, "edit", number, WORDS)
    do(db, "approve", number, actor="bob")
    more: dict[str, Any] = {"actor": "ann", "now": NOW, "source": TaskSource.REVIEW}
    tasks.add(db, CONFIG, number, "cap retries", kind=TaskKind.PREVENT, **more)
    with pytest.raises(Conflict, match="action 1 has no owner"):
        finalize(db, number)
    tasks.drop(db, number, 1, actor="ann", reason="moot", now=NOW)
    assert finalize(db, number)["state"] == "final"


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({}, "name a section"),
        ({"sumary": "x"}, "no section `sumary`; did you mean `summary`"),
        ({"actions": "x"}, "no section `actions`"),
        ({"summary": "x" * 20_001}, "20001 characters"),
        ({"whys": ["why"] * 6}, "at most 5 lines, not 6"),
        ({"whys": "a\nb\nc\nd\ne\nf"}, "at most 5 lines, not 6"),
        ({"factors": ["a\x07"]}, "factors holds"),
        ({"factors": ["x" * 501]}, "501 characters"),
    ],
)
def test_what_cannot_be_is_refused_by_name_and_nothing_is_written(
    db: Database, number: int, changes: dict[str, Any], problem: str
) -> None:
    before = do(db, "start", number)
    with pytest.raises(Invalid, match=problem):
        do(db, "edit", number, changes)
    assert db.read(lambda c: store.get(c, number)) == before


def test_the_same_key_does_it_once(db: Database, number: int) -> None:
    first = do(db, "start", number, key="a")
    assert do(db, "start", number, key="a") == first
    do(db, "edit", number, {"summary": "x"}, key="b")
    assert do(db, "edit", number, {"summary": "y"}, key="b")["sections"] == {"summary": "x"}
    with pytest.raises(Conflict, match="has a review, begun by ann"):
        do(db, "start", number)


def test_a_review_begins_when_the_incident_is_over(db: Database) -> None:
    number = db.write(lambda c: incidents.open_incident(c, burn_signal(), NOW - 60))
    assert number is not None
    with pytest.raises(Conflict, match="begins when it is over"):
        do(db, "start", number)
    for missing in (number, 9_999):
        with pytest.raises(NotFound):
            do(db, "approve", missing)
    resolve(db, CONFIG, number, "ann", "over", NOW)  # no other test finds it open


def test_a_reviewer_of_a_restricted_incident_is_on_it(db: Database, number: int) -> None:
    do(db, "start", number)
    restrict.restrict(db, CONFIG, number, actor="ann", reason="security", now=NOW)
    with pytest.raises(Invalid, match="let bob in before you ask them"):
        do(db, "ask", number, ["bob"])


def test_a_type_has_a_template_of_its_own(db: Database, number: int) -> None:
    rules = TypeRules(
        "slo-burn",
        review=(Section("lessons", "Lessons", required=True),),
        closing=Closing(review=()),
    )
    config = replace(CONFIG, types=Types({"slo-burn": rules}))
    given: dict[str, Any] = {"actor": "ann", "now": NOW}
    reviews.start(db, config, number, **given)
    with pytest.raises(Conflict, match="not done: Lessons is empty: write it; set the root cause"):
        reviews.finalize(db, config, number, drafted={}, **given)
    reviews.edit(db, config, number, {"lessons": "canary", "root_cause": "anything"}, **given)
    assert reviews.finalize(db, config, number, drafted={}, **given)["state"] == "final"
