"""The errors of intake; every message is one sentence that names the cause and the remedy."""


class IntakeError(ValueError):
    """A model that cannot be added, fetched, checked or removed as requested."""


class HubError(IntakeError):
    """The hub refused or did not answer; the same command continues once the cause is removed."""
