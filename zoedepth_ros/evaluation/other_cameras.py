"""Evaluate depth for cameras with other focal lengths, and the corrections.

Held-out synthetic scenes are rendered with a multiple of the training camera's focal length.
Calibrations use other scenes, like a calibration of a robot before it is used.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from zoedepth_ros.evaluation.synthetic_scenes import HELD_OUT_SEED
from zoedepth_ros.geometry.canonical import CanonicalWarp, focal_factor, training_camera
from zoedepth_ros.geometry.filters import flying_pixels
from zoedepth_ros.geometry.ground import fit_ground
from zoedepth_ros.geometry.intrinsics import CameraModel
from zoedepth_ros.geometry.points import depth_to_points
from zoedepth_ros.geometry.rays import rays
from zoedepth_ros.geometry.scale import (
    pairs_at_points,
    ratios_in_box,
    robust_scale,
    scale_from_height,
)
from zoedepth_ros.inference.result import DepthPredictor
from zoedepth_ros.media.sample import Sample
from zoedepth_ros.synthetic.scene import random_view, render_sample

SYNTHETIC_HFOV_RAD = math.radians(65.0)
"""Mean field of view of synthetic training images, for weights without a training camera."""

OUTLIERS = 0.3
METHODS = ('none', 'scale', 'warp', 'height', 'laser', 'one distance')


@dataclass(frozen=True, slots=True)
class SceneView:
    """One scene through another camera, and the prediction for it."""

    sample: Sample
    """Image and ground truth."""

    up: tuple[float, float, float]
    """Up vector in the camera frame, as from TF."""

    height_m: float
    """True height of the camera above the ground [m]."""

    depth_m: NDArray[np.float32]
    """Predicted depth [m]."""


def training_hfov_rad(predictor: DepthPredictor) -> float:
    """Return the field of view of the training camera; SYNTHETIC_HFOV_RAD if unknown."""
    return predictor.training_hfov_rad or SYNTHETIC_HFOV_RAD


def predict_views(
    predictor: DepthPredictor, domain: str, seeds: Sequence[int], focal_ratio: float
) -> list[SceneView]:
    """Render and predict scenes with `focal_ratio` times the training camera's focal length."""
    hfov_rad = 2.0 * math.atan(math.tan(0.5 * training_hfov_rad(predictor)) / focal_ratio)
    views = []
    for seed in seeds:
        view = replace(random_view(domain, HELD_OUT_SEED + seed), hfov_rad=hfov_rad)
        sample = render_sample(view, 192, 256, f'{domain} {seed}')
        up = view.pose.to_world().T @ (0.0, 0.0, 1.0)
        depth_m = predictor(sample.rgb, domain, route=False).depth_m
        views.append(
            SceneView(sample, (float(up[0]), float(up[1]), float(up[2])), view.pose.z_m, depth_m)
        )
    return views


def calibrated(calibration: Sequence[SceneView], method: str) -> float:
    """Return the scale by a reference over several scenes; 1.0 if there is none."""
    random = np.random.default_rng(0)
    ratios = [_references(view, method, random) for view in calibration]
    found = robust_scale(np.concatenate(ratios))
    return 1.0 if found is None else found.scale


def _references(view: SceneView, method: str, random: np.random.Generator) -> NDArray[np.floating]:
    """Return the ratios of one scene, 30 % of them outliers."""
    camera = _camera(view.sample)
    true_m = view.sample.depth_m
    edge = flying_pixels(view.depth_m) | flying_pixels(true_m)
    depth_m = np.where(edge, np.float32(np.nan), view.depth_m)
    if method == 'height':
        points_m = depth_to_points(depth_m, rays(camera))
        found = scale_from_height(
            fit_ground(points_m, up=view.up, tolerance_rad=0.0).ground, view.height_m
        )
        good = found is not None and found.confidence >= 0.5
        return np.array([found.scale]) if found is not None and good else np.empty(0)
    if method == 'laser':
        row = true_m.shape[0] // 2
        hits_m = depth_to_points(true_m, rays(camera))[row]
        hits_m = hits_m[np.isfinite(hits_m[:, 2])]
        ratios = pairs_at_points(hits_m, depth_m, camera).ratios
    else:
        height, width = true_m.shape
        box = (width * 9 // 20, height * 9 // 20, width * 11 // 20, height * 11 // 20)
        middle_m = true_m[box[1] : box[3], box[0] : box[2]]
        if not np.isfinite(middle_m).all():
            return np.empty(0)
        ratios = ratios_in_box(float(np.median(middle_m)), box, depth_m)
    wrong = random.random(len(ratios)) < OUTLIERS
    return np.where(wrong, ratios * random.uniform(1.2, 3.0, len(ratios)), ratios)


def abs_rel(view: SceneView, method: str, scale: float, predictor: DepthPredictor) -> float:
    """Return the mean relative error of one scene after a correction."""
    sample, training = view.sample, training_hfov_rad(predictor)
    if method == 'warp':
        return _abs_rel(_warped_depth(predictor, sample), sample)
    if method == 'scale':
        scale = focal_factor(
            _camera(sample).intrinsics,
            sample.domain,
            training_hfov_rad=training,
            exponent=predictor.focal_exponent,
        )
    return _abs_rel(view.depth_m * np.float32(scale), sample)


IMAGE_SIZES = {
    '4:3': (192, 256),
    '16:9': (180, 320),
    '1:1': (222, 222),
    '3:4': (256, 192),
    '9:16': (320, 180),
    '3.3:1': (112, 372),
}
"""Aspect ratio -> height and width [px] of about as many pixels."""

RULES = ('none', 'width', 'height', 'mean', 'weights', 'warp')
LONGEST_HFOV_RAD = math.radians(130.0)


def aspect_table(
    predictor: DepthPredictor,
    domain: str,
    *,
    aspects: Sequence[str] = tuple(IMAGE_SIZES),
    scenes: int = 16,
    warp: bool = True,
) -> dict[str, dict[str, float]]:
    """Return the mean relative error per aspect ratio and rule for the focal factor.

    Each scene is rendered three times, with the horizontal, vertical and diagonal field of view of
    its camera.  Rules: ratio of focal lengths in image widths, in image heights, geometric mean,
    and 'weights': in image heights with the focal exponent of the weights, as in use.
    """
    result: dict[str, dict[str, float]] = {}
    for aspect in aspects:
        height, width = IMAGE_SIZES[aspect]
        errors: dict[str, list[float]] = {rule: [] for rule in RULES if warp or rule != 'warp'}
        for seed in range(scenes):
            view = random_view(domain, HELD_OUT_SEED + 5000 + seed)
            focal = 0.5 / math.tan(0.5 * view.hfov_rad)  # in widths of a 4:3 image
            for kept in (width, height * 4 / 3, math.hypot(width, height) * 4 / 5):
                hfov_rad = 2.0 * math.atan(0.5 * width / (focal * kept))
                if hfov_rad > LONGEST_HFOV_RAD:
                    continue
                sample = render_sample(replace(view, hfov_rad=hfov_rad), height, width, aspect)
                for rule, error in _errors_by_rule(predictor, sample, warp=warp).items():
                    errors[rule].append(error)
        result[aspect] = {rule: float(np.mean(found)) for rule, found in errors.items()}
    return result


def _errors_by_rule(predictor: DepthPredictor, sample: Sample, *, warp: bool) -> dict[str, float]:
    inner, training = _camera(sample).intrinsics, training_hfov_rad(predictor)
    reference = training_camera(sample.domain, training)
    by_width = (inner.fx_px / inner.width) / (reference.fx_px / reference.width)
    by_height = focal_factor(inner, sample.domain, training_hfov_rad=training)
    depth_m = predictor(sample.rgb, sample.domain, route=False).depth_m
    factors = {
        'none': 1.0,
        'width': by_width,
        'height': by_height,
        'mean': math.sqrt(by_width * by_height),
        'weights': focal_factor(
            inner,
            sample.domain,
            training_hfov_rad=training,
            exponent=predictor.focal_exponent,
        ),
    }
    maps = {rule: depth_m * np.float32(factor) for rule, factor in factors.items()}
    if warp:
        maps['warp'] = _warped_depth(predictor, sample)
    return {rule: _abs_rel(found_m, sample) for rule, found_m in maps.items()}


ZOOMS = (1.19, 1.41, 1.68, 2.0)
"""Factors by which the middle of an image is enlarged."""

ZOOM_AXES = {'both': (1.0, 1.0), 'width': (1.0, 0.0), 'height': (0.0, 1.0)}
"""What is enlarged -> exponents of the factor across and down."""

ZOOM_SIZE = (256, 192)
"""Width and height [px] of all images, so that they are equally sharp."""


def zoom_exponents(
    predictor: DepthPredictor, head: str, rgb: NDArray[np.uint8]
) -> dict[str, float]:
    """Return the power with which depth decreases as an image (H, W, 3) is enlarged, per axis.

    The middle of the image is what a longer lens would see from the same place, where true depth
    is the same; 'width' and 'height': only columns or rows are cut off.  1.0: the depth of the
    same pixels follows the apparent size; 0.0: it does not depend on it.  No ground truth is used.
    """
    height, width = rgb.shape[:2]
    rgb = _middle(rgb, max(1.0, width / (height * 4 / 3)), max(1.0, height / (width * 3 / 4)))
    whole_m = cv2.resize(_zoomed_depth(predictor, head, rgb, 1.0, 1.0), (1024, 768))
    logs = np.log(ZOOMS)
    result = {}
    for axes, (across, down) in ZOOM_AXES.items():
        changes = []
        for zoom in ZOOMS:
            by = zoom**across, zoom**down
            same_m = cv2.resize(_middle(whole_m, *by), ZOOM_SIZE, interpolation=cv2.INTER_AREA)
            depth_m = _zoomed_depth(predictor, head, rgb, *by)
            changes.append(np.median(np.log(same_m / depth_m)))
        result[axes] = float(changes @ logs / (logs @ logs))
    return result


def _zoomed_depth(
    predictor: DepthPredictor, head: str, rgb: NDArray[np.uint8], across: float, down: float
) -> NDArray[np.float32]:
    image = cv2.resize(_middle(rgb, across, down), ZOOM_SIZE, interpolation=cv2.INTER_AREA)
    return predictor(image, head, route=False).depth_m


def _middle(pixels: NDArray, across: float, down: float) -> NDArray:
    """Return the middle of an image (H, W, ...), `across` and `down` times smaller."""
    height, width = pixels.shape[:2]
    rows, columns = round(height / down), round(width / across)
    top, left = (height - rows) // 2, (width - columns) // 2
    return np.ascontiguousarray(pixels[top : top + rows, left : left + columns])


def _warped_depth(predictor: DepthPredictor, sample: Sample) -> NDArray[np.float32]:
    """Return depth (H, W) [m] predicted from the view of the training camera."""
    training = training_hfov_rad(predictor)
    warp = CanonicalWarp(_camera(sample), sample.domain, training_hfov_rad=training)
    return warp.depth(predictor(warp.image(sample.rgb), sample.domain, route=False).depth_m)


def _abs_rel(depth_m: NDArray[np.float32], sample: Sample) -> float:
    true_m = sample.depth_m
    known = np.isfinite(true_m) & np.isfinite(depth_m)
    return float((np.abs(depth_m - true_m)[known] / true_m[known]).mean())


def _camera(sample: Sample) -> CameraModel:
    assert sample.camera is not None  # synthetic scenes have one
    return CameraModel(sample.camera)


def table(
    predictor: DepthPredictor,
    domain: str,
    *,
    focal_ratios: Sequence[float] = (0.6, 0.8, 1.0, 1.3, 1.7),
    scenes: int = 20,
    calibration_scenes: int = 12,
) -> dict[float, dict[str, float]]:
    """Return the mean relative error per focal ratio and method."""
    result: dict[float, dict[str, float]] = {}
    for ratio in focal_ratios:
        first = predict_views(predictor, domain, range(calibration_scenes), ratio)
        then = predict_views(predictor, domain, range(1000, 1000 + scenes), ratio)
        result[ratio] = {}
        for method in METHODS:
            references = method in ('height', 'laser', 'one distance')
            scale = calibrated(first, method) if references else 1.0
            errors = [abs_rel(view, method, scale, predictor) for view in then]
            result[ratio][method] = float(np.mean(errors))
    return result
