"""Evaluate on synthetic scenes with exact depth: rooms and streets, half of each."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from zoedepth_ros.datasets.file_formats import DatasetError
from zoedepth_ros.evaluation.evaluate import evaluate
from zoedepth_ros.evaluation.report import EvaluationReport, ImageScore, ImageScores
from zoedepth_ros.inference.result import DepthPredictor
from zoedepth_ros.media.sample import DOMAINS, Sample
from zoedepth_ros.synthetic.scene import GENERATOR_VERSION, HEIGHT_PX, WIDTH_PX, render_scene

HELD_OUT_SEED = 2**40
"""First seed of scenes for evaluation; training uses smaller seeds."""
CALIBRATION_SEED = 19_000
"""Seed of the evaluation whose scenes `zoedepth calibrate uncertainty` uses by default."""
SEED_STRIDE = 10**6
"""Distance between the first scenes of two evaluation seeds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SyntheticScenes:
    """Synthetic scenes of one domain, defined by the seed."""

    domain: str
    """'indoor' or 'outdoor'."""
    seed: int
    """Seed of the evaluation."""
    n_scenes: int
    """Number of scenes."""
    height: int = HEIGHT_PX
    """Height of the images [px]."""
    width: int = WIDTH_PX
    """Width of the images [px]."""
    skipped: Sequence[DatasetError] = ()
    """Always empty."""

    def __post_init__(self) -> None:
        if self.seed < 0 or not 0 < self.n_scenes <= SEED_STRIDE:
            raise ValueError(
                f'expected a seed of 0 or more and 1 to {SEED_STRIDE} scenes for each domain, '
                f'got seed {self.seed} and {self.n_scenes} scenes'
            )

    @property
    def name(self) -> str:
        """Name with the version of the generator; scores of two versions are not comparable."""
        return f'synthetic_{self.domain}_v{GENERATOR_VERSION}'

    def __len__(self) -> int:
        return self.n_scenes

    def __iter__(self) -> Iterator[Sample]:
        first = HELD_OUT_SEED + self.seed * SEED_STRIDE
        for seed in range(first, first + self.n_scenes):
            yield render_scene(self.domain, seed, self.height, self.width)

    def evaluation_image(self, sample: Sample) -> NDArray[np.float32]:
        """Return the image in [0, 1], without resizing."""
        return sample.rgb.astype(np.float32) / np.float32(255.0)


@dataclass(frozen=True, slots=True)
class ScenesReport(ImageScores):
    """Reports on rooms and streets."""

    seed: int
    """Seed of the evaluation."""
    reports: dict[str, EvaluationReport]
    """Domain -> report; a domain without scenes is absent."""

    @property
    def first(self) -> EvaluationReport:
        """The report of one domain, for what both have in common."""
        return next(iter(self.reports.values()))

    @property
    def images(self) -> list[ImageScore]:  # type: ignore[override]
        """Scores of all images."""
        return [image for report in self.reports.values() for image in report.images]

    def as_dict(self) -> dict[str, object]:
        """Return scores by domain and their settings for JSON."""
        first = self.first
        without_camera = {
            domain: asdict(report.metrics_without_camera)
            for domain, report in self.reports.items()
            if report.without_camera
        }
        return {
            **{domain: asdict(r.metrics) for domain, r in self.reports.items()},
            'uncertainty': {head: s.as_dict() for head, s in self.uncertainty.items()},
            'router_accuracy': self.router_accuracy,
            'seed': self.seed,
            'n_scenes': {domain: len(r.images) for domain, r in self.reports.items()},
            'generator_version': GENERATOR_VERSION,
            'head': first.head,
            'flip': first.flip,
            **asdict(first.card),
            'focal_correction': first.focal_correction,
            **({'without_camera': without_camera} if without_camera else {}),
        }


def evaluate_scenes(
    predictor: DepthPredictor, *, seed: int, n_samples: int, **how: Any
) -> ScenesReport:
    """Evaluate `n_samples` scenes: half rooms, half streets, one more room for an odd number.

    All known pixels up to 10 m (rooms) and 80 m (streets) are valid, at the size of the image.
    how: further arguments of `evaluate`.
    """
    shares = dict(zip(DOMAINS, (n_samples - n_samples // 2, n_samples // 2), strict=True))
    reports = {
        domain: evaluate(
            predictor,
            SyntheticScenes(domain=domain, seed=seed, n_scenes=n_scenes),
            **how,
        )
        for domain, n_scenes in shares.items()
        if n_scenes > 0
    }
    return ScenesReport(seed, reports)
