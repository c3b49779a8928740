"""What targets and labels each kind of object gives, as documented."""

from typing import Any

import pytest

from collectors.discovery.kubernetes import World
from collectors.discovery.kubernetes_json import meta_of
from collectors.discovery.kubernetes_objects import RESOURCES, read
from collectors.discovery.kubernetes_targets import covers, sanitized
from collectors.jobs import Group

Raw = dict[str, Any]
K = "__meta_kubernetes_"

POD: Raw = {
    "metadata": {
        "name": "api-7d4-x2x",
        "namespace": "shop",
        "uid": "5f0c",
        "labels": {"app.kubernetes.io/name": "api", "empty": ""},
        "annotations": {"prometheus.io/scrape": "true"},
        "ownerReferences": [
            {"kind": "Other", "name": "no"},
            {"kind": "ReplicaSet", "name": "api-7d4", "controller": True},
        ],
        "managedFields": [{"manager": "kubelet"}],
    },
    "spec": {
        "nodeName": "n1",
        "initContainers": [
            {"name": "mesh", "image": "mesh:2", "ports": [{"containerPort": 15090}]},
        ],
        "containers": [
            {
                "name": "api",
                "image": "api:1",
                "ports": [
                    {"name": "web", "containerPort": 8080, "protocol": "TCP"},
                    {"name": "metrics", "containerPort": 9090, "protocol": "TCP"},
                ],
            },
            {"name": "side", "image": "side:1"},
        ],
    },
    "status": {
        "phase": "Running",
        "podIP": "10.0.0.7",
        "hostIP": "192.168.0.1",
        "conditions": [
            {"type": "Initialized", "status": "True"},
            {"type": "Ready", "status": "True"},
        ],
        "containerStatuses": [{"name": "api", "containerID": "containerd://abc"}],
    },
}
POD_LABELS = {
    f"{K}pod_name": "api-7d4-x2x",
    f"{K}pod_ip": "10.0.0.7",
    f"{K}pod_host_ip": "192.168.0.1",
    f"{K}pod_node_name": "n1",
    f"{K}pod_uid": "5f0c",
    f"{K}pod_phase": "Running",
    f"{K}pod_ready": "true",
    f"{K}pod_controller_kind": "ReplicaSet",
    f"{K}pod_controller_name": "api-7d4",
    f"{K}pod_label_app_kubernetes_io_name": "api",
    f"{K}pod_labelpresent_app_kubernetes_io_name": "true",
    f"{K}pod_labelpresent_empty": "true",
    f"{K}pod_annotation_prometheus_io_scrape": "true",
    f"{K}pod_annotationpresent_prometheus_io_scrape": "true",
}
NODE: Raw = {
    "metadata": {
        "name": "n1",
        "labels": {"topology.kubernetes.io/zone": "east-1"},
        "annotations": {"ttl": "0"},
    },
    "spec": {"providerID": "cloud:///n1"},
    "status": {
        "addresses": [
            {"type": "Hostname", "address": "n1.local"},
            {"type": "InternalIP", "address": "192.168.0.1"},
            {"type": "InternalIP", "address": "fd00::1"},
        ],
        "daemonEndpoints": {"kubeletEndpoint": {"Port": 10250}},
    },
}
NODE_LABELS = {
    f"{K}node_name": "n1",
    f"{K}node_label_topology_kubernetes_io_zone": "east-1",
    f"{K}node_labelpresent_topology_kubernetes_io_zone": "true",
    f"{K}node_annotation_ttl": "0",
    f"{K}node_annotationpresent_ttl": "true",
}
SERVICE: Raw = {
    "metadata": {"name": "api", "namespace": "shop", "labels": {"tier": "web"}},
    "spec": {
        "type": "LoadBalancer",
        "clusterIP": "10.96.0.1",
        "loadBalancerIP": "203.0.113.7",
        "ports": [{"name": "web", "port": 80, "protocol": "TCP"}],
    },
}
SERVICE_LABELS = {
    f"{K}service_name": "api",
    f"{K}service_label_tier": "web",
    f"{K}service_labelpresent_tier": "true",
}
REF = {"kind": "Pod", "namespace": "shop", "name": "api-7d4-x2x"}
ENDPOINTS: Raw = {
    "metadata": {"name": "api", "namespace": "shop", "labels": {"tier": "web"}},
    "subsets": [
        {
            "addresses": [{"ip": "10.0.0.7", "nodeName": "n1", "targetRef": REF}],
            "notReadyAddresses": [{"ip": "10.0.0.8", "hostname": "api-2"}],
            "ports": [{"name": "web", "port": 8080, "protocol": "TCP"}],
        }
    ],
}
SLICE: Raw = {
    "metadata": {
        "name": "api-abc",
        "namespace": "shop",
        "labels": {"kubernetes.io/service-name": "api"},
    },
    "addressType": "IPv4",
    "ports": [{"name": "web", "port": 8080, "protocol": "TCP", "appProtocol": "http"}],
    "endpoints": [
        {
            "addresses": ["10.0.0.7"],
            "conditions": {"ready": True, "serving": True, "terminating": False},
            "nodeName": "n1",
            "zone": "east-1",
            "hostname": "api-1",
            "targetRef": REF,
            "deprecatedTopology": {"kubernetes.io/hostname": "n1"},
        }
    ],
}
INGRESS: Raw = {
    "metadata": {"name": "shop", "namespace": "shop"},
    "spec": {
        "ingressClassName": "nginx",
        "tls": [{"hosts": ["*.shop.example"]}],
        "rules": [
            {"host": "www.shop.example", "http": {"paths": [{"path": "/a"}, {}]}},
            {"host": "plain.example"},
        ],
    },
}


def found(role: str, *objects: tuple[str, Raw], attach_node: bool = False) -> Group:
    world = World(role, attach_node=attach_node)
    for kind, raw in objects:
        world.put(kind, meta_of(raw).key, read(kind, raw))
    (group,) = world.groups()
    return group


def test_a_pod_is_a_target_for_each_port_and_each_container_without_one() -> None:
    group = found("pod", ("pod", POD))
    assert group.source == "pod/shop/api-7d4-x2x"
    assert group.labels == {f"{K}namespace": "shop", **POD_LABELS}
    api = {
        f"{K}pod_container_name": "api",
        f"{K}pod_container_image": "api:1",
        f"{K}pod_container_id": "containerd://abc",
        f"{K}pod_container_init": "false",
        f"{K}pod_container_port_protocol": "TCP",
    }
    side = {
        f"{K}pod_container_name": "side",
        f"{K}pod_container_image": "side:1",
        f"{K}pod_container_init": "false",
    }
    mesh = {
        f"{K}pod_container_name": "mesh",
        f"{K}pod_container_image": "mesh:2",
        f"{K}pod_container_init": "true",
        f"{K}pod_container_port_number": "15090",
    }
    web = {f"{K}pod_container_port_name": "web", f"{K}pod_container_port_number": "8080"}
    own = {f"{K}pod_container_port_name": "metrics", f"{K}pod_container_port_number": "9090"}
    assert group.targets == (
        {"__address__": "10.0.0.7:8080", **api, **web},
        {"__address__": "10.0.0.7:9090", **api, **own},
        {"__address__": "10.0.0.7", **side},
        {"__address__": "10.0.0.7:15090", **mesh},
    )


def test_a_pod_can_have_the_labels_of_its_node() -> None:
    group = found("pod", ("pod", POD), ("node", NODE), attach_node=True)
    assert group.labels == {f"{K}namespace": "shop", **POD_LABELS, **NODE_LABELS}


@pytest.mark.parametrize(
    ("conditions", "ready"),
    [([], "unknown"), ([{"type": "Ready", "status": "False"}], "false"), (None, "unknown")],
)
def test_a_pod_says_whether_it_is_ready(conditions: object, ready: str) -> None:
    pod = {**POD, "status": {**POD["status"], "conditions": conditions}}
    assert found("pod", ("pod", pod)).labels[f"{K}pod_ready"] == ready


def test_a_pod_without_an_address_is_no_target() -> None:
    world = World("pod", attach_node=False)
    world.put("pod", "shop/a", read("pod", {**POD, "status": {"phase": "Pending"}}))
    assert world.groups() == []


def test_a_node_is_its_kubelet_at_its_first_address() -> None:
    group = found("node", ("node", NODE))
    assert group.source == "node/n1"
    assert group.labels == {f"{K}node_provider_id": "cloud:///n1", **NODE_LABELS}
    assert group.targets == (
        {
            "__address__": "192.168.0.1:10250",
            "instance": "n1",
            f"{K}node_address_InternalIP": "192.168.0.1",
            f"{K}node_address_Hostname": "n1.local",
        },
    )


SERVICES = {
    "ClusterIP": {f"{K}service_cluster_ip": "10.96.0.1"},
    "LoadBalancer": {
        f"{K}service_cluster_ip": "10.96.0.1",
        f"{K}service_loadbalancer_ip": "203.0.113.7",
    },
    "ExternalName": {f"{K}service_external_name": "shop.example"},
}


@pytest.mark.parametrize(("type_", "own"), SERVICES.items(), ids=list(SERVICES))
def test_a_service_is_its_name_at_each_port(type_: str, own: dict[str, str]) -> None:
    spec = {**SERVICE["spec"], "type": type_, "externalName": "shop.example"}
    group = found("service", ("service", {**SERVICE, "spec": spec}))
    assert group.source == "svc/shop/api"
    assert group.labels == {f"{K}namespace": "shop", **SERVICE_LABELS}
    assert group.targets == (
        {
            "__address__": "api.shop.svc:80",
            f"{K}service_type": type_,
            f"{K}service_port_name": "web",
            f"{K}service_port_number": "80",
            f"{K}service_port_protocol": "TCP",
            **own,
        },
    )


INSIDE = {
    f"{K}pod_container_name": "api",
    f"{K}pod_container_image": "api:1",
    f"{K}pod_container_init": "false",
    f"{K}pod_container_port_name": "web",
    f"{K}pod_container_port_number": "8080",
    f"{K}pod_container_port_protocol": "TCP",
}


def test_endpoints_are_their_addresses_and_the_other_ports_of_their_pods() -> None:
    group = found("endpoints", ("endpoints", ENDPOINTS), ("pod", POD), ("service", SERVICE))
    assert group.source == "endpoints/shop/api"
    assert group.labels == {
        f"{K}namespace": "shop",
        f"{K}endpoints_name": "api",
        f"{K}endpoints_label_tier": "web",
        f"{K}endpoints_labelpresent_tier": "true",
        **SERVICE_LABELS,
    }
    port = {f"{K}endpoint_port_name": "web", f"{K}endpoint_port_protocol": "TCP"}
    ready, not_ready, other, init = group.targets
    assert ready == {
        "__address__": "10.0.0.7:8080",
        f"{K}endpoint_ready": "true",
        f"{K}endpoint_node_name": "n1",
        f"{K}endpoint_address_target_kind": "Pod",
        f"{K}endpoint_address_target_name": "api-7d4-x2x",
        **port,
        **POD_LABELS,
        **INSIDE,
    }
    assert not_ready == {
        "__address__": "10.0.0.8:8080",
        f"{K}endpoint_ready": "false",
        f"{K}endpoint_hostname": "api-2",
        **port,
    }
    assert other["__address__"] == "10.0.0.7:9090"
    assert other[f"{K}pod_name"] == "api-7d4-x2x"
    assert f"{K}endpoint_ready" not in other
    assert (init["__address__"], init[f"{K}pod_container_init"]) == ("10.0.0.7:15090", "true")


def test_a_slice_is_its_addresses_with_their_conditions() -> None:
    objects = (("endpointslice", SLICE), ("pod", POD), ("service", SERVICE), ("node", NODE))
    group = found("endpointslice", *objects, attach_node=True)
    assert group.source == "endpointslice/shop/api-abc"
    assert group.labels == {
        f"{K}namespace": "shop",
        f"{K}endpointslice_name": "api-abc",
        f"{K}endpointslice_address_type": "IPv4",
        f"{K}endpointslice_label_kubernetes_io_service_name": "api",
        f"{K}endpointslice_labelpresent_kubernetes_io_service_name": "true",
        **SERVICE_LABELS,
    }
    start = f"{K}endpointslice_"
    assert group.targets[0] == {
        "__address__": "10.0.0.7:8080",
        f"{start}port": "8080",
        f"{start}port_name": "web",
        f"{start}port_protocol": "TCP",
        f"{start}port_app_protocol": "http",
        f"{start}endpoint_conditions_ready": "true",
        f"{start}endpoint_conditions_serving": "true",
        f"{start}endpoint_conditions_terminating": "false",
        f"{start}endpoint_hostname": "api-1",
        f"{start}endpoint_node_name": "n1",
        f"{start}endpoint_zone": "east-1",
        f"{start}endpoint_topology_kubernetes_io_hostname": "n1",
        f"{start}endpoint_topology_present_kubernetes_io_hostname": "true",
        f"{start}address_target_kind": "Pod",
        f"{start}address_target_name": "api-7d4-x2x",
        **POD_LABELS,
        **INSIDE,
        **NODE_LABELS,
    }
    assert [t["__address__"] for t in group.targets[1:]] == ["10.0.0.7:9090", "10.0.0.7:15090"]


def test_an_ingress_is_each_of_its_paths() -> None:
    group = found("ingress", ("ingress", INGRESS))
    assert group.labels == {
        f"{K}namespace": "shop",
        f"{K}ingress_name": "shop",
        f"{K}ingress_class_name": "nginx",
    }
    said = [
        (t["__address__"], t[f"{K}ingress_scheme"], t[f"{K}ingress_path"]) for t in group.targets
    ]
    assert said == [
        ("www.shop.example", "https", "/a"),
        ("www.shop.example", "https", "/"),
        ("plain.example", "http", "/"),
    ]


@pytest.mark.parametrize(
    ("pattern", "host", "fits"),
    [
        ("a.b", "a.b", True),
        ("*.b", "a.b", True),
        ("*.b", "x.a.b", False),
        ("*.b", "b", False),
        ("a.b", "c.b", False),
    ],
)
def test_a_wildcard_stands_for_one_label(pattern: str, host: str, *, fits: bool) -> None:
    assert covers(pattern, host) is fits


@pytest.mark.parametrize("kind", list(RESOURCES))
@pytest.mark.parametrize("junk", [{}, {"metadata": 1, "spec": [], "status": "x"}])
def test_what_is_no_such_object_is_read_as_an_empty_one(kind: str, junk: Raw) -> None:
    world = World(kind, attach_node=True)
    world.put(kind, "x", read(kind, junk))
    assert world.groups() == []


def test_every_other_character_is_an_underscore() -> None:
    assert sanitized("app.kubernetes.io/näme-1") == "app_kubernetes_io_n_me_1"
