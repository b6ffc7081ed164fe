"""Evaluate a model on a data set with the paper's protocol."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
from numpy.typing import NDArray

from zoedepth_ros.evaluation.protocol import EvaluationProtocol, protocol_of
from zoedepth_ros.evaluation.report import EvaluationReport, ImageScore, ModelCard
from zoedepth_ros.evaluation.uncertainty import score_image
from zoedepth_ros.geometry.canonical import OFF, focal_factor
from zoedepth_ros.geometry.intrinsics import CameraModel
from zoedepth_ros.geometry.rays import ray_cosines, rays
from zoedepth_ros.inference.result import AUTO, DepthPredictor, DepthResult, convention_of, metric
from zoedepth_ros.media.sample import Sample
from zoedepth_ros.pipeline.request import correction_in_use

if TYPE_CHECKING:
    from zoedepth_ros.datasets.dataset import DepthDataset
    from zoedepth_ros.evaluation.synthetic_scenes import SyntheticScenes


EvaluationData: TypeAlias = 'DepthDataset | SyntheticScenes'


@dataclass(frozen=True, slots=True)
class ScoredImage:
    """The result for one image, passed to observers."""

    sample: Sample
    """The image and its ground truth."""
    prediction_m: NDArray[np.float32]
    """Prediction at the network's size (h, w) [m]."""
    score: ImageScore
    """Its scores."""
    protocol: EvaluationProtocol
    """Range and crop."""


Observer = Callable[[ScoredImage], None]
Watch = Callable[[Iterable[Sample], int], Iterable[Sample]]
"""Iterates over samples, whose number is given, for example with a progress bar."""


def unwatched(samples: Iterable[Sample], total: int) -> Iterable[Sample]:
    """Return the samples."""
    return samples


def evaluate(
    predictor: DepthPredictor,
    dataset: EvaluationData,
    *,
    head: str = AUTO,
    flip: bool = True,
    limit: int | None = None,
    focal_correction: str = AUTO,
    observe: Observer = lambda scored: None,
    watch: Watch = unwatched,
) -> EvaluationReport:
    """Evaluate all images, or the first `limit`, in the order of the data set.

    Range and crop are those of `protocol_of` the data set.
    focal_correction: 'auto' corrects depth for the camera of each image if that and the training
    camera are known, and also reports the uncorrected scores; 'off' does not.  Raises DatasetError
    for an unreadable file, unless the data set skips it; ValueError if no image could be
    evaluated.
    """
    scores: list[ImageScore] = []
    without_camera: list[ImageScore] = []
    without_ground_truth: list[str] = []
    protocol = protocol_of(dataset.name, dataset.domain)
    n_all = len(dataset) if limit is None else min(limit, len(dataset))
    for sample in watch(islice(dataset, limit), n_all):
        result = predict_sample(predictor, dataset, sample, head=head, flip=flip)
        depth_m = result.depth_m
        factor = camera_factor(predictor, sample, focal_correction)
        if factor is not None:
            plain = _score(sample, depth_m, result, protocol)
            without_camera += [] if plain is None else [plain]
            depth_m = depth_m * np.float32(factor)
        score = _score(sample, depth_m, result, protocol)
        if score is None:
            without_ground_truth.append(sample.name)
        else:
            maps = predictor.uncertainty_maps
            uncertainty = score_image(result, factor or 1.0, maps, sample.depth_m, protocol)
            scores.append(replace(score, uncertainty=uncertainty))
            observe(ScoredImage(sample, depth_m, scores[-1], protocol))
    skipped = tuple(map(str, dataset.skipped))
    if not scores:
        raise ValueError(
            f'{dataset.name}: no image has a pixel with ground truth in the scored range; images '
            f'skipped: {"; ".join(skipped) or "none"}'
        )
    return EvaluationReport(
        dataset=dataset.name,
        protocol=protocol,
        card=model_card(predictor),
        head=head,
        flip=flip,
        images=tuple(scores),
        without_camera=tuple(without_camera),
        without_ground_truth=tuple(without_ground_truth),
        skipped=skipped,
    )


def camera_factor(
    predictor: DepthPredictor, sample: Sample, focal_correction: str
) -> float | None:
    """Return the focal factor for the camera of an image; None without a correction.

    focal_correction: 'auto' or 'off'; ValueError for others.
    """
    if focal_correction not in (AUTO, OFF):
        raise ValueError(f"expected focal_correction 'auto' or 'off', got {focal_correction!r}")
    camera, hfov_rad = sample.camera, predictor.training_hfov_rad
    if camera is None or correction_in_use(focal_correction, hfov_rad, camera_known=True) == OFF:
        return None
    exponent = predictor.focal_exponent
    return focal_factor(camera, sample.domain, training_hfov_rad=hfov_rad, exponent=exponent)


def predict_sample(
    predictor: DepthPredictor,
    dataset: EvaluationData,
    sample: Sample,
    *,
    head: str,
    flip: bool,
) -> DepthResult:
    """Return the result for an image of a data set, before the correction for its camera.

    Of a network in torch at the network's size, of a file of a runtime at that of the image.
    """
    if not hasattr(predictor, 'predict_network_resolution'):
        found = _predicted(lambda image: predictor(image, head), sample.rgb, flip=flip)
        return _in_metres(predictor, found, sample)
    predict, image = predictor.predict_network_resolution, dataset.evaluation_image(sample)
    return _predicted(lambda image: predict(image, head), image, flip=flip)


def _predicted(
    predict: Callable[[NDArray], DepthResult], image: NDArray, *, flip: bool
) -> DepthResult:
    """Return the result for an image (H, W, 3), with depth and spread of the bins averaged.

    Head and router output are those of the unmirrored image.

    PARITY: the router runs for both passes, as in the official code, so with head 'auto' two
    different heads may be averaged (test_each_of_the_two_passes_asks_the_router_by_itself).
    """
    result = predict(image)
    if not flip:
        return result
    again, half = predict(np.ascontiguousarray(image[:, ::-1])), np.float32(0.5)
    return replace(
        result,
        depth_m=half * (result.depth_m + again.depth_m[:, ::-1]),
        uncertainty_m=half * (result.uncertainty_m + again.uncertainty_m[:, ::-1]),
    )


def _in_metres(predictor: DepthPredictor, result: DepthResult, sample: Sample) -> DepthResult:
    """Return the result of a file of a runtime in metres along z, with infinite sky.

    Raises ValueError where the depth needs the camera of the image and that is unknown.
    """
    if result.sky is not None:
        depth_m = np.where(result.sky, np.float32(np.inf), result.depth_m)
        result = replace(result, depth_m=depth_m)
    if not convention_of(predictor).needs_camera:
        return result
    k = sample.camera
    if k is None:
        raise ValueError(
            f'{predictor.model_name} needs the camera intrinsics of every image to give depth, '
            f'but the data set has none for {sample.name}'
        )
    cosines = partial(ray_cosines, rays(CameraModel(k)))
    return metric(result, fx_px=k.fx_px, fy_px=k.fy_px, cosines=cosines)


def model_card(predictor: DepthPredictor) -> ModelCard:
    """Return the description of the model for the report."""
    return ModelCard(
        model=predictor.model_name,
        weights=predictor.weights_origin,
        weights_warning=predictor.weights_warning,
        training_hfov_deg=round(math.degrees(predictor.training_hfov_rad), 3),
        device=predictor.device,
        precision=predictor.precision,
        calibrated_heads=tuple(predictor.uncertainty_maps),
    )


def _score(
    sample: Sample,
    depth_m: NDArray[np.float32],
    result: DepthResult,
    protocol: EvaluationProtocol,
) -> ImageScore | None:
    metrics = protocol.score(depth_m, sample.depth_m)
    if metrics is None:
        return None
    probabilities = result.router_probabilities
    routed_to = max(probabilities, key=probabilities.__getitem__) if probabilities else ''
    return ImageScore(sample.name, sample.domain, result.head, routed_to, metrics)
