"""Sources one after the other."""

from __future__ import annotations

from collections.abc import Sequence

from zoedepth_ros.demo.sources.image import Picture, PictureSource


class Chain:
    """Show one source until its end, then the next."""

    def __init__(self, sources: Sequence[PictureSource]) -> None:
        """sources: at least one; the last one may go on for ever."""
        self._sources = list(sources)
        self._index, self._start_s = 0, 0.0
        self.description = ', then '.join(source.description for source in sources)

    def read(self, time_s: float) -> Picture | None:
        """Give the picture of the source whose turn it is."""
        while self._index < len(self._sources):
            picture = self._sources[self._index].read(time_s - self._start_s)
            if picture is not None:
                return picture
            self._index, self._start_s = self._index + 1, time_s
        return None

    def close(self) -> None:
        """Let go of every source."""
        for source in self._sources:
            source.close()
