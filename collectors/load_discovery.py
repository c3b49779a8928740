"""The keys `*_sd_configs` of a scrape config: where targets are discovered."""

import re
from collections.abc import Iterator
from typing import Final

from collectors.discovery.model import Discovery, DnsSd, FileSd, HttpSd, KubernetesSd
from collectors.load_access import access, beside, http_url
from slo.load.codes import Code
from slo.load.yaml import Fields

SERVED: Final = ("file_sd_configs", "http_sd_configs", "dns_sd_configs", "kubernetes_sd_configs")
# Prometheus' others. What knows these targets can tell them by file_sd or http_sd.
NOT_SERVED: Final = tuple(
    f"{kind}_sd_configs"
    for kind in (
        "aws",
        "azure",
        "consul",
        "digitalocean",
        "docker",
        "dockerswarm",
        "ec2",
        "ecs",
        "eureka",
        "gce",
        "hetzner",
        "ionos",
        "kuma",
        "lightsail",
        "linode",
        "marathon",
        "msk",
        "nerve",
        "nomad",
        "openstack",
        "outscale",
        "ovhcloud",
        "puppetdb",
        "scaleway",
        "serverset",
        "stackit",
        "triton",
        "uyuni",
        "vultr",
    )
)
ROLES: Final = ("node", "service", "pod", "endpoints", "endpointslice", "ingress")
DNS_TYPES: Final = ("SRV", "A", "AAAA", "MX", "NS")
MIN_REFRESH_S: Final = 1.0
# As Prometheus: a `*` only in the last part of a path.
_FILE: Final = re.compile(r"[^*]*(\*[^/]*)?\.(json|yml|yaml|JSON|YML|YAML)")


def discoveries(fields: Fields) -> tuple[Discovery, ...]:
    """Every discovery of one scrape config; those that Vigie doesn't have are problems."""
    for key in NOT_SERVED:
        fields.refuse(key, "is not served: use file_sd_configs or http_sd_configs, or a DataSource")
    return tuple(_all(fields))


def _all(fields: Fields) -> Iterator[Discovery]:
    yield from map(_file, fields.maps("file_sd_configs"))
    yield from map(_http, fields.maps("http_sd_configs"))
    yield from map(_dns, fields.maps("dns_sd_configs"))
    yield from map(_kubernetes, fields.maps("kubernetes_sd_configs"))


def _file(said: Fields) -> FileSd:
    names = said.texts("files", required=True)
    for name in names:
        if not _FILE.fullmatch(name):
            message = (
                f"`{said.where}.files`: `{name}` must end in .json, .yml or .yaml, with a `*` in "
                "its last part at most"
            )
            said.problems.error(said.mark("files"), message, Code.NOT_ALLOWED)
    files = tuple(beside(said, name) for name in names)
    return FileSd(files, _refresh(said, 300.0))


def _http(said: Fields) -> HttpSd:
    return HttpSd(http_url(said, "url"), _refresh(said, 60.0), access(said))


def _dns(said: Fields) -> DnsSd:
    kind = said.text("type", "SRV").upper()
    if kind not in DNS_TYPES:
        message = f"`{said.where}.type` is `{kind}`; it must be one of {', '.join(DNS_TYPES)}"
        said.problems.error(said.mark("type"), message, Code.NOT_ALLOWED)
    port = said.integer("port", 0, at_least=0, at_most=65535)
    if kind != "SRV" and not port:
        message = f"missing key `{said.where}.port`: a record of type {kind} names none"
        said.problems.error(said.node.mark, message, Code.MISSING_KEY)
    return DnsSd(tuple(said.texts("names", required=True)), kind, port, _refresh(said, 30.0))


def _kubernetes(said: Fields) -> KubernetesSd:
    server, file = said.text("api_server", ""), said.text("kubeconfig_file", "")
    if server:
        http_url(said, "api_server")
    if server and file:
        said.refuse("kubeconfig_file", "stands beside `api_server`: keep one", Code.CONFLICT)
    own, names = _namespaces(said)
    role = said.choice("role", ROLES)
    return KubernetesSd(
        role=role,
        api_server=server,
        kubeconfig_file=beside(said, file),
        namespaces=names,
        own_namespace=own,
        selectors=tuple(_selectors(said)),
        attach_node=_attach_node(said),
        access=access(said),
    )


def _namespaces(said: Fields) -> tuple[bool, tuple[str, ...]]:
    with said.maybe_map("namespaces") as fields:
        if fields is None:
            return False, ()
        return fields.flag("own_namespace", False), tuple(fields.texts("names"))


def _selectors(said: Fields) -> Iterator[tuple[str, str, str]]:
    for fields in said.maps("selectors"):
        role = fields.choice("role", ROLES)
        yield role, fields.text("label", ""), fields.text("field", "")


def _attach_node(said: Fields) -> bool:
    with said.maybe_map("attach_metadata") as fields:
        if fields is None:
            return False
        if fields.flag("namespace", False):
            fields.refuse("namespace", "is not served: only `node` is attached")
        return fields.flag("node", False)


def _refresh(said: Fields, default_s: float) -> float:
    found = said.duration("refresh_interval", default_s)
    if 0 < found < MIN_REFRESH_S:
        message = f"`{said.where}.refresh_interval` must be at least 1s"
        said.problems.error(said.mark("refresh_interval"), message, Code.OUT_OF_BOUNDS)
    return found
