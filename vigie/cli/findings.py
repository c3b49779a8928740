"""What a look at something found."""

from dataclasses import dataclass
from typing import Final

OK: Final = "ok"
WARNING: Final = "warning"
ERROR: Final = "error"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at; `level` is ok, warning or error."""

    level: str
    about: str
    text: str
