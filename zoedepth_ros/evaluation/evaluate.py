"""Run a model over a data set by the paper's protocol."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from zoedepth_ros.datasets.dataset import DatasetError
from zoedepth_ros.evaluation.protocol import EvaluationProtocol
from zoedepth_ros.evaluation.report import EvaluationReport, ModelCard, PictureScore
from zoedepth_ros.geometry.canonical import OFF, correction_in_use, focal_factor
from zoedepth_ros.inference.result import AUTO, DepthResult
from zoedepth_ros.media.sample import Sample


class NetworkPredictor(Protocol):
    """The part of a predictor that an evaluation needs."""

    model_name: str
    """The preset."""
    device: str
    """Where it runs."""
    precision: str
    """'fp32', 'bf16' or 'fp16'."""
    weights_origin: str
    """Where the parameters came from."""
    weights_warning: str
    """'' for released weights, otherwise a warning."""
    training_hfov_rad: float
    """Field of view of the camera as if through which depth is told [rad]; 0.0 for unknown."""
    focal_exponent: float
    """Exponent of the ratio of focal lengths that brings depth to an image's camera."""

    def predict_network_resolution(self, picture: NDArray, head: str = AUTO) -> DepthResult:
        """Predict a picture squashed to the network's size, without resizing the result back.

        picture: float32 (H, W, 3) in [0, 1]. The result's maps have the network's size.
        """
        ...


class EvaluationData(Protocol):
    """What can be evaluated: a data set, or anything that acts like one."""

    @property
    def name(self) -> str:
        """Name of the data set."""
        ...

    @property
    def skipped(self) -> Sequence[DatasetError]:
        """Errors of the samples that the latest iteration left out."""
        ...

    def __len__(self) -> int: ...

    def __iter__(self) -> Iterator[Sample]: ...

    def evaluation_image(self, sample: Sample) -> NDArray[np.float32]:
        """Return the picture to be predicted, in [0, 1]: float32 (h, w, 3)."""
        ...


@dataclass(frozen=True, slots=True)
class Scored:
    """One picture just scored, for those who watch."""

    sample: Sample
    """The picture and its truth."""
    prediction_m: NDArray[np.float32]
    """Prediction at the network's size (h, w) [m]."""
    score: PictureScore | None
    """Its scores; None where no pixel of the truth counts."""
    protocol: EvaluationProtocol
    """Range and crop."""
    n_done: int
    """Pictures done, this one among them."""
    n_all: int
    """Pictures to do."""


Observer = Callable[[Scored], None]


def evaluate(
    predictor: NetworkPredictor,
    dataset: EvaluationData,
    protocol: EvaluationProtocol,
    *,
    head: str = AUTO,
    flip: bool = True,
    limit: int | None = None,
    focal_correction: str = AUTO,
    observe: Observer | None = None,
) -> EvaluationReport:
    """Score every picture, or the first `limit`, in the data set's order.

    focal_correction: 'auto' brings depth to each picture's camera where that and the training
    camera are known, and scores it also without; 'off' never does.

    Raises: DatasetError for a file that cannot be read, unless the data set skips such; ValueError
    when no picture could be scored.
    """
    scores: list[PictureScore] = []
    without_camera: list[PictureScore] = []
    without_depth: list[str] = []
    n_all = len(dataset) if limit is None else min(limit, len(dataset))
    for n_done, sample in enumerate(islice(dataset, limit), start=1):
        depth_m, result = predict(
            predictor, dataset.evaluation_image(sample), head=head, flip=flip
        )
        factor = camera_factor(predictor, sample, focal_correction)
        if factor is not None:
            plain = _score(sample, depth_m, result, protocol)
            without_camera += [] if plain is None else [plain]
            depth_m = depth_m * np.float32(factor)
        score = _score(sample, depth_m, result, protocol)
        if score is None:
            without_depth.append(sample.name)
        else:
            scores.append(score)
        if observe is not None:
            observe(Scored(sample, depth_m, score, protocol, n_done, n_all))
    skipped = tuple(map(str, dataset.skipped))
    if not scores:
        raise ValueError(
            f'{dataset.name}: no picture with a pixel that counts; skipped: {skipped}'
        )
    return EvaluationReport(
        dataset=dataset.name,
        protocol=protocol,
        card=model_card(predictor),
        head=head,
        flip=flip,
        pictures=tuple(scores),
        without_camera=tuple(without_camera),
        without_depth=tuple(without_depth),
        skipped=skipped,
    )


def camera_factor(
    predictor: NetworkPredictor, sample: Sample, focal_correction: str
) -> float | None:
    """Return what brings depth to the picture's camera; None where nothing is done.

    focal_correction: 'auto' or 'off'; ValueError for others.
    """
    if focal_correction not in (AUTO, OFF):
        raise ValueError(f"an evaluation takes 'auto' or 'off', got {focal_correction!r}")
    camera, hfov_rad = sample.camera, predictor.training_hfov_rad
    if camera is None or correction_in_use(focal_correction, hfov_rad, camera_known=True) == OFF:
        return None
    exponent = predictor.focal_exponent
    return focal_factor(camera, sample.domain, training_hfov_rad=hfov_rad, exponent=exponent)


def predict(
    predictor: NetworkPredictor, picture: NDArray[np.float32], *, head: str, flip: bool
) -> tuple[NDArray[np.float32], DepthResult]:
    """Return the depth at the network's size (h, w) [m] and the result for the picture as it is.

    PARITY: both passes ask the router by themselves, as the official code's two calls do, so with
    head 'auto' two different heads may be averaged
    (test_each_of_the_two_passes_asks_the_router_by_itself).
    """
    result = predictor.predict_network_resolution(picture, head)
    if not flip:
        return result.depth_m, result
    mirrored = np.ascontiguousarray(picture[:, ::-1])
    again = predictor.predict_network_resolution(mirrored, head).depth_m[:, ::-1]
    return np.float32(0.5) * (result.depth_m + again), result


def model_card(predictor: NetworkPredictor) -> ModelCard:
    """Return what the report says of the model."""
    return ModelCard(
        model=predictor.model_name,
        weights=predictor.weights_origin,
        weights_warning=predictor.weights_warning,
        training_hfov_deg=round(math.degrees(predictor.training_hfov_rad), 3),
        device=predictor.device,
        precision=predictor.precision,
    )


def _score(
    sample: Sample,
    depth_m: NDArray[np.float32],
    result: DepthResult,
    protocol: EvaluationProtocol,
) -> PictureScore | None:
    metrics = protocol.score(depth_m, sample.depth_m)
    if metrics is None:
        return None
    verdict = result.router_probabilities
    routed_to = max(verdict, key=verdict.__getitem__) if verdict else ''
    return PictureScore(sample.name, sample.domain, result.head, routed_to, metrics)
