"""Synthetic scenes by seed: a random world, a camera in it, and the rendered sample."""

from __future__ import annotations

import math

from zoedepth_ros.geometry.intrinsics import Intrinsics
from zoedepth_ros.media.sample import DOMAINS, Sample
from zoedepth_ros.synthetic.dice import Dice
from zoedepth_ros.synthetic.home import LEVEL_M, WALL_M, build_home
from zoedepth_ros.synthetic.interior import ceiling_lamps, line_walls, middle, wall_pictures
from zoedepth_ros.synthetic.room import Room, openings, shell
from zoedepth_ros.synthetic.street import random_street
from zoedepth_ros.synthetic.world import Air, ImageEffects, Pose, View, World, random_room_light

HOME_SHARE = 0.08
"""Share of scenes inside or in front of a house with an open door."""
GENERATOR_VERSION = 2
"""Increased whenever a seed renders another image."""
HEIGHT_PX, WIDTH_PX = 192, 256
"""Default size of rendered images."""

ROOMS = (
    'living', 'living', 'living', 'dining', 'dining', 'bedroom', 'bedroom', 'kitchen', 'kitchen',
    'office', 'office', 'corridor', 'bathroom', 'store',
)  # fmt: skip


def random_effects(dice: Dice, seed: int) -> ImageEffects:
    """Return random camera effects: exposure, colours, blur, noise, compression."""
    return ImageEffects(
        exposure=math.exp(dice.gauss_like(0.22)),
        warmth=dice.gauss_like(0.06),
        saturation=dice.between(0.7, 1.25),
        contrast=dice.between(0.9, 1.2),
        vignette=dice.between(0.0, 0.25),
        blur_px=dice.between(0.35, 0.8),
        noise=dice.between(0.0, 1.0) ** 2 * 0.035,
        jpeg_quality=dice.whole(40, 90) if dice.coin(0.2) else 0,
        seed=seed & 0xFFFFFFFF,
    )


def random_hfov_rad(dice: Dice) -> float:
    """Return a random horizontal field of view [rad]: 50 to 90 degrees, mostly 55 to 75."""
    wide = dice.between(50, 90) if dice.coin(0.25) else dice.between(55, 75)
    return math.radians(wide)


def random_room(dice: Dice) -> Room:
    """Return an empty room of random kind and size."""
    kind = dice.pick(ROOMS)
    if kind == 'corridor':
        width, depth = dice.between(1.2, 2.2), dice.between(4.0, 9.4)
        if dice.coin():
            width, depth = depth, width
    elif kind == 'bathroom':
        width, depth = dice.between(1.7, 3.2), dice.between(2.2, 4.0)
    elif kind in ('store', 'kitchen'):
        width, depth = dice.between(2.0, 4.5), dice.between(2.2, 4.5)
    else:
        width, depth = dice.between(2.8, 8.4), dice.between(2.6, 5.4)
        if dice.coin():
            width, depth = depth, width
    return Room(kind, width, depth, dice.between(2.3, 3.0))


def room_world(room: Room, dice: Dice) -> World:
    """Return the world of a room with its lighting."""
    w, d, h = room.width, room.depth, room.height
    return World(
        room.parts.solids(), room.parts.contact_rectangles(), Air(haze_per_m=0.0),
        house=(0.0, w, 0.0, d, 0.0, h), lamps=tuple(room.lamps[:4]),
        room_light=random_room_light(dice), limits=(-0.1, w + 0.1, -0.1, d + 0.1, -0.1, h),
    )  # fmt: skip


def indoor_view(dice: Dice, seed: int) -> View:
    """Return a random room with a camera in it."""
    room = random_room(dice)
    w, d = room.width, room.depth
    x, y = dice.between(0.4, w - 0.4), dice.between(0.4, d - 0.4)
    clear = 0.42
    room.taken.append((x - clear, x + clear, y - clear, y + clear))
    shell(room, dice)
    openings(room, dice)
    line_walls(room, dice, dice.between(0.5, 0.95))
    middle(room, dice)
    wall_pictures(room, dice)
    ceiling_lamps(room, dice)
    for _ in range(8):
        aim = (dice.between(0.0, w), dice.between(0.0, d))
        if math.dist(aim, (x, y)) > 0.55 * min(max(w, d), 6.0):
            break
    yaw = math.atan2(aim[1] - y, aim[0] - x)
    tall = dice.between(0.3, 0.8) if dice.coin(0.3) else dice.between(0.9, 1.8)
    pitch = math.radians(max(-20.0, min(20.0, dice.between(-14, 8) - 6.0 * (tall - 1.0))))
    pose = Pose(x, y, tall, yaw, pitch, math.radians(dice.gauss_like(2.0)))
    return View(
        room_world(room, dice), pose, random_hfov_rad(dice), 'indoor', random_effects(dice, seed)
    )


def home_view(dice: Dice, seed: int, domain: str) -> View:
    """Return a random house with an open door, with a camera inside or in front of it."""
    home = build_home(dice)
    room = home.room
    inside = domain == 'indoor'
    if inside:
        x, y = dice.between(1.1, room.width - 1.1), room.depth / 2 + dice.between(-0.4, 0.4)
        turn = dice.between(0, 2 * math.pi)
        if dice.coin():  # on the way to the door
            x, y = home.door_at + dice.between(-0.2, 0.2), dice.between(0.8, room.depth / 2)
            turn = -math.pi / 2 + dice.gauss_like(0.4) if dice.coin(0.7) else turn
    else:
        x, y = home.door_at + dice.between(-1.5, 1.5), -WALL_M - dice.between(1.0, 2.5)
        turn = dice.between(0, 2 * math.pi) if dice.coin() else math.pi / 2 + dice.gauss_like(0.5)
    place = home.to_world(x, y)
    height = LEVEL_M + dice.between(0.6, 1.75)
    pitch = math.radians(dice.gauss_like(5.0) - 2.0)
    yaw = turn - home.side * math.pi / 2
    pose = Pose(*place, height, yaw, pitch, math.radians(dice.gauss_like(2.0)))
    return View(home.world, pose, random_hfov_rad(dice), domain, random_effects(dice, seed))


def outdoor_view(dice: Dice, seed: int) -> View:
    """Return a random street with a camera in it."""
    world, pose = random_street(dice)
    return View(world, pose, random_hfov_rad(dice), 'outdoor', random_effects(dice, seed))


def random_view(domain: str, seed: int) -> View:
    """Return the world and the camera of a scene; the same for the same domain and seed.

    Raises ValueError for an unknown domain.
    """
    if domain not in DOMAINS:
        raise ValueError(f'expected domain indoor or outdoor, got {domain!r}')
    dice = Dice(f'{domain} {int(seed)}')
    if dice.coin(HOME_SHARE):
        return home_view(dice, seed, domain)
    return indoor_view(dice, seed) if domain == 'indoor' else outdoor_view(dice, seed)


def render_sample(view: View, height: int, width: int, name: str) -> Sample:
    """Render a view; depth is exact at pixel centres."""
    from zoedepth_ros.synthetic.render import render  # numba loads here and not before

    camera = Intrinsics.from_hfov(width, height, view.hfov_rad)
    rgb, depth_m = render(view.world, camera, view.pose, view.effects)
    return Sample(rgb, depth_m, camera, view.domain, name)


def render_scene(domain: str, seed: int, height: int = HEIGHT_PX, width: int = WIDTH_PX) -> Sample:
    """Render one scene; its layout depends on domain and seed only, not on the size."""
    view = random_view(domain, seed)
    return render_sample(view, height, width, f'{domain}-v{GENERATOR_VERSION}-{seed}')
