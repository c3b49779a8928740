"""Where targets are discovered: one record for each kind of service discovery."""

from dataclasses import dataclass
from typing import TypeAlias

from collectors.access import ANONYMOUS, HttpAccess


@dataclass(frozen=True, slots=True)
class FileSd:
    """Files of target groups, JSON or YAML, by glob patterns of the last path part."""

    files: tuple[str, ...]
    refresh_s: float = 300.0


@dataclass(frozen=True, slots=True)
class HttpSd:
    """A URL that answers target groups as JSON."""

    url: str
    refresh_s: float = 60.0
    access: HttpAccess = ANONYMOUS


@dataclass(frozen=True, slots=True)
class DnsSd:
    """Names that resolve to targets."""

    names: tuple[str, ...]
    type: str = "SRV"  # SRV | A | AAAA | MX | NS
    port: int = 0
    refresh_s: float = 30.0


@dataclass(frozen=True, slots=True)
class KubernetesSd:
    """Objects of a cluster."""

    role: str  # node | service | pod | endpoints | endpointslice | ingress
    api_server: str = ""
    kubeconfig_file: str = ""
    namespaces: tuple[str, ...] = ()  # empty: all
    own_namespace: bool = False
    selectors: tuple[tuple[str, str, str], ...] = ()  # (role, label selector, field selector)
    attach_node: bool = False
    access: HttpAccess = ANONYMOUS


Discovery: TypeAlias = FileSd | HttpSd | DnsSd | KubernetesSd


@dataclass(frozen=True, slots=True)
class DiscoveryStatus:
    """How one discovery of a job goes, for people. Times in Unix seconds."""

    kind: str  # file | http | dns | kubernetes
    place: str  # where it looks: files, a URL without secrets, names, role and namespaces
    health: str  # up | down (it keeps what it found before) | unknown (no answer yet)
    error: str = ""  # named reasons, one for each part that fails
    last_ok_at: float | None = None
    targets: int = 0
