"""The application as a whole, and its documentation."""

import re

import pytest

from components import ROOT
from fleet import Door, Site

DOCUMENT = (ROOT / "docs" / "reference" / "api.md").read_text()


def documented() -> set[tuple[str, str]]:
    return set(re.findall(r"^\| `(GET|POST|PATCH|DELETE) (/\S+)` \|", DOCUMENT, re.MULTILINE))


async def test_every_route_is_documented_and_no_other(site: Site) -> None:
    described = (await site.get("/api/v1/openapi.json")).json
    routes = {
        (method.upper(), path) for path, methods in described["paths"].items() for method in methods
    }
    assert routes == documented()


async def test_openapi_describes_answers_and_problems(site: Site) -> None:
    described = (await site.get("/api/v1/openapi.json")).json
    answers = described["paths"]["/api/v1/incidents/{number}"]["get"]["responses"]
    schema = answers["200"]["content"]["application/json"]["schema"]
    assert schema == {"$ref": "#/components/schemas/WholeIncident"}
    assert "application/problem+json" in answers["default"]["content"]


@pytest.mark.parametrize("path", ["/docs", "/redoc"])
async def test_no_page_loads_anything_from_elsewhere(site: Site, path: str) -> None:
    assert (await site.get(path)).status == 404


async def test_fastapi_makes_no_spans_of_its_own(site: Site, door: Door) -> None:
    assert door.app is not None
    assert not door.app._native_telemetry.enabled()


async def test_every_answer_carries_the_security_headers(site: Site) -> None:
    for path in ("/", "/api/v1/slos", "/metrics", "/nothing", "/static/app.css", "/-/ready"):
        headers = (await site.get(path)).headers
        assert headers["x-content-type-options"] == "nosniff", path
        assert headers["content-security-policy"].startswith("default-src 'self'"), path
