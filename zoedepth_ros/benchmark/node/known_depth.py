"""The image and the depth of both nodes under test; no ROS."""

from __future__ import annotations

import time
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from zoedepth_ros.inference.result import AUTO, DepthResult, SingleImagePredictor
from zoedepth_ros.inference.uncertainty import UncertaintyMaps
from zoedepth_ros.synthetic.scene import render_scene

SEED = 2**40 + 3001  # not used for training
NETWORK_SIZE = (384, 512)
FAR_M = 10.0

Size = tuple[int, int]


def file_of(folder: Path, size: Size) -> Path:
    """Return the file of a size."""
    return folder / f'scene_{size[0]}x{size[1]}.npz'


def render(folder: Path, size: Size) -> None:
    """Render a room and its depth, with edges as blurred as those of a network."""
    sample = render_scene('indoor', SEED, *size)
    depth_m = np.nan_to_num(sample.depth_m, nan=FAR_M)
    small_m = cv2.resize(depth_m, NETWORK_SIZE[::-1], interpolation=cv2.INTER_AREA)
    small_m = cv2.GaussianBlur(small_m, (0, 0), 1.0)
    blurred_m = cv2.resize(small_m, size[::-1], interpolation=cv2.INTER_LINEAR)
    np.savez(file_of(folder, size), rgb=sample.rgb, depth_m=blurred_m.astype(np.float32))


def read(folder: Path, size: Size) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    """Return image (H, W, 3) and depth (H, W) [m]."""
    with np.load(file_of(folder, size)) as arrays:
        return arrays['rgb'], arrays['depth_m']


class KnownDepth(SingleImagePredictor):
    """Return the depth of the rendered image of a size; implements DepthPredictor."""

    model_name = 'rendered'
    heads: tuple[str, ...] = ('indoor', 'outdoor')
    device, precision = 'cpu', 'fp32'
    weights_origin, weights_warning, training_hfov_rad, focal_exponent = 'none', '', 0.0, 1.0
    preprocess_ms = device_memory_mb = float('nan')
    optimization_note = ''

    def __init__(self, folder: Path, sizes: list[Size]) -> None:
        """Read the files of these sizes."""
        self.uncertainty_maps: UncertaintyMaps = {}
        self.took_s = 0.0
        """Duration of the last call, which is not overhead of the node [s]."""
        self._results: dict[tuple[tuple[int, ...], bool], DepthResult] = {}
        for size in sizes:
            _, depth_m = read(folder, size)
            uncertainty_m, relative = 0.05 * depth_m, 1.0 / depth_m
            for route, domains in ((True, {'indoor': 0.9, 'outdoor': 0.1}), (False, {})):
                self._results[size, route] = DepthResult(
                    depth_m, uncertainty_m, relative, 'indoor', domains
                )

    def network_size(self, height: int, width: int) -> Size:
        """Return the size of a real network."""
        return NETWORK_SIZE

    def warm_up(self, height: int, width: int) -> None:
        """Do nothing."""

    def __call__(
        self,
        rgb: NDArray[np.uint8],
        head: str = AUTO,
        *,
        route: bool = True,
        depth_only: bool = False,
    ) -> DepthResult:
        """Return the known result."""
        start_s = time.monotonic()
        result = self._results[rgb.shape[:2], route]
        self.took_s = time.monotonic() - start_s
        return result
