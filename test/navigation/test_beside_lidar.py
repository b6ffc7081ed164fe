"""A robot drives through rendered corridors with config/nav2_lidar.yaml, and stops in time.

As in the bag test of Nav2's collision monitor: an obstacle appears, and the time to the stop and
the share of false stops are measured. Depth is exact, blurred as by a network, with 1 % of smooth
error; it goes through the pipeline with config/near_obstacles.yaml, and the costmap follows the
rules of Nav2's layers. Time is simulated: images at 10 Hz, clouds LATENCY_S later, the costmap at
10 Hz.
"""

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import yaml
from blurred_depth import blur_as_a_network
from corridor import Eye, in_the_world
from costmap_rules import LETHAL, Costmap
from edge_scenes import smooth
from fake_predictor import FakePredictor

pytest.importorskip('numba', reason='renders scenes')

from zoedepth_ros.geometry.camera import Camera
from zoedepth_ros.geometry.intrinsics import CameraModel, Intrinsics
from zoedepth_ros.inference.result import DepthResult
from zoedepth_ros.pipeline import outputs
from zoedepth_ros.pipeline.camera_pipeline import CameraPipeline
from zoedepth_ros.pipeline.parameter_file import settings_from_file
from zoedepth_ros.pipeline.request import all_due
from zoedepth_ros.synthetic.dice import Dice
from zoedepth_ros.synthetic.interior import ceiling_lamps, wall_pictures
from zoedepth_ros.synthetic.primitives import BOX, CYLINDER, PLAIN, Builder, Surface
from zoedepth_ros.synthetic.render import render
from zoedepth_ros.synthetic.room import Room, openings, shell
from zoedepth_ros.synthetic.scene import room_world
from zoedepth_ros.synthetic.world import ImageEffects, Pose

CONFIG = Path(__file__).resolve().parents[2] / 'config'
SIZE = HEIGHT, WIDTH = 240, 320
INTRINSICS = Intrinsics.from_hfov(WIDTH, HEIGHT, 1.3)
NETWORK = (192, 256)
EYE_M, PITCH_RAD = 0.4, -0.25
PERIOD_S, LATENCY_S, SPEED_M_S = 0.1, 0.15, 0.4
STOP_M, HALF_WIDTH_M = 1.0, 0.25
"""Length and half width of the zone before the camera in which a lethal cell stops the robot."""
TO_THE_STOP_S = 0.6
CORRIDOR = (2.0, 9.0)
GREY = Surface(PLAIN, (0.3, 0.3, 0.3))
APPEARING = {
    'box': (BOX, 0.15, 0.15, 0.15),
    'low box': (BOX, 0.15, 0.1, 0.07),
    'post': (CYLINDER, 0.05, 0.05, 0.5),
    'leg of a chair': (CYLINDER, 0.02, 0.02, 0.25),
}
"""Kind and half sizes [m] of what suddenly stands in the way."""


@pytest.fixture(scope='module')
def layers():
    content = yaml.safe_load((CONFIG / 'nav2_lidar.yaml').read_text(encoding='utf-8'))
    return content['local_costmap']['local_costmap']['ros__parameters']


@pytest.fixture(scope='module')
def settings():
    return settings_from_file(CONFIG / 'near_obstacles.yaml')


def corridor(seed):
    """Return a rendered corridor along y without anything on its floor."""
    dice = Dice(f'corridor {seed}')
    room = Room('corridor', *CORRIDOR, dice.between(2.3, 2.8))
    shell(room, dice)
    openings(room, dice)
    wall_pictures(room, dice)
    ceiling_lamps(room, dice)
    return room_world(room, dice)


def with_solid(world, kind, half_m, place_m):
    parts = Builder()
    parts.solid(kind, place_m, half_m, GREY)
    return replace(world, solids=np.concatenate((world.solids, parts.solids())))


def pose(y_m):
    return Pose(CORRIDOR[0] / 2, y_m, EYE_M, math.pi / 2, PITCH_RAD)


class Robot:
    """Camera, pipeline and the two layers of the costmap."""

    def __init__(self, layers, settings, seed=0, error=smooth):
        self.settings, self.error = settings, error
        predictor = FakePredictor(heads=('indoor',), network=NETWORK)
        self.pipeline = CameraPipeline(predictor, settings)
        self.camera = Camera(CameraModel(INTRINSICS))
        self.random = np.random.default_rng(seed)
        self.layer = layers['depth_layer']
        self.depth_layer = Costmap((0.0, 0.0), CORRIDOR, 0.05, self.layer)
        self.lidar_layer = Costmap((0.0, 0.0), CORRIDOR, 0.05, self.layer)
        self.waiting = []  # (time, pose, clouds)

    def see(self, now_s, world, at):
        rgb, depth_m = render(world, INTRINSICS, at, ImageEffects())
        depth_m = self.error(blur_as_a_network(depth_m, NETWORK, 0.8), self.random)
        due = all_due(outputs.SEGMENTS)
        request = self.pipeline.prepare(rgb, self.camera, now_s, due)
        depth_m = depth_m.astype(np.float32)
        zero = np.zeros_like(depth_m)
        result = DepthResult(depth_m, zero, zero, 'indoor', {})
        clouds = {
            output.name.rpartition('/')[2]: output.points[:, :3].copy()
            for output in self.pipeline.process(request, result)
        }
        self.waiting.append((now_s + LATENCY_S, at, clouds))

    def update(self, now_s):
        """Give the costmap the newest clouds that have arrived."""
        arrived = [entry for entry in self.waiting if entry[0] <= now_s + 1e-9]
        self.waiting = [entry for entry in self.waiting if entry[0] > now_s + 1e-9]
        for _, at, clouds in arrived:
            eye = Eye(at.x_m, at.y_m, at.z_m, at.yaw_rad, at.pitch_rad)
            names = [n for n in self.layer['observation_sources'].split() if n in clouds]
            sources = [(self.layer[n], in_the_world(clouds[n], eye)) for n in names]
            self.depth_layer.update((at.x_m, at.y_m, at.z_m), sources)

    def must_stop(self, at):
        x, y = self.depth_layer.centres()
        lethal = (self.depth_layer.cells == LETHAL) | (self.lidar_layer.cells == LETHAL)
        zone = (np.abs(x - at.x_m) < HALF_WIDTH_M)[:, None] & (
            (y > at.y_m + 0.1) & (y < at.y_m + STOP_M)
        )[None, :]
        return bool((lethal & zone).any())


def drive(robot, world, until_s, *, appears_s=math.inf, changed=None):
    """Drive and return (time, must stop) of each update of the costmap."""
    stops, ticks = [], round(until_s / 0.05)
    for tick in range(ticks):
        now_s = 0.05 * tick
        at = pose(0.8 + SPEED_M_S * now_s)
        if tick % 2 == 0:
            robot.see(now_s, world if now_s < appears_s else changed, at)
        else:
            robot.update(now_s)
            stops.append((now_s, robot.must_stop(at)))
    return stops


@pytest.mark.parametrize('name', APPEARING)
@pytest.mark.parametrize('late_s', [0.0, 0.05])
def test_the_robot_stops_within_0_6_s_of_an_obstacle_that_appears(layers, settings, name, late_s):
    kind, *half_m = APPEARING[name]
    world, appears_s = corridor(1), 1.0 + late_s
    ahead_m = pose(0.8 + SPEED_M_S * appears_s).y_m + 0.95
    changed = with_solid(world, kind, half_m, (CORRIDOR[0] / 2 + 0.1, ahead_m, half_m[2]))
    robot = Robot(layers, settings)
    stops = drive(robot, world, 2.5, appears_s=appears_s, changed=changed)
    assert not any(stop for now_s, stop in stops if now_s < appears_s)
    first_s = next(now_s for now_s, stop in stops if stop)
    assert first_s - appears_s <= TO_THE_STOP_S


def test_at_most_1_percent_of_the_updates_in_empty_corridors_are_false_stops(layers, settings):
    stops = []
    for seed in range(4):
        stops += drive(Robot(layers, settings, seed), corridor(seed), 8.0)
    assert len(stops) == 320
    assert sum(stop for _, stop in stops) <= 0.01 * len(stops)


def test_a_false_surface_in_one_image_does_not_stop_the_robot_and_without_debounce_it_does(
    layers, settings
):
    count = 0

    def bulge(depth_m, random):
        nonlocal count
        count += 1
        depth_m = smooth(depth_m, random)
        if count % 5 == 0:
            depth_m[100:160, 140:180] = 0.9
        return depth_m

    for temporal, false in ((True, False), (False, True)):
        robot = Robot(layers, replace(settings, filter_temporal=temporal), error=bulge)
        assert any(stop for _, stop in drive(robot, corridor(2), 3.0)) == false


def test_what_the_lidar_marked_stays_where_the_camera_sees_nothing(layers, settings):
    """Glass, for example: the camera looks through it and clears its own layer alone."""
    assert layers['lidar_layer']['combination_method'] == 1
    assert layers['depth_layer']['combination_method'] == 1
    robot, world = Robot(layers, settings), corridor(3)
    glass = {'marking': True, 'clearing': False, 'min_obstacle_height': 0.0,
             'max_obstacle_height': 2.0, 'obstacle_min_range': 0.0,
             'obstacle_max_range': 8.0}  # fmt: skip
    points_m = np.array([[1.0, 2.5, 0.2]])
    for layer in (robot.lidar_layer, robot.depth_layer):
        layer.update((1.0, 0.8, 0.2), [(glass, points_m)])
    stops = drive(robot, world, 2.5)
    assert robot.depth_layer.cells[20, 50] != LETHAL, 'the camera clears its own mark'
    assert robot.lidar_layer.cells[20, 50] == LETHAL
    assert stops[-1][1]


def table(world, under_m):
    """Return the world with a table over the whole width whose underside is at a height."""
    for half_m, place_m in (
        ((0.7, 0.4, 0.015), (1.0, 3.0, under_m + 0.015)),
        *(((0.025, 0.025, under_m / 2), (1.0 + x, 3.0 + y, under_m / 2))
          for x in (-0.6, 0.6) for y in (-0.35, 0.35)),
    ):  # fmt: skip
        world = with_solid(world, BOX, half_m, place_m)
    return world


@pytest.mark.parametrize(('clearance_m', 'passes'), [(0.05, True), (-0.05, False)])
def test_the_robot_passes_under_a_table_that_is_high_enough(layers, settings, clearance_m, passes):
    under_m = settings.obstacles_max_height_m + clearance_m
    robot = Robot(layers, settings)
    stops = drive(robot, table(corridor(4), under_m), 4.0)
    share = sum(stop for _, stop in stops) / len(stops)
    assert share <= 0.01 if passes else share > 0.2
    x, y = robot.depth_layer.centres()
    legs = robot.depth_layer.cells[np.ix_(np.abs(x - 0.4) < 0.1, np.abs(y - 2.65) < 0.1)]
    assert (legs == LETHAL).any(), 'the legs are marked'
