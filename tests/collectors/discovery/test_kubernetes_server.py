"""Which API server is asked, and with what: in a cluster, by kubeconfig, by a written address."""

import base64
import ssl
import subprocess
from pathlib import Path

import pytest
import yaml

from collectors.access import HttpAccess
from collectors.discovery.errors import DiscoveryError
from collectors.discovery.kubernetes_server import Finder, Server, ServiceAccount
from collectors.discovery.model import KubernetesSd
from collectors.proxies import NO_PROXIES
from components import missing

CURVE = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"]


def server(sd: KubernetesSd, folder: Path) -> Server:
    return finder(sd, folder).server()


def finder(sd: KubernetesSd, folder: Path) -> Finder:
    return Finder(sd, ServiceAccount(str(folder)), NO_PROXIES, lambda: 1000.0)


def config(folder: Path, user: object, **cluster: object) -> KubernetesSd:
    path = folder / "config"
    said = {
        "current-context": "here",
        "contexts": [{"name": "here", "context": {"cluster": "c", "user": "u", "namespace": "ns"}}],
        "clusters": [{"name": "c", "cluster": {"server": "https://api:6443/x", **cluster}}],
        "users": [{"name": "u", "user": user}],
    }
    path.write_text(yaml.safe_dump(said))
    return KubernetesSd("pod", kubeconfig_file=str(path))


def certificate(folder: Path) -> tuple[Path, Path]:
    cert, key = folder / "cert.pem", folder / "key.pem"
    command = ["openssl", "req", "-x509", "-nodes", "-subj", "/CN=me", *CURVE]
    try:
        subprocess.run([*command, "-keyout", key, "-out", cert], check=True, capture_output=True)
    except FileNotFoundError:
        missing("openssl is not installed")
    return cert, key


async def test_in_a_cluster_the_service_account_lets_us_in(tmp_path: Path) -> None:
    cert, _ = certificate(tmp_path)
    cert.rename(tmp_path / "ca.crt")
    (tmp_path / "token").write_text("one\n")
    (tmp_path / "namespace").write_text("shop\n")
    found = server(KubernetesSd("pod"), tmp_path)
    assert (str(found.url), found.namespace) == ("https://kubernetes.default.svc", "shop")
    assert await found.entry.headers() == {"Authorization": "Bearer one"}
    assert found.entry.tls().verify_mode is ssl.CERT_REQUIRED
    (tmp_path / "token").write_text("two\n")  # the kubelet turns them over
    assert await found.entry.headers() == {"Authorization": "Bearer two"}


async def test_a_written_address_is_let_in_as_the_file_says(tmp_path: Path) -> None:
    sd = KubernetesSd("pod", api_server="api:6443", access=HttpAccess(credentials="t"))
    found = server(sd, tmp_path)
    assert str(found.url) == "https://api:6443"
    assert await found.entry.headers() == {"Authorization": "Bearer t"}


async def test_a_kubeconfig_names_server_login_and_namespace(tmp_path: Path) -> None:
    (tmp_path / "tok").write_text("secret")
    found = server(config(tmp_path, {"tokenFile": "tok"}), tmp_path)
    assert (str(found.url), found.namespace) == ("https://api:6443/x", "ns")
    assert await found.entry.headers() == {"Authorization": "Bearer secret"}


def test_certificates_can_stand_in_the_kubeconfig(tmp_path: Path) -> None:
    cert, key = (base64.b64encode(path.read_bytes()).decode() for path in certificate(tmp_path))
    user = {"client-certificate-data": cert, "client-key-data": key}
    found = server(config(tmp_path, user, **{"certificate-authority-data": cert}), tmp_path)
    context = found.entry.tls()
    assert context is found.entry.tls()
    assert len(context.get_ca_certs()) == 1
    assert context.verify_mode is ssl.CERT_REQUIRED


async def test_a_kubeconfig_is_read_again_when_it_changes(tmp_path: Path) -> None:
    watched = finder(config(tmp_path, {"token": "one"}), tmp_path)
    first = watched.server()
    assert watched.server() is first
    config(tmp_path, {"token": "another"})
    assert await watched.server().entry.headers() == {"Authorization": "Bearer another"}


BAD = {
    "`exec` runs a program": {"exec": {"command": "aws"}},
    "`auth-provider` runs a program": {"auth-provider": {"name": "gcp"}},
    "`client-key-data` is not base64": {"client-key-data": "%"},
    "its certificates or key can't be used": {"client-certificate-data": "QUJD"},
}


@pytest.mark.parametrize(("reason", "user"), BAD.items(), ids=list(BAD))
def test_a_login_that_cannot_be_used_is_named(
    reason: str, user: dict[str, object], tmp_path: Path
) -> None:
    with pytest.raises(DiscoveryError, match=reason):
        server(config(tmp_path, user), tmp_path)


TEXTS = {
    "is no kubeconfig": "- a",
    "nothing says which context": "{}",
    "there is no context `x`": "current-context: x",
    "not UTF-8": "\udcff",
}


@pytest.mark.parametrize(("reason", "text"), TEXTS.items(), ids=list(TEXTS))
def test_a_file_that_is_no_kubeconfig_is_named(reason: str, text: str, tmp_path: Path) -> None:
    path = tmp_path / "config"
    path.write_bytes(text.encode(errors="surrogateescape"))
    with pytest.raises(DiscoveryError, match="(?i)" + reason):
        server(KubernetesSd("pod", kubeconfig_file=str(path)), tmp_path)


def test_nothing_said_outside_a_cluster_is_named(tmp_path: Path) -> None:
    with pytest.raises(DiscoveryError, match="not in a cluster"):
        server(KubernetesSd("pod"), tmp_path)
    with pytest.raises(DiscoveryError, match="can't read"):
        server(KubernetesSd("pod", kubeconfig_file=str(tmp_path / "none")), tmp_path)
