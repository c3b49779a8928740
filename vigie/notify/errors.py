"""What can go wrong on the way to a person.

DeliveryFailed: nobody can be sure that the message arrived; it has to be sent again.
"""


class DeliveryFailed(Exception):  # noqa: N818 - an outcome that is expected and acted on
    """One attempt did not end in an acceptance.

    `retry`: the reason may pass by itself (no answer, too busy). Otherwise the other side refuses
    or the channel is set up wrongly; trying again helps only once a person has changed something,
    so it is done more slowly, but done: a page is never dropped. `after_s`: the receiver asked for
    this pause.
    """

    def __init__(self, reason: str, *, retry: bool, after_s: float | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.retry = retry
        self.after_s = after_s
