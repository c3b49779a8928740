"""Routes that say what they ask for: `@needs(Permission.RESPOND)` beside each, checked before its
body is looked at.

    router = APIRouter(route_class=Guarded)

    @router.post("/incidents/{number}/acknowledge")
    @needs(Permission.RESPOND, on_incident=True)
    def acknowledge(...)

A route that says nothing asks for `administer`, unless it only reads; a test names those.

Every route with an incident in its address is behind one more gate, without saying so: to whoever
does not see the incident it answers as if there were none.
"""

from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any, Final, TypeVar

from fastapi.routing import APIRoute
from starlette.requests import Request
from starlette.responses import Response

from vigie.access import proofs
from vigie.access.accounts import Accounts
from vigie.access.gate import SAFE_METHODS
from vigie.access.identity import Forbidden, Identity, Kind, current, viewing
from vigie.access.roles import Permission, Role, roles_with
from vigie.commands.errors import NotFound

ACCOUNTS: Final = "vigie.accounts"  # in the scope of a request: who knows what is restricted
INCIDENT: Final = "/incidents/{number}"  # the addresses that the gate is for
CSRF_FIELD: Final = "csrf"
CSRF_HEADER: Final = "x-csrf-token"
_FORMS: Final = ("application/x-www-form-urlencoded", "multipart/form-data")
_DIGITS: Final = 16  # of the largest number there is
_MARK: Final = "_vigie_needs"

Endpoint = TypeVar("Endpoint", bound=Callable[..., Any])
Handler = Callable[[Request], Coroutine[Any, Any, Response]]


@dataclass(frozen=True, slots=True)
class Needs:
    """What a route asks for. Without a permission it is open to whom the gate let in, and to
    whoever knows the key in its address; with `on_incident`, a right on that incident is enough.
    A `blind` one is open also to who does not see the incident, and tells nothing of it. Guests
    are let in where `guests` says so: all of them, or those with this role.
    """

    permission: Permission | None
    on_incident: bool = False
    blind: bool = False
    guests: Role | None = None


def needs(
    permission: Permission | None,
    *,
    on_incident: bool = False,
    blind: bool = False,
    guests: Role | None = None,
) -> Callable[[Endpoint], Endpoint]:
    """Mark an endpoint; stands under the route's decorator."""

    def mark(endpoint: Endpoint) -> Endpoint:
        setattr(endpoint, _MARK, Needs(permission, on_incident, blind, guests))
        return endpoint

    return mark


def needs_of(endpoint: object) -> Needs | None:
    """What an endpoint says; None: nothing."""
    return getattr(endpoint, _MARK, None)


class Guarded(APIRoute):
    """A route that refuses who may not, and forms that are not ours."""

    def get_route_handler(self) -> Handler:
        handler = super().get_route_handler()
        only_reads = set(self.methods or ()) <= SAFE_METHODS
        otherwise = Needs(Permission.READ if only_reads else Permission.ADMINISTER)
        asked = needs_of(self.endpoint) or otherwise

        async def guarded(request: Request) -> Response:
            who = current()
            check(who, asked, request.path_params)
            if request.method not in SAFE_METHODS and who.csrf is not None:
                await _check_form(who, request)
            await look(request, asked, self.path)
            return await handler(request)

        return guarded


async def look(request: Request, asked: Needs, path: str) -> None:
    """NotFound where the incident in the address of a route is not there for who asks: there is
    none, or it is restricted, and nobody can tell which.
    """
    viewer = viewing()
    if INCIDENT not in path or asked.blind or viewer.everything:
        return
    given = str(request.path_params.get("number", ""))
    accounts: Accounts | None = request.scope.get(ACCOUNTS)
    # What is no plain number (`007`, `7.0`) is turned away: a route may read it as one.
    is_plain = given.isascii() and given.isdecimal() and not given.startswith("0")
    number = int(given) if is_plain and len(given) <= _DIGITS else None
    if number is None or accounts is None or not await accounts.sees(viewer, number):
        raise NotFound(f"There is no incident {given[:_DIGITS]}; /api/v1/incidents lists them.")


def check(who: Identity, asked: Needs, path: dict[str, Any]) -> None:
    """Forbidden unless they may."""
    if asked.permission is None:
        return
    if who.kind is Kind.GUEST:
        if asked.guests is None or asked.guests not in (Role.VIEWER, who.role):
            raise Forbidden(f"{who.name} sees one incident and what is shared of it, no more.")
        return  # whether it is their incident, `look` says
    number = str(path.get("number", "")) if asked.on_incident else ""
    incident = int(number) if number.isascii() and number.isdecimal() else None
    if not who.may(asked.permission, incident):
        raise Forbidden(_refusal(who, asked.permission))


def _refusal(who: Identity, permission: Permission) -> str:
    roles = ", ".join(roles_with(permission))
    if who.kind is Kind.TOKEN and permission not in who.within:
        return f"This token does not cover `{permission}`; roles that may: {roles}."
    return f"{who.name or 'Whoever you are'} may not `{permission}`; roles that may: {roles}."


async def _check_form(who: Identity, request: Request) -> None:
    """Forbidden unless a browser's write holds what only a page of ours knows."""
    shown = request.headers.get(CSRF_HEADER)
    if shown is None and request.headers.get("content-type", "").startswith(_FORMS):
        # Starlette keeps what it read: the handler gets the same form.
        shown = str((await request.form()).get(CSRF_FIELD, ""))
    if who.csrf is None or not proofs.same(shown or "", who.csrf):
        raise Forbidden("The form is out of date: load its page again, then send it again.")
