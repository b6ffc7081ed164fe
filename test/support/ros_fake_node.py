"""A process: the real node with a fake predictor, as told by ZOEDEPTH_FAKE (JSON)."""

from __future__ import annotations

import json
import os
import time

import numpy as np
from fake_predictor import FakePredictor

from zoedepth_ros.ros.main import end, run


def plane_depth(plane: list[float], camera: list[float]):
    """Give depth(rgb, head) of the plane n.x = d (plane: n and d) seen by fx, fy, cx, cy."""
    nx, ny, nz, d = plane
    fx, fy, cx, cy = camera

    def depth(rgb, head):
        v, u = np.mgrid[: rgb.shape[0], : rgb.shape[1]].astype(np.float64)
        return d / (nx * (u - cx) / fx + ny * (v - cy) / fy + nz)

    return depth


def make_predictor(settings):
    options = json.loads(os.environ.get('ZOEDEPTH_FAKE', '{}'))
    time.sleep(options.pop('load_s', 0.0))
    refuse = options.pop('refuse', '')
    if refuse:
        raise ValueError(refuse)
    if 'plane' in options:
        options['depth'] = plane_depth(options.pop('plane'), options.pop('camera'))
    if 'heads' in options:
        options['heads'] = tuple(options['heads'])
    by_brightness = options.pop('bright_is_outdoor', False)
    if by_brightness:
        options['router'] = lambda rgb: (
            {'indoor': 0.1, 'outdoor': 0.9}
            if rgb.mean() > 127
            else {'indoor': 0.9, 'outdoor': 0.1}
        )
    head_depths = options.pop('depth_by_head', None)
    if head_depths:
        options['depth'] = lambda rgb, head: np.full(rgb.shape[:2], head_depths[head])
    predictor = FakePredictor(**{'model_name': settings.model, **options})
    fail_when_dark = options_fail(predictor)
    return fail_when_dark


def options_fail(predictor: FakePredictor):
    """Make a picture that is black in every pixel an error of the network."""
    call = predictor.__class__.__call__

    class Failing(FakePredictor):
        def __call__(self, rgb, head='auto', *, route=True):
            if not rgb.any():
                raise RuntimeError('a black picture')
            return call(self, rgb, head, route=route)

    predictor.__class__ = Failing
    return predictor


if __name__ == '__main__':
    end(run(make_predictor))
