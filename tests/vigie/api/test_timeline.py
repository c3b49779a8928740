"""Corrections and exports over HTTP."""

import json
from typing import Any

import pytest

from fleet import Site
from vigie.live import Change
from vigie.views.export import ExportFormat, export

SAID = {"actor": "bob", "text": "deployed at 13:02", "reason": "wrong zone"}


async def commented(site: Site) -> str:
    """The address of an incident whose second entry is a comment."""
    path = f"/api/v1/incidents/{site.fleet.open()}"
    await site.post(f"{path}/comment", {"actor": "ada", "text": "deployed at 14:02"})
    return path


async def test_a_correction_stands_beside_what_it_corrects(site: Site) -> None:
    path, changes = await commented(site), site.fleet.feed.listen()
    answer = await site.post(f"{path}/timeline/2/correction", SAID)
    assert (answer.status, changes.get_nowait()) == (200, Change("incident", 1))
    first, second, third = answer.json["timeline"]
    assert (second["position"], second["text"]) == (2, "deployed at 14:02")
    assert second["corrections"] == [{"position": 3, "recorded_at": third["recorded_at"], **SAID}]
    assert (third["kind"], third["data"]["corrects"], third["corrections"]) == ("corrected", 2, [])
    assert first["corrections"] == []
    assert answer.json["timeline_head"] == third["hash"]
    listed = (await site.get(f"{path}/timeline")).json["items"]
    assert listed == answer.json["timeline"]


async def test_the_same_key_twice_writes_one_correction(site: Site) -> None:
    path = await commented(site)
    for _ in range(2):
        answer = await site.post(
            f"{path}/timeline/2/correction", SAID, headers={"Idempotency-Key": "k"}
        )
    assert len(answer.json["timeline"]) == 3


@pytest.mark.parametrize(
    ("entry", "body", "status"),
    [
        ("9", SAID, 404),
        ("0", SAID, 422),
        ("two", SAID, 422),
        ("2", {"text": "x"}, 422),
        ("2", {**SAID, "reason": ""}, 422),
        ("2", {**SAID, "more": 1}, 422),
        ("2", {**SAID, "text": "x" * 10_001}, 422),
        ("3", SAID, 422),
    ],
)
async def test_what_cannot_be_corrected_is_refused_by_name(
    site: Site, entry: str, body: dict[str, Any], status: int
) -> None:
    path = await commented(site)
    await site.post(f"{path}/timeline/2/correction", SAID)
    answer = await site.post(f"{path}/timeline/{entry}/correction", body)
    assert (answer.status, answer.headers["content-type"]) == (status, "application/problem+json")
    assert len((await site.get(f"{path}/timeline")).json["items"]) == 3


@pytest.mark.parametrize(
    ("output", "media", "suffix"),
    [
        ("json", "application/json", "json"),
        ("markdown", "text/markdown; charset=utf-8", "md"),
        ("csv", "text/csv; charset=utf-8", "csv"),
    ],
)
async def test_a_record_is_given_out_as_a_document(
    site: Site, output: str, media: str, suffix: str
) -> None:
    path = await commented(site)
    answer = await site.get(f"{path}/export?format={output}")
    assert (answer.status, answer.headers["content-type"]) == (200, media)
    kept = f'attachment; filename="incident-1.{suffix}"'
    assert answer.headers["content-disposition"] == kept
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.body.decode() == export(site.fleet.db, 1, ExportFormat(output))


async def test_the_format_is_json_where_none_is_asked_for(site: Site) -> None:
    answer = await site.get(f"{await commented(site)}/export")
    assert json.loads(answer.body)["incident"]["number"] == 1


@pytest.mark.parametrize(("path", "status"), [("7/export", 404), ("1/export?format=pdf", 422)])
async def test_what_is_not_there_is_not_given_out(site: Site, path: str, status: int) -> None:
    await commented(site)
    assert (await site.get(f"/api/v1/incidents/{path}")).status == status
