"""The commands that need no server: runbooks, dashboards, schemas, doctor, the database."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from components import ROOT, free_port

Vigie = Callable[..., Any]


@pytest.fixture
def watch(vigie: Vigie, tmp_path: Path) -> Path:
    """A configuration as `vigie init` writes it."""
    folder = tmp_path / "watch"
    assert vigie("init", folder).status == 0
    return folder


def test_runbooks_are_listed_with_what_they_are_for(vigie: Vigie, watch: Path) -> None:
    (item,) = json.loads(vigie("runbook", "list", watch, "--format", "json").out)["items"]
    assert (item["name"], item["mode"], item["services"]) == ("scrapes-fail", "diagnose", ["vigie"])
    assert "scrapes-fail" in vigie("runbook", "list", watch).out


def test_a_bad_runbook_is_refused_with_its_place(vigie: Vigie, watch: Path) -> None:
    assert vigie("runbook", "check", watch).status == 0
    book = watch / "runbooks" / "scrapes-fail.yaml"
    book.write_text(book.read_text().replace("kind: http", "kind: shell"))
    ran = vigie("runbook", "check", watch)
    assert ran.status == 1
    assert ran.out.startswith(f"{book}:")
    assert vigie("runbook", "list", watch).status == 1


def test_dashboards_are_written_where_asked(vigie: Vigie, tmp_path: Path) -> None:
    ran = vigie("dashboard", "build", "--out", tmp_path / "d", "--format", "json")
    (path,) = json.loads(ran.out)["dashboards"]
    assert json.loads(Path(path).read_text())["title"]
    (tmp_path / "file").write_text("")
    assert vigie("dashboard", "build", "--out", tmp_path / "file").status == 2


def test_every_file_that_is_shipped_fulfils_its_schema(vigie: Vigie, watch: Path) -> None:
    whole = json.loads(vigie("schema").out)
    jsonschema.Draft202012Validator.check_schema(whole)
    validator = jsonschema.Draft202012Validator(whole)
    files = [*(ROOT / "examples").rglob("*.yaml"), *watch.rglob("*.yaml")]
    documents = [
        (file, document)
        for file in files
        if file != watch / "vigie.yaml"
        for document in yaml.safe_load_all(file.read_text())
    ]
    assert {"Channel", "Policy", "Runbook", "SLO", "Targets"} <= {d["kind"] for _, d in documents}
    for file, document in documents:
        assert list(validator.iter_errors(document)) == [], file
        assert list(validator.iter_errors({**document, "speck": 1})) != [], file


def test_the_settings_have_a_schema_too(vigie: Vigie, watch: Path) -> None:
    schema = json.loads(vigie("schema", "Settings").out)
    settings = yaml.safe_load((watch / "vigie.yaml").read_text())
    jsonschema.validate(settings, schema, jsonschema.Draft202012Validator)
    assert schema["properties"]["slice"]["default"] == "10s"
    assert {"path", "crash_at"}.isdisjoint(schema["properties"])
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({"lisen": "x"}, schema, jsonschema.Draft202012Validator)


def test_one_kind_has_a_schema_and_an_unknown_one_has_not(vigie: Vigie) -> None:
    assert json.loads(vigie("schema", "Policy").out)["properties"]["kind"] == {"const": "Policy"}
    ran = vigie("schema", "Polisy")
    assert ran.status == 2
    assert "there are" in ran.err


def test_the_doctor_finds_what_does_not_answer(vigie: Vigie, watch: Path) -> None:
    port = free_port()
    for file in watch.rglob("*.yaml"):
        text = file.read_text().replace(":8080", f":{port}").replace(":9000", f":{port}")
        file.write_text(text)
    ran = vigie("doctor", "--config", watch / "vigie.yaml", "--format", "json")
    assert ran.status == 1
    found = {f["about"]: f for f in json.loads(ran.out)["findings"]}
    assert found["listen"]["level"] == found["database"]["level"] == "ok"
    target = found[f"target vigie/127.0.0.1:{port}"]
    assert (target["level"], "connection refused" in target["text"]) == ("error", True)
    assert found["channel oncall"]["level"] == "error"


def test_the_doctor_refuses_files_that_cannot_be_used(vigie: Vigie, watch: Path) -> None:
    (watch / "slos" / "bad.yaml").write_text("kind: [}")
    ran = vigie("doctor", "--config", watch / "vigie.yaml")
    assert ran.status == 1
    assert f"{watch}/slos/bad.yaml:1:8: error[V002] not YAML" in ran.err


def test_a_database_is_made_saved_checked_and_put_back(vigie: Vigie, watch: Path) -> None:
    config, saved = ("--config", watch / "vigie.yaml"), watch / "saved.db"
    assert vigie("db", "migrate", *config).status == 0
    assert vigie("db", "backup", saved, *config).status == 0
    assert vigie("db", "backup", saved, *config).status == 1  # never over a file
    checked = json.loads(vigie("db", "verify", saved, "--format", "json").out)
    assert checked["ok"] is True
    assert checked["file"] == str(saved)
    assert vigie("db", "restore", saved, *config, "--force").status == 0
    assert vigie("doctor", *config).out.count("can be read") == 1


def test_a_backup_that_is_none_is_told(vigie: Vigie, tmp_path: Path) -> None:
    (tmp_path / "text").write_text("no database")
    ran = vigie("db", "verify", tmp_path / "text")
    assert ran.status == 1
    assert "cannot be read" in ran.err
    assert vigie("db", "verify", tmp_path / "nothing").status == 2
