"""Reports of evaluations, as JSON, CSV and tables."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from statistics import fmean

from zoedepth_ros.evaluation.metrics import METRICS, Metrics, mean_metrics
from zoedepth_ros.evaluation.protocol import EvaluationProtocol
from zoedepth_ros.evaluation.published import PublishedScores, improvements
from zoedepth_ros.evaluation.uncertainty import UncertaintyScore, mean_score
from zoedepth_ros.geometry.canonical import OFF, SCALE


@dataclass(frozen=True, slots=True)
class ModelCard:
    """Description of the evaluated model."""

    model: str
    """Name of the preset."""
    weights: str
    """Source of the parameters."""
    weights_warning: str
    """Warning about weights other than the released ones; '' for none."""
    device: str
    """Device of the network."""
    precision: str
    """'fp32', 'bf16' or 'fp16'."""
    training_hfov_deg: float = 0.0
    """Horizontal field of view of the training camera [degrees]; 0 if unknown."""
    calibrated_heads: tuple[str, ...] = ()
    """Heads whose uncertainty is calibrated."""


@dataclass(frozen=True, slots=True)
class ImageScore:
    """The scores of one image."""

    name: str
    """The sample's name."""
    domain: str
    """The sample's domain."""
    head: str
    """The head that predicted it."""
    routed_to: str
    """The head that the router chose; '' without a router."""
    metrics: Metrics
    uncertainty: UncertaintyScore | None = None


class ImageScores:
    """What every report derives from the scores of its images."""

    __slots__ = ()
    images: Sequence[ImageScore]

    @property
    def router_accuracy(self) -> float | None:
        """Share of images with the correct router output; None without a router."""
        routed = [image.routed_to == image.domain for image in self.images if image.routed_to]
        return sum(routed) / len(routed) if routed else None

    @property
    def uncertainty(self) -> dict[str, UncertaintyScore]:
        """Head -> mean over the images that it predicted."""
        found: dict[str, list[UncertaintyScore]] = {}
        for image in self.images:
            if image.uncertainty is not None:
                found.setdefault(image.head, []).append(image.uncertainty)
        return {head: mean_score(scores) for head, scores in found.items()}


@dataclass(frozen=True, slots=True, kw_only=True)
class EvaluationReport(ImageScores):
    """All scores of one model on one data set."""

    dataset: str
    """Name of the data set."""
    protocol: EvaluationProtocol
    """Range and crop."""
    card: ModelCard
    head: str
    """'auto', or the fixed head."""
    flip: bool
    """Whether predictions were averaged with those of mirrored images."""
    images: tuple[ImageScore, ...]
    without_camera: tuple[ImageScore, ...] = ()
    """Scores without focal correction, of the images that were corrected."""
    without_ground_truth: tuple[str, ...] = ()
    """Samples without a valid pixel, which are not part of the mean."""
    skipped: tuple[str, ...] = ()
    """Errors of unreadable samples."""

    @property
    def metrics(self) -> Metrics:
        """Mean over images."""
        return mean_metrics([image.metrics for image in self.images])

    @property
    def metrics_without_camera(self) -> Metrics:
        """Mean over images without focal correction, if there are any."""
        return mean_metrics([image.metrics for image in self.without_camera])

    @property
    def focal_correction(self) -> str:
        """'scale' if depth was corrected for the cameras of the images, else 'off'."""
        return SCALE if self.without_camera else OFF

    def as_dict(self) -> dict[str, object]:
        """Return the report without single images for JSON."""
        return {
            'dataset': self.dataset,
            **asdict(self.card),
            'head': self.head,
            'flip': self.flip,
            'focal_correction': self.focal_correction,
            'protocol': asdict(self.protocol),
            'n_images': len(self.images),
            'metrics': asdict(self.metrics),
            'uncertainty': {head: s.as_dict() for head, s in self.uncertainty.items()},
            'router_accuracy': self.router_accuracy,
            'without_ground_truth': list(self.without_ground_truth),
            'skipped': list(self.skipped),
        }


def uncertainty_table(scores: Mapping[str, UncertaintyScore], calibrated: Sequence[str]) -> str:
    """Return coverage and sparsification error of each head as lines of text."""
    names = ('68 %', '95 %', '1 std', '1.96 std', 'AUSE', 'random')
    lines = [f'{"within":<9}' + ''.join(f'{name:>10}' for name in names)]
    for head, score in scores.items():
        note = '' if head in calibrated else '   spread of the bins: not calibrated'
        lines.append(
            f'{head:<9}'
            + ''.join(f'{share:>10.1%}' for share in score.intervals)
            + f'{score.ause:>10.3f}{score.ause_random:>10.3f}{note}'
        )
    return '\n'.join(lines)


def as_csv(images: Iterable[ImageScore]) -> str:
    """Return a CSV table with one row per image."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator='\n')
    writer.writerow(['name', 'domain', 'head', 'routed_to', *METRICS])
    for image in images:
        scores = [repr(score) for score in asdict(image.metrics).values()]
        writer.writerow([image.name, image.domain, image.head, image.routed_to, *scores])
    return text.getvalue()


def as_table(rows: Mapping[str, Metrics], published: Sequence[PublishedScores] = ()) -> str:
    """Return a table of our rows and the published ones, rounded to 3 decimals as in the paper.

    Published rows end with the improvement of our first row over them (mRI_theta).
    """
    labels = [f'{row.model}, published' for row in published]
    width = max(len(label) for label in [*rows, *labels, 'model'])
    lines = [f'{"model":<{width}}' + ''.join(f'{name:>10}' for name in METRICS)]
    for label, metrics in rows.items():
        lines.append(_line(label, width, asdict(metrics)))
    for label, row in zip(labels, published, strict=True):
        ours = asdict(next(iter(rows.values())))
        gain = fmean(improvements(ours, row.scores).values())
        lines.append(
            f'{_line(label, width, row.scores)}   mean improvement of the first row over this: '
            f'{gain:+.1%}'
        )
    return '\n'.join(lines)


def _line(label: str, width: int, scores: Mapping[str, float]) -> str:
    numbers = (f'{scores[name]:>10.3f}' if name in scores else f'{"-":>10}' for name in METRICS)
    return f'{label:<{width}}' + ''.join(numbers)
