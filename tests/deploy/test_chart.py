"""The Helm chart: what it renders, what it refuses, and that its README tells the truth."""

import json
import os
import re
import subprocess
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

from collectors.discovery import kubernetes_objects as discovery
from collectors.workloads import objects as workloads
from components import ROOT, need
from vigie.config import load as load_config
from vigie.settings import load as load_settings

CHART = ROOT / "deploy" / "helm" / "vigie"
VALUES = sorted((CHART / "ci").glob("*-values.yaml"))
GOLDEN = Path(__file__).parent / "golden"
KUBERNETES = "1.37"
MAPS = {  # values that are the user's own maps: their keys are not the chart's
    *("slos", "targets", "policies", "channels", "runbooks", "resources.requests"),
    *("resources.limits", "service.annotations", "podAnnotations", "podLabels", "nodeSelector"),
    *("affinity", "tolerations"),
}

RBAC = {"ServiceAccount", "ClusterRole", "ClusterRoleBinding", "Role", "RoleBinding"}


def helm(tmp_path: Path, *arguments: str | Path) -> "subprocess.CompletedProcess[str]":
    homes = {f"HELM_{kind}_HOME": str(tmp_path / kind) for kind in ("CACHE", "CONFIG", "DATA")}
    return subprocess.run(
        [need("helm"), *map(str, arguments)],
        env={**os.environ, **homes},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def rendered(tmp_path: Path, values: Path) -> list[dict[str, Any]]:
    done = helm(tmp_path, "template", "prod", CHART, "--namespace", "sre", "--values", values)
    assert done.returncode == 0, done.stderr
    return [document for document in yaml.safe_load_all(done.stdout) if document]


def named(objects: list[dict[str, Any]], kind: str) -> dict[str, dict[str, Any]]:
    return {o["metadata"]["name"]: o for o in objects if o["kind"] == kind}


def valid(resource: dict[str, Any]) -> None:
    """Raises for what Kubernetes would not take, and for a kind that there is no schema for."""
    kubernetes_validate.validate(resource, KUBERNETES, strict=True)


@pytest.fixture(params=VALUES, ids=lambda path: path.stem)
def values(request: pytest.FixtureRequest) -> Path:
    return request.param


@pytest.mark.system
def test_lint_has_no_complaint(tmp_path: Path, values: Path) -> None:
    done = helm(tmp_path, "lint", "--strict", CHART, "--values", values)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.system
def test_kubernetes_takes_every_rendered_object(tmp_path: Path, values: Path) -> None:
    objects = rendered(tmp_path, values)
    assert {o["kind"] for o in objects} - RBAC == {"ConfigMap", "Service", "StatefulSet"}
    for resource in objects:
        valid(resource)
        assert len(resource["metadata"]["name"]) <= 63


def test_a_kind_without_a_schema_is_a_failure() -> None:
    with pytest.raises(kubernetes_validate.SchemaNotFoundError):
        valid({"apiVersion": "example.org/v1", "kind": "Lookout", "metadata": {"name": "x"}})


def test_a_misspelt_key_is_a_failure() -> None:
    service = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "x"}, "spek": {}}
    with pytest.raises(kubernetes_validate.ValidationError):
        valid(service)


@pytest.mark.system
@pytest.mark.parametrize("name", ["default", "cluster"])
def test_a_rendering_is_the_golden_one(tmp_path: Path, golden, name: str) -> None:
    objects = rendered(tmp_path, CHART / "ci" / f"{name}-values.yaml")
    golden(GOLDEN / f"{name}.yaml", yaml.safe_dump_all(objects, sort_keys=False, width=100))


@pytest.mark.system
def test_without_a_token_nothing_is_rendered_and_the_reason_says_what_to_do(
    tmp_path: Path,
) -> None:
    done = helm(tmp_path, "template", "prod", CHART)
    assert done.returncode != 0
    assert "existingSecret is empty: name a Secret that holds Vigie's API token" in done.stderr
    assert done.stdout == ""


@pytest.mark.system
@pytest.mark.parametrize(
    "setting",
    [
        "replicas=2",
        "config.listen=0.0.0.0:80",
        "image.digest=latest",
        "persistence.accessModes[0]=ReadWriteMany",
        "slos.checkout=text",
        "config.slice=ten",
        "config.tracesUrl=https://jaeger.example.org/trace",
        "otlpGrpc.port=0",
        "rbac.namespaces[0]=Shop",
    ],
)
def test_a_value_that_cannot_work_is_refused(tmp_path: Path, setting: str) -> None:
    done = helm(tmp_path, "template", "x", CHART, "--set", f"existingSecret=vigie,{setting}")
    assert done.returncode != 0
    assert "don't meet the specifications of the schema" in done.stderr


@pytest.mark.system
def test_the_pod_meets_the_restricted_pod_security_standard(tmp_path: Path, values: Path) -> None:
    (server,) = named(rendered(tmp_path, values), "StatefulSet").values()
    pod = server["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["securityContext"]["runAsUser"] == 65532
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    wants_token = yaml.safe_load(values.read_text()).get("rbac", {}).get("create", False)
    assert pod["automountServiceAccountToken"] is wants_token
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert {next(iter(v.keys() - {"name"})) for v in pod["volumes"]} <= {
        "projected",
        "emptyDir",
        "secret",
    }
    assert not pod.keys() & {"hostNetwork", "hostPID", "hostIPC"}


@pytest.mark.system
def test_services_reach_the_pod(tmp_path: Path, values: Path) -> None:
    objects = rendered(tmp_path, values)
    (server,) = named(objects, "StatefulSet").values()
    template = server["spec"]["template"]
    ports = {port["name"] for port in template["spec"]["containers"][0]["ports"]}
    services = named(objects, "Service")
    assert server["spec"]["serviceName"] in services
    for service in services.values():
        assert service["spec"]["selector"].items() <= template["metadata"]["labels"].items()
        assert {port["targetPort"] for port in service["spec"]["ports"]} <= ports


def permitted(objects: list[dict[str, Any]], kind: str) -> set[tuple[str, str]]:
    """The resources, by group, that a Role or ClusterRole lets the pod's account read."""
    found: set[tuple[str, str]] = set()
    (server,) = named(objects, "StatefulSet").values()
    account = {
        "kind": "ServiceAccount",
        "name": server["spec"]["template"]["spec"].get("serviceAccountName"),
        "namespace": "sre",
    }
    for role in (one for one in objects if one["kind"] == kind):
        for rule in role["rules"]:
            assert rule["verbs"] == ["get", "list", "watch"]
            found |= {(group, of) for group in rule["apiGroups"] for of in rule["resources"]}
    for binding in (one for one in objects if one["kind"] == f"{kind}Binding"):
        assert binding["subjects"] == [account]
        assert binding["roleRef"]["name"] in named(objects, kind)
        assert account["name"] in named(objects, "ServiceAccount")
    return found


@pytest.mark.system
def test_nothing_of_the_cluster_is_read_unasked(tmp_path: Path) -> None:
    objects = rendered(tmp_path, CHART / "ci" / "default-values.yaml")
    assert not RBAC & {one["kind"] for one in objects}


@pytest.mark.system
def test_the_roles_permit_what_is_watched_and_no_more(tmp_path: Path) -> None:
    followed = [*discovery.RESOURCES.values(), *workloads.RESOURCES.values()]
    everything = {(resource.prefix.split("/")[2], resource.plural) for resource in followed}
    everything = {("" if group == "v1" else group, plural) for group, plural in everything}
    nodes = {("", "nodes")}
    ci = {path.stem.removesuffix("-values"): rendered(tmp_path, path) for path in VALUES}
    assert permitted(ci["cluster"], "ClusterRole") == everything
    assert permitted(ci["full"], "Role") == everything - nodes
    assert permitted(ci["full"], "ClusterRole") == nodes
    places = [one["metadata"]["namespace"] for one in ci["full"] if one["kind"] == "Role"]
    assert places == ["shop", "payments"]
    apps = {pair for pair in everything if pair[0] in ("apps", "policy", "coordination.k8s.io")}
    assert permitted(ci["long-name"], "Role") == {("", "pods"), *apps}
    assert not named(ci["long-name"], "ClusterRole")


@pytest.mark.system
def test_the_rules_of_the_reference_are_those_of_the_chart(tmp_path: Path) -> None:
    page = (ROOT / "docs" / "reference" / "discovery.md").read_text("utf-8")
    (text,) = re.findall(r"^```yaml\n(apiVersion: rbac.*?)^```", page, re.M | re.S)
    written = {
        (rule["apiGroups"][0], resource)
        for rule in yaml.safe_load(text)["rules"]
        for resource in rule["resources"]
    }
    cluster = rendered(tmp_path, CHART / "ci" / "cluster-values.yaml")
    assert written == permitted(cluster, "ClusterRole")


@pytest.mark.system
def test_roles_that_permit_nothing_are_refused(tmp_path: Path) -> None:
    off = "existingSecret=x,rbac.create=true,rbac.discovery=false,rbac.workloads=false"
    done = helm(tmp_path, "template", "x", CHART, "--set", off)
    assert done.returncode != 0
    assert "there is nothing to permit" in done.stderr


@pytest.mark.system
def test_grpc_has_a_port_of_its_own(tmp_path: Path) -> None:
    objects = rendered(tmp_path, CHART / "ci" / "full-values.yaml")
    (server,) = named(objects, "StatefulSet").values()
    (container,) = server["spec"]["template"]["spec"]["containers"]
    assert {"name": "VIGIE_OTLP_GRPC", "value": "0.0.0.0:4317"} in container["env"]
    ports = {
        port["name"]: port["port"] for port in named(objects, "Service")["lookout"]["spec"]["ports"]
    }
    assert ports == {"http": 80, "otlp-grpc": 14317}


@pytest.mark.system
def test_files_reach_the_folders_that_vigie_yaml_names_unchanged(tmp_path: Path) -> None:
    path = CHART / "ci" / "full-values.yaml"
    wanted = yaml.safe_load(path.read_text())
    folder = mounted(rendered(tmp_path, path), tmp_path / "etc")
    assert yaml.safe_load((folder / "vigie.yaml").read_text())["files"] == [
        "slos",
        "targets",
        "policies",
        "channels",
        "runbooks",
    ]
    for kind in ("slos", "targets", "policies", "channels", "runbooks"):
        for name, text in wanted[kind].items():
            assert (folder / kind / name).read_text() == text


@pytest.mark.system
def test_vigie_takes_the_files_that_the_pod_finds(tmp_path: Path) -> None:
    objects = rendered(tmp_path, CHART / "ci" / "full-values.yaml")
    folder = mounted(objects, tmp_path / "etc")
    secrets, channel = tmp_path / "secrets", folder / "channels" / "oncall.yaml"
    secrets.mkdir()
    (secrets / "oncall").write_text("s3cret")
    channel.write_text(channel.read_text().replace("/etc/vigie-secrets", str(secrets)))
    settings = load_settings(folder / "vigie.yaml", token="t")
    config = load_config(settings.files)
    assert (settings.listen, settings.slice_s) == ("0.0.0.0:8080", 5)
    assert "lookout.sre.svc" in settings.allowed_hosts
    assert settings.traces_url == "https://jaeger.example.org/trace/{trace_id}"
    assert list(config.watches) == ["checkout/availability"]
    assert list(config.targets) == [
        "checkout/checkout-0.checkout:8080",
        "checkout/checkout-1.checkout:8080",
    ]
    assert list(config.channels) == ["oncall"]
    assert [runbook.name for runbook in config.runbooks] == ["checkout-errors"]


def mounted(objects: list[dict[str, Any]], folder: Path) -> Path:
    """What the pod finds in /etc/vigie."""
    maps = named(objects, "ConfigMap")
    (server,) = named(objects, "StatefulSet").values()
    volumes = {v["name"]: v for v in server["spec"]["template"]["spec"]["volumes"]}
    for source in volumes["config"]["projected"]["sources"]:
        data = maps[source["configMap"]["name"]]["data"]
        items = source["configMap"].get("items", [{"key": key, "path": key} for key in data])
        for item in items:
            path = folder / item["path"]
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(data[item["key"]])
    return folder


@pytest.mark.system
def test_a_changed_file_restarts_the_pod(tmp_path: Path) -> None:
    def checksum(*settings: str) -> str:
        done = helm(tmp_path, "template", "x", CHART, "--set", "existingSecret=vigie", *settings)
        (server,) = named([d for d in yaml.safe_load_all(done.stdout) if d], "StatefulSet").values()
        return str(server["spec"]["template"]["metadata"]["annotations"]["checksum/config"])

    changed = checksum("--set", r"slos.checkout\.yaml=kind: SLO")
    assert checksum() == checksum() != changed


def leaves(values: dict[str, Any], prefix: str = "") -> set[str]:
    """The dotted names of all values."""
    names: set[str] = set()
    for key, value in values.items():
        name = f"{prefix}{key}"
        inner = isinstance(value, dict) and value and name not in MAPS
        names |= leaves(value, f"{name}.") if inner else {name}
    return names


def declared(schema: dict[str, Any], prefix: str = "") -> set[str]:
    """The dotted names that the schema knows."""
    names: set[str] = set()
    for key, inner in schema["properties"].items():
        name = f"{prefix}{key}"
        names |= declared(inner, f"{name}.") if "properties" in inner else {name}
    return names


def test_every_value_is_in_the_schema_and_in_the_readme() -> None:
    values = leaves(yaml.safe_load((CHART / "values.yaml").read_text()))
    schema = json.loads((CHART / "values.schema.json").read_text())
    documented = re.findall(r"^\| `([\w.]+)` \|", (CHART / "README.md").read_text(), re.MULTILINE)
    assert declared(schema) - {"global"} == values
    assert set(documented) == values
    assert len(documented) == len(values)


def test_the_chart_s_appversion_is_that_of_the_package() -> None:
    project = (ROOT / "pyproject.toml").read_text()
    version = re.search(r'^version = "(.+)"', project, re.MULTILINE)
    chart = yaml.safe_load((CHART / "Chart.yaml").read_text())
    assert version is not None
    assert chart["appVersion"] == version[1]
