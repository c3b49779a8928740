"""What the collectors would say of the fleet of the HTTP side, when asked."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from collectors.changes import Change, Kind, Status
from collectors.discovery.model import DiscoveryStatus, FileSd
from collectors.families import Families, families_of
from collectors.heartbeat import Heartbeat, Said
from collectors.jobs import ScrapeJob
from collectors.otlp.exemplars import Exemplar
from collectors.probe.model import HttpOptions, Location, Probe, ProbeTarget
from collectors.probe.verdict import State, Verdict
from incidents.model import HeardBeat, Urgency
from incidents.signals import heartbeat_signal
from vigie.live import Collected
from vigie.store import changes, heartbeats

T0 = 1_790_000_000.0
PAGE = b"""# HELP http_requests_total Requests, by <code>.
# TYPE http_requests_total counter
http_requests_total{code="200"} 12
http_requests_total{code="500"} 1
process_start_time_seconds 1.79e9
"""
SHOP, GONE = "https://shop.example/", "https://gone.example/"
FRONT = Probe(
    "front",
    "frontend",
    (ProbeTarget(SHOP), ProbeTarget(GONE)),
    HttpOptions(),
    locations=(Location("local"), Location("paris")),
)
DOWN = Verdict(
    "frontend",
    "front",
    SHOP,
    State.DOWN,
    T0 - 300.0,
    "local: status 503",
    {"local": State.DOWN, "paris": State.UP},
    T0 + 86_400.0,
)
FOUND = ScrapeJob("shop", discoveries=(FileSd(("/etc/shop/*.json",)),))
SOUGHT = DiscoveryStatus("file", "/etc/shop/*.json", "down", "no file matches", T0 - 60.0, 3)
NIGHTLY = Heartbeat("nightly", "checkout", every_s=3600.0, grace_s=60.0)
MISSED = HeardBeat(
    "nightly",
    "checkout",
    "missed",
    T0 - 60,
    "no beat came in time",
    Urgency.HIGH,
    expected_at=T0 - 120,
    deadline=T0 - 60,
    last_at=T0 - 86_400,
    last_state="ok",
    started_at=T0 - 3600,
)
DEPLOY = Change(
    "api",
    None,
    "checkout v2",
    Kind.DEPLOY,
    Status.SUCCEEDED,
    T0 - 610,
    T0 - 610,
    T0 - 600,
    services=("checkout",),
    version="v2",
    actor="ann",
    url="https://ci.example/7",
    environment="production",
)

FAILED = Exemplar("ab" * 16, "cd" * 8, T0 - 60, "checkout", "POST /pay", 12.5, "STATUS_CODE_ERROR")
SLOW = Exemplar("ef" * 16, "01" * 8, T0 - 30, "checkout", "POST /pay", 2500.0, "STATUS_CODE_UNSET")
JAEGER = "https://jaeger.example/trace/{trace_id}?uiFind={x}"


def collected(
    *,
    families: Mapping[str, Families] | None = None,
    verdicts: Sequence[Verdict] = (),
    discoveries: Mapping[str, Sequence[DiscoveryStatus]] | None = None,
    exemplars: Mapping[str, Sequence[Exemplar]] | None = None,
    traces_url: str | None = None,
) -> Collected:
    """Collectors that know just this."""

    async def of_page(target_id: str) -> Families | None:
        return (families or {}).get(target_id)

    def between(slo: str, start: float, end: float) -> list[Exemplar]:
        """As `Otlp.exemplars`: newest first."""
        kept = [one for one in (exemplars or {}).get(slo, ()) if start <= one.at <= end]
        return sorted(kept, key=lambda one: one.at, reverse=True)

    return Collected(
        families=of_page,
        verdicts=lambda: verdicts,
        discoveries=lambda job: (discoveries or {}).get(job, ()),
        exemplars=between,
        traces_url=traces_url,
    )


def collect(fleet: Any) -> None:
    """Let a fleet collect in every way, with something wrong in each; its next incident is that of
    the heartbeat.
    """
    config = replace(
        fleet.board.now.config,
        probes=(FRONT,),
        jobs={FOUND.name: FOUND},
        heartbeats={NIGHTLY.name: NIGHTLY},
    )
    fleet.board.now = replace(fleet.board.now, config=config)
    first = next(iter(config.targets))
    fleet.collected = collected(
        families={first: families_of(PAGE)},
        verdicts=[DOWN],
        discoveries={FOUND.name: [SOUGHT]},
    )
    fleet.db.write(lambda c: heartbeats.beat(c, NIGHTLY, Said.OK, T0 - 7200))
    fleet.db.write(lambda c: changes.record(c, DEPLOY, T0))
    signal = heartbeat_signal(MISSED, None)
    assert signal is not None
    fleet.open(signal)
