"""Every error as `application/problem+json`."""

import logging
from collections.abc import Mapping
from http import HTTPStatus
from typing import Final

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.middleware.body_limit import RequestBodyLimitMiddleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from vigie import uploads
from vigie.access import Forbidden, problem
from vigie.access.passwords import Busy
from vigie.access.signing_in import Unproven
from vigie.api import otlp, remote_write, reporting
from vigie.api.draining import Draining
from vigie.commands.errors import (
    CommandError,
    Conflict,
    NotAllowed,
    NotFound,
    TooLarge,
    TooMany,
    Unready,
    Unsupported,
)
from vigie.store.errors import StoreError

log = logging.getLogger(__name__)

RETRY_AFTER_S: Final = 5
AGAIN_S: Final = 900  # when who did something too often may try again
MAX_BODY_BYTES: Final = 1_000_000
_LARGER: Final = otlp.PATHS | remote_write.PATHS  # they have a limit of their own
_REFUSALS: Final[Mapping[type[CommandError], HTTPStatus]] = {
    NotFound: HTTPStatus.NOT_FOUND,
    Conflict: HTTPStatus.CONFLICT,
    TooLarge: HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    Unsupported: HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
    NotAllowed: HTTPStatus.FORBIDDEN,
}
_TOO_LARGE: Final = f"A request may send {MAX_BODY_BYTES} bytes at most."


def add_handlers(app: FastAPI) -> None:
    """Answer what handlers raise."""
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(CommandError, _refused)
    app.add_exception_handler(Forbidden, _forbidden)
    app.add_exception_handler(Unproven, _unproven)
    app.add_exception_handler(Busy, _busy)
    app.add_exception_handler(StoreError, _unavailable)
    app.add_exception_handler(Exception, _failed)


class BodyLimit(RequestBodyLimitMiddleware):
    """Cuts off a body that is too large; one whose declared length says so is not even kept (there
    Starlette would answer in plain text). What is refused before its body was read, here or by a
    route, is read to its end as `Draining` has it.
    """

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        draining = Draining(scope, receive, send)
        receive, send = draining.receive, draining.send
        if _has_own_limit(scope["path"]):
            await self.app(scope, receive, send)
            return
        declared = Headers(scope=scope).get("content-length", "")
        if declared.isdecimal() and int(declared) > self.max_body_size:
            refused = problem(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, _TOO_LARGE)
            await refused(scope, receive, send)
            return
        await super().__call__(scope, receive, send)


def _has_own_limit(path: str) -> bool:
    return path in _LARGER or uploads.is_upload(path) or reporting.is_mail(path)


async def _http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    detail = str(error.detail)
    if error.status_code == HTTPStatus.NOT_FOUND:
        detail = f"There is nothing at {request.url.path}."
    elif error.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
        allowed = (error.headers or {}).get("Allow", "another method")
        detail = f"{request.method} does nothing here; use {allowed}."
    elif error.status_code == HTTPStatus.REQUEST_ENTITY_TOO_LARGE:
        detail = _TOO_LARGE
    return problem(error.status_code, detail, error.headers)


async def _invalid(_: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    errors = [
        {"field": ".".join(str(part) for part in e["loc"]), "message": e["msg"]}
        for e in error.errors()
    ]
    detail = "; ".join(f"{e['field']}: {e['message']}" for e in errors)
    return problem(HTTPStatus.UNPROCESSABLE_ENTITY, detail, errors=errors)


async def _refused(_: Request, error: Exception) -> Response:
    if isinstance(error, Unready):
        return problem(HTTPStatus.CONFLICT, str(error), reasons=list(error.reasons))
    if isinstance(error, TooMany):
        return problem(HTTPStatus.TOO_MANY_REQUESTS, str(error), {"Retry-After": str(AGAIN_S)})
    found = (status for kind, status in _REFUSALS.items() if isinstance(error, kind))
    return problem(next(found, HTTPStatus.UNPROCESSABLE_ENTITY), str(error))


async def _forbidden(_: Request, error: Exception) -> Response:
    return problem(HTTPStatus.FORBIDDEN, str(error))


async def _unproven(_: Request, error: Exception) -> Response:
    assert isinstance(error, Unproven)
    if error.wait_s:
        retry = {"Retry-After": str(error.wait_s)}
        return problem(HTTPStatus.TOO_MANY_REQUESTS, str(error), retry)
    return problem(HTTPStatus.UNAUTHORIZED, str(error))


async def _busy(_: Request, error: Exception) -> Response:
    return problem(HTTPStatus.SERVICE_UNAVAILABLE, str(error), {"Retry-After": "1"})


async def _unavailable(request: Request, error: Exception) -> Response:
    log.warning("%s %s: the database cannot serve: %s", request.method, request.url.path, error)
    detail = f"The database cannot serve this now: {error}"
    retry = {"Retry-After": str(RETRY_AFTER_S)}
    return problem(HTTPStatus.SERVICE_UNAVAILABLE, detail, retry)


async def _failed(_: Request, error: Exception) -> Response:
    # Starlette raises it again after this answer, so that the server logs it with its traceback.
    detail = "Vigie made a mistake; its log has the details."
    return problem(HTTPStatus.INTERNAL_SERVER_ERROR, detail, kind=type(error).__name__)
