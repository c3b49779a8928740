"""Objects of Kubernetes, of each only what targets are made of.

Reading is lenient, for the API is typed: what is missing or of another type is empty.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final, TypeAlias

from collectors.discovery.kubernetes_json import (
    Json,
    Meta,
    Resource,
    flag,
    mapping,
    mappings,
    meta_of,
    number,
    text,
    texts,
)

RESOURCES: Final[Mapping[str, Resource]] = {
    "pod": Resource("/api/v1", "pods"),
    "service": Resource("/api/v1", "services"),
    "endpoints": Resource("/api/v1", "endpoints"),
    "endpointslice": Resource("/apis/discovery.k8s.io/v1", "endpointslices"),
    "ingress": Resource("/apis/networking.k8s.io/v1", "ingresses"),
    "node": Resource("/api/v1", "nodes", namespaced=False),
}


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


def read(kind: str, raw: Json) -> Object:
    """The object of a kind."""
    return _READERS[kind](raw)


def _pod(raw: Json) -> Pod:
    spec, status = mapping(raw.get("spec")), mapping(raw.get("status"))
    meta = mapping(raw.get("metadata"))
    owners = mappings(meta.get("ownerReferences"))
    owner: Json = next((one for one in owners if one.get("controller") is True), {})
    conditions = mappings(status.get("conditions"))
    ready = next((one.get("status") for one in conditions if one.get("type") == "Ready"), "")
    plain = _containers(spec.get("containers"), status.get("containerStatuses"), init=False)
    first = _containers(spec.get("initContainers"), status.get("initContainerStatuses"), init=True)
    return Pod(
        meta=meta_of(raw),
        uid=text(meta.get("uid")),
        ip=text(status.get("podIP")),
        host_ip=text(status.get("hostIP")),
        phase=text(status.get("phase")),
        ready=(text(ready) or "Unknown").lower(),
        node=text(spec.get("nodeName")),
        controller=(text(owner.get("kind")), text(owner.get("name"))),
        containers=(*plain, *first),
    )


def _containers(listed: object, statuses: object, *, init: bool) -> list[Container]:
    ids = {text(s.get("name")): text(s.get("containerID")) for s in mappings(statuses)}
    return [
        Container(
            name=text(one.get("name")),
            image=text(one.get("image")),
            id=ids.get(text(one.get("name")), ""),
            init=init,
            ports=_ports(one.get("ports"), "containerPort"),
        )
        for one in mappings(listed)
    ]


def _service(raw: Json) -> Service:
    spec = mapping(raw.get("spec"))
    return Service(
        meta=meta_of(raw),
        type=text(spec.get("type")),
        cluster_ip=text(spec.get("clusterIP")),
        external_name=text(spec.get("externalName")),
        load_balancer_ip=text(spec.get("loadBalancerIP")),
        ports=_ports(spec.get("ports")),
    )


def _endpoints(raw: Json) -> Endpoints:
    found = []
    for subset in mappings(raw.get("subsets")):
        ports = _ports(subset.get("ports"))
        for listed, ready in (("addresses", "true"), ("notReadyAddresses", "false")):
            found += [_address(one, ports, ready) for one in mappings(subset.get(listed))]
    return Endpoints(meta_of(raw), "", tuple(found))


def _address(one: Json, ports: tuple[Port, ...], ready: str) -> Endpoint:
    return Endpoint(
        addresses=(text(one.get("ip")),),
        ports=ports,
        node=text(one.get("nodeName")),
        hostname=text(one.get("hostname")),
        zone="",
        ref=_ref(one),
        ready=ready,
    )


def _slice(raw: Json) -> Endpoints:
    ports = _ports(raw.get("ports"))
    found = []
    for one in mappings(raw.get("endpoints")):
        conditions = mapping(one.get("conditions"))
        addresses = one.get("addresses")
        found.append(
            Endpoint(
                addresses=tuple(map(text, addresses)) if isinstance(addresses, list) else (),
                ports=ports,
                node=text(one.get("nodeName")),
                hostname=text(one.get("hostname")),
                zone=text(one.get("zone")),
                ref=_ref(one),
                ready=flag(conditions.get("ready")),
                serving=flag(conditions.get("serving")),
                terminating=flag(conditions.get("terminating")),
                topology=tuple(texts(one.get("deprecatedTopology")).items()),
            )
        )
    return Endpoints(meta_of(raw), text(raw.get("addressType")), tuple(found))


def _ref(raw: Json) -> tuple[str, str, str]:
    ref = mapping(raw.get("targetRef"))
    return text(ref.get("kind")), text(ref.get("namespace")), text(ref.get("name"))


def _node(raw: Json) -> Node:
    status = mapping(raw.get("status"))
    kubelet = mapping(mapping(status.get("daemonEndpoints")).get("kubeletEndpoint"))
    addresses = mappings(status.get("addresses"))
    return Node(
        meta=meta_of(raw),
        provider_id=text(mapping(raw.get("spec")).get("providerID")),
        kubelet_port=number(kubelet.get("Port")) or 0,
        addresses=tuple((text(a.get("type")), text(a.get("address"))) for a in addresses),
    )


def _ingress(raw: Json) -> Ingress:
    spec = mapping(raw.get("spec"))
    listed = [tls.get("hosts") for tls in mappings(spec.get("tls"))]
    hosts = [host for some in listed if isinstance(some, list) for host in some]
    rules = []
    for rule in mappings(spec.get("rules")):
        http = mapping(rule.get("http"))
        paths = [text(one.get("path")) or "/" for one in mappings(http.get("paths"))]
        rules.append(IngressRule(text(rule.get("host")), tuple(paths if http else ["/"])))
    return Ingress(
        meta_of(raw), text(spec.get("ingressClassName")), tuple(map(text, hosts)), tuple(rules)
    )


_READERS: Final[Mapping[str, Callable[[Json], Object]]] = {
    "pod": _pod,
    "service": _service,
    "endpoints": _endpoints,
    "endpointslice": _slice,
    "node": _node,
    "ingress": _ingress,
}


def _ports(listed: object, called: str = "port") -> tuple[Port, ...]:
    return tuple(
        Port(
            text(one.get("name")),
            text(one.get("protocol")),
            number(one.get(called)),
            text(one.get("appProtocol")),
        )
        for one in mappings(listed)
    )
