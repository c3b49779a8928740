"""The way in of external parties: a link leads to the page of its one incident."""

from http import HTTPStatus
from typing import Annotated, Any

from fastapi import APIRouter, Path
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from vigie.access import GUEST_COOKIE, Gate, Identity, client_of, needs
from vigie.access.gate import wait
from vigie.clock import Clock
from vigie.commands.errors import NotFound
from vigie.commands.guests import LONGEST_S
from vigie.views.shape import Object
from vigie.web.render import Templates

Secret = Annotated[str, Path(max_length=100)]


def add(router: APIRouter, gate: Gate) -> None:
    """The link may be followed again and again until it ends, so that whoever looks at it first (a
    scanner of mail) takes it from nobody; what it opens writes only with a form of our own pages.
    """

    @router.get("/guest/{secret}")
    @needs(None)
    async def enter(request: Request, secret: Secret) -> Response:
        client = client_of(request.scope)
        if seconds := gate.throttle.wait_s(client):
            return wait(seconds)
        accounts = gate.accounts
        found = await accounts.by_guest(secret, opened=True) if accounts is not None else None
        if not isinstance(found, Identity):
            if found is None:
                gate.throttle.failed(client)
            raise NotFound(f"{found or 'There is no such link'}: ask who gave it to you.")
        (given,) = found.grants
        answer = RedirectResponse(f"/incidents/{given.subject}", HTTPStatus.SEE_OTHER)
        answer.set_cookie(
            GUEST_COOKIE,
            secret,
            max_age=round(LONGEST_S),  # it opens nothing once the link has ended
            secure=request.url.scheme == "https",
            httponly=True,
            samesite="lax",
        )
        return answer


def page(
    templates: Templates,
    clock: Clock,
    incident: Object,
    files: list[Object],
    tasks: list[Object],
) -> Response:
    """What a guest sees of the incident: the record, its timeline, files and tasks."""
    facts: dict[str, Any] = {"incident": incident, "attachments": files, "tasks": tasks}
    return templates.page("guest.html", clock.now(), facts)
