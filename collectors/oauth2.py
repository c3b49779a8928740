"""Tokens of the OAuth2 client credentials grant (RFC 6749, 4.4): fetched, kept, renewed in time."""

import asyncio
import math
import ssl
from typing import Final, Protocol
from urllib.parse import quote_plus

import aiohttp
import orjson
from yarl import URL

from collectors.access import Oauth2
from collectors.credentials import basic, secret_in
from collectors.errors import AccessError
from collectors.lines import shortened

EARLY_S: Final = 30.0  # before its end that a token is renewed; a short-lived one at 9/10
WITHOUT_END_S: Final = 3600.0  # how long a token is kept whose server names no end
REST_S: Final = 5.0  # after a failure, so that many targets of a job ask no more than one would
MAX_BYTES: Final = 65_536
_UNTIMED: Final = aiohttp.ClientTimeout(total=None)


class Now(Protocol):
    """Time as Unix seconds."""

    def __call__(self) -> float: ...


class Way(Protocol):
    """How the token server lets us in."""

    def tls(self) -> ssl.SSLContext: ...

    @property
    def server_name(self) -> str | None: ...

    def proxy(self, url: URL | str) -> str | None: ...


class Tokens:
    """The tokens of one client. Many may ask at once: one request answers them all."""

    def __init__(self, oauth2: Oauth2, way: Way, now: Now) -> None:
        self._oauth2 = oauth2
        self._way = way
        self._now = now
        self._turn = asyncio.Lock()
        self._token = ""
        self._secret = ""  # that the token was given for
        self._renew_at = self._ends_at = self._rests_until = -math.inf
        self._failure = ""
        self._in_body = False  # where the secret goes; found out by trying, as Go's client does

    async def header(self) -> str:
        """The value of the Authorization header. AccessError `oauth2: ...` where there is none.

        The caller bounds the time that it takes.
        """
        secret = self._now_secret()
        if self._token and secret == self._secret and self._now() < self._renew_at:
            return self._token
        async with self._turn:
            if self._token and secret == self._secret and self._now() < self._renew_at:
                return self._token  # another asked meanwhile
            try:
                await self._renew(secret)
            except AccessError:
                if self._now() >= self._ends_at:
                    raise
        return self._token

    def refused(self) -> None:
        """The server did not take the token: the next request gets another one."""
        self._token, self._renew_at, self._ends_at = "", -math.inf, -math.inf

    def _now_secret(self) -> str:
        said = self._oauth2
        return secret_in(said.client_secret_file) if said.client_secret_file else said.client_secret

    async def _renew(self, secret: str) -> None:
        if secret == self._secret and self._now() < self._rests_until:
            raise AccessError(self._failure)
        if secret != self._secret:
            self.refused()
        self._secret, asked = secret, self._now()
        try:
            answer = await self._ask(secret)
        except AccessError as error:
            self._failure, self._rests_until = error.reason, self._now() + REST_S
            raise
        token, lives_s = _read(answer)
        self._token = token
        self._ends_at = asked + lives_s
        self._renew_at = max(asked + lives_s * 0.9, self._ends_at - EARLY_S)

    async def _ask(self, secret: str) -> bytes:
        status, body = await self._post(secret)
        if status in (400, 401, 403):
            self._in_body = not self._in_body
            other, second = await self._post(secret)
            if other == 200:
                return second
            self._in_body = not self._in_body
        if status != 200:
            raise AccessError(f"oauth2: status {status}{_words(body)}")
        return body

    async def _post(self, secret: str) -> tuple[int, bytes]:
        said = self._oauth2
        form = {"grant_type": "client_credentials", **said.endpoint_params}
        if said.scopes:
            form["scope"] = " ".join(said.scopes)
        headers = {"Accept": "application/json", "Accept-Encoding": "identity"}
        if self._in_body:
            form |= {"client_id": said.client_id, "client_secret": secret}
        else:
            # The two are form-encoded before they are joined: RFC 6749, 2.3.1.
            headers["Authorization"] = basic(quote_plus(said.client_id), quote_plus(secret))
        try:
            return await self._sent(URL(said.token_url), form, headers)
        except TimeoutError:
            raise
        except AccessError as error:
            raise AccessError(f"oauth2: {error.reason}") from error
        except (aiohttp.ClientError, OSError) as error:
            place = shortened(URL(said.token_url).host or "", 60)
            raise AccessError(f"oauth2: no answer of {place}: {type(error).__name__}") from error

    async def _sent(
        self, url: URL, form: dict[str, str], headers: dict[str, str]
    ) -> tuple[int, bytes]:
        """The status and the body. A session for each: there is one an hour or so."""
        async with (
            aiohttp.ClientSession(timeout=_UNTIMED, auto_decompress=False) as session,
            session.post(
                url,
                data=form,
                headers=headers,
                ssl=self._way.tls(),
                server_hostname=self._way.server_name,
                proxy=self._way.proxy(url),
                allow_redirects=False,  # the secret is for this server only
            ) as response,
        ):
            return response.status, await _head(response)


async def _head(response: aiohttp.ClientResponse) -> bytes:
    try:
        return await response.content.readexactly(MAX_BYTES)
    except asyncio.IncompleteReadError as short:
        return short.partial


def _read(body: bytes) -> tuple[str, float]:
    """The header that an answer gives, and for how many seconds it is good."""
    try:
        answer = orjson.loads(body)
        token, kind = answer["access_token"], answer.get("token_type") or "Bearer"
        lives_s = float(answer.get("expires_in") or WITHOUT_END_S)
    except (ValueError, LookupError, TypeError, AttributeError) as error:
        raise AccessError("oauth2: the answer holds no access_token") from error
    if not (isinstance(token, str) and token and f"{kind}{token}".isprintable()):
        raise AccessError("oauth2: the answer holds no access_token")
    kind = "Bearer" if str(kind).lower() == "bearer" else str(kind)
    return f"{kind} {token}", max(0.0, lives_s) if math.isfinite(lives_s) else WITHOUT_END_S


def _words(body: bytes) -> str:
    """The `error` of RFC 6749, 5.2: one of its words, nothing that the server adds."""
    try:
        said = str(orjson.loads(body)["error"])
    except (ValueError, LookupError, TypeError):
        return ""
    return f": {shortened(said, 60)}"
