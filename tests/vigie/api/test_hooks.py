"""Webhooks over a real connection: whose they are, that they prove it, and what comes of them."""

import hashlib
import hmac
from typing import Any

import orjson
import pytest
from fastapi import APIRouter

from collectors.changes import Integration
from collectors.keys import Secret
from fleet import Answer, Door, Site
from keyed import Keyed, serve
from vigie.api import hooks
from vigie.store import changes as store

KEY = {kind: f"{kind}-0123456789abcdef" for kind in ("github", "gitlab", "argocd")}
SECRET = "what signs"
STATUS = {
    "deployment_status": {
        "state": "success", "environment": "production", "updated_at": "2026-09-21T14:10:00Z",
    },
    "deployment": {"id": 7, "sha": "abc", "ref": "v2", "created_at": "2026-09-21T14:09:00Z"},
    "repository": {"full_name": "acme/checkout", "default_branch": "main"},
    "sender": {"login": "ann"},
}  # fmt: skip
RELEASE = {
    "object_kind": "release", "id": 1, "tag": "v2", "action": "create",
    "project": {"path_with_namespace": "acme/checkout", "default_branch": "main"},
}  # fmt: skip
SYNC = {"app": "checkout", "phase": "Succeeded", "revision": "abc"}


@pytest.fixture
def keyed(site: Site, door: Door) -> Keyed:
    """The routes, served with an integration of each kind that has a secret."""
    made = Keyed(site.fleet, integrations={
        kind: Integration(f"my-{kind}", kind, key=Secret(key), secret=Secret(SECRET))
        for kind, key in KEY.items()
    })  # fmt: skip
    router = APIRouter(prefix="/api/v1")
    hooks.add(
        router,
        integrations=lambda: made.integrations,
        services=lambda: made.fleet.board.now.config.services,
        db=made.fleet.db,
        clock=made.fleet.clock,
    )
    serve(door, router)
    return made


def proof(kind: str, body: bytes, secret: str = SECRET) -> dict[str, str]:
    if kind == "github":
        made = hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
        return {"X-Hub-Signature-256": f"sha256={made}"}
    if kind == "gitlab":
        return {"X-Gitlab-Token": secret}
    return {"Authorization": f"Bearer {secret}"}


async def send(
    site: Site, kind: str, payload: Any, key: str | None = None, **headers: str
) -> Answer:
    body = payload if isinstance(payload, bytes) else orjson.dumps(payload)
    whole = {"Content-Type": "application/json", **proof(kind, body), **headers}
    path = f"/api/v1/hooks/{kind}/{key or KEY[kind]}"
    return await site.ask("POST", path, data=body, headers=whole)


@pytest.mark.parametrize(
    ("kind", "payload", "headers"),
    [
        ("github", STATUS, {"X-GitHub-Event": "deployment_status"}),
        ("gitlab", RELEASE, {"X-Gitlab-Event": "Release Hook"}),
        ("argocd", SYNC, {}),
    ],
)
async def test_a_signed_delivery_is_recorded_for_the_service_of_its_name(
    site: Site, keyed: Keyed, kind: str, payload: Any, headers: dict[str, str]
) -> None:
    answer = await send(site, kind, payload, **headers)
    taken = hooks.Taken.model_validate_json(answer.body)
    assert (answer.status, taken.recorded, taken.reason) == (200, True, None)
    assert taken.change is not None
    assert (taken.change.source, taken.change.services) == (f"my-{kind}", ["checkout"])
    again = await send(site, kind, payload, **headers)
    assert again.json["change"]["number"] == taken.change.number


@pytest.mark.parametrize("kind", list(KEY))
async def test_a_delivery_that_does_not_prove_the_secret_is_refused(
    site: Site, keyed: Keyed, kind: str
) -> None:
    for wrong in (proof(kind, b"other"), proof(kind, orjson.dumps(SYNC), "guess"), {}):
        if wrong == proof(kind, orjson.dumps(SYNC)):
            continue  # only GitHub's signature depends on the body
        path, body = f"/api/v1/hooks/{kind}/{KEY[kind]}", orjson.dumps(SYNC)
        answer = await site.ask("POST", path, data=body, headers=wrong)
        assert (answer.status, answer.headers["content-type"]) == (401, "application/problem+json")
        assert SECRET not in answer.text
    assert keyed.fleet.db.read(store.page) == []


async def test_without_a_secret_the_key_alone_opens_the_address(site: Site, keyed: Keyed) -> None:
    keyed.integrations = {"a": Integration("a", "argocd", key=Secret(KEY["argocd"]))}
    path = f"/api/v1/hooks/argocd/{KEY['argocd']}"
    assert (await site.post(path, SYNC)).status == 200


@pytest.mark.parametrize(
    ("kind", "key"),
    [("github", "x" * 20), ("github", KEY["gitlab"]), ("gitlab", KEY["gitlab"][1:])],
)
async def test_an_unknown_key_is_nothing(site: Site, keyed: Keyed, kind: str, key: str) -> None:
    answer = await send(site, kind, STATUS, key)
    assert (answer.status, answer.headers["content-type"]) == (404, "application/problem+json")
    assert key not in answer.text


async def test_a_cluster_has_no_address(site: Site, keyed: Keyed) -> None:
    keyed.integrations = {"a": Integration("a", "kubernetes")}
    for kind in ("kubernetes", "github"):
        answer = await send(site, kind, STATUS, "kubernetes-0123456789")
        assert answer.status in (404, 422)
        assert answer.headers["content-type"] == "application/problem+json"
    assert keyed.fleet.db.read(store.page) == []


async def test_what_is_understood_and_not_wanted_is_answered_with_its_reason(
    site: Site, keyed: Keyed
) -> None:
    answer = await send(site, "github", {"zen": "x"}, **{"X-GitHub-Event": "ping"})
    assert (answer.status, answer.json["recorded"], answer.json["change"]) == (200, False, None)
    assert answer.json["reason"].startswith("ping")


@pytest.mark.parametrize(
    ("payload", "words"),
    [
        ({"issue": {}}, "event `issues`, keys `issue`"),
        (b"payload=%7B%7D", "choose `application/json`"),
        ([1], "a JSON list, not an object"),
        (b"", "no JSON"),
    ],
)
async def test_what_nobody_knows_is_a_problem_that_names_it(
    site: Site, keyed: Keyed, payload: Any, words: str
) -> None:
    answer = await send(site, "github", payload, **{"X-GitHub-Event": "issues"})
    assert (answer.status, answer.headers["content-type"]) == (422, "application/problem+json")
    assert words in answer.json["detail"]


async def test_a_payload_that_is_too_large_is_cut_off(site: Site, keyed: Keyed) -> None:
    assert (await send(site, "github", b" " * 1_000_001)).status == 413


async def test_a_sender_that_does_not_exist_is_no_address(site: Site, keyed: Keyed) -> None:
    assert (await site.post(f"/api/v1/hooks/jenkins/{KEY['github']}", {})).status == 422
