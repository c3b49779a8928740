"""vigie.settings: where a setting comes from, and what is said when it cannot be used."""

import os
from datetime import timedelta
from pathlib import Path

import pytest

from collectors.proxies import Proxies
from slo.load.yaml import LoadError
from vigie.settings import SettingsError, load, proxies


@pytest.fixture(autouse=True)
def no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.upper().startswith("VIGIE_")]:
        monkeypatch.delenv(name)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "vigie.yaml"


def test_without_a_file_every_setting_has_its_default(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    settings = load(None)
    assert (settings.host, settings.port, settings.slice_s) == ("127.0.0.1", 8080, 10)
    assert settings.database == f"sqlite:///{tmp_path}/data/vigie.db"
    assert settings.retention.slices == timedelta(days=400)
    assert settings.loopback
    assert settings.token is None


def test_an_empty_file_says_nothing(file: Path) -> None:
    file.write_text("")
    assert load(file).path == file


def test_relative_paths_are_relative_to_the_file(file: Path) -> None:
    file.write_text("data: ./d\ndatabase: sqlite:///x.db\nfiles: [a, /b]\n")
    settings = load(file)
    assert settings.data == file.parent / "d"
    assert settings.database == f"sqlite:///{file.parent}/x.db"
    assert settings.files == (file.parent / "a", Path("/b"))


def test_a_default_folder_that_is_not_there_is_not_asked_for(file: Path) -> None:
    (file.parent / "slos").mkdir()
    file.write_text("")
    assert load(file).files == (file.parent / "slos",)


def test_the_environment_stands_over_the_file_and_the_command_line_over_both(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file.write_text("listen: 127.0.0.1:1\nslice: 5s\nretention: {slices: 3d, runs: 2d}\n")
    monkeypatch.setenv("VIGIE_LISTEN", "127.0.0.1:2")
    monkeypatch.setenv("VIGIE_RETENTION__RUNS", "9d")
    monkeypatch.setenv("VIGIE_FILES", "a, b")
    settings = load(file)
    assert settings.port == 2
    assert settings.slice_s == 5
    assert settings.retention.slices == timedelta(days=3)
    assert settings.retention.runs == timedelta(days=9)
    assert settings.files == (file.parent / "a", file.parent / "b")
    assert load(file, listen="127.0.0.1:3").port == 3
    assert load(file, listen=None).port == 2


def test_what_kubernetes_sets_beside_a_service_called_vigie_is_left_alone(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file.write_text("")
    monkeypatch.setenv("VIGIE_PORT", "tcp://10.0.0.1:8080")
    monkeypatch.setenv("VIGIE_SERVICE_HOST", "10.0.0.1")
    monkeypatch.setenv("VIGIE_URL", "http://elsewhere")
    assert load(file).port == 8080


def test_the_token_is_read_from_its_file(file: Path) -> None:
    file.write_text("listen: 0.0.0.0:8080\ntoken_file: secret\n")
    (file.parent / "secret").write_text("s3cret\n")
    settings = load(file)
    assert settings.token == "s3cret"
    assert not settings.loopback
    assert "s3cret" not in repr(settings)


def test_a_token_of_the_environment_is_meant_over_a_token_file_of_the_file(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file.write_text("token_file: nowhere\n")
    monkeypatch.setenv("VIGIE_TOKEN", "from the environment")
    assert load(file).token == "from the environment"
    monkeypatch.delenv("VIGIE_TOKEN")
    file.write_text("token: from the file\n")
    (file.parent / "secret").write_text("s3cret\n")
    monkeypatch.setenv("VIGIE_TOKEN_FILE", str(file.parent / "secret"))
    assert load(file).token == "s3cret"


@pytest.mark.parametrize(
    ("listen", "public_url", "url"),
    [
        ("127.0.0.1:8080", None, "http://127.0.0.1:8080"),
        ("[::1]:80", None, "http://[::1]:80"),
        ("127.0.0.1:1", "https://vigie.example.org/", "https://vigie.example.org"),
    ],
)
def test_links_begin_with_the_public_url_or_the_own_address(
    file: Path, listen: str, public_url: str | None, url: str
) -> None:
    file.write_text(f"listen: '{listen}'\n" + (f"public_url: {public_url}\n" if public_url else ""))
    assert load(file).url == url


def test_grpc_listens_off_loopback_with_a_token_and_nowhere_unless_it_is_asked_to(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file.write_text("otlp_grpc: 0.0.0.0:4317\n")
    monkeypatch.setenv("VIGIE_TOKEN", "s3cret")
    assert load(file).otlp_grpc == "0.0.0.0:4317"
    monkeypatch.setenv("VIGIE_OTLP_GRPC", "")
    assert not load(file).otlp_grpc


def test_users_let_it_listen_off_loopback_as_a_token_does(file: Path) -> None:
    file.write_text("listen: 0.0.0.0:8080\n")
    with pytest.raises(LoadError, match="`users: true`"):
        load(file)
    file.write_text("listen: 0.0.0.0:8080\nusers: true\n")
    assert load(file).users


def test_attributes_become_labels_with_defaults_as_a_mapping_or_json(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file.write_text("span_dimensions: {http.route: '', zone: unknown}\n")
    assert load(file).span_dimensions == {"http.route": "", "zone": "unknown"}
    monkeypatch.setenv("VIGIE_SPAN_DIMENSIONS", '{"zone": "z1"}')
    assert load(file).span_dimensions == {"http.route": "", "zone": "z1"}
    monkeypatch.setenv("VIGIE_SPAN_DIMENSIONS", "zone")
    with pytest.raises(SettingsError, match="span_dimensions"):
        load(file)


def test_where_a_trace_is_shown_is_a_template(file: Path) -> None:
    grafana = 'https://g.example/explore?panes={"a":{"query":"{trace_id}"}}'
    file.write_text(f"traces_url: '{grafana}'\n")
    assert load(file).traces_url == grafana


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("lisen: 127.0.0.1:1\n", "1:1: error[V101] unknown key `lisen`; did you mean `listen`?"),
        ("crash_at: scrape.done\n", "1:1: error[V101] unknown key `crash_at`"),
        ("a: 1\na: 2\n", "2:1"),
        ("retention: {slice: 1d}\n", "unknown key `retention.slice`"),
        ("listen: localhost\n", "1:9: error[V114] `listen`: `localhost` is no HOST:PORT"),
        ("listen: 127.0.0.1:70000\n", "is no HOST:PORT"),
        ("logs: yaml\n", "1:7: error[V105] `logs`: Input should be 'json' or 'text'"),
        ("slice: 7s\n", "1:8: error[V106] `slice` is 7s; write a whole divisor of 60s"),
        ("slice: 10\n", "`10` is not a duration"),
        ("retention: {runs: 0s}\n", "`retention.runs` is 0s; it must be at least 1d"),
        ("slice: 500ms\n", "`slice` is 500ms"),
        (
            "listen: 0.0.0.0:8080\n",
            "1:9: error[V103] `listen` is 0.0.0.0:8080, which other machines",
        ),
        ("listen: vigie.internal:8080\n", "set `token_file`"),
        ("otlp_grpc: localhost\n", "1:12: error[V114] `otlp_grpc`: `localhost` is no HOST:PORT"),
        ("otlp_grpc: 0.0.0.0:4317\n", "1:12: error[V103] `otlp_grpc` is 0.0.0.0:4317, which other"),
        ("otlp_grpc: 127.0.0.1:8080\n", "1:12: error[V111] `otlp_grpc` is `listen` itself"),
        ("token: ''\n", "1:8: error[V107] the token is empty"),
        ("token: a\ntoken_file: b\n", "2:13: error[V111] `token` and `token_file` are both set"),
        ("otlp_endpoint: http://localhost:8080/v1/traces\n", "is Vigie itself"),
        (
            "span_dimensions: {service.name: ''}\n",
            "1:18: error[V105] `span_dimensions`: the dimension `service.name` is a label of span",
        ),
        ("span_dimensions: {job: ''}\n", "the dimension `job` is a label of span metrics already"),
        ("span_dimensions: {a.b: '', a_b: ''}\n", "`a.b` and `a_b` are both label `a_b`"),
        ("span_dimensions: {'': ''}\n", "a dimension is the name of an attribute"),
        ("span_dimensions: [zone]\n", "1:18: error[V104] `span_dimensions`"),
        ("public_url: vigie.example.org\n", "write http(s)://HOST[:PORT]"),
        ("traces_url: https://t/trace/\n", "1:13: error[V114] `traces_url` is https://t/trace/;"),
        ("traces_url: 'javascript:alert({trace_id})'\n", "write http(s)://HOST/..."),
        ("traces_url: http://[::1/{trace_id}\n", "write http(s)://HOST/..."),
        ("traces_url: /trace/{trace_id}\n", "write http(s)://HOST/..."),
        ("traces_url: ''\n", "that holds `{trace_id}`"),
        ("a: [\n", "error[V002] not YAML"),
        ("- listen\n", "must be a mapping"),
        ("logs: text\n---\nlogs: json\n", "one document"),
    ],
)
def test_what_a_file_says_wrong_has_its_place(file: Path, text: str, problem: str) -> None:
    file.write_text(text)
    with pytest.raises(LoadError) as caught:
        load(file)
    assert str(caught.value).startswith(f"{file}:")
    assert problem in str(caught.value)


def test_all_problems_are_said_at_once(file: Path) -> None:
    file.write_text("logs: yaml\nslice: soon\n")
    with pytest.raises(LoadError) as caught:
        load(file)
    assert len(caught.value.problems) == 2


@pytest.mark.parametrize(
    ("name", "value", "problem"),
    [
        ("VIGIE_LISTEN", "0.0.0.0:80", "VIGIE_LISTEN: error[V103] `listen` is 0.0.0.0:80"),
        ("VIGIE_SLICE", "7s", "VIGIE_SLICE: error[V106] `slice` is 7s"),
        ("VIGIE_RETENTION", "forever", 'error parsing value for field "retention"'),
        ("VIGIE_TOKEN_FILE", "nowhere", "`token_file` cannot be read"),
    ],
)
def test_what_the_environment_says_wrong_is_named(
    file: Path, monkeypatch: pytest.MonkeyPatch, name: str, value: str, problem: str
) -> None:
    file.write_text("")
    monkeypatch.setenv(name, value)
    with pytest.raises(SettingsError, match="error") as caught:
        load(file)
    assert problem in str(caught.value)


def test_the_command_line_is_named_too(file: Path) -> None:
    file.write_text("")
    with pytest.raises(SettingsError, match=r"--listen: error\[V103\] `listen` is 0\.0\.0\.0:80"):
        load(file, listen="0.0.0.0:80")


def test_a_file_that_is_not_there_says_what_writes_one(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="there is no such file; `vigie init DIR` writes one"):
        load(tmp_path / "vigie.yaml")


def test_proxies_are_those_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://upper:1")
    monkeypatch.setenv("https_proxy", "http://small:2")
    monkeypatch.setenv("HTTPS_PROXY", "http://upper:2")
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.delenv("http_proxy", raising=False)
    assert proxies() == Proxies("http://upper:1", "http://small:2", "")
