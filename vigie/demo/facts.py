"""What the demo saw, as the one record that it gives out."""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

Json = dict[str, Any]


@dataclass(slots=True)
class Facts:
    """What was seen; times in Unix seconds, None for what did not happen."""

    slo: str
    windows: str
    fault_at: float | None = None
    opened_at: str | None = None
    page_delivered_at: float | None = None
    runbook: str | None = None
    diagnosis_lines: list[str] = field(default_factory=list)
    resolved_at: str | None = None
    incident: Json | None = None
    dashboards: list[str] = field(default_factory=list)
    reason: str | None = None

    def record(self) -> Json:
        """The one JSON object of `vigie demo --once`."""
        opened = _seconds(self.opened_at)
        detect = opened - self.fault_at if opened and self.fault_at else None
        record: Json = {
            "slo": self.slo,
            "windows": self.windows,
            "fault_at": _shown(self.fault_at),
            "opened_at": self.opened_at,
            "detect_seconds": round(detect, 3) if detect is not None else None,
            "page_delivered_at": _shown(self.page_delivered_at),
            "runbook": self.runbook,
            "diagnosis_lines": self.diagnosis_lines,
            "resolved_at": self.resolved_at,
            "incident": self.incident,
            "dashboards": self.dashboards,
            "ok": self.reason is None,
        }
        return record if self.reason is None else {**record, "reason": self.reason}


def _shown(at: float | None) -> str | None:
    if at is None:
        return None
    text = datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds")
    return text.replace("+00:00", "Z")


def _seconds(text: str | None) -> float | None:
    return datetime.fromisoformat(text).timestamp() if text is not None else None
