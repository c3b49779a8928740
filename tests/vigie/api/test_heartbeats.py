"""Beats over a real connection: taken once they are on the disk, and telling nobody any key."""

from dataclasses import replace
from pathlib import Path

import pytest
from fastapi import APIRouter

from collectors.heartbeat import Heartbeat, Said
from collectors.keys import Secret
from fleet import Door, Site
from keyed import Keyed, serve
from vigie.api import heartbeats, schemas
from vigie.store import heartbeats as store

KEY = "k3y-of-the-backup-0123456789"
BACKUP = Heartbeat(
    "backup", "checkout", schedule="0 3 * * *", zone="Europe/Paris", grace_s=60.0,
    runs_for_s=7200.0, key=Secret(KEY), labels={"team": "shop"},
)  # fmt: skip
SYNC = Heartbeat("sync", "search", every_s=300.0, urgency="low", key=Secret("s" * 20))
PATH = "/api/v1/heartbeats"


@pytest.fixture
def keyed(site: Site, door: Door) -> Keyed:
    """The routes, served with two heartbeats."""
    made = Keyed(site.fleet, heartbeats={one.name: one for one in (SYNC, BACKUP)})
    router = APIRouter(prefix="/api/v1")
    heartbeats.add(
        router,
        heartbeats=lambda: made.heartbeats,
        db=made.fleet.db,
        clock=made.fleet.clock,
        wake=made.woken.append,
    )
    serve(door, router)
    return made


@pytest.mark.parametrize("method", ["POST", "GET"])
async def test_a_beat_is_recorded_before_it_is_answered(
    site: Site, keyed: Keyed, method: str
) -> None:
    answer = await site.ask(method, f"{PATH}/{KEY}")
    heard = heartbeats.Heard.model_validate_json(answer.body)
    assert (answer.status, heard.name, heard.state, heard.beats) == (200, "backup", "ok", 1)
    beats = keyed.fleet.db.read(store.read)["backup"]
    assert (beats.last_at, beats.last_state) == (keyed.fleet.clock.now(), Said.OK)
    assert keyed.woken == ["backup"]


async def test_a_run_says_that_it_starts_and_how_it_ends(site: Site, keyed: Keyed) -> None:
    await site.post(f"{PATH}/{KEY}?state=start")
    keyed.fleet.clock.set(keyed.fleet.clock.now() + 90)
    await site.post(f"{PATH}/{KEY}?state=fail", "any body is fine")
    (backup, _) = (await site.get(PATH)).json["items"]
    assert (backup["state"], backup["last_state"], backup["duration_seconds"]) == (
        "failed", "fail", 90.0,
    )  # fmt: skip


async def test_the_list_shows_all_and_no_key(site: Site, keyed: Keyed) -> None:
    answer = await site.get(PATH)
    page = schemas.Listing[heartbeats.HeartbeatShown].model_validate_json(answer.body)
    assert [(one.name, one.state, one.every, one.schedule) for one in page.items] == [
        ("backup", "unknown", None, "0 3 * * *"),
        ("sync", "unknown", "5m", None),
    ]
    assert KEY not in answer.text
    mine = await site.get(f"{PATH}?service=search")
    assert [one["name"] for one in mine.json["items"]] == ["sync"]


@pytest.mark.parametrize("key", ["x", KEY[:-1], KEY + "x", KEY.upper(), "backup", "%00", "%F0%9F"])
async def test_an_unknown_key_is_nothing_and_never_repeated(
    site: Site, keyed: Keyed, key: str
) -> None:
    answer = await site.post(f"{PATH}/{key}")
    assert (answer.status, answer.headers["content-type"]) == (404, "application/problem+json")
    assert answer.json["detail"] == "No heartbeat has this key."
    assert keyed.fleet.db.read(store.read) == {}


async def test_another_word_than_the_three_is_refused(site: Site, keyed: Keyed) -> None:
    answer = await site.post(f"{PATH}/{KEY}?state=done")
    assert (answer.status, answer.headers["content-type"]) == (422, "application/problem+json")


async def test_too_many_beats_of_one_are_refused_and_others_go_on(site: Site, keyed: Keyed) -> None:
    statuses = [(await site.post(f"{PATH}/{KEY}")).status for _ in range(heartbeats.MAX_BEATS + 1)]
    assert statuses == [200] * heartbeats.MAX_BEATS + [429]
    assert (await site.post(f"{PATH}/{'s' * 20}")).status == 200
    keyed.fleet.clock.set(keyed.fleet.clock.now() + heartbeats.WITHIN_S)
    assert (await site.post(f"{PATH}/{KEY}")).status == 200
    assert keyed.fleet.db.read(store.read)["backup"].beats == heartbeats.MAX_BEATS + 1


async def test_a_key_in_a_file_is_read_anew(site: Site, keyed: Keyed, tmp_path: Path) -> None:
    file = tmp_path / "key"
    keyed.heartbeats = {"sync": replace(SYNC, key=Secret(path=str(file)))}
    assert (await site.post(f"{PATH}/{'a' * 20}")).status == 404  # there is no such file
    file.write_text("a" * 20 + "\n")
    assert (await site.post(f"{PATH}/{'a' * 20}")).status == 200
    file.write_text("b" * 30 + "\n")
    assert (await site.post(f"{PATH}/{'a' * 20}")).status == 404
    assert (await site.post(f"{PATH}/{'b' * 30}")).status == 200
