"""`vigie incident stats`: what is asked of the server, and what an answer becomes."""

import json
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from blank import blank_database
from counted_incidents import DAY, HOUR, add, count
from vigie.cli.client import Client
from vigie.cli.incident_stats import By
from vigie.store.db import Database, open_database
from vigie.views import stats as views

Vigie = Callable[..., Any]


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Database]:
    with closing(open_database(blank_database(tmp_path))) as opened:
        yield opened


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch, store: Database) -> list[str]:
    """What the client asked; it answers with real figures."""
    paths: list[str] = []
    add(store, DAY, resolved_at=DAY + HOUR, response_due_at=DAY + 60)

    def get(self: Client, path: str) -> Any:
        paths.append(path)
        return count(store)

    def text(self: Client, path: str) -> bytes:
        paths.append(path)
        return "é,\r\n".encode()

    monkeypatch.setattr(Client, "get", get)
    monkeypatch.setattr(Client, "text", text)
    return paths


def test_figures_are_text_for_people(vigie: Vigie, asked: list[str]) -> None:
    ran = vigie("incident", "stats", "--since", "2026-11-02", "--only", "priority=P2")
    assert ran.status == 0
    query = parse_qs(urlsplit(asked[0]).query)
    assert query == {"by": ["service"], "from": ["2026-11-02T00:00:00+00:00"], "priority": ["P2"]}
    assert "1 incidents, 0 open, 0 in the period before" in ran.out
    assert "  resolve      median 1h, p90 1h, mean 1h (n 1)" in ran.out
    assert "  mitigate     median no data, p90 no data, mean no data (n 0)" in ran.out
    assert ran.out.splitlines()[-1].split() == ["shop", "1", "0", "no", "data", "0", "1h", "1", "0",
                                                "of", "1"]  # fmt: skip


def test_json_and_csv_are_as_the_server_gave_them(vigie: Vigie, asked: list[str]) -> None:
    ran = vigie("incident", "stats", "--format", "json", "--by", "month", "--since", "30d")
    assert json.loads(ran.out)["figures"]["count"] == 1
    assert vigie("incident", "stats", "--format", "csv").out == "é,\r\n"
    assert asked[1].endswith("&format=csv")


def test_a_summary_is_the_documents_of_the_server(vigie: Vigie, asked: list[str]) -> None:
    vigie("incident", "stats", "--summary", "2026-11")
    vigie("incident", "stats", "--summary", "2026-11", "--format", "json")
    path = "/incidents/stats/summary?month=2026-11"
    assert asked == [f"{path}&format=markdown", path]


@pytest.mark.parametrize(
    "given",
    [
        ("--since", "soon"),
        ("--only", "colour=red"),
        ("--only", "service"),
        ("--summary", "2026-11", "--format", "csv"),
    ],
)
def test_nonsense_is_not_asked(vigie: Vigie, asked: list[str], given: tuple[str, ...]) -> None:
    assert (vigie("incident", "stats", *given).status, asked) == (2, [])


def test_dimensions_are_those_of_the_server() -> None:
    assert [by.value for by in By] == [by.value for by in views.By]
