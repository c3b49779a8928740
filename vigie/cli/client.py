"""Speaks to a running server over HTTP: the live commands know nothing else of it."""

import json
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from http.client import HTTPResponse
from ipaddress import ip_address
from typing import Any, Final
from urllib.parse import urlsplit

from vigie.cli.ending import CannotRun, Refused
from vigie.cli.given import DEFAULT_URL

TIMEOUT_S: Final = 30.0

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Client:
    """One server. Refused when it says no (404, 409, 4xx), CannotRun when there is no answer."""

    url: str
    token: str | None = None
    signed_in: tuple[str, str] | None = None  # the cookie of a session, and its CSRF token

    def get(self, path: str) -> Json:
        return self._send(self._request("GET", path, None))

    def text(self, path: str) -> bytes:
        """A document, as it is."""
        return self._ask(self._request("GET", path, None))

    def post(self, path: str, body: Json, key: str | None = None) -> Json:
        """`key` is the idempotency key of a write that must not happen twice."""
        return self._write("POST", path, body, key)

    def patch(self, path: str, body: Json, key: str | None = None) -> Json:
        return self._write("PATCH", path, body, key)

    def send(self, path: str, content: bytes, media_type: str) -> Json:
        """A document as it is."""
        request = self._request("POST", path, content)
        request.add_header("Content-Type", media_type)
        return self._send(request)

    def delete(self, path: str) -> Json:
        return self._send(self._request("DELETE", path, None))

    def sign_in(self, name: str, password: str) -> "Client":
        """A client that a person is signed in with; `sign_out` ends that."""
        body = json.dumps({"name": name, "password": password}).encode()
        with self._open(self._request("POST", "/session", body)) as answer:
            cookie = str(answer.headers.get("Set-Cookie", "")).partition(";")[0]
            csrf = str(_object(answer.read(), self.url).get("csrf", ""))
        return replace(self, signed_in=(cookie, csrf))

    def sign_out(self) -> None:
        with self._open(self._request("DELETE", "/session", None)):
            pass

    def _write(self, method: str, path: str, body: Json, key: str | None) -> Json:
        request = self._request(method, path, json.dumps(body).encode())
        if key is not None:
            request.add_header("Idempotency-Key", key)
        return self._send(request)

    def _request(self, method: str, path: str, body: bytes | None) -> urllib.request.Request:
        if urlsplit(self.url).scheme not in ("http", "https"):
            raise CannotRun(f"VIGIE_URL is `{self.url}`: write e.g. {DEFAULT_URL}")
        headers = {"Accept": "application/json", "Content-Type": "application/json"}
        if self.token:
            headers["Authorization"] = f"Bearer {self.token}"
        if self.signed_in is not None:
            headers["Cookie"], headers["X-CSRF-Token"] = self.signed_in
        url = self.url.rstrip("/") + "/api/v1" + path
        return urllib.request.Request(url, body, headers, method=method)  # noqa: S310 - checked above

    def _send(self, request: urllib.request.Request) -> Json:
        return _object(self._ask(request), self.url)

    def _ask(self, request: urllib.request.Request) -> bytes:
        with self._open(request) as answer:
            body: bytes = answer.read()
            return body

    @contextmanager
    def _open(self, request: urllib.request.Request) -> Iterator[HTTPResponse]:
        try:
            with _opener(self.url).open(request, timeout=TIMEOUT_S) as answer:
                yield answer
        except urllib.error.HTTPError as error:
            raise _ending(error, self.url) from error
        except (urllib.error.URLError, TimeoutError, ConnectionError) as error:
            reason = getattr(error, "reason", error)
            hint = "is `vigie serve` running there? VIGIE_URL names another server"
            raise CannotRun(f"no answer from {self.url}: {reason}; {hint}") from error


def _opener(url: str) -> urllib.request.OpenerDirector:
    """No proxy for this machine itself, whatever the environment says about proxies."""
    host = urlsplit(url).hostname or ""
    try:
        local = ip_address(host).is_loopback
    except ValueError:
        local = host == "localhost"
    return urllib.request.build_opener(*([urllib.request.ProxyHandler({})] if local else []))


def _object(body: bytes, url: str) -> Json:
    try:
        value = json.loads(body)
    except ValueError:
        value = None
    if not isinstance(value, dict):
        raise CannotRun(f"what answers at {url} is not Vigie: VIGIE_URL names another server")
    return value


def _ending(error: urllib.error.HTTPError, url: str) -> CannotRun | Refused:
    with error:
        body = error.read()
    try:
        detail = str(json.loads(body)["detail"])
    except (ValueError, KeyError, TypeError):
        detail = f"{url} answered {error.code} {error.reason}"
    if error.code == 401:
        return CannotRun(f"{detail} Set VIGIE_TOKEN.")
    return CannotRun(detail) if error.code >= 500 or error.code == 421 else Refused(detail)
