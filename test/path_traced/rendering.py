"""Render in a process of its own, because the threads of Mitsuba can hang at its end.

    rendering.py MODELS HDRIS OUT

Writes OUT/formula.npz and a small image of each kind into OUT/kinds; HDRIS is filled.
"""

import math
import os
import sys
from pathlib import Path

import mitsuba as mi
import numpy as np

from zoedepth_ros.geometry.intrinsics import Intrinsics
from zoedepth_ros.path_traced import camera, renderer
from zoedepth_ros.path_traced.places import KINDS
from zoedepth_ros.path_traced.render_set import (
    RenderSettings,
    load_assets,
    render_image,
    write_rendered,
)

EYE = (0.3, -0.4, 0.9)
CENTRE, RADIUS = (0.0, 0.0, 0.2), 0.1


def view():
    """Look down at the origin with a roll of 0.3 rad."""
    c, s = math.cos(0.3), math.sin(0.3)
    roll = np.array([[c, -s, 0], [s, c, 0], [0, 0, 1]])
    rotation = camera.rotation_towards(np.array([-0.25, 0.42, -0.7])) @ roll
    return camera.View(np.array(EYE), rotation, Intrinsics(105.0, 105.0, 63.5, 47.5, 128, 96))


def plane_and_sphere(out):
    sphere = {'type': 'sphere', 'center': list(CENTRE), 'radius': RADIUS}
    plane = {'type': 'rectangle', 'to_world': mi.ScalarTransform4f().scale([50, 50, 1])}
    scene = mi.load_dict({'type': 'scene', 'plane': plane, 'sphere': sphere})
    seen = view()
    pixels = np.array([(0, 0), (10, 20), (64, 48), (127, 95)])
    sensor = renderer.sensor_of(seen, 1)
    sampled = []
    for x, y in pixels:
        place = mi.Point2f((x + 0.5) / 128, (y + 0.5) / 96)
        ray, _ = sensor.sample_ray(0.0, 0.5, place, mi.Point2f(0.5, 0.5))
        sampled.append(np.array(ray.d).ravel())
    np.savez(
        out / 'formula.npz', depth_m=renderer.depth_of(scene, seen), rotation=seen.rotation,
        pixels=pixels, sampled=sampled, rays=seen.rays(),
    )  # fmt: skip


def main(models, skies, out):
    renderer.choose_variant(renderer.SLOW)
    plane_and_sphere(out)
    for name in ('lobby', 'city'):
        sky = np.random.default_rng(0).random((8, 16, 3)).astype(np.float32)
        mi.Bitmap(sky).write(str(skies / f'{name}.exr'))
    camera.SIZES_PX = ((64, 48),)
    settings = RenderSettings(out / 'kinds', models, skies, samples=2, variant=renderer.SLOW)
    assets = load_assets(settings)
    for number, kind in enumerate(KINDS):
        write_rendered(settings.out, render_image(settings, assets, number, kind))


if __name__ == '__main__':
    main(*(Path(argument) for argument in sys.argv[1:]))
    sys.stdout.flush()
    os._exit(0)
