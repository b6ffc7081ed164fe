"""Pictures through recorded runs of the network: nothing waits but the delivery."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from zoedepth_ros.inference.forward import Pipeline, Verdict
from zoedepth_ros.inference.preprocess import from_pixels
from zoedepth_ros.inference.result import AUTO
from zoedepth_ros.inference.runtimes.graphs import GraphDevice, GraphRunner
from zoedepth_ros.model.backbone import Prepared


class RecordedPipeline:
    """Play what a pipeline computes, recorded for each head and picture size."""

    def __init__(self, pipeline: Pipeline, graphs: GraphDevice, device: torch.device) -> None:
        self._pipeline = pipeline
        self._runner = GraphRunner(graphs, device)
        self._constants: Prepared | None = None
        self._last_head = pipeline.heads[0]

    def __call__(
        self, rgb: NDArray[np.uint8], head: str
    ) -> tuple[NDArray[np.float32], str, Verdict, bool]:
        """Give maps (3, H, W), the head that made them, the router's verdict, whether finite.

        With 'auto' the last picture's verdict steers this one; where its own differs, as at a
        change of scene, it runs again.  Raises RecordingError.
        """
        used = head if head != AUTO else self._last_head
        maps, verdict, finite = self._played(rgb, used)
        if head == AUTO and verdict and finite:
            self._last_head = self._pipeline.favourite(verdict)
            if self._last_head != used:
                used = self._last_head
                maps, verdict, finite = self._played(rgb, used)
        return maps, used, verdict, finite

    def last(self) -> tuple[Tensor, Tensor]:
        """Give the last picture (1, 3, H, W), 0 to 1, and its maps (3, H, W), on the device.

        The next run overwrites the maps.
        """
        pixels, flat = self._runner.last()
        height, width = pixels.shape[:2]
        return from_pixels(pixels), flat[: 3 * height * width].reshape(3, height, width)

    def _played(
        self, rgb: NDArray[np.uint8], head: str
    ) -> tuple[NDArray[np.float32], Verdict, bool]:
        pipeline = self._pipeline
        if pipeline.prepared is not self._constants:  # recordings read them where they were
            self._runner.clear()
        flat = self._runner(rgb, head, lambda pixels: pipeline.everything(pixels, head))
        self._constants = pipeline.prepared
        n_pixels = 3 * rgb.shape[0] * rgb.shape[1]
        shares = [float(share) for share in flat[n_pixels:-1]]
        verdict = dict(zip(pipeline.heads, shares, strict=True)) if shares else {}
        return flat[:n_pixels].reshape(3, *rgb.shape[:2]), verdict, bool(flat[-1])
