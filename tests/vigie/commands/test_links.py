"""Links of incidents, on a real database."""

from dataclasses import replace
from typing import Any

import pytest

from collectors import changes as collected
from incidents.links import MOST, LinkKind, Unfit, web_address
from incidents.model import IncidentType, Severity, Signal, Urgency
from runbooks.model import Match, Mode, Runbook, Step, StepKind
from vigie.commands.errors import Conflict, Invalid, NotFound
from vigie.commands.links import link, unlink
from vigie.commands.record import change
from vigie.config import Config
from vigie.store import changes, incidents, runs, timeline
from vigie.store.db import Database
from vigie.store.visibility import EVERYTHING, Viewer
from vigie.views import links as views

NOW = 1_790_000_000.0
CONFIG = Config({}, {}, {}, {}, ())
TRACES = "https://traces.example/{trace_id}"
TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
TICKET = "https://tickets.example/T-1?a=b"
SIGNAL = Signal(
    key="k",
    type=IncidentType.NO_DATA,
    service="checkout",
    slo="",
    title="silent",
    urgency=Urgency.LOW,
    severity=Severity.SEV3,
    started_at=NOW - 60,
    firing=True,
    clear=False,
    recover_after_s=60.0,
)
DEPLOY = collected.Change(
    "ci", "1", "deploy 7", collected.Kind.DEPLOY, collected.Status.SUCCEEDED, NOW, NOW, NOW,
    services=("checkout",), url="https://ci.example/7",
)  # fmt: skip


@pytest.fixture
def db(db: Database) -> Database:
    for key in "abc":
        signal = replace(SIGNAL, key=key, title=f"silent {key}")
        assert db.write(lambda c, s=signal: incidents.open_incident(c, s, NOW - 9))
    db.write(lambda c: changes.record(c, DEPLOY, NOW))
    book = Runbook("look", "Look", Match(), Mode.SUGGEST, (Step("a", StepKind.MANUAL, "A"),))
    db.write(lambda c: runs.start(c, 3, book, NOW))
    return db


def put(db: Database, number: int, kind: LinkKind, to: Any, title: str = "", **more: Any) -> Any:
    about = {"viewer": EVERYTHING, "actor": "ann", "now": NOW, **more}
    return link(db, CONFIG, number, kind, to=str(to), title=title, **about)


def seen(db: Database, number: int, viewer: Viewer = EVERYTHING) -> list[tuple[Any, ...]]:
    found = views.of_incident(db, number, viewer=viewer, traces_url=TRACES)
    assert found is not None
    return [(one["words"], one["ref"], one["title"], one["url"]) for one in found["items"]]


def said(db: Database, number: int) -> list[tuple[str, str]]:
    return [(e["kind"], e["text"]) for e in db.read(lambda c: timeline.read(c, number))][1:]


@pytest.mark.parametrize(
    ("kind", "there", "back"),
    [
        (LinkKind.RELATED, "related to", "related to"),
        (LinkKind.DUPLICATE_OF, "duplicate of", "duplicated by"),
        (LinkKind.CAUSED_BY, "caused by", "cause of"),
    ],
)
def test_a_link_between_incidents_is_seen_from_both_ends(
    db: Database, kind: LinkKind, there: str, back: str
) -> None:
    put(db, 2, kind, "#1")
    assert seen(db, 2) == [(there, "1", "silent a", "/incidents/1")]
    assert seen(db, 1) == [(back, "2", "silent b", "/incidents/2")]
    assert said(db, 2) == [("linked", f"Linked: {there} #1")]
    assert said(db, 1) == [("linked", f"Linked: {back} #2")]
    put(db, 1, kind, 2)
    assert len(seen(db, 1)) == 1
    unlink(db, CONFIG, 1, 1, actor="bob", now=NOW + 1)
    unlink(db, CONFIG, 2, 1, actor="bob", now=NOW + 2)
    assert (seen(db, 1), seen(db, 2)) == ([], [])
    assert [said(db, n)[-1][0] for n in (1, 2)] == ["unlinked", "unlinked"]
    put(db, 2, kind, 1)
    assert len(seen(db, 1)) == 1


@pytest.mark.parametrize(
    ("kind", "to", "title", "shown"),
    [
        (LinkKind.CHANGE, 1, "", ("change", "1", "deploy 7", "https://ci.example/7")),
        (LinkKind.RUN, "1", "", ("run", "1", "look", "/incidents/3")),
        (
            LinkKind.TRACE,
            TRACE.upper(),
            "",
            ("trace", TRACE, "", f"https://traces.example/{TRACE}"),
        ),
        (LinkKind.TICKET, f" {TICKET}", "T-1", ("ticket", TICKET, "T-1", TICKET)),
    ],
)
def test_a_link_to_what_is_outside(
    db: Database, kind: LinkKind, to: Any, title: str, shown: Any
) -> None:
    put(db, 1, kind, to, title, key="k")
    put(db, 1, kind, to, title, key="k")
    assert seen(db, 1) == [shown]
    assert len(said(db, 1)) == 1


@pytest.mark.parametrize(
    ("kind", "to", "title", "error", "message"),
    [
        (LinkKind.RELATED, 1, "", Invalid, "with itself"),
        (LinkKind.RELATED, 9, "", NotFound, "no incident #9"),
        (LinkKind.RELATED, "x", "", Invalid, "no number"),
        (LinkKind.RELATED, "9" * 16, "", Invalid, "no number that is given"),
        (LinkKind.CHANGE, 9, "", NotFound, "no change 9"),
        (LinkKind.RUN, 9, "", NotFound, "no run 9"),
        (LinkKind.TRACE, "zz", "", Invalid, "no trace id"),
        (LinkKind.TRACE, "0" * 32, "", Invalid, "no trace id"),
        (LinkKind.TICKET, TICKET, " ", Invalid, "needs a title"),
        (LinkKind.TICKET, "javascript:alert(1)", "x", Invalid, "does not begin with https"),
    ],
)
def test_what_leads_nowhere_is_refused_by_name(
    db: Database, kind: LinkKind, to: Any, title: str, error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        put(db, 1, kind, to, title)
    assert (seen(db, 1), said(db, 1)) == ([], [])


@pytest.mark.parametrize(
    "url",
    [
        "", "ftp://e.org", "//e.org", "https://", "https://u:p@e.org", "https://u@e.org/",
        "https://e.org/\n", "https://e.org/a b", "https://e.org/\u202ex", "https://e.org/\x00",
        "https://e.org:x/", "https://[e.org/", f"https://e.org/{'x' * 2000}", 'https://e.org/"',
        "https:\\\\e.org", " javascript:x",
    ],
)  # fmt: skip
def test_what_is_no_web_address(url: str) -> None:
    if url.strip() == "https://e.org/":
        assert web_address(url) == "https://e.org/"  # what stands around it is taken off
        return
    with pytest.raises(Unfit):
        web_address(url)


def test_a_restricted_incident_is_neither_linked_nor_shown_to_others(db: Database) -> None:
    put(db, 1, LinkKind.RELATED, 3)
    put(db, 1, LinkKind.RUN, 1)
    db.write(lambda c: change(c, 3, restricted=1))
    bob = Viewer("bob")
    assert (len(seen(db, 1)), seen(db, 1, bob)) == (2, [])
    for kind, to in ((LinkKind.RELATED, 3), (LinkKind.RUN, 1)):
        with pytest.raises(NotFound, match=r"no (incident #3|run 1)"):
            put(db, 2, kind, to, viewer=bob)


def test_a_link_of_another_incident_is_not_taken_away_here(db: Database) -> None:
    put(db, 1, LinkKind.TRACE, TRACE)
    with pytest.raises(NotFound, match="#2 has no link 1"):
        unlink(db, CONFIG, 2, 1, actor="bob", now=NOW)
    with pytest.raises(NotFound, match="no incident #9"):
        unlink(db, CONFIG, 9, 1, actor="bob", now=NOW)


def test_an_incident_has_no_more_than_so_many_links(
    db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert MOST > 100
    monkeypatch.setattr("vigie.commands.links.MOST", 2)
    for n in (1, 2):
        put(db, 1, LinkKind.TRACE, f"{n:032x}")
    with pytest.raises(Conflict, match="takes no more"):
        put(db, 1, LinkKind.TRACE, f"{3:032x}")
