"""Spans as an exporter sends them, and SLIs that count the pages that come of them."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from collectors.exposition import Reader
from collectors.otlp.receiver import Otlp
from collectors.otlp.wire import PROTOBUF
from slo.series import Memory, count, unseen
from slo.spec import Births, Selector

T0 = 1_790_000_000.0
NS = 10**9


@dataclass(frozen=True)
class Span:
    number: int
    service: str = "shop"
    name: str = "GET /"
    kind: int = 2
    code: int = 0
    duration_ns: int = 5_000_000
    state: str = ""
    end_s: float = T0
    trace: int = 0  # 0: one of its own
    parent: int | None = None  # the number of a span; None: it is the root
    policy: str = ""  # of a tail sampler, which chose it


def body(spans: Iterable[Span]) -> bytes:
    request = ExportTraceServiceRequest()
    for one in spans:
        of = request.resource_spans.add()
        if one.service:
            of.resource.attributes.add(key="service.name").value.string_value = one.service
        scope = of.scope_spans.add()
        if one.policy:
            attribute = scope.scope.attributes.add(key="tailsampling.policy")
            attribute.value.string_value = one.policy
        span = scope.spans.add(name=one.name, kind=one.kind)
        span.trace_id = (one.trace or one.number + 1).to_bytes(16, "big")
        if one.parent is not None:
            span.parent_span_id = (one.parent + 1).to_bytes(8, "big")
        span.span_id = (one.number + 1).to_bytes(8, "big")
        span.end_time_unix_nano = int(one.end_s * NS)
        span.start_time_unix_nano = span.end_time_unix_nano - one.duration_ns
        span.status.code = one.code
        span.trace_state = one.state
    return bytes(request.SerializeToString())


def send(otlp: Otlp, *spans: Span, now: float = T0) -> None:
    assert otlp.traces(body(spans), PROTOBUF, "", now).status == 200


class Sli:
    """The increments of selectors over the pages of one target, as the pipeline counts them."""

    def __init__(
        self, added_at: float | None, *selectors: Selector, target: str = "shop/spans"
    ) -> None:
        self.target = target
        self.memory: Memory = unseen(added_at)
        self.read(*selectors)
        self.counted: Counter[str] = Counter()

    def read(self, *selectors: Selector) -> None:
        self.reader = Reader(
            dict(zip(("job", "instance"), self.target.split("/"), strict=True)),
            frozenset(selectors),
        )

    def take(self, pages: Iterable[Any]) -> None:
        for made in pages:
            page, _ = self.reader.read(made.body, made.content_type, made.at)
            self.memory, grown = count(self.memory, page, Births.ZERO)
            for row, n in zip(grown.rows, grown.counts, strict=True):
                for text in grown.layout.named_by[row]:
                    self.counted[text] += int(n)

    def round(self, otlp: Otlp, now: float) -> None:
        self.take(otlp.pages(now, {self.target: self.memory.page_at}))

    def __getitem__(self, selector: Selector) -> int:
        return self.counted[str(selector)]
