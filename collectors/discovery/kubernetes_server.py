"""Which API server a Kubernetes discovery asks, and how it is let in.

Three ways, as in Prometheus: a kubeconfig file, a written `api_server`, or, where neither is said,
the cluster that this process runs in, by the folder of its service account.
"""

import base64
import binascii
import ssl
import tempfile
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

from yarl import URL

from collectors.access import HttpAccess, Tls
from collectors.discovery.errors import DiscoveryError
from collectors.discovery.model import KubernetesSd
from collectors.entry import Entry
from collectors.oauth2 import Now
from collectors.proxies import Proxies
from slo.load.yaml import LoadError, Problems, documents, plain

Enter: TypeAlias = Callable[[HttpAccess], Entry]
_Map: TypeAlias = Mapping[str, Any]


class ServiceAccount(NamedTuple):
    """What a pod is given to talk to the API of its cluster with."""

    folder: str = "/var/run/secrets/kubernetes.io/serviceaccount"
    url: str = "https://kubernetes.default.svc"


@dataclass(frozen=True, slots=True)
class Server:
    """A server and the way in; `namespace` is our own, empty where nothing says it."""

    url: URL
    entry: Entry
    namespace: str


class Finder:
    """Finds the server of a discovery, and again when its kubeconfig changes. Reads files."""

    def __init__(
        self, discovery: KubernetesSd, account: ServiceAccount, proxies: Proxies, now: Now
    ) -> None:
        self._discovery = discovery
        self._account = account
        self._proxies = proxies
        self._now = now
        self._stamp: tuple[int, int, int] | None = None
        self._server: Server | None = None
        self._turn = threading.Lock()  # watchers ask from threads, for files are read

    def server(self) -> Server:
        """The same object while nothing has changed, so that connections are kept.

        DiscoveryError says what is missing.
        """
        path = self._discovery.kubeconfig_file
        with self._turn:
            stamp = _stamp(path) if path else None
            if self._server is None or stamp != self._stamp:
                self._server, self._stamp = self._found(), stamp
            return self._server

    def _found(self) -> Server:
        said = self._discovery
        if said.kubeconfig_file:
            return self._of_kubeconfig(said.kubeconfig_file)
        folder = Path(self._account.folder)
        namespace = _maybe_text(folder / "namespace")
        if said.api_server:
            return Server(_url(said.api_server), self._enter(said.access), namespace)
        token, ca = folder / "token", folder / "ca.crt"
        if not token.exists():
            raise DiscoveryError(
                f"not in a cluster: no {token}; set `api_server` or `kubeconfig_file`"
            )
        access = HttpAccess(credentials_file=str(token), tls=Tls(ca_file=str(ca)))
        return Server(_url(self._account.url), self._enter(access), namespace)

    def _enter(self, access: HttpAccess) -> Entry:
        return Entry(access, self._now, self._proxies)

    def _of_kubeconfig(self, path: str) -> Server:
        config = _parsed(path)
        context = _named(config, "contexts", "context", _str(config, "current-context"))
        cluster = _named(config, "clusters", "cluster", _str(context, "cluster"))
        user = _named(config, "users", "user", _str(context, "user")) if context.get("user") else {}
        for login in ("exec", "auth-provider"):
            if user.get(login):
                raise DiscoveryError(
                    f"kubeconfig: `{login}` runs a program to log in, which Vigie does not: "
                    "use a token file or a client certificate"
                )
        access = _access(cluster, user, Path(path).parent)
        url, namespace = _url(_str(cluster, "server")), _str(context, "namespace") or "default"
        inline = _Inline.of(cluster, user)
        if inline is None:
            return Server(url, self._enter(access), namespace)
        return Server(url, _InlineEntry(access, self._now, self._proxies, inline), namespace)


class _Inline(NamedTuple):
    """Certificates that stand in the kubeconfig itself, as PEM."""

    ca: bytes
    cert: bytes
    key: bytes

    @classmethod
    def of(cls, cluster: _Map, user: _Map) -> "_Inline | None":
        found = cls(
            _data(cluster, "certificate-authority-data"),
            _data(user, "client-certificate-data"),
            _data(user, "client-key-data"),
        )
        return found if any(found) else None


class _InlineEntry(Entry):
    """An Entry whose certificates are no files."""

    def __init__(self, access: HttpAccess, now: Now, proxies: Proxies, inline: _Inline) -> None:
        super().__init__(access, now, proxies)
        self._context = _context(access.tls, inline)

    def tls(self) -> ssl.SSLContext:
        return self._context


def _context(tls: Tls, inline: _Inline) -> ssl.SSLContext:
    try:
        context = ssl.create_default_context(
            cafile=None if inline.ca else tls.ca_file or None,
            cadata=inline.ca.decode("ascii") if inline.ca else None,
        )
        with tempfile.TemporaryDirectory() as folder:  # load_cert_chain reads files only
            cert, key = Path(folder) / "cert", Path(folder) / "key"
            cert.write_bytes(inline.cert)
            key.write_bytes(inline.key)
            cert_path = str(cert) if inline.cert else tls.cert_file
            if cert_path:
                context.load_cert_chain(cert_path, str(key) if inline.key else tls.key_file or None)
    except (OSError, ValueError) as error:  # ssl.SSLError is an OSError
        raise DiscoveryError("kubeconfig: its certificates or key can't be used") from error
    if tls.insecure_skip_verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


def _access(cluster: _Map, user: _Map, folder: Path) -> HttpAccess:
    token = _str(user, "token")
    token_file = _path(user, "tokenFile", folder)
    return HttpAccess(
        username=_str(user, "username"),
        password=_str(user, "password"),
        credentials="" if token_file else token,
        credentials_file=token_file,
        tls=Tls(
            ca_file=_path(cluster, "certificate-authority", folder),
            cert_file=_path(user, "client-certificate", folder),
            key_file=_path(user, "client-key", folder),
            server_name=_str(cluster, "tls-server-name"),
            insecure_skip_verify=cluster.get("insecure-skip-tls-verify") is True,
        ),
        proxy_url=_str(cluster, "proxy-url"),
    )


def _parsed(path: str) -> _Map:
    try:
        text = Path(path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        said = error.strerror if isinstance(error, OSError) else "not UTF-8"
        raise DiscoveryError(f"can't read {path}: {(said or str(error)).lower()}") from error
    problems = Problems()
    nodes = documents(text, path, problems)
    try:
        config = plain(nodes[0]) if nodes and not problems.errors else None
    except LoadError:
        config = None
    if not isinstance(config, dict):
        raise DiscoveryError(f"{path} is no kubeconfig")
    return config


def _named(config: _Map, listed: str, kind: str, name: str) -> _Map:
    """One of the contexts, clusters or users of a kubeconfig."""
    if not name:
        raise DiscoveryError(f"kubeconfig: nothing says which {kind} to use")
    for one in config.get(listed) or ():
        if isinstance(one, dict) and one.get("name") == name and isinstance(one.get(kind), dict):
            found: _Map = one[kind]
            return found
    raise DiscoveryError(f"kubeconfig: there is no {kind} `{name}`")


def _str(values: _Map, key: str) -> str:
    value = values.get(key)
    return value if isinstance(value, str) else ""


def _path(values: _Map, key: str, folder: Path) -> str:
    """A path of the kubeconfig, relative to its folder."""
    return str(folder / said) if (said := _str(values, key)) else ""


def _data(values: _Map, key: str) -> bytes:
    try:
        return base64.b64decode(_str(values, key), validate=True)
    except binascii.Error as error:
        raise DiscoveryError(f"kubeconfig: `{key}` is not base64") from error


def _url(text: str) -> URL:
    try:
        url = URL(text if "://" in text else f"https://{text}")
    except ValueError as error:
        raise DiscoveryError("the address of the API server is none") from error
    if not url.host or url.scheme not in ("http", "https"):
        raise DiscoveryError("the address of the API server is none")
    return url


def _maybe_text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError):
        return ""


def _stamp(path: str) -> tuple[int, int, int] | None:
    try:
        found = Path(path).stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino
