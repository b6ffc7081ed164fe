"""A process: the real node with a fake predictor, configured by ZOEDEPTH_FAKE (JSON)."""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path

import numpy as np
from fake_predictor import FakePredictor
from waiting import PATIENCE_S

from zoedepth_ros.inference.result import ContextLost, DeviceLost, OutOfMemory
from zoedepth_ros.ros import depth_node, spin
from zoedepth_ros.ros.main import run

OWN_SIZE = (384, 512)
BROKEN = 'cuda:0: CUDA error: unspecified launch failure'
loads = []


def plane_depth(plane: list[float], camera: list[float]):
    """Return depth(rgb, head) of the plane n.x = d (plane: n and d) seen by fx, fy, cx, cy."""
    nx, ny, nz, d = plane
    fx, fy, cx, cy = camera

    def depth(rgb, head):
        v, u = np.mgrid[: rgb.shape[0], : rgb.shape[1]].astype(np.float64)
        return d / (nx * (u - cx) / fx + ny * (v - cy) / fy + nz)

    return depth


class Dark(FakePredictor):
    """Fail on an image that is black in every pixel, as a network might.

    lost_at, full_at: brightness of images on which the device is lost, or has too little memory
    for a network of its own size.  broken_at: the same for a CUDA context that is lost.
    broken_warm_up: it is lost in the warm-up.  hold: every call reports it and goes on when there
    is no such file.
    """

    lost_at = full_at = broken_at = None
    broken_warm_up = False
    hold = ''

    def warm_up(self, height, width):
        if self.broken_warm_up:
            raise ContextLost(BROKEN)
        super().warm_up(height, width)

    def predict_batch(self, images, heads, *, routes, depth_only=False):
        if self.hold:
            wait_while(self.hold, f'network: {len(images)} at once')
        return super().predict_batch(images, heads, routes=routes, depth_only=depth_only)

    def _predict(self, rgb, head, route):
        if self.device != 'cpu' and rgb[0, 0, 0] == self.lost_at:
            raise DeviceLost(f'{self.device}: CUDA error: gone')
        if rgb[0, 0, 0] == self.broken_at:
            raise ContextLost(BROKEN)
        if self.network == OWN_SIZE and rgb[0, 0, 0] == self.full_at:
            raise OutOfMemory(f'{self.device}: out of memory')
        if not rgb.any():
            raise RuntimeError('a black image')
        return super()._predict(rgb, head, route)


def wait_while(path, text):
    """Print a line and wait until the file is deleted."""
    sys.stdout.write(f'{text}\n')
    sys.stdout.flush()
    while path and Path(path).exists():
        time.sleep(0.005)


def by_brightness(rgb):
    bright = float(rgb.mean() > 127)
    return {'indoor': 0.9 - 0.8 * bright, 'outdoor': 0.1 + 0.8 * bright}


def make_predictor(settings):
    options = json.loads(os.environ.get('ZOEDEPTH_FAKE', '{}'))
    wait_while(options.pop('hold_load', ''), 'loading')
    loads.append(settings)
    if options.pop('broken_load', 0) == len(loads):
        raise ContextLost(BROKEN)
    if 'refuse' in options:
        raise ValueError(options['refuse'])
    if 'plane' in options:
        options['depth'] = plane_depth(options.pop('plane'), options.pop('camera'))
    if 'heads' in options:
        options['heads'] = tuple(options['heads'])
    if options.pop('bright_is_outdoor', False):
        options['router'] = by_brightness
    by_head = options.pop('depth_by_head', None)
    if by_head:
        options['depth'] = lambda rgb, head: np.full(rgb.shape[:2], by_head[head])
    failing = ('lost_at', 'full_at', 'broken_at', 'broken_warm_up')
    failures = {name: options.pop(name, None) for name in failing}
    if 'device' in options and settings.device == 'cpu':  # configured after a loss
        options['device'] = 'cpu'
    if settings.network_height:
        options['network'] = (settings.network_height, settings.network_width)
    hold = options.pop('hold', '')
    ballast_mb = options.pop('ballast_mb', 0)
    made = Dark(**{'model_name': settings.model, 'network': OWN_SIZE, **options})
    made.ballast = np.ones((ballast_mb, 10**6), np.uint8)
    made.hold = hold
    for name, value in failures.items():
        setattr(made, name, value)
    return made


if __name__ == '__main__':
    # On a busy machine its end and the delivery of its last status take as long as they take.
    spin.STUCK_AFTER_S = depth_node.DELIVERY_TIMEOUT_S = 0.5 * PATIENCE_S
    spin.end(run(make_predictor))
