"""How an HTTP server lets us in: credentials, TLS, proxy, redirects.

What is done with it is in `collectors.entry`, so that reading files needs no HTTP client.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Tls:
    """Paths of PEM files, read anew when they change."""

    ca_file: str = ""
    cert_file: str = ""
    key_file: str = ""
    server_name: str = ""
    insecure_skip_verify: bool = False
    min_version: str = ""  # TLS10..TLS13


NO_TLS_KEYS = Tls()


@dataclass(frozen=True, slots=True)
class Oauth2:
    """The client credentials grant."""

    client_id: str
    token_url: str
    client_secret: str = field(default="", repr=False)
    client_secret_file: str = ""
    scopes: tuple[str, ...] = ()
    endpoint_params: Mapping[str, str] = field(default_factory=dict, repr=False)
    tls: Tls = NO_TLS_KEYS
    proxy_url: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class HttpAccess:
    """What `http_config` of Prometheus says. Of secrets, a file is read anew for every use.

    What may hold a secret is left out of the text that stands for one of these in a log.
    """

    username: str = ""
    username_file: str = ""
    password: str = field(default="", repr=False)
    password_file: str = ""
    auth_type: str = "Bearer"
    credentials: str = field(default="", repr=False)
    credentials_file: str = ""
    oauth2: Oauth2 | None = None
    tls: Tls = NO_TLS_KEYS
    proxy_url: str = field(default="", repr=False)
    no_proxy: str = ""
    proxy_from_environment: bool = False
    follow_redirects: bool = True
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    header_files: Mapping[str, tuple[str, ...]] = field(default_factory=dict)  # their contents


ANONYMOUS = HttpAccess()
