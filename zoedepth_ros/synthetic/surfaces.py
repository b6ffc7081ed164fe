"""The colour of a point on a surface: patterns, and surfaces with more than two colours."""

from __future__ import annotations

import math

from zoedepth_ros.synthetic.jit import kernel
from zoedepth_ros.synthetic.noise import band, chance, detail, noise2, ramp
from zoedepth_ros.synthetic.patterns import bricks, pattern
from zoedepth_ros.synthetic.primitives import (
    BOOKS,
    FACADE,
    GLASS,
    PICTURE,
    PLATE,
    ROAD,
    SCREEN,
    VIEW,
)

Rgb = tuple[float, float, float]


@kernel
def mixed(a: Rgb, b: Rgb, share: float, tone: float) -> Rgb:
    """Mix two colours and scale them."""
    k = 1.0 - share
    return (
        tone * (k * a[0] + share * b[0]),
        tone * (k * a[1] + share * b[1]),
        tone * (k * a[2] + share * b[2]),
    )


@kernel
def outdoors(u: float, v: float, seed: int) -> Rgb:
    """Draw what a window shows: sky, hedges or house fronts, out of focus; u, v in -1 to 1."""
    skyline = -0.25 + 0.5 * noise2(u * 2.0 + 5.0, 0.5, seed)
    sky = mixed((0.62, 0.78, 1.0), (1.0, 1.0, 1.0), ramp(-0.4, 1.0, -v), 1.0)
    if chance(seed, 1, 5) < 0.5:
        low = mixed((0.1, 0.17, 0.05), (0.3, 0.4, 0.15), noise2(u * 5.0, v * 5.0, seed), 1.0)
    else:
        cu, cv = 4.0 * u - math.floor(4.0 * u) - 0.5, 3.0 * v - math.floor(3.0 * v) - 0.5
        hole = ramp(0.27, 0.2, abs(cu)) * ramp(0.34, 0.27, abs(cv))
        step = 0.3 * (chance(math.floor(1.5 * u + 9.0), 3, seed) - 0.3)
        skyline += step
        tint = chance(math.floor(1.5 * u + 9.0), 4, seed)
        wall = mixed((0.5, 0.3, 0.22), (0.6, 0.56, 0.48), tint, 1.0)
        low = mixed(wall, (0.12, 0.13, 0.15), hole * (1.0 if v < skyline - 0.1 else 0.0), 1.0)
    return mixed(low, sky, ramp(-0.05, 0.05, v - skyline), 1.0)


@kernel
def window(
    u: float, v: float, hu: float, hv: float, blur: float, frame: Rgb, seed: int, bars: int
) -> tuple[Rgb, float]:
    """Draw a window of half sizes hu, hv seen from outside: colour and share of gloss."""
    rim = min(hu - abs(u), hv - abs(v))
    wood = max(band(rim, 0.06, blur), band(u, 0.03, blur) if bars > 0 else 0.0)
    if bars > 1:
        wood = max(wood, band(v - 0.35 * hv, 0.03, blur))
    dark = 0.02 + 0.07 * chance(seed, 2, 3)
    glass = mixed((dark, 1.1 * dark, 1.2 * dark), (0.3, 0.33, 0.36), 0.3 * ramp(-hv, hv, v), 1.0)
    if chance(seed, 4, 1) < 0.6:
        drape = 0.3 + 0.35 * chance(seed, 6, 1)
        cover = ramp(-0.1 * hu, 0.1 * hu, abs(u) - (0.55 + 0.3 * chance(seed, 5, 1)) * hu)
        glass = mixed(glass, (drape, drape, 0.9 * drape), cover, 1.0)
    return mixed(glass, frame, wood, 1.0), (1.0 - wood) * 0.5


@kernel
def facade(
    u: float, v: float, hu: float, hv: float, blur: float, a: Rgb, b: Rgb,
    storey: float, spacing: float, style: float, seed: int,
) -> tuple[Rgb, float]:  # fmt: skip
    """Draw a house front: wall, windows by storeys, doors or shops below; the ground is -hv."""
    high = v + hv
    columns = max(1.0, math.floor(2.0 * hu / spacing))
    cell = 2.0 * hu / columns
    column = math.floor((u + hu) / cell)
    floor = math.floor(high / storey)
    cu = (u + hu) - (column + 0.5) * cell
    look = int(style)
    if look & 1:
        share, tone = bricks(u, v, 0.24, seed, blur)
        wall = mixed(a, (0.45, 0.43, 0.4), 0.7 * share, tone)
    else:
        grime = detail(u * 0.7, v * 0.7, seed, blur * 0.7)
        fine = detail(u * 9.0, v * 9.0, seed + 1, blur * 9.0)
        wall = mixed(a, a, 0.0, 1.0 + 0.14 * grime + 0.12 * fine - 0.2 * ramp(0.6, 0.0, high))
    if floor >= 1.0 and look & 2:
        wall = mixed(wall, b, 0.7 * band(high - floor * storey, 0.09, blur), 1.0)
    if storey * (floor + 1.0) > 2.0 * hv + 0.35:
        return wall, 0.0
    door_column = math.floor(chance(seed, 8, 8) * columns)
    shop = (look & 4) > 0 and floor < 1.0
    wide, tall = 0.5 + 0.25 * chance(seed, 1, 1), 0.6 + 0.22 * chance(seed, 1, 2)
    middle = floor * storey + 0.9 + tall
    if column == door_column and floor < 1.0 and look < 16:
        wide, tall, middle = 0.48, 1.03, 1.03
    elif shop:
        wide, tall, middle = 0.42 * cell, 1.05, 1.45
    wide = min(wide, 0.42 * cell)
    cv = high - middle
    own = seed + 131 * int(column) + 17 * int(floor)
    if abs(cu) < wide and abs(cv) < tall:
        if column == door_column and floor < 1.0 and not shop and look < 16:
            tint = (0.05 + 0.4 * chance(seed, 3, 1), 0.05 + 0.25 * chance(seed, 3, 2),
                    0.05 + 0.25 * chance(seed, 3, 3))  # fmt: skip
            inset = band(max(abs(cu) - wide, abs(cv) - tall) + 0.14, 0.02, blur)
            knob = band(cu - 0.36, 0.035, blur) * band(cv, 0.035, blur)
            return mixed(tint, (0.6, 0.55, 0.4), knob, 1.0 - 0.4 * inset), 0.05
        return window(cu, cv, wide, tall, blur, b, own, 0 if shop else 1 + ((look >> 3) & 1))
    reveal = band(max(abs(cu) - wide, abs(cv) - tall), 0.12, blur)
    if cv < -tall and cv > -tall - 0.1 and abs(cu) < wide + 0.1:
        return mixed(wall, (0.5, 0.5, 0.48), 0.8, 1.0), 0.0
    return mixed(wall, b, reveal * (0.7 if look & 2 else 0.12), 1.0), 0.0


@kernel
def road(u: float, v: float, hu: float, blur: float, a: Rgb, marks: float, seed: int) -> Rgb:
    """Draw asphalt with lane marks; u across, v along."""
    fine = detail(u * 25.0, v * 25.0, seed, blur * 25.0)
    patch = detail(u * 0.5, v * 0.25, seed + 1, blur * 0.5)
    track = math.cos(6.28 * (abs(u) - 0.5 * hu) / (0.9 * hu))
    grey = mixed(a, a, 0.0, 1.0 + 0.3 * fine + 0.22 * patch - 0.05 * track)
    crack = band(noise2(u * 0.8, v * 0.8, seed + 2) - 0.5, 0.008, blur)
    grey = mixed(grey, (0.03, 0.03, 0.03), 0.5 * crack, 1.0)
    paint = 0.0
    if marks > 0.5:
        part = v / 9.0 - math.floor(v / 9.0)
        dash = 1.0 if marks > 1.5 else band((part - 0.5) * 9.0, 1.5, blur)
        paint = band(u, 0.06, blur) * dash
    if marks > 0.5 and chance(seed, 1, 7) < 0.6:
        paint = max(paint, band(abs(u) - (hu - 0.25), 0.06, blur))
    cross = 60.0 * (chance(seed, 1, 8) - 0.5)
    if marks > 0.5 and chance(seed, 1, 9) < 0.4:
        stripe = u - math.floor(u + 0.5)
        paint = max(paint, band(v - cross, 1.5, blur) * band(stripe, 0.25, blur))
    wear = 0.75 + 0.5 * detail(u * 6.0, v * 6.0, seed + 3, blur * 6.0)
    return mixed(grey, (0.62, 0.61, 0.57), min(1.0, max(0.0, paint * wear)), 1.0)


@kernel
def painting(u: float, v: float, hu: float, hv: float, blur: float, b: Rgb, seed: int) -> Rgb:
    """Draw a framed picture: a landscape, a portrait or blots."""
    rim = min(hu - abs(u), hv - abs(v))
    if rim < 0.025:
        return b
    if rim < 0.07 and chance(seed, 1, 4) < 0.6:
        return 0.75, 0.74, 0.7
    x, y = u / hu, v / hv
    one = (chance(seed, 2, 1), chance(seed, 2, 2), chance(seed, 2, 3))
    two = (chance(seed, 3, 1), chance(seed, 3, 2), chance(seed, 3, 3))
    if chance(seed, 1, 5) < 0.4:
        hill = 0.5 * (noise2(x * 2.0, 1.0, seed) - 0.5)
        near = mixed((0.1, 0.2, 0.06), (0.35, 0.3, 0.12), noise2(x * 4.0, y * 6.0, seed), 1.0)
        return mixed(near, (0.5, 0.65, 0.85), ramp(-0.06, 0.06, y - hill), 1.0)
    share = ramp(0.4, 0.6, noise2(x * 1.7 + 3.0, y * 1.7, seed + 1))
    colour = mixed(one, two, share, 0.75)
    return mixed(colour, (0.9, 0.88, 0.8), ramp(0.6, 0.7, noise2(x * 2.5, y * 2.5, seed + 2)), 0.9)


@kernel
def books(u: float, v: float, hu: float, hv: float, blur: float, seed: int) -> Rgb:
    """Draw backs of books of different heights, with gaps."""
    width = 0.034
    warp = u + 0.02 * noise2(u * 14.0, 0.5, seed)
    index = math.floor(warp / width)
    one = int(index) * 3 + seed
    if chance(one // 9, 5, 5) < 0.18:
        return 0.05, 0.045, 0.04
    top = hv * (0.35 + 0.6 * chance(one, 1, 1))
    if v > top:
        return 0.05, 0.045, 0.04
    colour = (0.05 + 0.6 * chance(one, 2, 1) ** 2, 0.05 + 0.5 * chance(one, 2, 2) ** 2,
              0.05 + 0.5 * chance(one, 2, 3) ** 2)  # fmt: skip
    du = warp - (index + 0.5) * width
    shade = 1.0 - 0.5 * band(abs(du) - 0.5 * width, 0.003, blur)
    label = band(v - 0.3 * hv, 0.015, blur) * (1.0 if chance(one, 3, 3) < 0.5 else 0.0)
    return mixed(colour, (0.7, 0.65, 0.5), 0.7 * label, shade)


@kernel
def surface(
    kind: int, u: float, v: float, hu: float, hv: float, x: float, y: float, z: float,
    blur: float, a: Rgb, b: Rgb, scale: float, p1: float, p2: float, seed: int,
) -> tuple[Rgb, float]:  # fmt: skip
    """Return the colour of a place on a face and its own share of gloss."""
    if kind == FACADE:
        return facade(u, v, hu, hv, blur, a, b, scale, p1, p2, seed)
    if kind == ROAD:
        return road(u, v, hu, blur, a, p1, seed), 0.0
    if kind == PICTURE:
        return painting(u, v, hu, hv, blur, b, seed), 0.03
    if kind == VIEW:
        rim = min(hu - abs(u), hv - abs(v))
        cross = max(band(u, 0.03, blur), band(v - 0.3 * hv, 0.025, blur) if p1 > 0.5 else 0.0)
        frame = max(band(rim, 0.06, blur), cross)
        return mixed(outdoors(u / hu, v / hv, seed), b, frame, 1.0 - 0.6 * frame), 0.0
    if kind == BOOKS:
        return books(u, v, hu, hv, blur, seed), 0.0
    if kind == SCREEN:
        rim = min(hu - abs(u), hv - abs(v))
        if rim < 0.012 or p1 < 0.5:
            return (0.012, 0.012, 0.014), 0.12
        line = math.floor(v * 40.0)
        text = noise2(u * 28.0, 3.0 * line, seed) * (1.0 if v * 40.0 - line < 0.45 else 0.0)
        text *= 1.0 if u < hu * (1.6 * chance(int(line), 6, seed) - 0.4) else 0.0
        return mixed(b, (0.85, 0.87, 0.9), ramp(0.45, 0.6, text), 1.0), 0.05
    if kind == GLASS:
        return mixed(a, b, 0.3 * ramp(-hv, hv, v), 1.0), 0.5
    if kind == PLATE:
        stroke = band(u - 0.035 * math.floor(u / 0.035 + 0.5), 0.009, blur) * band(v, 0.03, blur)
        return mixed(a, (0.02, 0.02, 0.02), stroke * ramp(0.0, 0.02, hu - abs(u)), 1.0), 0.0
    share, tone = pattern(kind, u, v, hu, hv, x, y, z, blur, scale, p1, p2, seed)
    return mixed(a, b, share, tone), 0.0
