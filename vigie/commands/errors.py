"""Why a command was not carried out.

CommandError
    NotFound    there is no such incident
    Conflict    the incident is past the state in which this can be done
      Unready   it may not be closed yet, for reasons that it lists
    Invalid     what was given cannot be recorded
    TooLarge    a file is, or what there would be with it
    Unsupported a file is of a kind that is not taken
    TooMany     somebody did it too often of late
    NotAllowed  it is none of those who may
"""

from collections.abc import Sequence


class CommandError(Exception):
    """Nothing was changed; the message is for the person who asked."""


class NotFound(CommandError):  # noqa: N818 - read as the answer it is: `except NotFound`
    """There is no such incident."""


class Conflict(CommandError):  # noqa: N818 - as above
    """The incident is past the state in which this can be done."""


class Unready(Conflict):
    """The incident may not be closed yet; `reasons` are clauses, each says what to do."""

    def __init__(self, number: int, reasons: Sequence[str]) -> None:
        super().__init__(f"incident #{number} cannot be closed: {'; '.join(reasons)}")
        self.reasons = tuple(reasons)


class Invalid(CommandError):  # noqa: N818 - as above
    """What was given cannot be recorded."""


class TooLarge(CommandError):  # noqa: N818 - as above
    """A file is too large, or what an incident would hold with it."""


class Unsupported(CommandError):  # noqa: N818 - as above
    """A file is of a kind that is not taken."""


class TooMany(CommandError):  # noqa: N818 - as above
    """Somebody did it too often of late."""


class NotAllowed(CommandError):  # noqa: N818 - as above
    """Whoever asks is none of those who may."""
