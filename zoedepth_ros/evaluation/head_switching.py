"""Evaluate the head policy on camera trajectories through a door."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass

import numpy as np

from zoedepth_ros.evaluation.crossings import Crossing, changes, match
from zoedepth_ros.evaluation.evaluate import NetworkPredictor, camera_factor, model_card
from zoedepth_ros.evaluation.metrics import Metrics, mean_metrics
from zoedepth_ros.evaluation.protocol import DOMAIN_PROTOCOLS
from zoedepth_ros.evaluation.report import ModelCard, finite
from zoedepth_ros.geometry.canonical import OFF, SCALE
from zoedepth_ros.inference.result import AUTO
from zoedepth_ros.media.sample import DOMAINS
from zoedepth_ros.pipeline.head_policy import HeadPolicy
from zoedepth_ros.synthetic.scene import GENERATOR_VERSION
from zoedepth_ros.synthetic.trajectory import CameraTrajectory, TrajectoryFrame


@dataclass(frozen=True, slots=True, kw_only=True)
class TrajectoryReport:
    """Result of the default head policy on one trajectory."""

    card: ModelCard
    n_frames: int
    """Number of frames."""
    crossings: tuple[Crossing, ...]
    """All door crossings."""
    switches_to: dict[str, int]
    """Domain -> number of switches to its head."""
    router_accuracy: float
    """Share of frames with the correct router output."""
    focal_correction: str
    """'scale' if depth was corrected for the camera of each frame, else 'off'."""
    metrics: dict[str, Metrics]
    """Domain -> mean metrics of its frames, predicted by the head in use."""

    @property
    def largest_delay_s(self) -> float | None:
        """Largest delay between door crossing and switch [s]; None if a switch is missing."""
        return _largest([crossing.delay_s for crossing in self.crossings])

    def as_dict(self) -> dict[str, object]:
        """Return the report without the model for JSON."""
        return {
            **{domain: finite(metrics.as_dict()) for domain, metrics in self.metrics.items()},
            'router_accuracy': self.router_accuracy,
            'crossings': [asdict(crossing) for crossing in self.crossings],
            'switches_to': dict(self.switches_to),
            'largest_delay_s': self.largest_delay_s,
            'n_frames': self.n_frames,
        }


@dataclass(frozen=True, slots=True)
class TrajectoriesReport:
    """Reports on trajectories with consecutive seeds."""

    seed: int
    """Seed of the first trajectory."""
    trajectories: tuple[TrajectoryReport, ...]
    """One report per trajectory."""

    def as_dict(self) -> dict[str, object]:
        """Return the worst values over all trajectories, and each trajectory, for JSON."""
        found = [report.as_dict() for report in self.trajectories]
        return {
            'most_switches_to': {
                domain: max(report.switches_to[domain] for report in self.trajectories)
                for domain in DOMAINS
            },
            'largest_delay_s': _largest([report.largest_delay_s for report in self.trajectories]),
            'focal_correction': self.trajectories[0].focal_correction,
            'seed': self.seed,
            'generator_version': GENERATOR_VERSION,
            'trajectories': found,
            **asdict(self.trajectories[0].card),
        }


def evaluate_trajectories(
    predictor: NetworkPredictor,
    *,
    seed: int,
    n_trajectories: int,
    focal_correction: str = AUTO,
    watch: Callable[[CameraTrajectory], Iterable[TrajectoryFrame]] = iter,
) -> TrajectoriesReport:
    """Evaluate trajectories out of a house and back, with seeds seed to seed + n_trajectories - 1.

    watch: iterates over the frames of a trajectory, for example with a progress bar.
    """
    reports = []
    for k in range(n_trajectories):
        frames = watch(CameraTrajectory('door', seed + k))
        reports.append(evaluate_trajectory(predictor, frames, focal_correction=focal_correction))
    return TrajectoriesReport(seed, tuple(reports))


def evaluate_trajectory(
    predictor: NetworkPredictor, frames: Iterable[TrajectoryFrame], *, focal_correction: str = AUTO
) -> TrajectoryReport:
    """Evaluate a model with the default head policy on one trajectory.

    Raises ValueError for a model without a router or a trajectory without frames.
    """
    steps = list(_steps(predictor, frames, focal_correction))
    if not steps:
        raise ValueError('a trajectory without frames')
    times_s = [step.time_s for step in steps]
    switches = changes(times_s, [step.head for step in steps])
    doors = changes(times_s, [step.domain for step in steps])
    scores = {
        domain: [step.metrics for step in steps if step.metrics and step.domain == domain]
        for domain in DOMAINS
    }
    return TrajectoryReport(
        card=model_card(predictor),
        n_frames=len(steps),
        crossings=match(doors, switches),
        switches_to={domain: sum(to == domain for _, to in switches) for domain in DOMAINS},
        router_accuracy=sum(step.routed_to == step.domain for step in steps) / len(steps),
        focal_correction=SCALE if all(step.corrected for step in steps) else OFF,
        metrics={domain: mean_metrics(found) for domain, found in scores.items() if found},
    )


@dataclass(frozen=True, slots=True)
class _Step:
    """Result for one frame."""

    time_s: float
    domain: str
    routed_to: str
    head: str
    corrected: bool
    metrics: Metrics | None


def _steps(
    predictor: NetworkPredictor, frames: Iterable[TrajectoryFrame], focal_correction: str
) -> Iterator[_Step]:
    """Predict each frame with the head that the policy chooses from the router output."""
    policy: HeadPolicy | None = None
    for frame in frames:
        sample = frame.sample
        image = sample.rgb.astype(np.float32) / np.float32(255.0)
        result = predictor.predict_network_resolution(image)
        probabilities = result.router_probabilities
        if not probabilities:
            raise ValueError(f'{predictor.model_name} has no router to evaluate on a trajectory')
        policy = policy or HeadPolicy(tuple(probabilities))
        head = policy.update(probabilities, frame.time_s)
        if head != result.head:
            result = predictor.predict_network_resolution(image, head)
        factor = camera_factor(predictor, sample, focal_correction)
        depth_m = result.depth_m if factor is None else result.depth_m * np.float32(factor)
        metrics = DOMAIN_PROTOCOLS[sample.domain].score(depth_m, sample.depth_m)
        routed_to = max(probabilities, key=probabilities.__getitem__)
        corrected = factor is not None
        yield _Step(frame.time_s, sample.domain, routed_to, head, corrected, metrics)


def _largest(delays_s: Sequence[float | None]) -> float | None:
    """Return the largest absolute delay [s]; None if one is unknown or there is none."""
    known_s = [abs(delay_s) for delay_s in delays_s if delay_s is not None]
    return max(known_s) if known_s and len(known_s) == len(delays_s) else None
