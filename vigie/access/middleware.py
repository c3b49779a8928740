"""The gate before everything: who is refused gets no further, who is let in is known from here."""

from collections.abc import Callable, Collection
from typing import Final

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from vigie.access.gate import STATIC, Gate, judged
from vigie.access.identity import Identity, serving
from vigie.access.routes import ACCOUNTS

_HEADERS: Final = {
    "Content-Security-Policy": (
        "default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; "
        "object-src 'none'"
    ),
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}


class Access:
    """ASGI middleware: refuses what the gate refuses, and adds the security headers to all."""

    def __init__(
        self, app: ASGIApp, gate: Gate, public: Callable[[], Collection[str]] = frozenset
    ) -> None:
        """`public` names the status pages that everybody may read, asked anew at every request."""
        self._app = app
        self._gate = gate
        self._public = public

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":  # lifespan; there are no WebSocket routes
            await self._app(scope, receive, send)
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                _add_headers(message, scope["path"])
            await send(message)

        found = await judged(self._gate, scope, self._public())
        if isinstance(found, Identity):
            scope[ACCOUNTS] = self._gate.accounts
            with serving(found):
                await self._app(scope, receive, send_with_headers)
        else:
            await found(scope, receive, send_with_headers)


def _add_headers(message: Message, path: str) -> None:
    headers = MutableHeaders(scope=message)
    for name, value in _HEADERS.items():
        headers.setdefault(name, value)
    # Figures are old the moment they are sent; our own files carry an ETag.
    headers.setdefault("Cache-Control", "no-cache" if path.startswith(STATIC) else "no-store")
