"""How a command ends when it is not done: 1, the answer is no; 2, it could not run.

Ending
├── Refused     1: an invalid file, an incident that is resolved already
└── CannotRun   2: a file that is not there, a server that does not answer
"""

from typing import ClassVar


class Ending(Exception):  # noqa: N818 - read as what it is: `raise CannotRun(...)`
    """The end of the program with `status`; the message is for the person who typed."""

    status: ClassVar[int]


class Refused(Ending):
    """The answer is no."""

    status = 1


class CannotRun(Ending):
    """There is no answer."""

    status = 2
