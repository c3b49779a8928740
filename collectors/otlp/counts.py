"""What the receiver counts of its own work: nothing that is left out goes unsaid."""

from dataclasses import dataclass


@dataclass(slots=True)
class Counts:
    """Since the start. Spans: `spans` were counted; of those, late, ahead, backwards, overflowed,
    without_id, tracestate, tail_sampled, unpaired and edge_dropped tell what was odd about some.
    The rest was left out.
    """

    requests: int = 0
    refused: int = 0  # requests answered 4xx, apart from those while full
    full: int = 0  # requests answered 429
    spans: int = 0
    duplicates: int = 0  # trace and span id seen a moment ago: not counted again
    duplicate_window_shortened: int = 0  # times that too many spans came to remember them so long
    without_service: int = 0  # left out: the resource has no service.name
    too_many_services: int = 0  # left out: the limit of services is reached
    late: int = 0  # ended longer ago than a span may; counted where they arrived
    ahead: int = 0  # ended in the future: the sender's clock is off
    backwards: int = 0  # ended before they started: duration 0
    without_id: int = 0  # no valid trace and span id: duplicates of them are not known
    overflowed: int = 0  # counted in an overflow series
    unread: int = 0  # counted from zero again by a reload before anyone watched their service
    tracestate: int = 0  # a sampling probability that cannot be; counted as one span
    tail_sampled: int = 0  # chosen by a tail sampler, as they came: their ratios are wrong
    unpaired: int = 0  # one side of a request of which the other never came: on no edge
    edge_dropped: int = 0  # on no edge: too many edges, or sides that wait
    points: int = 0
    points_rejected: int = 0
    points_old: int = 0  # not later than the last of the series: a batch that was sent again
