"""A predictor for evaluations: the test chooses the depth of each image; no network."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from zoedepth_ros.inference.result import AUTO, DepthResult

Depth = Callable[[NDArray, str], NDArray]


class ConstantNetwork:
    """Predict `depth(image, head)` and route to 'outdoor' where the image's blue is above 0.5.

    Images are float32 in [0, 1]; `images` and `requested_heads` collect all arguments.
    """

    model_name = 'ZoeD_tiny_NK'
    heads = ('indoor', 'outdoor')
    device = 'cpu'
    precision = 'fp32'
    weights_origin = 'none'
    weights_warning = 'nothing: a test'
    focal_exponent = 1.0
    uncertainty_maps = {}  # noqa: RUF012

    def __init__(
        self,
        depth: Depth,
        *,
        router: bool = True,
        training_hfov_rad: float = 0.0,
        spread: float = 0.0,
    ) -> None:
        """spread: of the bins, over depth."""
        self.spread = spread
        self.training_hfov_rad = training_hfov_rad
        self.depth = depth
        self.router = router
        self.images: list[NDArray] = []
        self.requested_heads: list[str] = []

    def predict_network_resolution(self, image: NDArray, head: str = AUTO) -> DepthResult:
        self.images.append(image)
        self.requested_heads.append(head)
        outdoor = float(image[:, 0, 2].mean() > 0.5)
        probabilities = {'indoor': 1.0 - outdoor, 'outdoor': outdoor} if self.router else {}
        if head == AUTO:
            head = max(probabilities, key=probabilities.__getitem__) if probabilities else 'indoor'
        depth_m = np.asarray(self.depth(image, head), np.float32)
        return DepthResult(depth_m, depth_m * self.spread, depth_m * 0, head, probabilities)
