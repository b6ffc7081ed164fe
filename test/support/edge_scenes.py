"""Exact depth of a floor that ends in a step or a ramp, with noise, and the edges found in it."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import cv2
import numpy as np
from fake_predictor import FakePredictor
from numpy.typing import NDArray

from zoedepth_ros.geometry.camera import Camera
from zoedepth_ros.geometry.ground import up_from_angles
from zoedepth_ros.geometry.intrinsics import CameraModel, Intrinsics
from zoedepth_ros.geometry.scan import flat_axes
from zoedepth_ros.inference.result import DepthResult
from zoedepth_ros.pipeline import outputs
from zoedepth_ros.pipeline.camera_pipeline import CameraPipeline
from zoedepth_ros.pipeline.outputs import Cloud
from zoedepth_ros.pipeline.request import all_due
from zoedepth_ros.pipeline.settings import settings_from

Map = NDArray[np.float32]
Noise = Callable[[Map, np.random.Generator], Map]

RAMP = math.tan(math.radians(5.0))
DROP_M = 0.1
NEAR_M = 0.3
"""Largest distance between a point and an edge that it belongs to."""
NOISE = 0.01


@dataclass(frozen=True, slots=True)
class EdgeScene:
    """A camera above a floor that ends in a straight edge."""

    height_m: float = 0.5
    pitch_rad: float = -0.2
    roll_rad: float = 0.0
    hfov_rad: float = 1.3
    size: tuple[int, int] = (480, 640)
    edge_m: float = 2.0
    """Distance of the edge straight ahead."""
    turn_rad: float = 0.0
    """Angle between the edge and the image's rows, seen from above."""

    @property
    def up(self) -> tuple[float, float, float]:
        """Unit vector away from the floor in the camera frame."""
        return up_from_angles(self.pitch_rad, self.roll_rad)

    def camera(self) -> Camera:
        """Return the camera."""
        height, width = self.size
        return Camera(CameraModel(Intrinsics.from_hfov(width, height, self.hfov_rad)))

    def across_along(self, points_m: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any]]:
        """Return the place of points (…, 3) across and along the edge [m], from the camera."""
        forward, left = flat_axes(np.array(self.up))
        ahead, aside = points_m @ forward, points_m @ left
        cos, sin = math.cos(self.turn_rad), math.sin(self.turn_rad)
        return cos * ahead + sin * aside, cos * aside - sin * ahead

    def depth(
        self,
        drop_m: float = 0.0,
        slope: float = 0.0,
        *,
        wall_m: float = 9.0,
        box: tuple[float, float, float, float] | None = None,
    ) -> Map:
        """Return exact depth (H, W) [m].

        drop_m: the floor beyond the edge is lower; inf for none.  slope: it descends.  wall_m:
        distance of a wall.  box: distance, place along the edge, width and height of a front.
        """
        rays = self.camera().rays().astype(np.float64)
        directions = np.concatenate((rays, np.ones_like(rays[..., :1])), axis=-1)
        (x, y), z = self.across_along(directions), directions @ np.array(self.up)
        with np.errstate(divide='ignore', invalid='ignore'):
            depth_m = np.where(z < 0.0, -self.height_m / z, np.inf)
            past = depth_m * x > self.edge_m
            if drop_m:
                lower_m = np.where(z < 0.0, -(self.height_m + drop_m) / z, np.inf)
                depth_m = np.where(past, lower_m, depth_m)
            if slope:
                ramp_m = -(self.height_m - self.edge_m * slope) / (z + x * slope)
                ramp_m = np.where((ramp_m > 0.0) & (ramp_m * x > self.edge_m), ramp_m, np.inf)
                depth_m = np.where(past | (z >= 0.0), ramp_m, depth_m)
            depth_m = np.minimum(depth_m, np.where(x > 0.0, wall_m / x, np.inf))
            if box is not None:
                at_m, middle_m, width_m, tall_m = box
                front_m = np.where(x > 0.0, at_m / x, np.inf)
                hit = np.abs(front_m * y - middle_m) < width_m / 2
                hit &= front_m * z + self.height_m < tall_m
                depth_m = np.where(hit & (front_m < depth_m), front_m, depth_m)
        return depth_m.astype(np.float32)

    @classmethod
    def random(cls, random: np.random.Generator) -> EdgeScene:
        """Return a scene whose edge is 3 degrees or more inside the image."""
        while True:
            height_m, pitch_rad = random.uniform(0.3, 1.5), random.uniform(-0.6, 0.0)
            hfov_rad = math.radians(random.uniform(50.0, 95.0))
            half_rad = math.atan(0.75 * math.tan(0.5 * hfov_rad)) - math.radians(3.0)
            if abs(-math.atan2(height_m, 2.0) - pitch_rad) < half_rad:
                turn_rad = random.uniform(-0.6, 0.6)
                return cls(height_m, pitch_rad, hfov_rad=hfov_rad, turn_rad=turn_rad)


def independent(depth_m: Map, random: np.random.Generator) -> Map:
    """Add 1 % of noise to each pixel."""
    return depth_m * (1.0 + random.normal(0.0, NOISE, depth_m.shape).astype(np.float32))


def smooth(depth_m: Map, random: np.random.Generator) -> Map:
    """Add 1 % of error that changes over a quarter of the image."""
    few = random.normal(0.0, NOISE, (4, 5)).astype(np.float32)
    height, width = depth_m.shape
    return depth_m * np.exp(cv2.resize(few, (width, height), interpolation=cv2.INTER_CUBIC))


def patchy(depth_m: Map, random: np.random.Generator) -> Map:
    """Add 1 % of error that changes over some ten pixels."""
    error = cv2.GaussianBlur(random.normal(0.0, 1.0, depth_m.shape), (0, 0), 4.0)
    return depth_m * np.exp(NOISE * error / error.std()).astype(np.float32)


NOISES: tuple[Noise, ...] = (independent, smooth, patchy)


def edges_of(scene: EdgeScene, depths_m: Iterable[Map], **values: Any) -> Iterator[Map]:
    """Yield the points (k, 3) [m] of each depth map of a scene, 10 images a second.

    values: parameters, with __ for a dot.
    """
    named = {name.replace('__', '.'): value for name, value in values.items()}
    mount = {'camera.pitch': scene.pitch_rad, 'camera.roll': scene.roll_rad}
    settings = settings_from({'cloud.rate': 0.0, 'filter.sky': False, **mount, **named})
    pipeline = CameraPipeline(FakePredictor(heads=('indoor',), network=scene.size), settings)
    camera, rgb = scene.camera(), np.zeros((*scene.size, 3), np.uint8)
    for number, depth_m in enumerate(depths_m):
        request = pipeline.prepare(rgb, camera, 0.1 * number, all_due({outputs.CLIFFS}))
        unknown = np.zeros_like(depth_m)
        result = DepthResult(depth_m, unknown, unknown, 'indoor', {})
        points_m = np.empty((0, 3), np.float32)
        for output in pipeline.process(request, result):
            if isinstance(output, Cloud) and output.name == outputs.CLIFFS:
                points_m = output.points.copy()
        yield points_m


def exact_score(noise: Noise, images: int) -> dict[str, int]:
    """Measure drops of 10 cm at 2 m from random cameras; 10 images of each after the first.

    Returns the number of `images`, of those in which the drop is `found` where it is, and of
    images with an edge, of as many of a level floor, `false_level`, and of a floor that goes on as
    a ramp of 5 degrees, `false_ramp`.
    """
    random, counts = np.random.default_rng(0), Counter[str]()

    def found(scene: EdgeScene, depth_m: Map) -> list[Map]:
        return list(edges_of(scene, (noise(depth_m, random) for _ in range(11))))[1:]

    for _ in range(max(1, images // 10)):
        scene = EdgeScene.random(random)
        for points_m in found(scene, scene.depth(DROP_M)):
            near = np.abs(scene.across_along(points_m)[0] - scene.edge_m) < NEAR_M
            counts['images'] += 1
            counts['found'] += bool(near.sum() > 0.5 * len(near))
        ramp = replace(scene, edge_m=random.uniform(1.0, 2.5)).depth(slope=RAMP)
        for name, depth_m in (('false_level', scene.depth()), ('false_ramp', ramp)):
            counts[name] += sum(len(points_m) > 0 for points_m in found(scene, depth_m))
    return counts
