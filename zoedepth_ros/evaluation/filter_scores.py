"""Measure how many wrong pixels the filters remove, how many right ones they keep, and flicker.

Synthetic scenes and trajectories provide the ground truth.  Predictions are either blurred ground
truth or those of a network.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from zoedepth_ros.evaluation.synthetic_scenes import HELD_OUT_SEED
from zoedepth_ros.geometry.filters import flying_pixels
from zoedepth_ros.geometry.intrinsics import CameraModel
from zoedepth_ros.inference.result import DepthPredictor
from zoedepth_ros.pipeline.flicker_filter import FlickerFilter, flicker
from zoedepth_ros.pipeline.outputs import DEPTH
from zoedepth_ros.pipeline.sequence import SequencePredictor
from zoedepth_ros.pipeline.settings import settings_from
from zoedepth_ros.pipeline.temporal_filter import TemporalFilter
from zoedepth_ros.synthetic.scene import random_view, render_sample, render_scene
from zoedepth_ros.synthetic.trajectory import CameraTrajectory, TrajectoryFrame

WRONG_BY, RIGHT_BY = 0.25, 0.10
"""Relative error above which a pixel of a network is wrong, and below which it is right."""
FALSE_SURFACE_SHARE = 0.2
"""Smallest relative reduction of depth in the pixels of a false surface."""

Map = NDArray[np.float32]
Mask = NDArray[np.bool_]
Filter = Literal['edge', 'temporal', 'both']


@dataclass(slots=True)
class FilterCounts:
    """Number of wrong and right pixels, and how many of them a filter removed and kept."""

    wrong: int = 0
    """Wrong pixels."""
    removed: int = 0
    """Wrong pixels that the filter marks."""
    right: int = 0
    """Right pixels."""
    kept: int = 0
    """Right pixels that the filter does not mark."""

    def add(self, marked: Mask, wrong: Mask, right: Mask) -> None:
        """Add the pixels of one image."""
        self.wrong += int(wrong.sum())
        self.removed += int((wrong & marked).sum())
        self.right += int(right.sum())
        self.kept += int((right & ~marked).sum())

    @property
    def removed_fraction(self) -> float:
        """Share of the wrong pixels that is removed; NaN if there are none."""
        return self.removed / self.wrong if self.wrong else math.nan

    @property
    def kept_fraction(self) -> float:
        """Share of the right pixels that is kept; NaN if there are none."""
        return self.kept / self.right if self.right else math.nan


def edge_filter_counts(
    domain: str, network: tuple[int, int], sigma_px: float, seeds: Sequence[int]
) -> FilterCounts:
    """Apply the edge filter to scenes at 480x640, blurred like the output of a network.

    Wrong: more than 5 % from every surface nearby.  Right: within 5 % of the ground truth.
    """
    counts = FilterCounts()
    for seed in seeds:
        depth_m = render_scene(domain, HELD_OUT_SEED + seed, 480, 640).depth_m
        blurred_m = blur_as_a_network(depth_m, network, sigma_px)
        reach_px = math.ceil(3 * sigma_px * depth_m.shape[1] / network[1])
        counts.add(
            flying_pixels(blurred_m, network_width=network[1]),
            flying(blurred_m, depth_m, reach_px),
            matches_ground_truth(blurred_m, depth_m),
        )
    return counts


def temporal_filter_counts(kind: str, seed: int, images: int) -> FilterCounts:
    """Apply the temporal filter to false surfaces that appear in single images of a trajectory.

    The depth is ground truth, blurred like the output of a network of 192x256 with a random width,
    with two bulges at random positions in every image.
    """
    counts, check = FilterCounts(), TemporalFilter()
    random = np.random.default_rng(seed)
    for frame in _frames(kind, seed, images):
        depth_m = frame.sample.depth_m
        sigma_px = 1.3 * math.exp(0.3 * random.normal())
        blurred_m = blur_as_a_network(depth_m, (192, 256), sigma_px)
        nearer = _bulge(depth_m.shape, random) + _bulge(depth_m.shape, random)
        predicted_m = blurred_m * (np.float32(1.0) - nearer.clip(0.0, 0.9))
        check.take(predicted_m, frame.domain, frame.time_s)
        removed = check.unconfirmed()
        if removed is not None:
            right = matches_ground_truth(predicted_m, depth_m)
            counts.add(removed, nearer > FALSE_SURFACE_SHARE, right)
    return counts


def _bulge(shape: tuple[int, ...], random: np.random.Generator) -> Map:
    """Return the relative reduction of depth by a random smooth bulge, (H, W)."""
    rows, columns = np.ogrid[: shape[0], : shape[1]]
    row, column = random.integers(shape[0]), random.integers(shape[1])
    radius_px = random.uniform(0.015, 0.05) * shape[1]
    square = (rows - row) ** 2 + (columns - column) ** 2
    return (0.6 * np.exp(-square / (2.0 * radius_px**2))).astype(np.float32)


def network_filter_counts(
    predictor: DepthPredictor, kind: str, seed: int, images: int
) -> dict[Filter, FilterCounts]:
    """Apply the filters to the depth of a network on a trajectory.

    Depth is scaled by one factor for the whole trajectory.  Wrong: an error of more than 25 %.
    Right: within 10 %.
    """
    predicted, width = _predictions(predictor, kind, seed, images)
    ratios = [np.nanmedian(f.sample.depth_m / depth_m) for f, depth_m in predicted]
    factor = np.float32(np.median(ratios))
    check = TemporalFilter()
    filters: tuple[Filter, ...] = ('edge', 'temporal', 'both')
    counts_by_filter = {name: FilterCounts() for name in filters}
    for frame, depth_m in predicted:
        true_m = frame.sample.depth_m
        check.take(depth_m * factor, frame.domain, frame.time_s)
        suppressed = check.unconfirmed()
        if suppressed is None:
            continue
        error = np.abs(depth_m * factor - true_m) / true_m  # NaN is neither wrong nor right
        edge = flying_pixels(depth_m, network_width=width)
        for name, marked in zip(filters, (edge, suppressed, edge | suppressed), strict=True):
            counts_by_filter[name].add(marked, error > WRONG_BY, error < RIGHT_BY)
    return counts_by_filter


def _predictions(
    predictor: DepthPredictor, kind: str, seed: int, images: int
) -> tuple[list[tuple[TrajectoryFrame, Map]], int]:
    """Predict the depth of a trajectory with the head of each domain; also the network's width."""
    unfiltered = {'depth.min': 0.0, 'filter.sky': False}
    predict = {
        domain: SequencePredictor(predictor, settings_from({**unfiltered, 'router.mode': domain}))
        for domain in predictor.heads
    }
    found = []
    width = 0
    for frame in _frames(kind, seed, images):
        sample = frame.sample
        assert sample.camera is not None
        camera = CameraModel(sample.camera)
        made = predict[sample.domain](sample.rgb, camera, frame.time_s, {DEPTH})
        assert made.depth_m is not None
        width = predictor.network_size(*sample.depth_m.shape)[1]
        found.append((frame, made.depth_m.copy()))
    return found, width


def _frames(kind: str, seed: int, images: int) -> Iterator[TrajectoryFrame]:
    trajectory = CameraTrajectory(kind, HELD_OUT_SEED + seed)
    return (trajectory[number] for number in range(min(images, len(trajectory))))


def scale_flicker(
    predictor: DepthPredictor, domain: str, seeds: Sequence[int], images: int, noise: float
) -> tuple[float, float]:
    """Return the flicker of the scale on static scenes, without and with `FlickerFilter`.

    noise: standard deviation of the sensor noise, relative to full scale.  The flicker is the mean
    over scenes of the standard deviation of log median depth.
    """
    before, after = [], []
    for seed in seeds:
        view = random_view(domain, HELD_OUT_SEED + seed)
        flicker_filter, predicted, filtered = FlickerFilter(), [], []
        for number in range(images):
            effects = replace(view.effects, noise=noise, seed=number, jpeg_quality=0)
            sample = render_sample(replace(view, effects=effects), 192, 256, f'{domain} {seed}')
            depth_m = predictor(sample.rgb, domain, route=False).depth_m
            factor = flicker_filter.factor(depth_m, sample.rgb, domain, 0.1 * number)
            predicted.append(depth_m)
            filtered.append(depth_m * np.float32(factor))
        before.append(flicker(predicted))
        after.append(flicker(filtered))
    return float(np.mean(before)), float(np.mean(after))


SKY_M = 80.0
SURFACE_SHARE = 0.05
"""Largest distance of a point to a surface that it belongs to, relative to its depth."""


def blur_as_a_network(depth_m: Map, network: tuple[int, int], sigma_px: float) -> Map:
    """Blur depth (H, W) [m] at the network's size and resize it back; NaN counts as 80 m.

    network: (height, width) [px].  sigma_px: standard deviation of the blur at that size.
    """
    height, width = network
    full_m = np.nan_to_num(depth_m, nan=SKY_M)
    small_m = cv2.resize(full_m, (width, height), interpolation=cv2.INTER_AREA)
    small_m = cv2.GaussianBlur(small_m, (0, 0), sigma_px, borderType=cv2.BORDER_REPLICATE)
    columns, rows = depth_m.shape[1], depth_m.shape[0]
    return cv2.resize(small_m, (columns, rows), interpolation=cv2.INTER_LINEAR)


def flying(blurred_m: Map, depth_m: Map, reach_px: int) -> NDArray[np.bool_]:
    """Mark pixels of a blurred map that match no surface within `reach_px`, (H, W)."""
    full_m = np.nan_to_num(depth_m, nan=SKY_M)
    size = 2 * reach_px + 1
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (size, size))
    nearest_m, farthest_m = cv2.erode(full_m, disc), cv2.dilate(full_m, disc)
    rows, columns = np.nonzero(farthest_m > (1.0 + SURFACE_SHARE) * nearest_m)
    padded_m = np.pad(full_m, reach_px, mode='edge')
    mine_m = blurred_m[rows, columns]
    supported = np.zeros(len(rows), np.bool_)
    for dy, dx in zip(*np.nonzero(disc), strict=True):
        there_m = padded_m[rows + dy, columns + dx]
        supported |= np.abs(mine_m - there_m) < SURFACE_SHARE * there_m
    mask = np.zeros(depth_m.shape, np.bool_)
    mask[rows[~supported], columns[~supported]] = True
    return mask


def matches_ground_truth(blurred_m: Map, depth_m: Map) -> NDArray[np.bool_]:
    """Mark pixels whose blurred depth matches the ground truth of the same pixel, (H, W)."""
    full_m = np.nan_to_num(depth_m, nan=SKY_M)
    return np.abs(blurred_m - full_m) < SURFACE_SHARE * full_m
