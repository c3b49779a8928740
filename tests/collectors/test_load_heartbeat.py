"""The kind Heartbeat: what it says, and what it may not say."""

from pathlib import Path

import pytest

from collectors.heartbeat import Heartbeat
from collectors.keys import Secret
from collectors.load_heartbeat import check_keys, read
from slo.load.yaml import Problems, documents

KEY = "0123456789abcdef0123"
FULL = f"""\
apiVersion: vigie.dev/v1
kind: Heartbeat
metadata: {{name: backup, labels: {{team: shop}}}}
spec:
  service: orders
  schedule: "0  3 * * 1-5"
  time_zone: Europe/Paris
  grace: 30m
  runs_for: 2h
  urgency: low
  key: {KEY}
"""


def loaded(text: str, path: str = "h.yaml") -> tuple[Heartbeat | None, list[str]]:
    problems = Problems()
    (node,) = documents(text, path, problems)
    found = read(node, problems)
    return found, [str(problem) for problem in problems.errors]


def spec(text: str, path: str = "h.yaml") -> tuple[Heartbeat | None, list[str]]:
    head = "apiVersion: vigie.dev/v1\nkind: Heartbeat\nmetadata: {name: backup}\n"
    return loaded(f"{head}spec: {{{text}}}", path)


def test_a_heartbeat_is_read_with_all_that_it_says() -> None:
    found, problems = loaded(FULL)
    assert problems == []
    assert found is not None
    assert found == Heartbeat(
        name="backup",
        service="orders",
        schedule="0 3 * * 1-5",
        zone="Europe/Paris",
        grace_s=1800.0,
        runs_for_s=7200.0,
        urgency="low",
        labels={"team": "shop"},
        key=Secret(KEY),
        mark=found.mark,
    )
    assert KEY not in repr(found)


@pytest.mark.parametrize(
    ("text", "grace_s"),
    [
        ("every: 1h", 300.0),
        ("every: 1m", 60.0),
        ("schedule: '* * * * *'", 300.0),
        ("every: 1h, grace: 0s", 0.0),
    ],
)
def test_without_a_grace_it_is_five_minutes_or_the_period(text: str, grace_s: float) -> None:
    found, problems = spec(f"service: a, key: {KEY}, {text}")
    assert problems == []
    assert found is not None
    assert (found.grace_s, found.urgency, found.runs_for_s) == (grace_s, "high", None)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (f"service: a, key: {KEY}", "both missing"),
        (f"service: a, key: {KEY}, every: 1m, schedule: '* * * * *'", "both set"),
        (f"service: a, key: {KEY}, every: 1m, time_zone: UTC", "belongs to `schedule`"),
        (f"service: a, key: {KEY}, every: 500ms", "must be 1s to 366d"),
        (f"service: a, key: {KEY}, every: 400d", "must be 1s to 366d"),
        (f"service: a, key: {KEY}, every: 0s", "above 0s"),
        (f"service: a, key: {KEY}, schedule: '@daily'", "write five fields"),
        (f"service: a, key: {KEY}, schedule: '0 0 3 * * *'", "write five fields"),
        (f"service: a, key: {KEY}, schedule: '61 3 * * *'", "bad minute"),
        (f"service: a, key: {KEY}, schedule: '0 3 30 2 *'", "bad day-of-month"),
        (f"service: a, key: {KEY}, schedule: '0 3 * 2 MON#5', time_zone: Mars", "no time zone"),
        (f"service: a, key: {KEY}, every: 1m, runs_for: 0s", "above 0s"),
        (f"service: a, key: {KEY}, every: 1m, urgency: max", "one of high, low"),
        (f"service: a, key: {KEY}, every: 1m, period: 1m", "unknown key"),
        (f"key: {KEY}, every: 1m", "missing key `spec.service`"),
        ("service: a, every: 1m", "missing key `spec.key`"),
        ("service: a, every: 1m, key: tooshort", "has 8 characters"),
        ("service: a, every: 1m, key: 'has spaces and more'", "characters that change"),
        (f"service: a, every: 1m, key: {KEY}, key_file: k", "are both set"),
        ("service: a, every: 1m, key_file: nowhere", "there is no file"),
    ],
)
def test_what_makes_no_sense_is_a_problem_that_tells_no_key(text: str, problem: str) -> None:
    found, problems = spec(text)
    assert found is None
    assert problem in problems[0]
    assert not any(KEY in one or "tooshort" in one for one in problems)


def test_a_key_in_a_file_is_looked_for_beside_the_document(tmp_path: Path) -> None:
    (tmp_path / "key").write_text(f"{KEY}\n")
    found, problems = spec("service: a, every: 1m, key_file: key", str(tmp_path / "h.yaml"))
    assert problems == []
    assert found is not None
    assert found.key == Secret(path=str(tmp_path / "key"))
    (tmp_path / "key").write_text("short\n")
    _, problems = spec("service: a, every: 1m, key_file: key", str(tmp_path / "h.yaml"))
    assert "spec.key_file` has 5 characters" in problems[0]


def test_two_heartbeats_of_one_key_are_told_by_name() -> None:
    problems = Problems()
    one, other = Heartbeat("a", "s", key=Secret(KEY)), Heartbeat("b", "s", key=Secret(KEY))
    check_keys([one, other, Heartbeat("c", "s", key=Secret(path="/nowhere"))], problems)
    (problem,) = [str(error) for error in problems.errors]
    assert "Heartbeat `b` has the key of `a`" in problem
    assert KEY not in problem
