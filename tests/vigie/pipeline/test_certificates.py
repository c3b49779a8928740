"""Certificates through the pipeline: what probes saw becomes an incident before the end comes."""

from dataclasses import replace
from pathlib import Path

import pytest

from incidents.model import Certificate
from vigie.clock import SetClock
from vigie.store import incidents
from vigie.store.visibility import EVERYTHING
from world import T0, Vigie, config_for

pytestmark = pytest.mark.simulation

DAY = 86_400.0
SHOP = Certificate("shop", "front", "https://shop", T0 + 20 * DAY, 14 * DAY, 3 * DAY)


async def test_one_certificate_is_one_incident_until_it_is_renewed(tmp_path: Path) -> None:
    vigie = Vigie(config_for(1), tmp_path, SetClock(T0))

    async def day(number: float, certificate: Certificate = SHOP) -> list[tuple[str, str, str]]:
        vigie.clock.set(T0 + number * DAY)
        vigie.pipeline.probed({}, [certificate])
        assert await vigie.pipeline.tick()
        rows = vigie.db.read(lambda c: incidents.page(c, limit=9, viewer=EVERYTHING))
        found = [row for row in rows if row["type"] == "certificate-expiry"]
        return [(row["key"], row["urgency"], row["state"]) for row in found]

    key = "certificate-expiry:front/https://shop"
    assert await day(5) == []
    assert await day(7) == [(key, "low", "triage")]
    assert await day(18) == [(key, "high", "triage")]
    renewed = replace(SHOP, expires_at=T0 + 110 * DAY)
    await day(18.1, renewed)
    assert await day(18.2, renewed) == [(key, "high", "resolved")]
    vigie.kill()
