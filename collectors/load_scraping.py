"""The keys that say how a page is fetched and read: those of a scrape config and of `Targets`."""

from dataclasses import replace
from typing import Final

from collectors.load_access import access
from collectors.load_relabel import rules
from collectors.scraping import AS_USUAL, PROTOCOLS, Scraping
from slo.load.codes import Code
from slo.load.yaml import Fields

PROTOBUF: Final = "PrometheusProto"
_NO_PROTOBUF: Final = f"Vigie reads text formats only: write one of {', '.join(PROTOCOLS)}"
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
    """`scrape_protocols` in order of preference, without the one that is not read."""
    written = fields.texts("scrape_protocols")
    if not written:
        return default
    known = (*PROTOCOLS, PROTOBUF)
    wrong = [word for word in written if word not in known]
    if wrong or len(set(written)) < len(written):
        fault = f"`{wrong[0][:60]}` is none of {', '.join(known)}" if wrong else "one stands twice"
        message = f"`{_name(fields, 'scrape_protocols')}`: {fault}"
        fields.problems.error(fields.mark("scrape_protocols"), message, Code.NOT_ALLOWED)
        return default
    found = tuple(word for word in written if word != PROTOBUF)
    if not found:
        fields.refuse("scrape_protocols", f"is {PROTOBUF} alone: {_NO_PROTOBUF}")
    elif len(found) < len(written):
        message = (
            f"`{_name(fields, 'scrape_protocols')}`: {PROTOBUF} is passed over: {_NO_PROTOBUF}"
        )
        fields.problems.warn(fields.mark("scrape_protocols"), message, Code.IGNORED)
    return found or default


def params(fields: Fields) -> Params:
    """`params`: one or more values for each name."""
    with fields.maybe_map("params") as said:
        return {} if said is None else {name: tuple(said.texts(name)) for name in said.names()}


def _fallback(fields: Fields) -> str:
    if fields.text("fallback_scrape_protocol", "") == PROTOBUF:
        fields.refuse("fallback_scrape_protocol", f"is {PROTOBUF}: {_NO_PROTOBUF}")
        return ""
    if not fields.has("fallback_scrape_protocol"):
        return ""
    return fields.choice("fallback_scrape_protocol", PROTOCOLS, "")


def _name(fields: Fields, key: str) -> str:
    return f"{fields.where}.{key}" if fields.where else key
