"""What an evaluation found, and its forms: JSON, CSV, table."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass

from zoedepth_ros.evaluation.improvement import mean_over_metrics
from zoedepth_ros.evaluation.metrics import METRICS, Metrics, mean_metrics
from zoedepth_ros.evaluation.protocol import EvaluationProtocol
from zoedepth_ros.evaluation.published import PublishedScores
from zoedepth_ros.geometry.canonical import OFF, SCALE


@dataclass(frozen=True, slots=True)
class ModelCard:
    """What was evaluated."""

    model: str
    """The preset."""
    weights: str
    """Where the parameters came from."""
    weights_warning: str
    """'' for released weights, otherwise a warning."""
    device: str
    """Where it ran."""
    precision: str
    """'fp32', 'bf16' or 'fp16'."""
    training_hfov_deg: float = 0.0
    """Field of view of the camera as if through which depth is told [degrees]; 0 for unknown."""


@dataclass(frozen=True, slots=True)
class PictureScore:
    """The scores of one picture."""

    name: str
    """The sample's name."""
    domain: str
    """The sample's domain."""
    head: str
    """The head that predicted it."""
    routed_to: str
    """The router's verdict, 'indoor' or 'outdoor'; '' without a router."""
    metrics: Metrics
    """Its scores."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EvaluationReport:
    """All scores of one model on one data set."""

    dataset: str
    """Name of the data set."""
    protocol: EvaluationProtocol
    """Range and crop."""
    card: ModelCard
    """The model."""
    head: str
    """'auto', or the head that was forced."""
    flip: bool
    """Whether predictions were averaged with those of mirrored pictures."""
    pictures: tuple[PictureScore, ...]
    """One for each scored picture."""
    without_camera: tuple[PictureScore, ...] = ()
    """Those of `pictures` whose depth was brought to their own camera, as they were before."""
    without_depth: tuple[str, ...] = ()
    """Samples without a pixel that counts, left out of the mean."""
    skipped: tuple[str, ...] = ()
    """What was wrong with the samples that could not be read."""

    @property
    def metrics(self) -> Metrics:
        """The mean over pictures; ValueError when there is none."""
        return mean_metrics([picture.metrics for picture in self.pictures])

    @property
    def metrics_without_camera(self) -> Metrics:
        """The mean over pictures before they were brought to their camera; ValueError for none."""
        return mean_metrics([picture.metrics for picture in self.without_camera])

    @property
    def focal_correction(self) -> str:
        """'scale' where depth was brought to the cameras of the pictures, otherwise 'off'."""
        return SCALE if self.without_camera else OFF

    @property
    def router_accuracy(self) -> float | None:
        """Share of pictures whose domain the router found; None without a router."""
        routed = [p.routed_to == p.domain for p in self.pictures if p.routed_to]
        return sum(routed) / len(routed) if routed else None

    def as_dict(self) -> dict[str, object]:
        """Return everything but the single pictures, for JSON; NaN and infinity become None."""
        return {
            'dataset': self.dataset,
            **asdict(self.card),
            'head': self.head,
            'flip': self.flip,
            'focal_correction': self.focal_correction,
            'protocol': asdict(self.protocol),
            'n_pictures': len(self.pictures),
            'metrics': finite(self.metrics.as_dict()),
            'router_accuracy': self.router_accuracy,
            'without_depth': list(self.without_depth),
            'skipped': list(self.skipped),
        }


def finite(scores: Mapping[str, float]) -> dict[str, float | None]:
    """Replace what JSON cannot say by None."""
    return {name: score if math.isfinite(score) else None for name, score in scores.items()}


def as_csv(pictures: Iterable[PictureScore]) -> str:
    """Return one line per picture under a line of names."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator='\n')
    writer.writerow(['name', 'domain', 'head', 'routed_to', *METRICS])
    for picture in pictures:
        scores = [repr(score) for score in picture.metrics.as_dict().values()]
        writer.writerow([picture.name, picture.domain, picture.head, picture.routed_to, *scores])
    return text.getvalue()


def as_table(rows: Mapping[str, Metrics], published: Sequence[PublishedScores] = ()) -> str:
    """Return our rows above the published ones, rounded to 3 decimals as in the paper.

    Behind a published row stands by how much our first row improves on it (mRI_theta).
    """
    labels = [f'{row.model}, published' for row in published]
    width = max(len(label) for label in [*rows, *labels, 'model'])
    lines = [f'{"model":<{width}}' + ''.join(f'{name:>10}' for name in METRICS)]
    for label, metrics in rows.items():
        lines.append(_line(label, width, metrics.as_dict()))
    for label, row in zip(labels, published, strict=True):
        ours = next(iter(rows.values())).as_dict()
        gain = mean_over_metrics(ours, row.scores)
        lines.append(f'{_line(label, width, row.scores)}   ours {gain:+.1%}')
    return '\n'.join(lines)


def _line(label: str, width: int, scores: Mapping[str, float]) -> str:
    numbers = (f'{scores[name]:>10.3f}' if name in scores else f'{"-":>10}' for name in METRICS)
    return f'{label:<{width}}' + ''.join(numbers)
