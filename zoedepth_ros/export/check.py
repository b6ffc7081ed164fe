"""Compare an exported file or engine with its source, on the check images of this package."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from zoedepth_ros.export.options import MAX_DEVIATION
from zoedepth_ros.inference.check_images import export_images
from zoedepth_ros.inference.runtimes.agreement import (
    MAX_MEAN_DIFFERENCE,
    Agreement,
    agreement,
    limits_text,
)
from zoedepth_ros.inference.runtimes.exported import softmax, to_network
from zoedepth_ros.inference.runtimes.onnx_runtime import open_session
from zoedepth_ros.inference.runtimes.session import Maps, Session
from zoedepth_ros.model.fixed_graph import FixedGraph

COMPARISON = 'check'
"""Key of the metadata with the comparison, as JSON: image -> output -> [mean difference,
correlation]."""

MOST_LOGITS = 16
"""An output of more values is a map; others are logits, whose probabilities are compared."""


class DeviationError(ValueError):
    """The outputs of an exported file differ from those of its source."""


@dataclass(frozen=True, slots=True)
class CheckReport:
    """How a file agrees with its source."""

    deviations: Mapping[str, float]
    """Output -> largest difference of a pixel relative to the mean magnitude of the output."""

    agreements: Mapping[str, Mapping[str, Agreement]] = field(default_factory=dict)
    """Image -> output -> agreement of maps."""

    @property
    def worst(self) -> float:
        """The largest deviation; NaN if one of them is NaN."""
        values = list(self.deviations.values())
        return math.nan if any(map(math.isnan, values)) else max(values)

    def lines(self) -> list[str]:
        """Return the worst agreement of each image, in words."""
        return [
            f'{image}: mean difference {max(a.mean_difference for a in found.values()):.1e}, '
            f'correlation {min(a.correlation for a in found.values()):.6f}'
            for image, found in self.agreements.items()
        ]

    def metadata(self) -> dict[str, str]:
        """Return the numbers for the metadata of the file."""
        numbers = {
            image: {
                name: [float(f'{x:.6g}') for x in (each.mean_difference, each.correlation)]
                for name, each in found.items()
            }
            for image, found in self.agreements.items()
        }
        return {COMPARISON: json.dumps(numbers)}


def check_file(
    path: Path,
    graph: FixedGraph,
    max_deviation: float = MAX_DEVIATION,
    report: Callable[[str], None] = lambda text: None,
) -> CheckReport:
    """Compare an ONNX file in ONNX Runtime with the network it was exported from.

    report: called with what is done next.  Raises DeviationError as `compare`.
    """
    images = {name: to_network(rgb, graph.size) for name, rgb in export_images().items()}
    runs = ('ONNX Runtime', 'torch')
    return compare(open_session(path, 'cpu'), graph.run, images, runs, max_deviation, report)


def compare(
    session: Session,
    source: Callable[[NDArray[np.float32]], Maps],
    images: Mapping[str, NDArray[np.float32]],
    runs: tuple[str, str],
    max_deviation: float = math.inf,
    report: Callable[[str], None] = lambda text: None,
) -> CheckReport:
    """Compare the outputs of a file with those of its source on each image.

    runs: names of what runs the file and its source.  max_deviation: of all but one
    pixel in a thousand, relative to the mean.  report: called with what is done next.  Raises
    DeviationError beyond these limits and those of `agreement`, and for outputs of other names or
    shapes.
    """
    agreements: dict[str, dict[str, Agreement]] = {image: {} for image in images}
    deviations: dict[str, NDArray[np.float64]] = {}
    wrong: list[str] = []
    for number, (image, tensor) in enumerate(images.items(), 1):
        report(f'comparing {runs[0]} with {runs[1]}, image {number} of {len(images)}')
        found, expected = session.run(tensor), source(tensor)
        if set(found) != set(expected):
            raise DeviationError(f'{runs[0]} has the outputs {(*found,)}, expected {(*expected,)}')
        for name, theirs in expected.items():
            new = deviation(name, found[name], theirs)
            deviations[name] = np.maximum(deviations.get(name, new), new)  # NaN stays
            if theirs.size > MOST_LOGITS:
                agreements[image][name] = agreement(found[name], theirs)
            elif not np.abs(softmax(found[name]) - softmax(theirs)).max() <= MAX_MEAN_DIFFERENCE:
                wrong.append(f'{name} of {image}: {found[name]}, expected {theirs}')
    wrong += [
        f'{name} of {image}: {each}'
        for image, by_name in agreements.items()
        for name, each in by_name.items()
        if not each.holds()
    ]
    far = [  # also for NaN, which has no agreement either
        f'{name} {x:.2g}'
        for name, (_, x) in deviations.items()
        if math.isfinite(max_deviation) and not x <= max_deviation
    ]
    limit = f'{max_deviation:g} of the mean of the output'
    problems = [f'by more than {limit}: {", ".join(far)}'] if far else []
    problems += [f'({limits_text()}): {"; ".join(wrong)}'] if wrong else []
    if problems:
        raise DeviationError(f'{runs[0]} deviates from {runs[1]} {"; ".join(problems)}')
    largest = {name: float(x) for name, (x, _) in deviations.items()}
    return CheckReport(largest, agreements)


def deviation(name: str, found: NDArray, expected: NDArray) -> NDArray[np.float64]:
    """Return the largest difference, and that which one value in a thousand exceeds.

    Both relative to the mean magnitude of `expected`; NaN for NaN.  Raises DeviationError for
    another shape.
    """
    if found.shape != expected.shape:
        raise DeviationError(
            f'output {name} has the shape {found.shape}, expected {expected.shape}'
        )
    difference = np.abs(found.astype(np.float64) - expected)
    most = np.array([difference.max(), np.quantile(difference, 0.999)])
    size = float(np.abs(expected, dtype=np.float64).mean())
    return most / size if size else np.where(most == 0.0, 0.0, math.inf)
