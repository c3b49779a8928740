"""Webhooks of others: GitHub, GitLab and Argo CD tell of changes, each at an address of its own."""

from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Annotated, Any, Final, Literal, TypeAlias

import orjson
from fastapi import APIRouter, Path, Request
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers
from starlette.responses import Response

from collectors import keys
from collectors.changes import Delivery, Ignored, Integration
from collectors.changes_payload import line
from vigie.access import needs, problem
from vigie.api import schemas
from vigie.api.changes import ChangeShown
from vigie.api.reads import ready_json, shown
from vigie.clock import Clock
from vigie.commands import changes as commands
from vigie.commands.errors import Invalid
from vigie.store.changes import Stored
from vigie.store.db import Database
from vigie.views import changes as views
from vigie.views.shape import Object

_TAGS: Final[dict[str, Any]] = {"tags": ["changes"]}
_EVENT: Final = {"github": "x-github-event", "gitlab": "x-gitlab-event", "argocd": ""}
_DELIVERY: Final = {
    "github": ("x-github-delivery",),
    "gitlab": ("idempotency-key", "x-gitlab-event-uuid"),  # the first is the same at every retry
    "argocd": (),
}
_SIGNED_BY: Final = {
    "github": "X-Hub-Signature-256",
    "gitlab": "X-Gitlab-Token",
    "argocd": "Authorization: Bearer",
}
Configured: TypeAlias = Callable[[], Mapping[str, Integration]]
Type = Annotated[Literal["github", "gitlab", "argocd"], Path(description="Who sends")]
Key = Annotated[str, Path(max_length=keys.MAX_LENGTH, description="The integration's key")]


class Taken(schemas.Shape):
    """What came of a delivery: the change as it is now, or why there is none."""

    recorded: bool
    reason: str | None
    change: ChangeShown | None


def add(
    router: APIRouter,
    *,
    integrations: Configured,
    services: Callable[[], Mapping[str, object]],
    db: Database,
    clock: Clock,
    told: Callable[[], None] = lambda: None,
) -> None:
    """`integrations` are those in force, `services` those that there are; `told` is called once a
    change is recorded.
    """

    @router.post("/hooks/{type}/{key}", **_TAGS, responses=shown(Taken))
    @needs(None)  # the key opens it
    async def take(type: Type, key: Key, request: Request) -> Response:
        """Take one webhook. What is understood and not wanted is answered with its reason."""
        keyed = ((one, one.key) for one in integrations().values() if one.type == type)
        integration = keys.find(key, keyed)
        if integration is None:
            return problem(HTTPStatus.NOT_FOUND, "No integration of this type has this key.")
        body = await request.body()
        if not is_signed(integration, request.headers, body):
            by = _SIGNED_BY[type]
            detail = f"`{by}` does not fit the secret of Integration `{integration.name}`."
            return problem(HTTPStatus.UNAUTHORIZED, detail)
        delivery = delivery_of(integration, request.headers, body, clock.now())
        done = await run_in_threadpool(commands.deliver, db, services(), integration, delivery)
        told()
        return ready_json(_taken(done))


def is_signed(integration: Integration, headers: Headers, body: bytes) -> bool:
    """Whether a request proves the integration's secret, in the way of its sender; without a
    secret the key alone opens the address.
    """
    secret = integration.secret
    if secret is None:
        return True
    if integration.type == "github":
        scheme, _, signature = headers.get("x-hub-signature-256", "").partition("=")
        return scheme == "sha256" and keys.signed(body, signature, secret)
    if integration.type == "gitlab":
        return keys.same(headers.get("x-gitlab-token", ""), secret)
    scheme, _, token = headers.get("authorization", "").partition(" ")
    return scheme.lower() == "bearer" and keys.same(token.strip(), secret)


def delivery_of(integration: Integration, headers: Headers, body: bytes, now: float) -> Delivery:
    """The payload with what its headers say. Invalid: it is no JSON object."""
    try:
        payload = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        sent = line(headers.get("content-type", "nothing"), 60)
        raise Invalid(
            f"the body is no JSON (its type is `{sent}`): choose `application/json` for the webhook"
        ) from error
    if not isinstance(payload, dict):
        raise Invalid(f"the body is a JSON {type(payload).__name__}, not an object")
    kind = integration.type
    return Delivery(
        event=headers.get(_EVENT[kind], "") if _EVENT[kind] else "",
        id=next((line(headers[name]) for name in _DELIVERY[kind] if name in headers), ""),
        payload=payload,
        at=now,
    )


def _taken(done: Stored | Ignored) -> Object:
    if isinstance(done, Ignored):
        return {"recorded": False, "reason": done.reason, "change": None}
    return {"recorded": True, "reason": None, "change": views.shown(done)}
