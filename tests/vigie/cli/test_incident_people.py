"""`vigie incident take`, `guest` and their like, against a real server."""

import json
from collections.abc import Callable

import pytest

from fleet import Fleet, Site

Vigie = Callable[..., object]


@pytest.fixture
def number(site: Site, monkeypatch: pytest.MonkeyPatch) -> int:
    monkeypatch.setenv("VIGIE_URL", site.url)
    return site.fleet.open()


def run(vigie: Callable[..., object], *words: object) -> str:
    ran = vigie("incident", *words)
    assert ran.status == 0, ran.err  # type: ignore[attr-defined]  # a Ran of the fixture
    return str(ran.out)  # type: ignore[attr-defined]  # a Ran of the fixture


def test_parts_go_round(vigie: Vigie, number: int) -> None:
    run(vigie, "assign", number, "bob", "--as", "l2", "--by", "ann")
    run(vigie, "hand-over", number, "l2", "eve", "--note", "half done", "--as", "bob")
    run(vigie, "take", number, "scribe", "--as", "bob")
    run(vigie, "leave", number, "scribe", "--as", "bob")
    run(vigie, "watch", number, "--as", "wat")
    out = run(vigie, "team", number, "net", "--note", "zone b", "--as", "ann")
    assert "Team net called in by ann: zone b" in out
    people = json.loads(run(vigie, "show", number, "--format", "json"))["people"]
    assert [(one["part"], one["name"]) for one in people["parts"]] == [("l2", "eve")]
    assert people["watchers"] == ["wat"]
    run(vigie, "watch", number, "--stop", "--as", "wat")
    whole = run(vigie, "export", number)
    assert "## People" in whole
    assert "- l2: `eve`" in whole


def test_it_is_restricted_and_opened_again(vigie: Vigie, number: int) -> None:
    out = run(vigie, "restrict", number, "--reason", "breach", "--as", "mia")
    assert "Restricted to its participants by mia: breach" in out
    assert run(vigie, "let-in", number, "bob", "--reason", "x").startswith("bob takes part")
    out = run(vigie, "unrestrict", number, "--reason", "over", "--as", "mia")
    assert "Open to all again, by mia: over" in out


def test_a_guest_comes_and_goes(vigie: Vigie, number: int, fleet: Fleet) -> None:
    link = run(vigie, "guest", "add", number, "Ann of Acme", "--expires-in", "1h").strip()
    assert "/guest/vgg_" in link
    assert "Ann of Acme" in run(vigie, "guest", "list", number)
    listed = json.loads(run(vigie, "guest", "list", number, "--format", "json"))["items"]
    out = run(vigie, "guest", "revoke", number, listed[0]["id"])
    assert out == "the link of Ann of Acme opens nothing any more\n"
