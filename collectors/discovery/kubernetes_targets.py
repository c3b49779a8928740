"""Groups of targets out of objects of Kubernetes, with the labels that Prometheus gives them.

The names are those of `kubernetes_sd_config` in Prometheus' documentation; an empty label is left
out, which to relabelling is the same. Nothing here waits or asks: every other object that a group
is made of is looked up by `Seen`, which can so tell when the group is to be made anew.
"""

import re
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Final, Protocol

from collectors.discovery.groups import ADDRESS
from collectors.discovery.kubernetes_json import Meta, key_of
from collectors.discovery.kubernetes_objects import (
    Container,
    Endpoint,
    Endpoints,
    Ingress,
    Node,
    Object,
    Pod,
    Port,
    Service,
)
from collectors.jobs import Group
from slo import names

META: Final = "__meta_kubernetes_"
NAMESPACE: Final = f"{META}namespace"
SERVICE_OF_SLICE: Final = "kubernetes.io/service-name"
# The first that a node has is where it is reached.
_NODE_ADDRESSES: Final = (
    "InternalIP",
    "InternalDNS",
    "ExternalIP",
    "ExternalDNS",
    "LegacyHostIP",
    "Hostname",
)
_Labels = dict[str, str]


class Seen(Protocol):
    """The other objects of the cluster, by key. None: there is none (yet)."""

    def pod(self, key: str) -> Pod | None: ...

    def service(self, key: str) -> Service | None: ...

    def node(self, name: str) -> Node | None:
        """None too where nodes are not to be attached."""
        ...


def group_of(found: Object, seen: Seen) -> Group | None:
    """The targets of one object of the role; None: it has none."""
    match found:
        case Pod():
            group = _of_pod(found, seen)
        case Service():
            group = _of_service(found)
        case Endpoints():
            group = _of_endpoints(found, seen)
        case Node():
            group = _of_node(found)
        case Ingress():
            group = _of_ingress(found)
    return group if group.targets else None


def _of_pod(pod: Pod, seen: Seen) -> Group:
    labels = {NAMESPACE: pod.meta.namespace, **_pod(pod), **_attached(seen, pod.node)}
    targets = []
    for container in pod.containers if pod.ip else ():
        own = {**_container(container), f"{META}pod_container_id": container.id}
        if not container.ports:
            targets.append(_some({ADDRESS: pod.ip, **own}))
        for port in container.ports:
            targets.append(_some({ADDRESS: joined(pod.ip, port.number), **own, **_at(port)}))
    return Group(f"pod/{pod.meta.key}", tuple(targets), _some(labels))


def _pod(pod: Pod) -> _Labels:
    return {
        **_meta("pod", pod.meta),
        f"{META}pod_ip": pod.ip,
        f"{META}pod_ready": pod.ready,
        f"{META}pod_phase": pod.phase,
        f"{META}pod_node_name": pod.node,
        f"{META}pod_host_ip": pod.host_ip,
        f"{META}pod_uid": pod.uid,
        f"{META}pod_controller_kind": pod.controller[0],
        f"{META}pod_controller_name": pod.controller[1],
    }


def _container(container: Container) -> _Labels:
    return {
        f"{META}pod_container_name": container.name,
        f"{META}pod_container_image": container.image,
        f"{META}pod_container_init": str(container.init).lower(),
    }


def _at(port: Port) -> _Labels:
    return {
        f"{META}pod_container_port_name": port.name,
        f"{META}pod_container_port_number": _number(port),
        f"{META}pod_container_port_protocol": port.protocol,
    }


def _of_service(service: Service) -> Group:
    meta = service.meta
    labels = {NAMESPACE: meta.namespace, **_meta("service", meta)}
    shared = {f"{META}service_type": service.type}
    if service.type == "ExternalName":
        shared[f"{META}service_external_name"] = service.external_name
    else:
        shared[f"{META}service_cluster_ip"] = service.cluster_ip
    if service.type == "LoadBalancer":
        shared[f"{META}service_loadbalancer_ip"] = service.load_balancer_ip
    targets = [
        _some(
            {
                ADDRESS: joined(f"{meta.name}.{meta.namespace}.svc", port.number),
                f"{META}service_port_name": port.name,
                f"{META}service_port_number": _number(port),
                f"{META}service_port_protocol": port.protocol,
                **shared,
            }
        )
        for port in service.ports
    ]
    return Group(f"svc/{meta.key}", tuple(targets), _some(labels))


def _of_endpoints(found: Endpoints, seen: Seen) -> Group:
    """Every address at every port, and the other ports of the pods that stand behind them."""
    meta = found.meta
    sliced = bool(found.address_type)
    role = "endpointslice" if sliced else "endpoints"
    labels = {NAMESPACE: meta.namespace, **_meta(role, meta)}
    if sliced:
        labels[f"{META}endpointslice_address_type"] = found.address_type
    name = meta.labels.get(SERVICE_OF_SLICE, "") if sliced else meta.name
    service = seen.service(key_of(meta.namespace, name)) if name else None
    if service is not None:
        labels |= _meta("service", service.meta)
    targets: list[Mapping[str, str]] = []
    ports_of: dict[str, set[int | None]] = {}
    pods: dict[str, Pod] = {}
    for endpoint in found.endpoints:
        kind, namespace, ref = endpoint.ref
        key = key_of(namespace or meta.namespace, ref)
        pod = seen.pod(key) if kind == "Pod" else None
        shared = _endpoint_of_slice(endpoint) if sliced else _endpoint(endpoint)
        node = endpoint.node or (ref if kind == "Node" else "")
        shared |= _attached(seen, node)
        if pod is not None and endpoint.ports and endpoint.addresses:
            pods[key] = pod
            ports_of.setdefault(key, set()).update(port.number for port in endpoint.ports)
            shared |= _pod(pod)
        for port in endpoint.ports:
            own = shared | (_slice_port(port) if sliced else _port(port)) | _inside(pod, port)
            for address in endpoint.addresses:
                targets.append(_some({ADDRESS: joined(address, port.number), **own}))
    for key, pod in pods.items():
        targets += _other_ports(pod, ports_of[key], seen)
    return Group(f"{role}/{meta.key}", tuple(targets), _some(labels))


def _endpoint(endpoint: Endpoint) -> _Labels:
    return {
        f"{META}endpoint_ready": endpoint.ready,
        f"{META}endpoint_address_target_kind": endpoint.ref[0],
        f"{META}endpoint_address_target_name": endpoint.ref[2],
        f"{META}endpoint_node_name": endpoint.node,
        f"{META}endpoint_hostname": endpoint.hostname,
    }


def _endpoint_of_slice(endpoint: Endpoint) -> _Labels:
    start = f"{META}endpointslice_"
    labels = {
        f"{start}endpoint_conditions_ready": endpoint.ready,
        f"{start}endpoint_conditions_serving": endpoint.serving,
        f"{start}endpoint_conditions_terminating": endpoint.terminating,
        f"{start}endpoint_hostname": endpoint.hostname,
        f"{start}endpoint_node_name": endpoint.node,
        f"{start}endpoint_zone": endpoint.zone,
        f"{start}address_target_kind": endpoint.ref[0],
        f"{start}address_target_name": endpoint.ref[2],
    }
    for name, value in endpoint.topology:
        labels[f"{start}endpoint_topology_{sanitized(name)}"] = value
        labels[f"{start}endpoint_topology_present_{sanitized(name)}"] = "true"
    return labels


def _port(port: Port) -> _Labels:
    return {
        f"{META}endpoint_port_name": port.name,
        f"{META}endpoint_port_protocol": port.protocol,
    }


def _slice_port(port: Port) -> _Labels:
    return {
        f"{META}endpointslice_port": _number(port),
        f"{META}endpointslice_port_name": port.name,
        f"{META}endpointslice_port_protocol": port.protocol,
        f"{META}endpointslice_port_app_protocol": port.app_protocol,
    }


def _inside(pod: Pod | None, port: Port) -> _Labels:
    """The container of the pod that has the port, the last one as in Prometheus."""
    found: _Labels = {}
    for container, own in _container_ports(pod):
        if own.number is not None and own.number == port.number:
            found = {**_container(container), **_at(own)}
    return found


def _other_ports(pod: Pod, taken: set[int | None], seen: Seen) -> Iterator[_Labels]:
    if not pod.ip:
        return
    shared = {**_pod(pod), **_attached(seen, pod.node)}
    for container, port in _container_ports(pod):
        if port.number not in taken:
            address = joined(pod.ip, port.number)
            yield _some({ADDRESS: address, **shared, **_container(container), **_at(port)})


def _container_ports(pod: Pod | None) -> Iterator[tuple[Container, Port]]:
    for container in pod.containers if pod is not None else ():
        for port in container.ports:
            yield container, port


def _of_node(node: Node) -> Group:
    labels = {f"{META}node_provider_id": node.provider_id, **_meta("node", node.meta)}
    source = f"node/{node.meta.name}"
    first: _Labels = {}
    for kind, address in node.addresses:
        first.setdefault(kind, address)
    at = next((first[kind] for kind in _NODE_ADDRESSES if first.get(kind)), "")
    if not at:
        return Group(source, ())
    target = {ADDRESS: joined(at, node.kubelet_port), names.INSTANCE: node.meta.name}
    target |= {f"{META}node_address_{sanitized(kind)}": own for kind, own in first.items()}
    return Group(source, (_some(target),), _some(labels))


def _of_ingress(ingress: Ingress) -> Group:
    labels = {NAMESPACE: ingress.meta.namespace, **_meta("ingress", ingress.meta)}
    labels[f"{META}ingress_class_name"] = ingress.class_name
    targets = []
    for rule in ingress.rules:
        secure = any(covers(host, rule.host) for host in ingress.tls_hosts)
        own = {
            ADDRESS: rule.host,
            f"{META}ingress_scheme": "https" if secure else "http",
            f"{META}ingress_host": rule.host,
        }
        targets += [_some({**own, f"{META}ingress_path": path}) for path in rule.paths]
    return Group(f"ingress/{ingress.meta.key}", tuple(targets), _some(labels))


def covers(pattern: str, host: str) -> bool:
    """Whether a host of an ingress' TLS section is that of a rule; `*.` stands for one label."""
    if pattern == host:
        return True
    return pattern.startswith("*.") and "." in host and pattern[2:] == host.partition(".")[2]


def _attached(seen: Seen, name: str) -> _Labels:
    node = seen.node(name) if name else None
    return {} if node is None else _meta("node", node.meta)


def _meta(role: str, meta: Meta) -> _Labels:
    labels = {f"{META}{role}_name": meta.name}
    for kind, own in (("label", meta.labels), ("annotation", meta.annotations)):
        for name, value in own.items():
            labels[f"{META}{role}_{kind}_{sanitized(name)}"] = value
            labels[f"{META}{role}_{kind}present_{sanitized(name)}"] = "true"
    return labels


_NO_LABEL: Final = re.compile(r"[^a-zA-Z0-9_]")


@lru_cache(maxsize=10_000)
def sanitized(name: str) -> str:
    """The name as part of a label name: every other character is an underscore."""
    return _NO_LABEL.sub("_", name)


def joined(host: str, port: int | None) -> str:
    """`host:port`, an IPv6 address in brackets; without a port, the host alone."""
    if port is None:
        return host
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _number(port: Port) -> str:
    return "" if port.number is None else str(port.number)


def _some(labels: Mapping[str, str]) -> _Labels:
    """Without the empty ones; the address stays, for relabelling may fill it."""
    return {name: value for name, value in labels.items() if value or name == ADDRESS}
