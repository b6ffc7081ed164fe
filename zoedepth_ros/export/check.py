"""Hold an ONNX file, as ONNX Runtime computes it, against the network it came from."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from zoedepth_ros.export.defaults import MAX_DEVIATION
from zoedepth_ros.export.graph import INPUT, FixedGraph


class DeviationError(ValueError):
    """Say that an exported graph computes something else than the network."""


@dataclass(frozen=True, slots=True)
class CheckReport:
    """How far a file is from the network, over all pictures of the check."""

    deviations: Mapping[str, float]
    """By output: the largest difference of any pixel over the output's mean size."""

    n_images: int
    """How many pictures were compared."""

    @property
    def worst(self) -> float:
        """The largest of the deviations; NaN when one of them is."""
        values = list(self.deviations.values())
        return math.nan if any(map(math.isnan, values)) else max(values)


def check_file(path: Path, graph: FixedGraph, max_deviation: float = MAX_DEVIATION) -> CheckReport:
    """Compare all outputs on a few pictures.

    Raises DeviationError when the largest deviation is not within max_deviation, or when the
    file's outputs have other names or shapes.
    """
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3  # errors only
    session = onnxruntime.InferenceSession(str(path), options, providers=['CPUExecutionProvider'])
    names = tuple(output.name for output in session.get_outputs())
    if names != graph.output_names:
        raise DeviationError(f'{path.name} gives {names} instead of {graph.output_names}')
    images = pictures(*graph.size)
    deviations = dict.fromkeys(names, 0.0)
    for image in images:
        found = session.run(None, {INPUT: image.numpy()})
        with torch.inference_mode():
            expected = graph(image)
        for name, ours, theirs in zip(names, found, expected, strict=True):
            new = deviation(name, ours, theirs.numpy())
            deviations[name] = new if math.isnan(new) else max(deviations[name], new)
    report = CheckReport(deviations, len(images))
    if not report.worst <= max_deviation:  # NaN is not
        culprits = ', '.join(
            f'{name} {x:.2g}' for name, x in deviations.items() if not x <= max_deviation
        )
        raise DeviationError(
            f'ONNX Runtime deviates from torch by more than {max_deviation:g}: {culprits}'
        )
    return report


def deviation(name: str, found: NDArray[np.float32], expected: NDArray[np.float32]) -> float:
    """Return the largest difference over the mean size of what was expected; NaN for NaN.

    Raises DeviationError for another shape.
    """
    if found.shape != expected.shape:
        raise DeviationError(f'{name} is {found.shape} instead of {expected.shape}')
    difference = float(np.abs(found.astype(np.float64) - expected).max())
    size = float(np.abs(expected, dtype=np.float64).mean())
    return difference / size if size else (0.0 if difference == 0.0 else math.inf)


def pictures(height: int, width: int) -> tuple[Tensor, ...]:
    """Return normalised pictures (1, 3, height, width) that differ in grain, always the same."""
    generator = torch.Generator().manual_seed(0)
    coarse = torch.rand(1, 3, 4, 5, generator=generator)
    smooth = F.interpolate(coarse, (height, width), mode='bilinear', align_corners=True)
    noise = torch.rand(1, 3, height, width, generator=generator)
    blocks = F.interpolate(torch.rand(1, 3, 8, 8, generator=generator), (height, width))
    return tuple(2.0 * picture - 1.0 for picture in (smooth, 0.7 * smooth + 0.3 * noise, blocks))
