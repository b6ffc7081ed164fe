"""What looking at depth can fail with."""


class ViewingError(ValueError):
    """Say why nothing can be shown."""
