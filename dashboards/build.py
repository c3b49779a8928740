"""The dashboards as files for Grafana's file provisioning, the API or an import by hand."""

import json
from pathlib import Path

from dashboards.fleet import fleet
from dashboards.panels import Json


def dashboards() -> list[Json]:
    """Every dashboard that Vigie ships."""
    return [fleet()]


def build(directory: Path) -> list[Path]:
    """Write each dashboard to `directory`/<uid>.json, and return the paths. OSError when it can't.

    The same code gives the same bytes, so that a written folder can be kept under version control.
    """
    directory.mkdir(parents=True, exist_ok=True)
    paths = []
    for dashboard in dashboards():
        path = directory / f"{dashboard['uid']}.json"
        path.write_text(text(dashboard), encoding="utf-8")
        paths.append(path)
    return paths


def text(dashboard: Json) -> str:
    """One dashboard as JSON text, one value a line, in a fixed order."""
    return json.dumps(dashboard, indent=2, ensure_ascii=False) + "\n"
