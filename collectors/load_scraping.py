"""The keys that say how a page is fetched and read: those of a scrape config and of `Targets`."""

from dataclasses import replace
from typing import Final

from collectors.load_access import access
from collectors.load_relabel import rules
from collectors.scraping import AS_USUAL, PROTOCOLS, Scraping
from slo.load.codes import Code
from slo.load.yaml import Fields

PROTOBUF: Final = "PrometheusProto"
KNOWN: Final = (*PROTOCOLS, PROTOBUF)
# Protobuf alone has native histograms.
_NATIVE_FIRST: Final = (PROTOBUF, *PROTOCOLS)
Params = dict[str, tuple[str, ...]]


def scraping(fields: Fields, default: Scraping = AS_USUAL, *, foreign: bool = True) -> Scraping:
    """What the keys say; `default` is what holds where they say nothing. `foreign` files are
    Prometheus' own.
    """
    found = replace(
        shared(fields, default),
        access=access(fields, foreign=foreign),
        fallback=_fallback(fields),
        compressed=fields.flag("enable_compression", default.compressed),
        honor_labels=fields.flag("honor_labels", default.honor_labels),
        honor_timestamps=fields.flag("honor_timestamps", default.honor_timestamps),
        metric_relabel=rules(fields, "metric_relabel_configs"),
    )
    return AS_USUAL if found == AS_USUAL else found


def shared(fields: Fields, default: Scraping = AS_USUAL) -> Scraping:
    """What may also hold for all jobs of a file: limits (0: none), and the protocols."""

    def limit(key: str, otherwise: int) -> int:
        return fields.integer(key, otherwise, at_least=0)

    return replace(
        default,
        protocols=protocols(fields, default.protocols),
        sample_limit=limit("sample_limit", default.sample_limit),
        label_limit=limit("label_limit", default.label_limit),
        label_name_length_limit=limit("label_name_length_limit", default.label_name_length_limit),
        label_value_length_limit=limit(
            "label_value_length_limit", default.label_value_length_limit
        ),
    )


def protocols(fields: Fields, default: tuple[str, ...] = PROTOCOLS) -> tuple[str, ...]:
    """`scrape_protocols` in order of preference; where nobody says them, protobuf comes first for
    `scrape_native_histograms`.
    """
    written = fields.texts("scrape_protocols")
    native = fields.flag("scrape_native_histograms", default == _NATIVE_FIRST)
    if not written:
        if default not in (PROTOCOLS, _NATIVE_FIRST):
            return default
        return _NATIVE_FIRST if native else PROTOCOLS
    wrong = [word for word in written if word not in KNOWN]
    if wrong or len(set(written)) < len(written):
        fault = f"`{wrong[0][:60]}` is none of {', '.join(KNOWN)}" if wrong else "one stands twice"
        message = f"`{_name(fields, 'scrape_protocols')}`: {fault}"
        fields.problems.error(fields.mark("scrape_protocols"), message, Code.NOT_ALLOWED)
        return default
    return tuple(written)


def params(fields: Fields) -> Params:
    """`params`: one or more values for each name."""
    with fields.maybe_map("params") as said:
        return {} if said is None else {name: tuple(said.texts(name)) for name in said.names()}


def _fallback(fields: Fields) -> str:
    if not fields.has("fallback_scrape_protocol"):
        return ""
    return fields.choice("fallback_scrape_protocol", KNOWN, "")


def _name(fields: Fields, key: str) -> str:
    return f"{fields.where}.{key}" if fields.where else key
