"""Why a command was not carried out.

CommandError
    NotFound    there is no such incident
    Conflict    the incident is past the state in which this can be done
    Invalid     what was given cannot be recorded
    TooLarge    a file is, or what there would be with it
    Unsupported a file is of a kind that is not taken
"""


class CommandError(Exception):
    """Nothing was changed; the message is for the person who asked."""


class NotFound(CommandError):  # noqa: N818 - read as the answer it is: `except NotFound`
    """There is no such incident."""


class Conflict(CommandError):  # noqa: N818 - as above
    """The incident is past the state in which this can be done."""


class Invalid(CommandError):  # noqa: N818 - as above
    """What was given cannot be recorded."""


class TooLarge(CommandError):  # noqa: N818 - as above
    """A file is too large, or what an incident would hold with it."""


class Unsupported(CommandError):  # noqa: N818 - as above
    """A file is of a kind that is not taken."""
