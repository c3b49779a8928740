"""Errors as pages for people; programs get the same facts as JSON."""

from collections.abc import Awaitable, Callable
from typing import Any, Final

import orjson
from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import Response

from vigie.clock import Clock
from vigie.web.render import Templates

Handler = Callable[[Request, Exception], Awaitable[Response]]
_FOR_PROGRAMS: Final = ("/api/", "/metrics", "/-/")


def show_as_pages(app: FastAPI, templates: Templates, clock: Clock) -> None:
    """Wrap every handler of the app: what it says is shown as a page where a page was asked for."""
    for kind, handler in list(app.exception_handlers.items()):
        app.add_exception_handler(kind, _or_page(handler, templates, clock))


def _or_page(handler: Any, templates: Templates, clock: Clock) -> Handler:
    async def answer(request: Request, error: Exception) -> Response:
        said: Response = await handler(request, error)
        if not wants_page(request):
            return said
        problem = orjson.loads(bytes(said.body))
        page = templates.page("error.html", clock.now(), {"problem": problem}, said.status_code)
        for name in ("allow", "retry-after"):
            if name in said.headers:
                page.headers[name] = said.headers[name]
        return page

    return answer


def wants_page(request: Request) -> bool:
    is_page = not request.url.path.startswith(_FOR_PROGRAMS)
    return is_page and "text/html" in request.headers.get("accept", "")
