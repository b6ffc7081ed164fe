"""Synthetic scenes through cameras of many kinds, for training."""

from __future__ import annotations

import math
from dataclasses import replace

import cv2
import numpy as np

from zoedepth_ros.geometry.canonical import RANGE_M
from zoedepth_ros.geometry.intrinsics import Intrinsics
from zoedepth_ros.media.sample import Sample
from zoedepth_ros.synthetic.dice import PAINTS, Dice, grey
from zoedepth_ros.synthetic.photographs import Textures, with_photographs
from zoedepth_ros.synthetic.primitives import (
    BOOKS,
    FABRIC,
    PICTURE,
    PLAIN,
    STRIPES,
    Builder,
    Surface,
)
from zoedepth_ros.synthetic.scene import random_effects, random_view, render_sample
from zoedepth_ros.synthetic.tracks import random_track
from zoedepth_ros.synthetic.world import Pose, View, World

ASPECT_RATIOS = (4 / 3, 4 / 3, 4 / 3, 16 / 9, 16 / 9, 3 / 2, 1.0, 3 / 4, 2.2, 3.3, 3.3)
"""Width over height of images; those that are more common stand more often."""
DIAGONAL_DEG = (38.0, 118.0)
"""Field of view along the diagonal [deg]."""
LONG_LENS_DEG = (30.0, 56.0)
"""The same for half of the close-up views [deg]."""
TRACK_SHARE = 0.3
"""Share of outdoor scenes outside a town."""
BONNET_SHARE = 0.25
"""Share of streets seen from above 1.2 m that show the bonnet of the car with the camera."""
CLOSE_SHARE = 0.4
"""Share of close-up views among indoor scenes: floors, walls, shelves."""
CLOSE_M = (0.35, 2.6)
"""Distance of a close-up camera to its target [m]."""
DEFOCUS_SHARE = 0.4
"""Share of close-up views with a lens that is sharp at one depth only."""
DEFOCUS_PX = (1.0, 5.0)
"""Blur of what is infinitely far through such a lens [px]."""


def varied_scene(domain: str, seed: int, pixels: int, textures: Textures | None = None) -> Sample:
    """Render a scene through a random camera with about `pixels` pixels.

    textures: photographs that some of its surfaces show.
    """
    dice = Dice(f'camera {domain} {seed}')
    aspect = dice.pick(ASPECT_RATIOS)
    height = max(32, round(math.sqrt(pixels / aspect)))
    width = round(height * aspect)
    kind = scene_kind(domain, dice)
    is_near = kind == 'close'
    span_deg = LONG_LENS_DEG if is_near and dice.coin(0.5) else DIAGONAL_DEG
    low, high = (math.log(math.tan(math.radians(a / 2))) for a in span_deg)
    half_diagonal = math.exp(dice.between(low, high))  # in focal lengths
    half_width = half_diagonal * aspect / math.hypot(aspect, 1.0)
    hfov_rad = 2.0 * math.atan(half_width)
    if kind == 'track':
        view = View(*random_track(dice), hfov_rad, domain, random_effects(dice, seed))
    else:
        view = replace(random_view(domain, seed), hfov_rad=hfov_rad)
    view = close_view(view, dice) if is_near else replace(view, pose=varied_pose(view, dice))
    if domain == 'outdoor' and view.pose.z_m > 1.2 and dice.coin(BONNET_SHARE):
        view = replace(view, world=with_bonnet(view.world, view.pose, dice))
    if textures is not None:
        world = with_photographs(
            view.world, domain, Dice(f'photographs {domain} {seed}'), textures
        )
        view = replace(view, world=world)
    sample = render_sample(view, height, width, f'{domain} {seed} varied')
    return defocused(sample, dice) if is_near and dice.coin(DEFOCUS_SHARE) else sample


def defocused(sample: Sample, dice: Dice) -> Sample:
    """Blur what is not at the depth that a lens is focused on, which is among the nearer half."""
    depth_m = np.where(np.isfinite(sample.depth_m), sample.depth_m, RANGE_M[sample.domain])
    focus_m = float(np.quantile(depth_m, dice.between(0.1, 0.5)))
    blur_px = np.abs(focus_m / depth_m - 1.0) * dice.between(*DEFOCUS_PX)
    rgb = sample.rgb.astype(np.float32)
    for sigma_px in (0.7, 1.4, 2.8):
        share = np.clip(2.0 * blur_px / sigma_px - 1.0, 0.0, 1.0).astype(np.float32)
        share = cv2.GaussianBlur(share, (0, 0), 0.5 * sigma_px)
        rgb += share[..., None] * (cv2.GaussianBlur(sample.rgb, (0, 0), sigma_px) - rgb)
    return replace(sample, rgb=np.rint(rgb).astype(np.uint8))


def scene_kind(domain: str, dice: Dice) -> str:
    """Return a random kind: 'track', 'close', or 'plain', a scene as for evaluation."""
    if domain == 'outdoor':
        return 'track' if dice.coin(TRACK_SHARE) else 'plain'
    return 'close' if dice.coin(CLOSE_SHARE) else 'plain'


def varied_pose(view: View, dice: Dice) -> Pose:
    """Move a camera up or down and tilt it: table tops, small robots, lorries."""
    pose = view.pose
    if dice.coin(0.4):
        return pose
    roll = pose.roll_rad + math.radians(dice.gauss_like(2.0))
    if view.domain == 'indoor':
        ceiling_m = view.world.limits[5]
        z_m = dice.between(0.35, min(2.2, ceiling_m - 0.25))
        looks_down = dice.coin(0.55)
        pitch_deg = dice.between(-70, -15) if looks_down else dice.between(-15, 15)
    else:
        z_m = pose.z_m + dice.between(-1.0, 1.2) if pose.z_m > 1.3 else pose.z_m
        pitch_deg = dice.between(-40, -8) if dice.coin(0.3) else dice.between(-8, 10)
    return replace(pose, z_m=z_m, pitch_rad=math.radians(pitch_deg), roll_rad=roll)


def with_bonnet(world: World, pose: Pose, dice: Dice) -> World:
    """Add the bonnet of a car below and before the camera, at the lower edge of the image."""
    b = Builder().at(pose.x_m, pose.y_m, pose.z_m, pose.yaw_rad)
    paint = Surface(PLAIN, dice.near(dice.pick(PAINTS), 0.3), gloss=dice.between(0.05, 0.3))
    radii = (dice.between(0.7, 1.2), dice.between(0.75, 0.95), dice.between(0.15, 0.35))
    drop_m = dice.between(0.35, 0.6) + radii[2]
    b.ball(
        radii[0] + dice.between(0.0, 0.5), dice.gauss_like(0.15), -drop_m, radii, paint, flags=0
    )
    return with_parts(world, b)


def with_parts(world: World, parts: Builder) -> World:
    """Add solids and contact rectangles to a world."""
    solids = np.concatenate((world.solids, parts.solids()))
    contacts = np.concatenate((world.contacts, parts.contact_rectangles()))
    return replace(world, solids=solids, contacts=contacts)


def close_view(view: View, dice: Dice) -> View:
    """Move the camera close to a target in a random direction, and add small objects there."""
    from zoedepth_ros.synthetic.render import render  # numba loads here and not before

    floor_m, ceiling_m = view.world.limits[4:]
    z_m = max(view.pose.z_m, floor_m + dice.between(0.9, min(1.9, ceiling_m - floor_m - 0.3)))
    pitch_rad = -math.radians(dice.between(5, 65))
    yaw_rad = dice.between(-math.pi, math.pi)
    roll_rad = math.radians(dice.gauss_like(4.0))
    pose = replace(view.pose, z_m=z_m, yaw_rad=yaw_rad, pitch_rad=pitch_rad, roll_rad=roll_rad)
    narrow = Intrinsics.from_hfov(5, 5, math.radians(3))
    _, depth_m = render(view.world, narrow, pose, view.effects)
    if not np.isfinite(depth_m).all():  # through an open door
        return replace(view, pose=pose)
    forward = pose.to_world()[:, 2]
    aim = pose.position() + forward * float(depth_m[2, 2])
    distance_m = min(math.exp(dice.between(*np.log(CLOSE_M))), float(depth_m.min()))
    eye = aim - forward * distance_m
    pose = replace(pose, x_m=float(eye[0]), y_m=float(eye[1]), z_m=float(eye[2]))
    world = view.world
    if dice.coin(0.7):
        world = with_parts(world, small_objects(dice, aim, eye))
    return replace(view, world=world, pose=pose)


def small_objects(dice: Dice, aim: np.ndarray, eye: np.ndarray) -> Builder:
    """Place boxes, tins, bottles and balls around a point, none at the camera."""
    b = Builder()
    z = float(aim[2])
    spread = dice.between(0.1, 0.45)
    for _ in range(dice.whole(3, 18)):
        x, y = (float(at) + dice.gauss_like(spread) for at in aim[:2])
        tall = math.exp(dice.between(math.log(0.02), math.log(0.3)))
        if math.dist((x, y), eye[:2]) < 0.3 and z + tall > eye[2] - 0.25:
            continue
        kind = dice.pick((PLAIN, PLAIN, PICTURE, STRIPES, FABRIC, BOOKS))
        pattern_m = dice.between(0.02, 0.1)
        surface = Surface(
            kind, dice.bright(0.1, 0.9), dice.pick((dice.bright(), grey(0.7))), pattern_m,
            gloss=dice.pick((0.0, 0.05, 0.2)),
        )  # fmt: skip
        form = dice.random()
        radius = dice.between(0.02, 0.08)
        if form < 0.5:
            size = (dice.between(0.04, 0.3), dice.between(0.04, 0.25), tall)
            b.box(x, y, z, size, surface, yaw=dice.between(-1.6, 1.6))
            b.contact(x, y, *size[:2], 0.06, 0.4)
        elif form < 0.9:
            b.cylinder(x, y, z, radius, tall, surface, shrink=dice.pick((0.0, 0.0, 0.3, 0.6)))
            b.contact(x, y, 2 * radius, 2 * radius, 0.06, 0.4)
        else:
            b.ball(x, y, z + radius, (radius, radius, radius), surface)
    return b
