"""Evaluation protocols of the data sets: depth range and crop, as in the paper's code."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional as F

from zoedepth_ros.evaluation.metrics import Metrics, compute_metrics

GARG = (0.40810811, 0.99189189, 0.03594771, 0.96405229)
"""Garg's crop: first and last row, first and last column, as shares of height and width."""

EIGEN_NYU = (45, 471, 41, 601)
"""Eigen's crop for NYU: first and last row, first and last column of 480 x 640 [px]."""


@dataclass(frozen=True, slots=True)
class EvaluationProtocol:
    """The range and crop inside which pixels count."""

    name: str
    """Data set it belongs to."""
    crop: str
    """'none', 'eigen' (of NYU) or 'garg'."""
    min_depth_m: float
    """True depth must be above this [m]; predictions are raised to it."""
    max_depth_m: float
    """True depth must be below this [m]; predictions are lowered to it."""
    n_published: int | None = None
    """How many images the published numbers are the mean of."""

    def valid(self, ground_truth_m: NDArray[np.float32]) -> NDArray[np.bool_]:
        """Mark the valid pixels of the ground truth (H, W) [m]; NaN is invalid."""
        inside = crop_mask(self.crop, *ground_truth_m.shape)
        return inside & (ground_truth_m > self.min_depth_m) & (ground_truth_m < self.max_depth_m)

    def clamp(self, prediction_m: NDArray[np.float32]) -> NDArray[np.float32]:
        """Bring a prediction [m] into the range: infinity to its far end, NaN to its near end."""
        near_m, far_m = np.float32(self.min_depth_m), np.float32(self.max_depth_m)
        return np.clip(np.where(np.isnan(prediction_m), near_m, prediction_m), near_m, far_m)

    def score(
        self, prediction_m: NDArray[np.float32], ground_truth_m: NDArray[np.float32]
    ) -> Metrics | None:
        """Return the metrics of a prediction (h, w) for ground truth (H, W); or None."""
        valid = self.valid(ground_truth_m)
        if not valid.any():
            return None
        resized_m = resize_prediction(
            prediction_m, ground_truth_m.shape[0], ground_truth_m.shape[1]
        )
        return compute_metrics(ground_truth_m[valid], self.clamp(resized_m)[valid])


def crop_mask(crop: str, height: int, width: int) -> NDArray[np.bool_]:
    """Return the pixels (H, W) inside a crop.

    PARITY: 'eigen' is absolute whatever the size, also on images of 768 x 1024, as the official
    evaluation calls it (test_the_eigen_crop_stays_where_it_is_on_larger_images).
    """
    if crop == 'none':
        return np.ones((height, width), dtype=np.bool_)
    if crop == 'eigen':
        top, bottom, left, right = EIGEN_NYU
    else:
        top, bottom = int(GARG[0] * height), int(GARG[1] * height)
        left, right = int(GARG[2] * width), int(GARG[3] * width)
    mask = np.zeros((height, width), dtype=np.bool_)
    mask[top:bottom, left:right] = True
    return mask


def resize_prediction(
    prediction_m: NDArray[np.float32], height: int, width: int
) -> NDArray[np.float32]:
    """Resize a prediction (h, w) to (height, width), bilinear.

    Convention: align_corners, the corner pixels' centres stay where they are.
    """
    if prediction_m.shape == (height, width):
        return prediction_m
    tensor = torch.from_numpy(np.array(prediction_m, dtype=np.float32))[None, None]
    resized = F.interpolate(tensor, (height, width), mode='bilinear', align_corners=True)
    return resized[0, 0].numpy()


PROTOCOLS: Mapping[str, EvaluationProtocol] = MappingProxyType(
    {
        protocol.name: protocol
        for protocol in (
            EvaluationProtocol('nyu', 'eigen', 1e-3, 10.0, 654),
            EvaluationProtocol('sunrgbd', 'eigen', 0.0, 8.0, 5050),
            EvaluationProtocol('ibims', 'eigen', 0.0, 10.0, 100),
            EvaluationProtocol('diode_indoor', 'eigen', 1e-3, 10.0, 325),
            EvaluationProtocol('hypersim_test', 'eigen', 1e-3, 80.0, 7690),
            EvaluationProtocol('diml_indoor', 'eigen', 0.0, 10.0, None),
            EvaluationProtocol('kitti', 'garg', 1e-3, 80.0, 652),
            EvaluationProtocol('vkitti2', 'garg', 1e-3, 80.0, 1701),
            EvaluationProtocol('ddad', 'garg', 1e-3, 80.0, 3950),
            # the paper says 1e-3 m, the code that made its numbers 2 m
            EvaluationProtocol('diml_outdoor', 'garg', 2.0, 80.0, 500),
            EvaluationProtocol('diode_outdoor', 'garg', 1e-3, 80.0, 446),
        )
    }
)
"""Name of a data set -> its protocol (isl-org/ZoeDepth, utils/config.py and evaluate.py)."""

DOMAIN_PROTOCOLS: Mapping[str, EvaluationProtocol] = MappingProxyType(
    {
        'indoor': EvaluationProtocol('indoor', 'none', 1e-3, 10.0, None),
        'outdoor': EvaluationProtocol('outdoor', 'none', 1e-3, 80.0, None),
    }
)
"""Domain -> protocol of data that no published number exists for: all known pixels in range."""


def protocol_of(dataset: str, domain: str) -> EvaluationProtocol:
    """Return the protocol of a data set by its name, or else that of its domain."""
    return PROTOCOLS.get(dataset) or DOMAIN_PROTOCOLS[domain]
