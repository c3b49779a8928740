"""Being let in by an HTTP server: the headers, the TLS context and the proxy of a request."""

import ssl

from yarl import URL

from collectors import credentials
from collectors.access import HttpAccess
from collectors.credentials import AUTHORIZATION
from collectors.oauth2 import Now, Tokens
from collectors.proxies import NO_PROXIES, NoProxy, Proxies
from collectors.tls import TlsFiles


class Entry:
    """How one server lets us in. All raise AccessError, which names what can't be used or got.

    `now` is for the age of tokens, `proxies` for who wants those of the environment. Targets of a
    job share one: its TLS context, and with it their connections, and its token.
    """

    def __init__(self, access: HttpAccess, now: Now, proxies: Proxies = NO_PROXIES) -> None:
        self.access = access
        self._proxies = proxies
        self._tls = TlsFiles(access.tls)
        # A proxy that a file names is for this machine too, unless the file lists exceptions.
        direct = access.no_proxy if access.proxy_url else proxies.no_proxy
        self._direct = NoProxy(direct) if direct or not access.proxy_url else None
        self._proxied = bool(access.proxy_url or access.proxy_from_environment)
        self._fixed = credentials.headers(access) if credentials.is_fixed(access) else None
        self._tokens: Tokens | None = None
        if access.oauth2 is not None:
            own = HttpAccess(tls=access.oauth2.tls, proxy_url=access.oauth2.proxy_url)
            self._tokens = Tokens(access.oauth2, Entry(own, now, proxies), now)

    async def headers(self) -> dict[str, str]:
        """The headers of a request; what comes from a file is what the file holds now."""
        own = credentials.headers(self.access) if self._fixed is None else self._fixed
        if self._tokens is None:
            return own
        return {**own, AUTHORIZATION: await self._tokens.header()}

    def tls(self) -> ssl.SSLContext:
        """What the server must prove and what we prove; the same object while the files are."""
        return self._tls.context()

    @property
    def server_name(self) -> str | None:
        """The name that the server's certificate must have; None: that of the address."""
        return self.access.tls.server_name or None

    def proxy(self, url: URL | str) -> str | None:
        """The proxy that a request goes through, with its login; None: none."""
        if not self._proxied:
            return None
        url = URL(url) if isinstance(url, str) else url
        if self._direct is not None and self._direct.fits(url):
            return None
        own = self._proxies.https if url.scheme == "https" else self._proxies.http
        proxy = self.access.proxy_url or own
        if not proxy:
            return None
        return proxy if "://" in proxy else f"http://{proxy}"

    def refused(self) -> None:
        """The server did not let us in: the next request gets another token."""
        if self._tokens is not None:
            self._tokens.refused()
