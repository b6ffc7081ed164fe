"""Collect and draw the images with the largest errors."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from zoedepth_ros.evaluation.evaluate import ScoredImage
from zoedepth_ros.evaluation.protocol import resize_prediction
from zoedepth_ros.media.files import write_image
from zoedepth_ros.media.ground_truth_panel import draw_ground_truth_row

VIEW_HEIGHT = 320
"""Height of each view of a panel [px]."""
MAX_TITLE = 32
"""Maximum length of the name of an image in a title."""


class WorstImages:
    """Observe an evaluation and keep the images with the largest AbsRel."""

    def __init__(self, n_kept: int, warning: str = '') -> None:
        self.n_kept = n_kept
        self.warning = warning  # about the model, below every panel
        self.ranked: list[ScoredImage] = []
        """The results, worst first."""

    def __call__(self, scored: ScoredImage) -> None:
        """Process one result."""
        if scored.score is not None:
            ranked = sorted([*self.ranked, scored], key=_abs_rel, reverse=True)
            self.ranked = ranked[: self.n_kept]

    def save(self, folder: Path) -> list[Path]:
        """Write a PNG file per result, worst first, and return their paths.  Raises OSError."""
        folder.mkdir(parents=True, exist_ok=True)
        paths = []
        for rank, scored in enumerate(self.ranked, start=1):
            stem = scored.sample.name.replace('/', '_').rsplit('.', 1)[0]
            path = folder / f'worst_{rank:02d}_{stem}.png'
            write_image(path, error_panel(scored, self.warning))
            paths.append(path)
        return paths


def _abs_rel(scored: ScoredImage) -> float:
    assert scored.score is not None
    return scored.score.metrics.abs_rel


def error_panel(scored: ScoredImage, warning: str = '') -> NDArray[np.uint8]:
    """Draw image | ground truth | prediction | relative error, BGR uint8 (H, W, 3).

    Ground truth and prediction share a colour range; the error is black at invalid pixels.
    """
    true_m, name = scored.sample.depth_m, scored.sample.name
    prediction_m = scored.protocol.clamp(resize_prediction(scored.prediction_m, *true_m.shape))
    valid = scored.protocol.valid(true_m)
    score = scored.score
    titles = (
        name if len(name) <= MAX_TITLE else f'…{name[1 - MAX_TITLE :]}',
        f'prediction [m], head {score.head if score else "?"}',
        f'error, AbsRel {score.metrics.abs_rel if score else 0.0:.3f}',
    )
    return draw_ground_truth_row(
        scored.sample.rgb,
        true_m,
        prediction_m,
        scored_m=np.where(valid, true_m, np.float32(np.nan)),
        titles=titles,
        note=warning,
        view_height=VIEW_HEIGHT,
    )
