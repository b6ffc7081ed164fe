"""Follow a walk through a door: does the head switch once each way, and when."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Protocol

import numpy as np

from zoedepth_ros.evaluation.crossings import Crossing, changes, match
from zoedepth_ros.evaluation.evaluate import NetworkPredictor, camera_factor, model_card
from zoedepth_ros.evaluation.metrics import Metrics, mean_metrics
from zoedepth_ros.evaluation.protocol import DOMAIN_PROTOCOLS
from zoedepth_ros.evaluation.report import ModelCard, finite
from zoedepth_ros.geometry.canonical import OFF, SCALE
from zoedepth_ros.inference.result import AUTO
from zoedepth_ros.media.sample import DOMAINS, Sample
from zoedepth_ros.pipeline.head_policy import HeadPolicy
from zoedepth_ros.synthetic.scene import GENERATOR_VERSION
from zoedepth_ros.synthetic.trajectory import Walk


class Frame(Protocol):
    """One picture of a walk."""

    @property
    def time_s(self) -> float:
        """When it was taken, from the start of the walk [s]."""
        ...

    @property
    def sample(self) -> Sample:
        """Picture and truth; its domain tells on which side of the door the camera is."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class WalkReport:
    """What a stream with the default head policy did on a walk."""

    card: ModelCard
    """The model."""
    n_frames: int
    """Frames of the walk."""
    crossings: tuple[Crossing, ...]
    """Every passage through the door."""
    switches_to: dict[str, int]
    """Domain -> how often the head switched to it."""
    router_accuracy: float
    """Share of frames whose domain the router alone found."""
    focal_correction: str
    """'scale' where depth was brought to the camera of each frame, otherwise 'off'."""
    metrics: dict[str, Metrics]
    """Domain -> mean scores of its frames, predicted by the head in use."""

    @property
    def largest_delay_s(self) -> float | None:
        """Time between door and switch where it was longest [s]; None where one is missing."""
        return _largest([crossing.delay_s for crossing in self.crossings])

    def as_dict(self) -> dict[str, object]:
        """Return everything but the model, for JSON."""
        return {
            **{domain: finite(metrics.as_dict()) for domain, metrics in self.metrics.items()},
            'router_accuracy': self.router_accuracy,
            'crossings': [asdict(crossing) for crossing in self.crossings],
            'switches_to': dict(self.switches_to),
            'largest_delay_s': self.largest_delay_s,
            'n_frames': self.n_frames,
        }


@dataclass(frozen=True, slots=True)
class WalksReport:
    """Walks of one seed after the other."""

    seed: int
    """Seed of the first walk."""
    walks: tuple[WalkReport, ...]
    """One report each."""

    @property
    def most_switches_to(self) -> dict[str, int]:
        """Domain -> switches to it on the walk that had most."""
        return {d: max(walk.switches_to[d] for walk in self.walks) for d in DOMAINS}

    def as_dict(self) -> dict[str, object]:
        """Return what is worst over all walks, and each walk, for JSON."""
        found = [walk.as_dict() for walk in self.walks]
        return {
            'most_switches_to': self.most_switches_to,
            'largest_delay_s': _largest([walk.largest_delay_s for walk in self.walks]),
            'focal_correction': self.walks[0].focal_correction,
            'seed': self.seed,
            'generator_version': GENERATOR_VERSION,
            'walks': found,
            **asdict(self.walks[0].card),
        }


def evaluate_walks(
    predictor: NetworkPredictor,
    *,
    seed: int,
    n_walks: int,
    focal_correction: str = AUTO,
    watch: Callable[[Walk], Iterable[Frame]] = iter,
) -> WalksReport:
    """Play drawn walks out of a house and back in, of seeds seed to seed + n_walks - 1.

    watch: gives the frames of a walk and may show how many are done.
    """
    walks = [
        evaluate_walk(predictor, watch(Walk('door', seed + k)), focal_correction=focal_correction)
        for k in range(n_walks)
    ]
    return WalksReport(seed, tuple(walks))


def evaluate_walk(
    predictor: NetworkPredictor, frames: Iterable[Frame], *, focal_correction: str = AUTO
) -> WalkReport:
    """Play a walk to a model with the head policy at its defaults.

    Raises: ValueError for a model without a router or a walk without frames.
    """
    steps = list(_play(predictor, frames, focal_correction))
    if not steps:
        raise ValueError('a walk without frames')
    times_s = [step.time_s for step in steps]
    switches = changes(times_s, [step.head for step in steps])
    doors = changes(times_s, [step.domain for step in steps])
    scores = {
        domain: [step.metrics for step in steps if step.metrics and step.domain == domain]
        for domain in DOMAINS
    }
    return WalkReport(
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
    """What happened at one frame."""

    time_s: float
    domain: str
    routed_to: str
    head: str
    corrected: bool
    metrics: Metrics | None


def _play(
    predictor: NetworkPredictor, frames: Iterable[Frame], focal_correction: str
) -> Iterator[_Step]:
    """Give each frame to the model and its verdict to the policy, whose head makes the depth."""
    policy: HeadPolicy | None = None
    for frame in frames:
        sample = frame.sample
        picture = sample.rgb.astype(np.float32) / np.float32(255.0)
        result = predictor.predict_network_resolution(picture)
        verdict = result.router_probabilities
        if not verdict:
            raise ValueError(f'{predictor.model_name} has no router; a walk is about its verdicts')
        policy = policy or HeadPolicy(tuple(verdict))
        head = policy.update(verdict, frame.time_s)
        if head != result.head:
            result = predictor.predict_network_resolution(picture, head)
        factor = camera_factor(predictor, sample, focal_correction)
        depth_m = result.depth_m if factor is None else result.depth_m * np.float32(factor)
        metrics = DOMAIN_PROTOCOLS[sample.domain].score(depth_m, sample.depth_m)
        routed_to = max(verdict, key=verdict.__getitem__)
        corrected = factor is not None
        yield _Step(frame.time_s, sample.domain, routed_to, head, corrected, metrics)


def _largest(delays_s: Sequence[float | None]) -> float | None:
    """Return the largest size of a delay [s]; None when there is none or one is not known."""
    known_s = [abs(delay_s) for delay_s in delays_s if delay_s is not None]
    return max(known_s) if known_s and len(known_s) == len(delays_s) else None
