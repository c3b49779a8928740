"""A receiver of pages as a customer would write one: checks the signature, keeps what came in.

`python -m vigie.demo.receiver --port 9000 [--secret-file FILE]`. It shows on stdout what arrives
and gives it out at `GET /received`. Written from docs/reference/webhook.md alone, with no code of
the sender, so that a mistake of the sender is seen here.
"""

import argparse
import hashlib
import hmac
import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from aiohttp import web

KEPT: Final = 1000
MAX_AGE_S: Final = 300.0  # an older signature may be a replay


@dataclass(frozen=True, slots=True)
class Received:
    """One message as it came in; `refused` says why it was not believed, empty when it was."""

    at: float
    dedup_key: str
    event: str
    kind: str
    number: int | None
    text: str
    refused: str = ""


def refusal(secret: str | None, headers: Mapping[str, str], body: bytes, now: float) -> str:
    """Why the message is not to be believed; empty when it is."""
    if secret is None:
        return ""
    timestamp = headers.get("X-Vigie-Timestamp", "")
    if not timestamp.isdigit() or abs(now - int(timestamp)) > MAX_AGE_S:
        return f"timestamp `{timestamp}` is not of the last {MAX_AGE_S:.0f} s"
    signed = timestamp.encode() + b"." + body
    wanted = "v1=" + hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest()
    given = headers.get("X-Vigie-Signature", "")
    return "" if hmac.compare_digest(wanted.encode(), given.encode()) else "signature is wrong"


def received(body: bytes, refused: str, at: float) -> Received:
    """A message, read; ValueError if it is none."""
    message = json.loads(body)
    if not isinstance(message, dict):
        raise TypeError("the body is no JSON object")
    incident: Mapping[str, Any] = message.get("incident") or {}
    return Received(
        at=at,
        dedup_key=str(message.get("dedup_key", "")),
        event=str(message.get("event", "")),
        kind=str(message.get("kind", "")),
        number=incident.get("number"),
        text=str(message.get("text") or incident.get("title", "")),
        refused=refused,
    )


def build(secret: str | None, now: Callable[[], float] = time.time) -> web.Application:
    """The receiver as an aiohttp application; 204 is its acceptance."""
    kept: list[Received] = []

    async def take(request: web.Request) -> web.Response:
        body = await request.read()
        refused = refusal(secret, request.headers, body, now())
        try:
            message = received(body, refused, now())
        except (ValueError, TypeError) as error:
            return web.Response(status=400, text=f"{error}\n")
        kept.append(message)
        del kept[:-KEPT]
        print(_line(message), flush=True)
        return web.Response(status=401, text=refused) if refused else web.Response(status=204)

    async def give(_: web.Request) -> web.Response:
        return web.json_response({"items": [asdict(message) for message in kept]})

    app = web.Application()
    app.router.add_post("/hook", take)
    app.router.add_get("/received", give)
    return app


def _line(message: Received) -> str:
    verdict = f"REFUSED, {message.refused}" if message.refused else "signature ok"
    return f"{message.kind} {message.event} #{message.number} ({verdict}): {message.text}"


def secret_from(path: Path | None) -> str | None:
    """The secret that a file holds; None without a file."""
    return path.read_text(encoding="utf-8").strip() if path is not None else None


def arguments_from(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """The port and the file of the secret."""
    parser = argparse.ArgumentParser(prog="python -m vigie.demo.receiver")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--secret-file", type=Path, help="without it no signature is checked")
    return parser.parse_args(arguments)


def main() -> None:
    given = arguments_from()
    app = build(secret_from(given.secret_file))
    web.run_app(app, host="127.0.0.1", port=given.port, print=None, access_log=None)


if __name__ == "__main__":
    main()
