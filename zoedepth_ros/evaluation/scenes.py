"""Evaluate on drawn scenes, whose depth is exact: rooms and streets, half of each."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass

import numpy as np
from numpy.typing import NDArray

from zoedepth_ros.datasets.dataset import DatasetError
from zoedepth_ros.evaluation.evaluate import NetworkPredictor, Observer, evaluate
from zoedepth_ros.evaluation.protocol import DOMAIN_PROTOCOLS
from zoedepth_ros.evaluation.report import EvaluationReport, finite
from zoedepth_ros.inference.result import AUTO
from zoedepth_ros.media.sample import DOMAINS, Sample
from zoedepth_ros.synthetic.scene import GENERATOR_VERSION, draw_scene

HELD_OUT_SEED = 2**40
"""Scenes of this seed and above are for evaluation; training keeps below."""
SEED_STRIDE = 10**6
"""Distance between the scenes of two evaluation seeds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DrawnScenes:
    """Scenes of one domain; which ones is a matter of the seed alone."""

    domain: str
    """'indoor' or 'outdoor'."""
    seed: int
    """Seed of the evaluation."""
    n_scenes: int
    """How many scenes."""
    height: int = 192
    """Height of the pictures [px]."""
    width: int = 256
    """Width of the pictures [px]."""
    skipped: Sequence[DatasetError] = ()
    """None: nothing can be damaged."""

    def __post_init__(self) -> None:
        if self.seed < 0 or not 0 < self.n_scenes <= SEED_STRIDE:
            raise ValueError(
                f'expected a seed of 0 or more and 1 to {SEED_STRIDE} scenes of a domain, '
                f'got seed {self.seed} and {self.n_scenes}'
            )

    @property
    def name(self) -> str:
        """Name with the version of the drawing, since scores of two versions do not compare."""
        return f'synthetic_{self.domain}_v{GENERATOR_VERSION}'

    def __len__(self) -> int:
        return self.n_scenes

    def __iter__(self) -> Iterator[Sample]:
        first = HELD_OUT_SEED + self.seed * SEED_STRIDE
        for seed in range(first, first + self.n_scenes):
            yield draw_scene(self.domain, seed, self.height, self.width)

    def evaluation_image(self, sample: Sample) -> NDArray[np.float32]:
        """Return the picture in [0, 1], at its own size."""
        return sample.rgb.astype(np.float32) / np.float32(255.0)


@dataclass(frozen=True, slots=True)
class ScenesReport:
    """Scores on rooms and streets."""

    seed: int
    """Seed of the evaluation."""
    reports: dict[str, EvaluationReport]
    """Domain -> report; a domain without scenes is absent."""

    @property
    def router_accuracy(self) -> float | None:
        """Share of scenes whose domain the router found; None without a router."""
        routed = [
            picture.routed_to == picture.domain
            for report in self.reports.values()
            for picture in report.pictures
            if picture.routed_to
        ]
        return sum(routed) / len(routed) if routed else None

    @property
    def focal_correction(self) -> str:
        """'scale' where depth was brought to the camera of each scene, otherwise 'off'."""
        return next(iter(self.reports.values())).focal_correction

    def _without_camera(self) -> dict[str, object]:
        """Return the scores of depth as through the training camera, if there are others."""
        scores = {
            domain: finite(report.metrics_without_camera.as_dict())
            for domain, report in self.reports.items()
            if report.without_camera
        }
        return {'without_camera': scores} if scores else {}

    def as_dict(self) -> dict[str, object]:
        """Return scores by domain, and what they belong to, for JSON."""
        first = next(iter(self.reports.values()))
        return {
            **{domain: finite(r.metrics.as_dict()) for domain, r in self.reports.items()},
            'router_accuracy': self.router_accuracy,
            'seed': self.seed,
            'n_scenes': {domain: len(r.pictures) for domain, r in self.reports.items()},
            'generator_version': GENERATOR_VERSION,
            'head': first.head,
            'flip': first.flip,
            **asdict(first.card),
            'focal_correction': self.focal_correction,
            **self._without_camera(),
        }


def evaluate_scenes(
    predictor: NetworkPredictor,
    *,
    seed: int,
    n_samples: int,
    head: str = AUTO,
    flip: bool = True,
    focal_correction: str = AUTO,
    observe: Observer | None = None,
) -> ScenesReport:
    """Score `n_samples` scenes: half rooms, half streets, one room more where it is odd.

    All known pixels up to 10 m (rooms) and 80 m (streets) count, at the size of the picture.
    Raises ValueError for no sample at all.
    """
    shares = dict(zip(DOMAINS, (n_samples - n_samples // 2, n_samples // 2), strict=True))
    reports = {
        domain: evaluate(
            predictor,
            DrawnScenes(domain=domain, seed=seed, n_scenes=n_scenes),
            DOMAIN_PROTOCOLS[domain],
            head=head,
            flip=flip,
            focal_correction=focal_correction,
            observe=observe,
        )
        for domain, n_scenes in shares.items()
        if n_scenes > 0
    }
    if not reports:
        raise ValueError(f'expected at least one scene, got {n_samples}')
    return ScenesReport(seed, reports)
