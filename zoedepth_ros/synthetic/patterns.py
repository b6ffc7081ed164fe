"""Patterns of surfaces that mix two colours; kernels.

Each takes a place on the surface u, v [m] and the size of a pixel there, `blur` [m], and returns
the share of the second colour and a factor for brightness. What is finer than a pixel fades.
"""

from __future__ import annotations

import math

from zoedepth_ros.synthetic.jit import kernel
from zoedepth_ros.synthetic.noise import band, chance, detail, noise2, noise3
from zoedepth_ros.synthetic.primitives import (
    BRICK,
    CARPET,
    CURTAIN,
    FABRIC,
    GARAGE,
    GRASS,
    LEAVES,
    PANEL,
    PLANKS,
    ROOF,
    ROUGH,
    SLABS,
    STONE,
    STRIPES,
    TILES,
    WOOD,
)


@kernel
def planks(u: float, v: float, width: float, seed: int, blur: float) -> tuple[float, float]:
    """Draw floor boards along u, with joints, each of its own tone."""
    row = math.floor(v / width)
    length = 9.0 * width
    along = u / length + chance(int(row), 3, seed)
    board = math.floor(along)
    tone = 0.8 + 0.4 * chance(int(row), int(board), seed)
    gap = band((v / width - row - 0.5) * width + 0.5 * width, 0.003, blur)
    gap += band((v / width - row - 0.5) * width - 0.5 * width, 0.003, blur)
    gap += band((along - board - 0.5) * length + 0.5 * length, 0.003, blur)
    grain = detail(u * 4.0, v * 60.0, seed + int(row) * 17, blur * 30.0)
    return min(1.0, 0.8 * gap) + 0.25 * max(0.0, grain), tone * (1.0 + 0.25 * grain)


@kernel
def tiles(
    u: float, v: float, size: float, seed: int, blur: float, checks: float, joint: float
) -> tuple[float, float]:
    """Draw square tiles with joints, in one colour or two."""
    iu, iv = math.floor(u / size), math.floor(v / size)
    du, dv = u - (iu + 0.5) * size, v - (iv + 0.5) * size
    fade = min(1.0, max(0.0, 1.6 - 1.2 * blur / size))
    tone = 1.0 + 0.16 * fade * (chance(int(iu), int(iv), seed) - 0.5)
    tone *= 1.0 + 0.1 * detail(u * 6.0, v * 6.0, seed, blur * 6.0)
    edge = 0.5 * size
    line = max(band(abs(du) - edge, joint, blur), band(abs(dv) - edge, joint, blur))
    if checks > 0.0:
        odd = float((int(iu) + int(iv)) & 1)
        return 0.5 + (odd - 0.5) * fade, tone * (1.0 - 0.35 * line)
    return line, tone


@kernel
def bricks(u: float, v: float, length: float, seed: int, blur: float) -> tuple[float, float]:
    """Draw courses of bricks, a third as high as long."""
    course = length * 0.3125
    row = math.floor(v / course)
    along = u / length + 0.5 * float(int(row) & 1)
    brick = math.floor(along)
    fade = min(1.0, max(0.0, 1.6 - 1.2 * blur / course))
    tone = 1.0 + 0.4 * fade * (chance(int(brick), int(row), seed) - 0.5)
    du = (along - brick - 0.5) * length
    dv = v - (row + 0.5) * course
    joint = max(
        band(abs(du) - 0.5 * length, 0.006, blur), band(abs(dv) - 0.5 * course, 0.006, blur)
    )
    return joint, tone * (1.0 + 0.2 * detail(u * 9.0, v * 9.0, seed, blur * 9.0))


@kernel
def panels(
    u: float, v: float, hu: float, hv: float, size: float, blur: float, rows: float, handle: float
) -> tuple[float, float]:
    """Draw fronts of cupboards or drawers with gaps and handles."""
    columns = max(1.0, math.floor(2.0 * hu / size + 0.5))
    rows = max(1.0, rows)
    cell_u, cell_v = 2.0 * hu / columns, 2.0 * hv / rows
    iu = math.floor((u + hu) / cell_u)
    du = (u + hu) - (iu + 0.5) * cell_u
    dv = (v + hv) - (math.floor((v + hv) / cell_v) + 0.5) * cell_v
    gap = max(band(abs(du) - 0.5 * cell_u, 0.005, blur), band(abs(dv) - 0.5 * cell_v, 0.005, blur))
    inset = band(max(abs(du) - 0.5 * cell_u, abs(dv) - 0.5 * cell_v) + 0.07, 0.006, blur)
    side = 1.0 if int(iu) & 1 == 0 else -1.0
    if handle > 0.5 and rows < 1.5:
        grip = band(du - side * (0.5 * cell_u - 0.045), 0.01, blur) * band(dv, 0.07, blur)
    else:
        grip = band(du, 0.06, blur) * band(dv - 0.25 * cell_v, 0.009, blur)
    return min(1.0, 0.85 * gap + 0.9 * grip), 1.0 - 0.12 * inset


@kernel
def slabs(u: float, v: float, size: float, seed: int, blur: float) -> tuple[float, float]:
    """Draw a pavement of staggered slabs."""
    row = math.floor(v / size)
    shift = u + 0.5 * size * float(int(row) & 1)
    iu = math.floor(shift / size)
    fade = min(1.0, max(0.0, 1.6 - 1.2 * blur / size))
    tone = 1.0 + 0.2 * fade * (chance(int(iu), int(row), seed) - 0.5)
    du, dv = shift - (iu + 0.5) * size, v - (row + 0.5) * size
    joint = max(band(abs(du) - 0.5 * size, 0.007, blur), band(abs(dv) - 0.5 * size, 0.007, blur))
    grit = detail(u * 14.0, v * 14.0, seed, blur * 14.0) + 0.7 * detail(u, v, seed + 1, blur)
    return 0.75 * joint, tone * (1.0 + 0.22 * grit)


@kernel
def cloth(
    u: float, v: float, scale: float, seed: int, blur: float, plaid: float
) -> tuple[float, float]:
    """Draw woven cloth, plain or with a plaid."""
    fine = detail(u * 80.0, v * 80.0, seed, blur * 80.0)
    folds = detail(u * 5.0, v * 5.0, seed + 5, blur * 5.0)
    tone = 1.0 + 0.15 * fine + 0.22 * folds
    if plaid < 0.5:
        return 0.0, tone
    wide = scale * 0.22
    lines = band(u - scale * math.floor(u / scale + 0.5), wide, blur)
    lines += band(v - scale * math.floor(v / scale + 0.5), wide, blur)
    return min(1.0, 0.5 * lines), tone


@kernel
def roof(u: float, v: float, size: float, seed: int, blur: float) -> tuple[float, float]:
    """Draw rows of roof tiles."""
    row = math.floor(v / size)
    part = v / size - row
    column = math.floor(u / (0.7 * size) + 0.5 * float(int(row) & 1))
    fade = min(1.0, max(0.0, 1.8 - 1.5 * blur / size))
    tone = 1.0 + 0.35 * fade * (chance(int(column), int(row), seed) - 0.5)
    tone *= 1.0 + 0.4 * detail(u * 0.6, v * 0.6, seed + 3, blur * 0.6)
    return 0.0, tone * (1.0 - 0.45 * fade * max(0.0, 0.3 - part) / 0.3)


@kernel
def leaves(
    x: float, y: float, z: float, size: float, seed: int, blur: float
) -> tuple[float, float]:
    """Draw leaves in light and in shade."""
    k = 1.0 / size
    deep = noise3(x * k, y * k, z * k, seed)
    fade = min(1.0, max(0.0, 1.5 - blur * 4.0 * k))
    fine = (noise3(4.0 * x * k, 4.0 * y * k, 4.0 * z * k, seed + 9) - 0.5) * fade
    return min(1.0, max(0.0, 1.6 * deep - 0.3)), 0.62 + 0.5 * deep + 0.9 * fine


@kernel
def pattern(
    kind: int, u: float, v: float, hu: float, hv: float, x: float, y: float, z: float,
    blur: float, scale: float, p1: float, p2: float, seed: int,
) -> tuple[float, float]:  # fmt: skip
    """Return the share of the second colour and the brightness of any of these patterns."""
    if kind == PLANKS:
        return planks(u, v, scale, seed, blur) if p1 < 0.5 else planks(v, u, scale, seed, blur)
    if kind == TILES:
        return tiles(u, v, scale, seed, blur, p1, 0.003 + 0.004 * p2)
    if kind == BRICK:
        return bricks(u, v, scale, seed, blur)
    if kind == PANEL:
        return panels(u, v, hu, hv, scale, blur, p1, p2)
    if kind == SLABS:
        return slabs(u, v, scale, seed, blur)
    if kind == FABRIC:
        return cloth(u, v, scale, seed, blur, p1)
    if kind == ROOF:
        return roof(u, v, scale, seed, blur)
    if kind == LEAVES:
        return leaves(x, y, z, scale, seed, blur)
    if kind == STRIPES:
        tone = 1.0 + 0.06 * detail(u * 30.0, v * 30.0, seed, blur * 30.0)
        s = u if p1 < 0.5 else v
        return band(s - scale * math.floor(s / scale + 0.5), 0.25 * scale, blur), tone
    if kind == WOOD:
        if hv > hu:
            u, v = v, u
        ring = detail(u * 1.5, v * 22.0 + 1.5 * noise2(u * 2.0, v * 4.0, seed), seed, blur * 20.0)
        fine = detail(u * 8.0, v * 120.0, seed + 3, blur * 90.0)
        return min(1.0, max(0.0, 0.35 + 0.9 * ring)), 1.0 + 0.2 * fine
    if kind == CARPET:
        fine = detail(u * 60.0, v * 60.0, seed, blur * 60.0)
        soft = detail(u * 3.0, v * 3.0, seed + 2, blur * 3.0)
        if p1 < 0.5:
            return 0.0, 1.0 + 0.25 * fine + 0.15 * soft
        rim = min(hu - abs(u), hv - abs(v))
        mix = band(rim - 0.14, 0.035, blur)
        if p1 > 1.5 and rim > 0.22:
            lattice = math.sin(u * 6.28 / scale) * math.sin(v * 6.28 / scale)
            mix = 0.7 * min(1.0, max(0.0, 0.5 + 2.0 * lattice))
        return mix, 1.0 + 0.25 * fine + 0.15 * soft
    if kind == GRASS:
        fine = detail(u * 12.0, v * 12.0, seed, blur * 12.0)
        soft = detail(u * 0.5, v * 0.5, seed + 4, blur * 0.5)
        return min(1.0, max(0.0, 0.4 + 0.9 * soft)), 1.0 + 0.55 * fine
    if kind == CURTAIN:
        fold = math.sin(u * 6.28 / scale + 2.0 * noise2(u * 4.0, v * 0.7, seed))
        fade = min(1.0, max(0.0, 1.5 - 2.0 * blur / scale))
        return 0.0, 1.0 + 0.32 * fold * fade
    if kind == STONE:
        coarse = detail(u / scale, v / scale, seed, blur / scale)
        fine = detail(u * 25.0, v * 25.0, seed + 6, blur * 25.0)
        return min(1.0, max(0.0, 0.3 + coarse)), 1.0 + 0.14 * fine
    if kind == GARAGE:
        s = v - scale * math.floor(v / scale)
        return 0.0, 1.0 - 0.4 * band(s, 0.012, blur)
    if kind == ROUGH:
        coarse = detail(u * 1.2, v * 1.2, seed, blur * 1.2)
        fine = detail(u * 20.0, v * 20.0, seed + 8, blur * 20.0)
        return min(1.0, max(0.0, 0.6 * coarse)), 1.0 + 0.1 * coarse + 0.12 * fine
    return 0.0, 1.0 + 0.05 * detail(u * 7.0, v * 7.0, seed, blur * 7.0)
