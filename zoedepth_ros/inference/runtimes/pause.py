"""Try an optional step again some time after it failed."""

from __future__ import annotations

_FIRST, _LONGEST = 32, 4096  # images


class Pause:
    """Skip a step for 32 images after a failure, and for twice as many after each further one."""

    def __init__(self) -> None:
        self.reason = ''
        """Why the step failed; '' after it succeeded."""
        self._length = self._left = 0

    def is_over(self) -> bool:
        """Count one image; True if the step is due."""
        self._left = max(0, self._left - 1)
        return self._left == 0

    def fail(self, reason: str) -> bool:
        """Begin a pause; True if the step did not fail before."""
        is_first = not self.reason
        self.reason = reason
        self._length = min(2 * self._length or _FIRST, _LONGEST)
        self._left = self._length
        return is_first

    def succeed(self) -> None:
        """Forget earlier failures."""
        self.reason, self._length = '', 0
