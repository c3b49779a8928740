"""Which runbooks an incident calls for."""

import pytest

from runbooks.match import matching
from runbooks.model import Match, Mode, Runbook


def _book(name: str, **match: object) -> Runbook:
    return Runbook(name, name, Match(**match), Mode.SUGGEST, ())


BOOKS = [
    _book("every"),
    _book("type", types=("slo-burn",)),
    _book("label", labels={"tier": "gold"}),
    _book("labels", labels={"tier": "gold", "team": "b"}),
    _book("service", services=("payments", "checkout")),
    _book("service-and-type", services=("checkout",), types=("slo-burn", "no-data")),
    _book("slo", slos=("availability",)),
    _book("slo-b", slos=("availability",)),
    _book("elsewhere", services=("payments",)),
    _book("other-type", types=("no-data",)),
]


def test_the_most_specific_runbook_comes_first_with_its_reason() -> None:
    labels = {"tier": "gold", "team": "a,b"}
    found = matching(BOOKS, "slo-burn", "checkout", "availability", labels)
    assert [(book.name, reason) for book, reason in found] == [
        ("slo", "matches SLO availability"),
        ("slo-b", "matches SLO availability"),
        ("service-and-type", "matches type slo-burn, service checkout"),
        ("service", "matches service checkout"),
        ("labels", "matches label team=b, label tier=gold"),
        ("label", "matches label tier=gold"),
        ("type", "matches type slo-burn"),
        ("every", "matches every incident"),
    ]


def test_a_runbook_for_one_slo_is_not_for_an_incident_of_the_whole_service() -> None:
    found = matching(BOOKS, "no-data", "checkout", "", {})
    assert [book.name for book, _ in found] == [
        "service-and-type",
        "service",
        "other-type",
        "every",
    ]


@pytest.mark.parametrize("order", [1, -1])
def test_the_order_of_the_files_does_not_matter(order: int) -> None:
    found = matching(BOOKS[::order], "slo-burn", "payments", "latency", {})
    assert [book.name for book, _ in found] == ["elsewhere", "service", "type", "every"]
