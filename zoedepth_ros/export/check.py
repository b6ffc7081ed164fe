"""Compare an ONNX file in ONNX Runtime with the network it was exported from."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from zoedepth_ros.export.graph import INPUT, FixedGraph
from zoedepth_ros.export.options import MAX_DEVIATION


class DeviationError(ValueError):
    """The outputs of an exported graph differ from those of the network."""


@dataclass(frozen=True, slots=True)
class CheckReport:
    """Deviations of a file from the network, over all images of the check."""

    deviations: Mapping[str, float]
    """Output -> largest difference of a pixel relative to the mean magnitude of the output."""

    n_images: int
    """Number of images that were compared."""

    @property
    def worst(self) -> float:
        """The largest deviation; NaN if one of them is NaN."""
        values = list(self.deviations.values())
        return math.nan if any(map(math.isnan, values)) else max(values)


def check_file(
    path: Path,
    graph: FixedGraph,
    max_deviation: float = MAX_DEVIATION,
    report: Callable[[str], None] = lambda text: None,
) -> CheckReport:
    """Compare all outputs on a few images.

    report: called with what is done next.
    Raises DeviationError if a deviation exceeds max_deviation, or if the outputs have other names
    or shapes.
    """
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3  # errors only
    session = onnxruntime.InferenceSession(str(path), options, providers=['CPUExecutionProvider'])
    names = tuple(output.name for output in session.get_outputs())
    if names != graph.output_names:
        raise DeviationError(f'{path.name} has outputs {names} instead of {graph.output_names}')
    images = check_images(*graph.size)
    deviations = dict.fromkeys(names, 0.0)
    for number, image in enumerate(images, 1):
        report(f'compare ONNX Runtime with torch, image {number} of {len(images)}')
        outputs = session.run(None, {INPUT: image.numpy()})
        with torch.inference_mode():
            expected = graph(image)
        for name, ours, theirs in zip(names, outputs, expected, strict=True):
            new = deviation(name, ours, theirs.numpy())
            deviations[name] = new if math.isnan(new) else max(deviations[name], new)
    found = CheckReport(deviations, len(images))
    if not found.worst <= max_deviation:  # also for NaN
        culprits = ', '.join(
            f'{name} {x:.2g}' for name, x in deviations.items() if not x <= max_deviation
        )
        raise DeviationError(
            f'ONNX Runtime deviates from torch by more than {max_deviation:g}: {culprits}'
        )
    return found


def deviation(name: str, found: NDArray[np.float32], expected: NDArray[np.float32]) -> float:
    """Return the largest difference relative to the mean magnitude of `expected`; NaN for NaN.

    Raises DeviationError for another shape.
    """
    if found.shape != expected.shape:
        raise DeviationError(f'{name} is {found.shape} instead of {expected.shape}')
    difference = float(np.abs(found.astype(np.float64) - expected).max())
    size = float(np.abs(expected, dtype=np.float64).mean())
    return difference / size if size else (0.0 if difference == 0.0 else math.inf)


def check_images(height: int, width: int) -> tuple[Tensor, ...]:
    """Return fixed normalised images (1, 3, height, width): smooth, noisy and blocky."""
    generator = torch.Generator().manual_seed(0)
    coarse = torch.rand(1, 3, 4, 5, generator=generator)
    smooth = F.interpolate(coarse, (height, width), mode='bilinear', align_corners=True)
    noise = torch.rand(1, 3, height, width, generator=generator)
    blocks = F.interpolate(torch.rand(1, 3, 8, 8, generator=generator), (height, width))
    return tuple(2.0 * image - 1.0 for image in (smooth, 0.7 * smooth + 0.3 * noise, blocks))
