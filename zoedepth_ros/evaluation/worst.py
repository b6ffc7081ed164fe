"""Collect and draw the images with the largest errors."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from zoedepth_ros.evaluation.evaluate import ScoredImage
from zoedepth_ros.evaluation.protocol import resize_prediction
from zoedepth_ros.media.color import BgrImage
from zoedepth_ros.media.files import write_image
from zoedepth_ros.media.panel import draw_ground_truth_row

VIEW_HEIGHT = 320
"""Height of each view of a panel [px]."""


class WorstImages:
    """Observe an evaluation and keep the images with the largest AbsRel."""

    def __init__(self, n_kept: int, warning: str = '') -> None:
        """warning: about the model, below every panel."""
        self.n_kept, self.warning = n_kept, warning
        self.ranked: list[ScoredImage] = []
        """The results, worst first."""

    def __call__(self, scored: ScoredImage) -> None:
        """Process one result."""
        ranked = sorted([*self.ranked, scored], key=lambda x: -x.score.metrics.abs_rel)
        self.ranked = ranked[: self.n_kept]

    def save(self, folder: Path) -> list[Path]:
        """Write a PNG file per result, worst first, and return their paths.  Raises OSError."""
        folder.mkdir(parents=True, exist_ok=True)
        paths = []
        for rank, scored in enumerate(self.ranked, start=1):
            stem = scored.sample.name.replace('/', '_').rsplit('.', 1)[0]
            paths.append(folder / f'worst_{rank:02d}_{stem}.png')
            write_image(paths[-1], error_panel(scored, self.warning))
        return paths


def error_panel(scored: ScoredImage, warning: str = '') -> BgrImage:
    """Draw image | ground truth | prediction | relative error, BGR uint8 (H, W, 3).

    Ground truth and prediction share a colour range; the error is black at invalid pixels.
    """
    true_m, score, protocol = scored.sample.depth_m, scored.score, scored.protocol
    return draw_ground_truth_row(
        scored.sample.rgb,
        true_m,
        protocol.clamp(resize_prediction(scored.prediction_m, *true_m.shape)),
        scored_m=np.where(protocol.valid(true_m), true_m, np.float32(np.nan)),
        titles=(
            scored.sample.name[-32:],
            f'prediction [m], head {score.head}',
            f'error, AbsRel {score.metrics.abs_rel:.3f}',
        ),
        note=warning,
        view_height=VIEW_HEIGHT,
    )
