"""Errors of reading a source."""


class SourceError(Exception):
    """The source cannot or must not be read; the message names it and the remedy."""


class SourceBusyError(SourceError):
    """The source is temporarily unavailable; `after`: the seconds that its server requests to wait."""

    def __init__(self, message: str, after: float | None = None) -> None:
        super().__init__(message)
        self.after = after


def too_large(shown: str, max_bytes: int) -> SourceError:
    """Build the error for a source that exceeds the limit."""
    return SourceError(f"{shown} is larger than the limit of {max_bytes:,} bytes; use a smaller file")
