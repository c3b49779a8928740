"""Changes as commands: what is recorded, and what is refused."""

from dataclasses import replace
from typing import Any

import pytest

from collectors.changes import Change, Delivery, Ignored, Integration, Kind, Status
from vigie.commands.changes import deliver, report
from vigie.commands.errors import CommandError, Invalid, NotFound
from vigie.store import changes
from vigie.store.changes import Stored
from vigie.store.db import Database

NOW = 1_790_856_000.0
SERVICES = {"checkout": 1, "orders": 1}
TOLD = Change(
    "api", "42", "Ship", Kind.DEPLOY, Status.RUNNING, NOW - 5, NOW, services=("checkout",)
)
ARGO = Integration("argo", "argocd", services={"shop-web": ("checkout", "orders")})
SYNC = {"app": "shop-web", "phase": "Succeeded", "revision": "abc"}


def test_a_change_is_recorded_once_and_then_brought_forward(db: Database) -> None:
    first, is_new = report(db, SERVICES, TOLD, NOW)
    done = replace(TOLD, status=Status.SUCCEEDED, stated_at=NOW + 60, finished_at=NOW + 60)
    second, again = report(db, SERVICES, done, NOW + 60)
    assert (is_new, again) == (True, False)
    assert (first.number, second.change.status) == (second.number, Status.SUCCEEDED)
    assert second.recorded_at == NOW


@pytest.mark.parametrize(
    ("changes_", "error", "words"),
    [
        ({"services": ()}, Invalid, "at least one service"),
        ({"services": ("checkout", "nobody")}, NotFound, "no service `nobody`"),
        ({"services": ("checkout",) * 51}, Invalid, "50 services"),
        ({"started_at": NOW + 7200}, Invalid, "lies ahead"),
        ({"started_at": 0.0}, Invalid, "ten years"),
        ({"finished_at": NOW - 6, "status": Status.FAILED}, Invalid, "before `started_at`"),
        ({"finished_at": NOW}, Invalid, "running has no `finished_at`"),
    ],
)
def test_what_makes_no_sense_is_refused_and_not_recorded(
    db: Database, changes_: dict[str, Any], error: type[CommandError], words: str
) -> None:
    with pytest.raises(error, match=words):
        report(db, SERVICES, replace(TOLD, **changes_), NOW)
    assert db.read(changes.page) == []


def test_a_delivery_is_recorded_for_the_services_of_its_subject(db: Database) -> None:
    done = deliver(db, SERVICES, ARGO, Delivery("", "", SYNC, NOW))
    assert isinstance(done, Stored)
    assert (done.change.source, done.change.services) == ("argo", ("checkout", "orders"))
    other = deliver(db, SERVICES, ARGO, Delivery("", "", {**SYNC, "app": "orders"}, NOW))
    assert isinstance(other, Stored)
    assert other.change.services == ("orders",)


def test_what_is_not_wanted_is_not_recorded_and_what_is_not_known_is_named(db: Database) -> None:
    out_of_sync = {"app": "shop-web", "syncStatus": "OutOfSync"}
    assert isinstance(deliver(db, SERVICES, ARGO, Delivery("", "", out_of_sync, NOW)), Ignored)
    with pytest.raises(Invalid, match=r"Integration `argo` \(argocd\): no event .* `hello`"):
        deliver(db, SERVICES, ARGO, Delivery("", "", {"hello": 1}, NOW))
    assert db.read(changes.page) == []
