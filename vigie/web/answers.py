"""How forms answer: with the page that shows what came of them."""

from http import HTTPStatus
from typing import Final
from urllib.parse import quote

from starlette.responses import RedirectResponse, Response

from vigie.access import current

NAME_COOKIE: Final = "vigie_name"  # whose name the next form is filled in with
NAME_AGE_S: Final = 365 * 86400


def shown(where: str, actor: str) -> Response:
    """303 to a page; where nobody is signed in, the name that was typed is kept for next time."""
    answer = RedirectResponse(where, HTTPStatus.SEE_OTHER)
    if current().name:  # nobody types a name
        return answer
    kept = quote(actor.strip()[:100])
    answer.set_cookie(NAME_COOKIE, kept, max_age=NAME_AGE_S, httponly=True, samesite="lax")
    return answer
