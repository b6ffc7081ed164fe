"""Intersections of rays with solids; kernels.

Convention: rays are in the solid's unit frame (half sizes are 1); the ray parameter is the depth
along the camera's axis, since affine maps keep it.
"""

from __future__ import annotations

import math

from zoedepth_ros.synthetic.jit import kernel
from zoedepth_ros.synthetic.noise import noise3
from zoedepth_ros.synthetic.primitives import BOX, CYLINDER, TAPER

FAR = 1e9


@kernel
def slab(o: float, d: float) -> tuple[float, float]:
    """Return where a coordinate passes -1 and 1, in order."""
    if d == 0.0:
        if abs(o) <= 1.0:
            return -FAR, FAR
        return FAR, -FAR
    t1 = (-1.0 - o) / d
    t2 = (1.0 - o) / d
    if t1 < t2:
        return t1, t2
    return t2, t1


@kernel
def round_interval(
    ox: float, oy: float, oz: float, dx: float, dy: float, dz: float, shrink: float
) -> tuple[float, float]:
    """Return where a ray is in a cylinder whose radius shrinks from 1 to 1 - shrink upwards."""
    near, far = slab(oz, dz)
    r0 = 1.0 - shrink * (oz + 1.0) * 0.5
    dr = -shrink * dz * 0.5
    a = dx * dx + dy * dy - dr * dr
    b = ox * dx + oy * dy - r0 * dr
    c = ox * ox + oy * oy - r0 * r0
    q = b * b - a * c
    if a > 0.0:
        if q < 0.0:
            return FAR, -FAR
        root = math.sqrt(q)
        return max(near, (-b - root) / a), min(far, (root - b) / a)
    if q < 0.0:
        return near, far
    # Steeper than the cone: inside before the first crossing or after the second; which of the
    # two lies between the caps is seen at the caps.
    root = math.sqrt(q)
    first, second = (root - b) / a, (-b - root) / a
    in_near = (a * near + 2.0 * b) * near + c <= 0.0
    in_far = (a * far + 2.0 * b) * far + c <= 0.0
    return (near if in_near else second), (far if in_far else first)


@kernel
def half_space(near: float, far: float, o: float, d: float) -> tuple[float, float]:
    """Cut an interval to where o + t d <= 0."""
    if d < 0.0:
        return max(near, -o / d), far
    if d > 0.0:
        return near, min(far, -o / d)
    if o > 0.0:
        return FAR, -FAR
    return near, far


@kernel
def taper_interval(
    ox: float, oy: float, oz: float, dx: float, dy: float, dz: float,
    shrink_x: float, shrink_y: float, shift: float,
) -> tuple[float, float]:  # fmt: skip
    """Return where a ray is in a box whose top shrinks and shifts."""
    near, far = slab(oz, dz)
    up, dup = (oz + 1.0) * 0.5, dz * 0.5
    x, sx = ox - shift * up, dx - shift * dup
    wx, swx = 1.0 - shrink_x * up, -shrink_x * dup
    wy, swy = 1.0 - shrink_y * up, -shrink_y * dup
    near, far = half_space(near, far, x - wx, sx - swx)
    near, far = half_space(near, far, -x - wx, -sx - swx)
    near, far = half_space(near, far, oy - wy, dy - swy)
    near, far = half_space(near, far, -oy - wy, -dy - swy)
    return near, far


@kernel
def interval(
    kind: int, ox: float, oy: float, oz: float, dx: float, dy: float, dz: float,
    s1: float, s2: float, s3: float,
) -> tuple[float, float]:  # fmt: skip
    """Return where a ray enters and leaves a solid; enters after it leaves when it misses."""
    if kind == BOX:
        x1, x2 = slab(ox, dx)
        y1, y2 = slab(oy, dy)
        z1, z2 = slab(oz, dz)
        return max(x1, max(y1, z1)), min(x2, min(y2, z2))
    if kind == CYLINDER:
        return round_interval(ox, oy, oz, dx, dy, dz, s1)
    if kind == TAPER:
        return taper_interval(ox, oy, oz, dx, dy, dz, s1, s2, s3)
    a = dx * dx + dy * dy + dz * dz
    b = ox * dx + oy * dy + oz * dz
    c = ox * ox + oy * oy + oz * oz - 1.0
    q = b * b - a * c
    if q < 0.0:
        return FAR, -FAR
    root = math.sqrt(q)
    return (-b - root) / a, (root - b) / a


@kernel
def is_leaf(
    x: float, y: float, z: float, hx: float, hy: float, hz: float,
    density: float, grain_m: float, seed: int,
) -> bool:  # fmt: skip
    """Return whether a point on an ellipsoid of leaves is a leaf, not a gap."""
    k = 1.0 / grain_m
    px, py, pz = x * hx * k, y * hy * k, z * hz * k
    value = 0.6 * noise3(px, py, pz, seed)
    value += 0.4 * noise3(2.3 * px, 2.3 * py, 2.3 * pz, seed + 7)
    return value < 0.2 + 0.6 * density


@kernel
def normal_at(
    kind: int, x: float, y: float, z: float, s1: float, s2: float, s3: float
) -> tuple[float, float, float, int]:
    """Return the outward normal of the unit solid and the face: 0 x, 1 y, 2 z, 3 round."""
    if kind == BOX:
        ax, ay, az = abs(x), abs(y), abs(z)
        if ax >= ay and ax >= az:
            return math.copysign(1.0, x), 0.0, 0.0, 0
        if ay >= az:
            return 0.0, math.copysign(1.0, y), 0.0, 1
        return 0.0, 0.0, math.copysign(1.0, z), 2
    if kind == CYLINDER:
        r = 1.0 - s1 * (z + 1.0) * 0.5
        if 1.0 - abs(z) < r - math.sqrt(x * x + y * y):
            return 0.0, 0.0, math.copysign(1.0, z), 2
        return x, y, s1 * 0.5 * r, 3
    if kind == TAPER:
        up = (z + 1.0) * 0.5
        xs, wx, wy = x - s3 * up, 1.0 - s1 * up, 1.0 - s2 * up
        gx, gy, gz = wx - abs(xs), wy - abs(y), 1.0 - abs(z)
        if gx <= gy and gx <= gz:
            side = math.copysign(1.0, xs)
            return side, 0.0, 0.5 * (s1 - side * s3), 0
        if gy <= gz:
            return 0.0, math.copysign(1.0, y), 0.5 * s2, 1
        return 0.0, 0.0, math.copysign(1.0, z), 2
    return x, y, z, 3
