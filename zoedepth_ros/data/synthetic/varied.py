"""Scenes of the same worlds through cameras of many kinds, for training."""

from __future__ import annotations

import math
from dataclasses import replace

from zoedepth_ros.data.sample import Sample
from zoedepth_ros.data.synthetic.dice import Dice
from zoedepth_ros.data.synthetic.scene import draw_view, take_sample
from zoedepth_ros.data.synthetic.world import Pose, View

ASPECT_RATIOS = (4 / 3, 4 / 3, 4 / 3, 16 / 9, 16 / 9, 3 / 2, 1.0, 3 / 4, 2.2, 3.3)
"""Width over height of images; those that are more common stand more often."""
DIAGONAL_DEG = (38.0, 118.0)
"""Field of view along the diagonal [deg]."""


def varied_scene(domain: str, seed: int, pixels: int) -> Sample:
    """Render the world of a scene through a camera drawn for it, about `pixels` large."""
    dice = Dice(f'camera {domain} {seed}')
    aspect = dice.pick(ASPECT_RATIOS)
    height = max(32, round(math.sqrt(pixels / aspect)))
    width = round(height * aspect)
    low, high = (math.log(math.tan(math.radians(a / 2))) for a in DIAGONAL_DEG)
    half_diagonal = math.exp(dice.between(low, high))  # in focal lengths
    half_width = half_diagonal * aspect / math.hypot(aspect, 1.0)
    view = draw_view(domain, seed)
    view = replace(view, hfov_rad=2.0 * math.atan(half_width), pose=varied_pose(view, dice))
    return take_sample(view, height, width, f'{domain} {seed} varied')


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
