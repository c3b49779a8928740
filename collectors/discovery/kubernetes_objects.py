"""Objects of Kubernetes, of each only what targets are made of.

Reading is lenient, for the API is typed: what is missing or of another type is empty.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, NamedTuple, TypeAlias

Json: TypeAlias = Mapping[str, Any]


class Resource(NamedTuple):
    """Where the API has a kind of object."""

    prefix: str
    plural: str
    namespaced: bool = True


RESOURCES: Final[Mapping[str, Resource]] = {
    "pod": Resource("/api/v1", "pods"),
    "service": Resource("/api/v1", "services"),
    "endpoints": Resource("/api/v1", "endpoints"),
    "endpointslice": Resource("/apis/discovery.k8s.io/v1", "endpointslices"),
    "ingress": Resource("/apis/networking.k8s.io/v1", "ingresses"),
    "node": Resource("/api/v1", "nodes", namespaced=False),
}


@dataclass(frozen=True, slots=True)
class Meta:
    """What every object has."""

    name: str
    namespace: str
    labels: Mapping[str, str]
    annotations: Mapping[str, str]

    @property
    def key(self) -> str:
        return key_of(self.namespace, self.name)


@dataclass(frozen=True, slots=True)
class Port:
    """A port of a container, a service, an endpoint. Of a slice, one without a number is any."""

    name: str
    protocol: str
    number: int | None
    app_protocol: str = ""


@dataclass(frozen=True, slots=True)
class Container:
    name: str
    image: str
    id: str
    init: bool
    ports: tuple[Port, ...]


@dataclass(frozen=True, slots=True)
class Pod:
    meta: Meta
    uid: str
    ip: str
    host_ip: str
    phase: str
    ready: str  # true | false | unknown
    node: str
    controller: tuple[str, str]  # kind, name
    containers: tuple[Container, ...]


@dataclass(frozen=True, slots=True)
class Service:
    meta: Meta
    type: str
    cluster_ip: str
    external_name: str
    load_balancer_ip: str
    ports: tuple[Port, ...]


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Addresses that answer on the same ports."""

    addresses: tuple[str, ...]
    ports: tuple[Port, ...]
    node: str
    hostname: str
    zone: str
    ref: tuple[str, str, str]  # kind, namespace, name of what stands behind it
    ready: str  # true | false; empty: not said
    serving: str = ""
    terminating: str = ""
    topology: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Endpoints:
    """An Endpoints object or an EndpointSlice."""

    meta: Meta
    address_type: str
    endpoints: tuple[Endpoint, ...]


@dataclass(frozen=True, slots=True)
class Node:
    meta: Meta
    provider_id: str
    kubelet_port: int
    addresses: tuple[tuple[str, str], ...]  # type, address


@dataclass(frozen=True, slots=True)
class IngressRule:
    host: str
    paths: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Ingress:
    meta: Meta
    class_name: str
    tls_hosts: tuple[str, ...]
    rules: tuple[IngressRule, ...]


Object: TypeAlias = Pod | Service | Endpoints | Node | Ingress


def key_of(namespace: str, name: str) -> str:
    """What names an object among those of its kind."""
    return f"{namespace}/{name}" if namespace else name


def meta_of(raw: Json) -> Meta:
    """The metadata of any object; a name that is missing is empty."""
    meta = _map(raw.get("metadata"))
    return Meta(
        _text(meta.get("name")),
        _text(meta.get("namespace")),
        _texts(meta.get("labels")),
        _texts(meta.get("annotations")),
    )


def version_of(raw: Json) -> str:
    """The `resourceVersion` of an object or a list."""
    return _text(_map(raw.get("metadata")).get("resourceVersion"))


def items_of(raw: Json) -> tuple[list[Json], str]:
    """The items of a list, and what to go on with; empty when this was its end."""
    going_on = _text(_map(raw.get("metadata")).get("continue"))
    return _maps(raw.get("items")), going_on


def status_of(raw: Json) -> tuple[int, str]:
    """Code and message of a Status object."""
    return _number(raw.get("code")) or 0, _text(raw.get("message"))


def read(kind: str, raw: Json) -> Object:
    """The object of a kind."""
    return _READERS[kind](raw)


def _pod(raw: Json) -> Pod:
    spec, status = _map(raw.get("spec")), _map(raw.get("status"))
    meta = _map(raw.get("metadata"))
    owners = _maps(meta.get("ownerReferences"))
    owner: Json = next((one for one in owners if one.get("controller") is True), {})
    conditions = _maps(status.get("conditions"))
    ready = next((one.get("status") for one in conditions if one.get("type") == "Ready"), "")
    plain = _containers(spec.get("containers"), status.get("containerStatuses"), init=False)
    first = _containers(spec.get("initContainers"), status.get("initContainerStatuses"), init=True)
    return Pod(
        meta=meta_of(raw),
        uid=_text(meta.get("uid")),
        ip=_text(status.get("podIP")),
        host_ip=_text(status.get("hostIP")),
        phase=_text(status.get("phase")),
        ready=(_text(ready) or "Unknown").lower(),
        node=_text(spec.get("nodeName")),
        controller=(_text(owner.get("kind")), _text(owner.get("name"))),
        containers=(*plain, *first),
    )


def _containers(listed: object, statuses: object, *, init: bool) -> list[Container]:
    ids = {_text(s.get("name")): _text(s.get("containerID")) for s in _maps(statuses)}
    return [
        Container(
            name=_text(one.get("name")),
            image=_text(one.get("image")),
            id=ids.get(_text(one.get("name")), ""),
            init=init,
            ports=_ports(one.get("ports"), "containerPort"),
        )
        for one in _maps(listed)
    ]


def _service(raw: Json) -> Service:
    spec = _map(raw.get("spec"))
    return Service(
        meta=meta_of(raw),
        type=_text(spec.get("type")),
        cluster_ip=_text(spec.get("clusterIP")),
        external_name=_text(spec.get("externalName")),
        load_balancer_ip=_text(spec.get("loadBalancerIP")),
        ports=_ports(spec.get("ports")),
    )


def _endpoints(raw: Json) -> Endpoints:
    found = []
    for subset in _maps(raw.get("subsets")):
        ports = _ports(subset.get("ports"))
        for listed, ready in (("addresses", "true"), ("notReadyAddresses", "false")):
            found += [_address(one, ports, ready) for one in _maps(subset.get(listed))]
    return Endpoints(meta_of(raw), "", tuple(found))


def _address(one: Json, ports: tuple[Port, ...], ready: str) -> Endpoint:
    return Endpoint(
        addresses=(_text(one.get("ip")),),
        ports=ports,
        node=_text(one.get("nodeName")),
        hostname=_text(one.get("hostname")),
        zone="",
        ref=_ref(one),
        ready=ready,
    )


def _slice(raw: Json) -> Endpoints:
    ports = _ports(raw.get("ports"))
    found = []
    for one in _maps(raw.get("endpoints")):
        conditions = _map(one.get("conditions"))
        addresses = one.get("addresses")
        found.append(
            Endpoint(
                addresses=tuple(map(_text, addresses)) if isinstance(addresses, list) else (),
                ports=ports,
                node=_text(one.get("nodeName")),
                hostname=_text(one.get("hostname")),
                zone=_text(one.get("zone")),
                ref=_ref(one),
                ready=_flag(conditions.get("ready")),
                serving=_flag(conditions.get("serving")),
                terminating=_flag(conditions.get("terminating")),
                topology=tuple(_texts(one.get("deprecatedTopology")).items()),
            )
        )
    return Endpoints(meta_of(raw), _text(raw.get("addressType")), tuple(found))


def _ref(raw: Json) -> tuple[str, str, str]:
    ref = _map(raw.get("targetRef"))
    return _text(ref.get("kind")), _text(ref.get("namespace")), _text(ref.get("name"))


def _node(raw: Json) -> Node:
    status = _map(raw.get("status"))
    kubelet = _map(_map(status.get("daemonEndpoints")).get("kubeletEndpoint"))
    addresses = _maps(status.get("addresses"))
    return Node(
        meta=meta_of(raw),
        provider_id=_text(_map(raw.get("spec")).get("providerID")),
        kubelet_port=_number(kubelet.get("Port")) or 0,
        addresses=tuple((_text(a.get("type")), _text(a.get("address"))) for a in addresses),
    )


def _ingress(raw: Json) -> Ingress:
    spec = _map(raw.get("spec"))
    hosts = [host for tls in _maps(spec.get("tls")) for host in tls.get("hosts") or ()]
    rules = []
    for rule in _maps(spec.get("rules")):
        http = _map(rule.get("http"))
        paths = [_text(one.get("path")) or "/" for one in _maps(http.get("paths"))]
        rules.append(IngressRule(_text(rule.get("host")), tuple(paths if http else ["/"])))
    return Ingress(
        meta_of(raw), _text(spec.get("ingressClassName")), tuple(map(_text, hosts)), tuple(rules)
    )


_READERS: Final[Mapping[str, Callable[[Json], Object]]] = {
    "pod": _pod,
    "service": _service,
    "endpoints": _endpoints,
    "endpointslice": _slice,
    "node": _node,
    "ingress": _ingress,
}


def _ports(listed: object, number: str = "port") -> tuple[Port, ...]:
    return tuple(
        Port(
            _text(one.get("name")),
            _text(one.get("protocol")),
            _number(one.get(number)),
            _text(one.get("appProtocol")),
        )
        for one in _maps(listed)
    )


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _number(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _flag(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else ""


def _map(value: object) -> Json:
    return value if isinstance(value, dict) else {}


def _maps(value: object) -> list[Json]:
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


def _texts(value: object) -> dict[str, str]:
    return {k: v for k, v in _map(value).items() if isinstance(v, str)}
