"""What looking at depth can fail with."""


class ViewingError(ValueError):
    """Raised when nothing can be shown."""
