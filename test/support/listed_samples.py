"""A data set that is a list of samples, for evaluations."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from zoedepth_ros.datasets.file_formats import DatasetError
from zoedepth_ros.geometry.intrinsics import Intrinsics
from zoedepth_ros.media.sample import Sample


class ListedSamples:
    """Return the given samples; `skipped` are reported as damaged."""

    name, domain = 'listed', 'indoor'

    def __init__(self, samples: list[Sample], skipped: list[DatasetError] | None = None) -> None:
        self.samples = samples
        self.skipped = skipped or []

    def __len__(self) -> int:
        return len(self.samples)

    def __iter__(self) -> Iterator[Sample]:
        return iter(self.samples)

    def evaluation_image(self, sample: Sample) -> NDArray[np.float32]:
        return sample.rgb.astype(np.float32) / np.float32(255)


def flat_sample(
    name: str,
    depth_m: float,
    *,
    domain: str = 'indoor',
    blue: int = 0,
    focal_px: float = 0.0,
) -> Sample:
    """Return a sample 4 x 6 of one depth whose image is darkest on the left.

    focal_px: of its camera, 0.0 for an unknown one.
    """
    rgb = np.zeros((4, 6, 3), np.uint8)
    rgb[..., 0] = np.arange(6) * 51
    rgb[..., 2] = blue
    return Sample(
        rgb=rgb,
        depth_m=np.full((4, 6), depth_m, np.float32),
        camera=Intrinsics(focal_px, focal_px, 2.5, 1.5, 6, 4) if focal_px else None,
        domain=domain,
        name=name,
    )
