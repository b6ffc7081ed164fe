"""Collect and draw the images with the largest errors."""

from __future__ import annotations

import heapq
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from zoedepth_ros.evaluation.evaluate import ScoredImage
from zoedepth_ros.evaluation.protocol import resize_prediction
from zoedepth_ros.media.color import BACKGROUND, depth_range, depth_to_bgr, put_text, scale_bar
from zoedepth_ros.media.files import write_picture

VIEW_HEIGHT = 320
"""Height of each column of a panel [px]."""
BAND_HEIGHT = 22
"""Height of a line of text [px]."""
FULL_ERROR = 0.5
"""Relative error with the brightest colour."""


class WorstImages:
    """Observe an evaluation and keep the images with the largest AbsRel."""

    def __init__(self, n_kept: int, warning: str = '') -> None:
        self.n_kept = n_kept
        self.warning = warning  # about the model, below every panel
        self._n_seen = 0
        self._heap: list[tuple[float, int, ScoredImage]] = []

    def __call__(self, scored: ScoredImage) -> None:
        """Process one result."""
        if scored.score is None or self.n_kept == 0:
            return
        self._n_seen += 1  # breaks ties, because results are not comparable
        item = (scored.score.metrics.abs_rel, -self._n_seen, scored)
        if len(self._heap) < self.n_kept:
            heapq.heappush(self._heap, item)
        else:
            heapq.heappushpop(self._heap, item)

    def ranked(self) -> list[ScoredImage]:
        """Return the results, worst first."""
        return [scored for _, _, scored in sorted(self._heap, reverse=True)]

    def save(self, folder: Path) -> list[Path]:
        """Write a PNG file per result, worst first, and return their paths.  Raises OSError."""
        folder.mkdir(parents=True, exist_ok=True)
        paths = []
        for rank, scored in enumerate(self.ranked(), start=1):
            stem = scored.sample.name.replace('/', '_').rsplit('.', 1)[0]
            path = folder / f'worst_{rank:02d}_{stem}.png'
            write_picture(path, error_panel(scored, self.warning))
            paths.append(path)
        return paths


def error_panel(scored: ScoredImage, warning: str = '') -> NDArray[np.uint8]:
    """Draw image | ground truth | prediction | relative error, BGR uint8 (H, W, 3).

    Ground truth and prediction share a colour range; the error is black at invalid pixels.
    """
    ground_truth_m = scored.sample.depth_m
    prediction_m = scored.protocol.clamp(
        resize_prediction(scored.prediction_m, *ground_truth_m.shape)
    )
    valid = scored.protocol.valid(ground_truth_m)
    near_m, far_m = depth_range(np.where(valid, ground_truth_m, np.nan).astype(np.float32))
    score = scored.score
    views = {
        scored.sample.name: cv2.cvtColor(scored.sample.rgb, cv2.COLOR_RGB2BGR),
        'ground truth [m]': depth_to_bgr(ground_truth_m, near_m, far_m),
        f'prediction [m], head {score.head if score else "?"}': depth_to_bgr(
            prediction_m, near_m, far_m
        ),
        f'error 0 to {FULL_ERROR:.0%}, AbsRel {score.metrics.abs_rel if score else 0.0:.3f}': (
            _error_to_bgr(prediction_m, ground_truth_m, valid)
        ),
    }
    columns = [_view(title, image) for title, image in views.items()]
    bar = scale_bar(columns[0].shape[0], near_m, far_m, text_px=9.0)
    panel = np.hstack([*columns[:3], bar, columns[3]])
    return np.vstack([panel, _band(warning, panel.shape[1])]) if warning else panel


def _error_to_bgr(
    prediction_m: NDArray[np.float32],
    ground_truth_m: NDArray[np.float32],
    valid: NDArray[np.bool_],
) -> NDArray[np.uint8]:
    ground_truth_m = np.where(valid, ground_truth_m, np.float32(1.0))
    share = np.abs(prediction_m - ground_truth_m) / ground_truth_m / FULL_ERROR
    level = np.rint(np.clip(share, 0.0, 1.0) * 255).astype(np.uint8)
    bgr = cv2.applyColorMap(level, cv2.COLORMAP_INFERNO)
    bgr[~valid] = 0
    return bgr


def _view(title: str, image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Resize an image to the panel's height and add its title."""
    width = max(1, round(image.shape[1] * VIEW_HEIGHT / image.shape[0]))
    resized = cv2.resize(image, (width, VIEW_HEIGHT), interpolation=cv2.INTER_AREA)
    return np.vstack([_band(title, width), resized])


def _band(text: str, width: int) -> NDArray[np.uint8]:
    band = np.full((BAND_HEIGHT, width, 3), BACKGROUND, np.uint8)
    put_text(band, text, (6, 16), 9.0)
    return band
