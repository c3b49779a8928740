"""What can go wrong while discovering, each with the reason that people read in the status.

DiscoveryError      no answer that can be used; what was found before stays
└── Gone            Kubernetes no longer has what we want to go on from: list anew
"""

from collectors.errors import CollectError


class DiscoveryError(CollectError):
    """A discovery got no answer that can be used. Whoever asked tries again later."""


class Gone(DiscoveryError):  # noqa: N818 - it says what the server said, 410 Gone
    """The server has forgotten that version of the world, or that page of a list."""
