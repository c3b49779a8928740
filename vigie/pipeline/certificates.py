"""Certificates in the tick: the signals of those that end soon, or have an open incident."""

from collections.abc import Iterable

from incidents.model import Certificate, Signal
from incidents.signals_certificate import certificate_key, certificate_signal
from vigie.pipeline.state import Open


def certificate_signals(known: Iterable[Certificate], open_: Open, now: float) -> list[Signal]:
    """What the certificates say that probes saw last."""
    found = (certificate_signal(one, open_.get(certificate_key(one)), now) for one in known)
    return [signal for signal in found if signal is not None]
