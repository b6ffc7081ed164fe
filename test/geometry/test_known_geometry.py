"""Planes, spheres and corridors through every kind of lens, right to 1e-3 everywhere.

The true rays are found here by Newton's method on the definition of each lens model.
"""

import numpy as np
import pytest

from zoedepth_ros.geometry.intrinsics import CalibrationFields, camera_from_calibration
from zoedepth_ros.geometry.points import depth_to_points
from zoedepth_ros.geometry.rays import rays

WIDTH, HEIGHT = 160, 120
K = (84.0, 0.0, 81.3, 0.0, 83.0, 58.4, 0.0, 0.0, 1.0)  # 87 degrees across
LENSES = {
    'pinhole': ('plumb_bob', (0.0,) * 5),
    'plumb_bob': ('plumb_bob', (-0.12, 0.03, 0.001, -0.002, -0.002)),
    'rational': ('rational_polynomial', (0.25, 0.05, 0.001, -0.0003, 0.01, 0.45, 0.08, 0.01)),
    'fisheye': ('equidistant', (0.02, -0.01, 0.003, -0.001)),
}


def bend(model, d, xy):
    """Apply a lens to x/z, y/z (n, 2), by the definition of its model."""
    square = (xy**2).sum(axis=1, keepdims=True)
    if model == 'equidistant':
        radius = np.sqrt(square)
        theta = np.arctan(radius)
        bent = theta * (1 + sum(k * theta ** (2 * i + 2) for i, k in enumerate(d)))
        return xy * np.where(radius > 1e-12, bent / np.maximum(radius, 1e-12), 1.0)
    k1, k2, p1, p2, k3, *lower = d
    k4, k5, k6 = lower if lower else (0.0, 0.0, 0.0)
    radial = (1 + k1 * square + k2 * square**2 + k3 * square**3) / (
        1 + k4 * square + k5 * square**2 + k6 * square**3
    )
    x, y = xy[:, :1], xy[:, 1:]
    tangential = np.hstack((
        2 * p1 * x * y + p2 * (square + 2 * x**2),
        p1 * (square + 2 * y**2) + 2 * p2 * x * y,
    ))  # fmt: skip
    return xy * radial + tangential


def true_rays(model, d):
    columns, rows = np.meshgrid(np.arange(WIDTH), np.arange(HEIGHT))
    seen = np.stack(((columns - K[2]) / K[0], (rows - K[5]) / K[4]), axis=-1).reshape(-1, 2)
    xy = seen.copy()
    if model == 'equidistant':
        radius = np.linalg.norm(seen, axis=1, keepdims=True)
        xy *= np.tan(np.minimum(radius, 1.4)) / np.maximum(radius, 1e-12)
    for _ in range(50):
        off, step = bend(model, d, xy) - seen, 1e-6
        right, down = np.array((step, 0.0)), np.array((0.0, step))
        dx = (bend(model, d, xy + right) - bend(model, d, xy - right)) / (2 * step)
        dy = (bend(model, d, xy + down) - bend(model, d, xy - down)) / (2 * step)
        det = dx[:, 0] * dy[:, 1] - dx[:, 1] * dy[:, 0]
        xy[:, 0] -= (off[:, 0] * dy[:, 1] - off[:, 1] * dy[:, 0]) / det
        xy[:, 1] -= (off[:, 1] * dx[:, 0] - off[:, 0] * dx[:, 1]) / det
    assert np.abs(bend(model, d, xy) - seen).max() < 1e-9
    return np.hstack((xy, np.ones((len(xy), 1))))


def plane(directions):
    return 3.0 / (directions @ (0.2, -0.1, 0.9))


def sphere(directions):
    """Seen from inside, so that it fills the image."""
    centre, radius = np.array((0.5, 0.3, 1.0)), 6.0
    a, b = (directions**2).sum(axis=1), directions @ centre
    return (b + np.sqrt(b * b - a * (centre @ centre - radius**2))) / a


def corridor(directions):
    """1.1 m to the left, 0.9 to the right, 1.2 below, 1.3 above, and 20 m long."""
    sides = np.where(directions < 0, (-1.1, -1.3, -1.0), (0.9, 1.2, 20.0))
    with np.errstate(divide='ignore'):
        return (sides / directions).min(axis=1)


@pytest.mark.parametrize('surface', [plane, sphere, corridor])
@pytest.mark.parametrize('lens', LENSES)
def test_points_lie_on_the_true_surface_everywhere_in_the_image(lens, surface):
    model, d = LENSES[lens]
    directions = true_rays(model, d)
    depth_m = surface(directions)
    assert (depth_m > 0).all()
    fields = CalibrationFields(
        k=K, d=d, p=(), distortion_model=model, width=WIDTH, height=HEIGHT, rectified=False
    )
    camera = camera_from_calibration(fields, height=HEIGHT, width=WIDTH)
    found_m = depth_to_points(depth_m.astype(np.float32).reshape(HEIGHT, WIDTH), rays(camera))
    true_m = directions * depth_m[:, None]
    distance_m = np.linalg.norm(true_m, axis=1)
    error = np.linalg.norm(found_m.reshape(-1, 3) - true_m, axis=1) / distance_m
    assert error.max() < 1e-3  # NaN would fail too
