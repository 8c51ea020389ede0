"""The one error of reading a source."""


class SourceError(Exception):
    """The source cannot be read, or must not be; the message names it and says what to change."""


class SourceBusyError(SourceError):
    """The source cannot be read now, and may be in a moment; `after`: the seconds that its server asks to wait."""

    def __init__(self, message: str, after: float | None = None) -> None:
        super().__init__(message)
        self.after = after


def too_large(shown: str, max_bytes: int) -> SourceError:
    """The error for a source that goes on beyond the limit."""
    return SourceError(f"{shown} is larger than the limit of {max_bytes:,} bytes; use a smaller file")
