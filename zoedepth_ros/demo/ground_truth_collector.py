"""From messages to a comparison with truth: puts those of one stamp together."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from zoedepth_ros.demo.record.comparison import Comparison
from zoedepth_ros.demo.record.decode import depth_from_image
from zoedepth_ros.demo.record.ground_truth import Frame, Verdict, score
from zoedepth_ros.demo.record.scenes import Matcher
from zoedepth_ros.messages.images import ImageReader

DEPTH, DOMAIN, PICTURE = 'depth/image', 'domain', 'picture'
TRUE_DEPTH, TRUE_DOMAIN = 'truth/depth', 'truth/domain'
_UNFINISHED = 60


class TruthCollector:
    """Feed a comparison from messages as they come in."""

    def __init__(self) -> None:
        """Start without any."""
        self.comparison = Comparison()
        self._matcher = Matcher((PICTURE, DEPTH, TRUE_DEPTH, TRUE_DOMAIN), keep=_UNFINISHED)
        self._span_ns: tuple[int, int] | None = None

    def has_truth(self, stamp_ns: int) -> bool:
        """Tell whether a picture is of a walk, even if the message with its own truth was lost."""
        return self._span_ns is not None and self._span_ns[0] <= stamp_ns <= self._span_ns[1]

    def add(self, part: str, stamp_ns: int, msg: Any) -> None:
        """Take a message of any topic; raises ValueError for one that is not what it says."""
        if part == DOMAIN:
            self.comparison.add_verdict(
                Verdict(1e-9 * stamp_ns, msg.head, float(msg.outdoor_probability))
            )
        elif part == TRUE_DOMAIN:
            first_ns, last_ns = self._span_ns or (stamp_ns, stamp_ns)
            self._span_ns = min(first_ns, stamp_ns), max(last_ns, stamp_ns)
            self.comparison.add_domain(1e-9 * stamp_ns, msg.head)
        if part not in (PICTURE, DEPTH, TRUE_DEPTH, TRUE_DOMAIN):
            return
        together = self._matcher.add(part, stamp_ns, msg)
        if together is None:
            return
        truth_m = depth_from_image(together[TRUE_DEPTH])
        depth_m = depth_from_image(together[DEPTH])
        domain = together[TRUE_DOMAIN].head
        rgb = rgb_of(together[PICTURE])
        found = score(depth_m, truth_m, domain)
        self.comparison.add(Frame(1e-9 * stamp_ns, rgb, truth_m, depth_m, domain, found))


def rgb_of(picture: Any) -> NDArray[np.uint8]:
    """Decode an Image or a CompressedImage to (H, W, 3); raises ConversionError."""
    return ImageReader().rgb(picture)
