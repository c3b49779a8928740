"""Changes told twice, in any order, and whose they are."""

from dataclasses import replace
from itertools import permutations
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collectors.changes import Change, Integration, Kind, Status, assigned, has_ended, merged
from collectors.changes_payload import is_link, line, moment, word

T0 = 1_790_000_000.0
PENDING = Change(
    "github", "deployment/1", "deploy", Kind.DEPLOY, Status.PENDING, T0, T0, version="abc",
    actor="ann", labels={"ref": "main"},
)  # fmt: skip
RUNNING = replace(PENDING, status=Status.RUNNING, stated_at=T0 + 5, started_at=T0 + 5)
DONE = replace(
    PENDING, status=Status.SUCCEEDED, started_at=T0 + 5, stated_at=T0 + 60, finished_at=T0 + 60,
    actor="", labels={"task": "deploy"},
)  # fmt: skip


def test_deliveries_in_any_order_make_the_same_change() -> None:
    for told in permutations([PENDING, RUNNING, DONE]):
        found = told[0]
        for one in told[1:]:
            found = merged(found, one)
        assert (found.status, found.started_at, found.finished_at) == (
            Status.SUCCEEDED, T0, T0 + 60,
        )  # fmt: skip
        assert (found.actor, found.version) == ("ann", "abc")
        assert found.labels == {"ref": "main", "task": "deploy"}


@pytest.mark.parametrize(
    ("before", "told", "after"),
    [
        (Status.RUNNING, Status.PENDING, Status.RUNNING),  # never back, however late it is said
        (Status.SUCCEEDED, Status.RUNNING, Status.SUCCEEDED),
        (Status.PENDING, Status.FAILED, Status.FAILED),
        (Status.FAILED, Status.SUCCEEDED, Status.SUCCEEDED),  # of two ends the later holds
    ],
)
def test_a_status_goes_forward_only(before: Status, told: Status, after: Status) -> None:
    first = replace(PENDING, status=before)
    assert merged(first, replace(PENDING, status=told, stated_at=T0 + 100)).status is after


def test_an_end_that_was_said_earlier_does_not_replace_a_later_one() -> None:
    late = replace(DONE, status=Status.FAILED, stated_at=T0 + 90, finished_at=T0 + 90)
    assert merged(late, DONE).status is Status.FAILED
    assert merged(late, DONE).finished_at == T0 + 90


@st.composite
def tellings(draw: st.DrawFn) -> list[Change]:
    """Several tellings of one change, each at a moment of its own."""
    moments = draw(st.lists(st.integers(0, 1000), min_size=1, max_size=6, unique=True))
    found = []
    for at in moments:
        status = draw(st.sampled_from(Status))
        finished = T0 + at if has_ended(status) else None
        began = T0 + draw(st.integers(0, at))
        found.append(
            replace(
                PENDING,
                status=status,
                stated_at=T0 + at,
                started_at=began,
                finished_at=finished,
                services=tuple(draw(st.lists(st.sampled_from("abc"), unique=True))),
            )
        )
    return found


@given(tellings(), st.randoms(use_true_random=False))
def test_merging_knows_no_order_and_telling_again_changes_nothing(
    told: list[Change], rnd: Random
) -> None:
    def all_of(these: list[Change]) -> Change:
        found = these[0]
        for one in these[1:]:
            found = merged(found, one)
        return found

    first = all_of(told)
    shuffled = [*told, *told]
    rnd.shuffle(shuffled)
    again = all_of(shuffled)
    assert replace(again, services=()) == replace(first, services=())
    assert set(again.services) == set(first.services)
    assert first.finished_at is None or first.finished_at >= first.started_at


SERVICES = {"acme/mono": ("checkout", "payments")}


@pytest.mark.parametrize(
    ("subject", "services"),
    [
        ("acme/mono", ("checkout", "payments")),
        ("acme/checkout", ("checkout",)),  # nobody said so, but a service is called like it
        ("acme/website", ()),
        ("checkout", ("checkout",)),
    ],
)
def test_services_are_those_named_for_a_repository_or_called_like_it(
    subject: str, services: tuple[str, ...]
) -> None:
    integration = Integration("github", "github", services=SERVICES)
    told = replace(PENDING, subject=subject)
    assert assigned(told, integration, {"checkout": 1, "payments": 1}).services == services


@pytest.mark.parametrize(
    ("value", "at"),
    [
        ("2026-10-01T12:00:00Z", 1_790_856_000.0),
        ("2026-10-01T14:00:00.5+02:00", 1_790_856_000.5),
        ("2026-10-01 14:00:00 +0200", 1_790_856_000.0),  # GitLab's deployments
        ("2026-10-01 12:00:00 UTC", 1_790_856_000.0),  # GitLab's pipelines
        (1_790_856_000, 1_790_856_000.0),  # GitHub's pushes
        ("2026-10-01T12:00:00", None),  # whose clock?
        ("yesterday", None), (True, None), (-5, None), (1e300, None), (None, None), ([], None),
        ("9999-99-99T00:00:00Z", None), ("x" * 10_000, None),
    ],
)  # fmt: skip
def test_times_of_all_senders_are_read_and_others_are_none(value: object, at: float | None) -> None:
    assert moment({"a": {"b": value}}, "a", "b") == at


ODD: list[object] = [True, None, [], {"b": 1}]


def test_words_are_bounded_lines_that_can_be_shown() -> None:
    assert word({"a": {"b": " x\x00\u202ey \nsecond line"}}, "a", "b") == "x  y"
    assert word({"a": "y" * 9_000}, "a") == "y" * 252 + "…"
    assert word({"a": 12}, "a") == "12"
    assert [word({"a": odd}, "a") for odd in ODD] == [""] * 4
    assert word({"a": "text"}, "a", "b") == ""
    assert line("\n\n") == ""


@pytest.mark.parametrize(
    ("url", "fits"),
    [
        ("https://ci.example/runs/1", True), ("javascript:alert(1)", False), ("//x", False),
        ("http://[", False), ("https://x/" + "y" * 2_000, False), ("", False),
    ],
)  # fmt: skip
def test_only_web_addresses_are_links(url: str, fits: bool) -> None:
    assert is_link(url) is fits
