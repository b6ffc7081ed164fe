"""What the filters remove of what is wrong, and keep of what is true; how much a scale trembles.

Drawn scenes and walks tell what is true. Networks are stood in for by true depth that is blurred
as one blurs it, or are asked themselves.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from zoedepth_ros.evaluation.blurred_depth import blur_as_a_network, flying, lies_where_it_is
from zoedepth_ros.evaluation.scenes import HELD_OUT_SEED
from zoedepth_ros.geometry.filters import flying_pixels
from zoedepth_ros.geometry.intrinsics import CameraModel
from zoedepth_ros.inference.result import DepthPredictor
from zoedepth_ros.pipeline.flicker_filter import FlickerFilter, flicker
from zoedepth_ros.pipeline.focal_correction import ThroughCamera
from zoedepth_ros.pipeline.temporal_filter import TemporalCheck
from zoedepth_ros.synthetic.scene import draw_scene, draw_view, take_sample
from zoedepth_ros.synthetic.trajectory import Frame, Walk

WRONG_BY, RIGHT_BY = 0.25, 0.10
"""Relative error above which a network's pixel is wrong, and below which it is right."""
IMAGINED_SHARE = 0.2
"""How much nearer, relative to its depth, what a network imagines makes a pixel."""

Map = NDArray[np.float32]
Mask = NDArray[np.bool_]
Filter = Literal['edge', 'temporal', 'both']


@dataclass(slots=True)
class Tally:
    """Count what a filter does to pixels."""

    wrong: int = 0
    """Pixels that are wrong."""
    removed: int = 0
    """Those of them that the filter marks."""
    right: int = 0
    """Pixels that are right."""
    kept: int = 0
    """Those of them that it leaves."""

    def add(self, marked: Mask, wrong: Mask, right: Mask) -> None:
        """Count one picture."""
        self.wrong += int(wrong.sum())
        self.removed += int((wrong & marked).sum())
        self.right += int(right.sum())
        self.kept += int((right & ~marked).sum())

    @property
    def removed_share(self) -> float:
        """Share of what is wrong that is removed; NaN where nothing is."""
        return self.removed / self.wrong if self.wrong else math.nan

    @property
    def kept_share(self) -> float:
        """Share of what is right that is kept; NaN where nothing is."""
        return self.kept / self.right if self.right else math.nan


def edges(domain: str, network: tuple[int, int], sigma_px: float, seeds: Sequence[int]) -> Tally:
    """Tell what the edge filter does to scenes at 480x640, blurred as by a network of that size.

    Wrong: within 5 % of no true surface near by.  Right: within 5 % of its own true depth.
    """
    tally = Tally()
    for seed in seeds:
        depth_m = draw_scene(domain, HELD_OUT_SEED + seed, 480, 640).depth_m
        blurred_m = blur_as_a_network(depth_m, network, sigma_px)
        reach_px = math.ceil(3 * sigma_px * depth_m.shape[1] / network[1])
        tally.add(
            flying_pixels(blurred_m, network_width=network[1]),
            flying(blurred_m, depth_m, reach_px),
            lies_where_it_is(blurred_m, depth_m),
        )
    return tally


def imagined(kind: str, seed: int, pictures: int) -> Tally:
    """Tell what the temporal check does to things that are imagined for one picture of a walk.

    True depth, blurred as by a network of 192x256 with another width each time, and two bulges in
    every picture at places of their own.
    """
    tally, check = Tally(), TemporalCheck()
    random = np.random.default_rng(seed)
    for frame in _frames(kind, seed, pictures):
        depth_m = frame.sample.depth_m
        sigma_px = 1.3 * math.exp(0.3 * random.normal())
        blurred_m = blur_as_a_network(depth_m, (192, 256), sigma_px)
        nearer = _bulge(depth_m.shape, random) + _bulge(depth_m.shape, random)
        said_m = blurred_m * (np.float32(1.0) - nearer.clip(0.0, 0.9))
        check.take(said_m, frame.domain, frame.time_s)
        held = check.held()
        if held is not None:
            right = lies_where_it_is(said_m, depth_m)
            tally.add(held, nearer > IMAGINED_SHARE, right)
    return tally


def _bulge(shape: tuple[int, ...], random: np.random.Generator) -> Map:
    """Give how much nearer a smooth bulge of a random place and size makes each pixel, (H, W)."""
    rows, columns = np.ogrid[: shape[0], : shape[1]]
    row, column = random.integers(shape[0]), random.integers(shape[1])
    radius_px = random.uniform(0.015, 0.05) * shape[1]
    square = (rows - row) ** 2 + (columns - column) ** 2
    return (0.6 * np.exp(-square / (2.0 * radius_px**2))).astype(np.float32)


def on_a_walk(
    predictor: DepthPredictor, kind: str, seed: int, pictures: int
) -> dict[Filter, Tally]:
    """Tell what the filters do to a network's depth on a walk.

    Depth is multiplied by the one factor that is right for the whole walk.  Wrong: more than 25 %
    off.  Right: within 10 %.
    """
    said, width = _said(predictor, kind, seed, pictures)
    ratios = [np.nanmedian(f.sample.depth_m / depth_m) for f, depth_m in said]
    factor = np.float32(np.median(ratios))
    check = TemporalCheck()
    tallies: dict[Filter, Tally] = {'edge': Tally(), 'temporal': Tally(), 'both': Tally()}
    for frame, depth_m in said:
        true_m = frame.sample.depth_m
        check.take(depth_m * factor, frame.domain, frame.time_s)
        held = check.held()
        if held is None:
            continue
        off = np.abs(depth_m * factor - true_m) / true_m  # NaN is neither
        edge = flying_pixels(depth_m, network_width=width)
        marks: dict[Filter, Mask] = {'edge': edge, 'temporal': held, 'both': edge | held}
        for name, marked in marks.items():
            tallies[name].add(marked, off > WRONG_BY, off < RIGHT_BY)
    return tallies


def _said(
    predictor: DepthPredictor, kind: str, seed: int, pictures: int
) -> tuple[list[tuple[Frame, Map]], int]:
    """Ask a network about a walk with each picture's own head; also the columns it sees."""
    look, said = ThroughCamera(predictor), []
    width = 0
    for frame in _frames(kind, seed, pictures):
        sample = frame.sample
        assert sample.camera is not None
        result = look(sample.rgb, CameraModel(sample.camera), sample.domain, route=False)
        width = predictor.network_size(*sample.depth_m.shape)[1]
        said.append((frame, result.depth_m))
    return said, width


def _frames(kind: str, seed: int, pictures: int) -> Iterator[Frame]:
    walk = Walk(kind, HELD_OUT_SEED + seed)
    return (walk[number] for number in range(min(pictures, len(walk))))


def tremble(
    predictor: DepthPredictor, domain: str, seeds: Sequence[int], pictures: int, noise: float
) -> tuple[float, float]:
    """Give the scale's flicker on scenes that stand still, as it is and held by `FlickerFilter`.

    noise: of the sensor, fresh in every picture [0 to 1 is black to white].  The means over scenes
    of the standard deviation of log median depth.
    """
    before, after = [], []
    for seed in seeds:
        view = draw_view(domain, HELD_OUT_SEED + seed)
        flicker_filter, said, held = FlickerFilter(), [], []
        for number in range(pictures):
            film = replace(view.film, noise=noise, seed=number, jpeg_quality=0)
            sample = take_sample(replace(view, film=film), 192, 256, f'{domain} {seed}')
            depth_m = predictor(sample.rgb, domain, route=False).depth_m
            factor = flicker_filter.factor(depth_m, sample.rgb, domain, 0.1 * number)
            said.append(depth_m)
            held.append(depth_m * np.float32(factor))
        before.append(flicker(said))
        after.append(flicker(held))
    return float(np.mean(before)), float(np.mean(after))
