"""Not shown, beyond what is measured, sky, unknown and too near stay different things.

One test per cell of the table in docs/obstacles.md and per limit in the list below the table, then
whole scenes whose ground truth is known.
"""

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import yaml
from corridor import Box, Eye, in_the_world, look, occupied
from costmap_rules import LETHAL, Costmap
from fake_predictor import FakePredictor
from processor_bench import Bench
from ros_harness import camera_info_message

from zoedepth_ros.geometry.intrinsics import CameraModel, Intrinsics
from zoedepth_ros.geometry.rays import rays
from zoedepth_ros.pipeline.outputs import SEGMENTS

CONFIG = Path(__file__).resolve().parents[2] / 'config'
NAN, INF = math.nan, math.inf
NONE = None  # no point on this ray
SIZE = (61, 81)  # odd: the middle pixel looks along the optical axis
LEVEL = {'camera.height': 1.0, 'camera.pitch_tolerance': 0.0, 'cloud.decimation': 1}
# fy / rows, over 519.47 px / 480 rows of NYU's camera: everything is 0.4 times as far
WIDE = {'fy': 0.4 * 519.47 / 480 * 61}
OUTDOORS = {'indoor': 0.0, 'outdoor': 1.0}

# (state, network's depth [m], parameters, camera, router)
STATES = {
    'measured': (4.0, {}, {}, None),
    'not shown': (4.0, {'cloud.max_range': 3.0}, {}, None),
    'beyond obstacles.max_range': (7.0, {}, {}, None),
    'beyond scan.range_max': (7.0, {'scan.range_max': 6.0}, {}, None),
    'beyond depth.max': (4.0, {'depth.max': 3.0}, {}, None),
    'beyond depth.max, a short scan': (4.0, {'depth.max': 3.0, 'scan.range_max': 2.5}, {}, None),
    'beyond the head': (12.0, {'scan.range_max': 11.0}, {}, None),
    'beyond the head, a short scan': (12.0, {}, {}, None),
    'beyond the head through a wide lens': (12.0, {'focal_correction': 'scale'}, WIDE, None),
    'sky': (50.0, {'camera.pitch': 0.02}, {}, OUTDOORS),
    'sky, depth.max': (50.0, {'camera.pitch': 0.02, 'depth.max': 3.0}, {}, OUTDOORS),
    'unknown': (4.0, {'filter.max_uncertainty': 0.05}, {}, None),
    'too near': (0.05, {}, {}, None),
}
OUTPUTS = ('depth/image', '16UC1', 'depth/points', 'obstacles', 'clearing', 'rows', 'height')
# What each output states about the ray along the optical axis, 1 m above the floor
TABLE = {
    'measured': (4.0, 4000, 4.0, 4.0, 4.0, 4.0, 4.0),
    'not shown': (4.0, 4000, NAN, 4.0, 4.0, 4.0, 4.0),
    'beyond obstacles.max_range': (7.0, 7000, 7.0, NONE, 5.0, 7.0, 7.0),
    'beyond scan.range_max': (7.0, 7000, 7.0, NONE, 5.0, INF, INF),
    'beyond depth.max': (INF, 0, NAN, NONE, 3.0, NAN, NAN),
    'beyond depth.max, a short scan': (INF, 0, NAN, NONE, 3.0, INF, INF),
    'beyond the head': (12.0, 12000, NAN, NONE, 5.0, NAN, NAN),
    'beyond the head, a short scan': (12.0, 12000, NAN, NONE, 5.0, INF, INF),
    'beyond the head through a wide lens': (4.8, 4800, NAN, NONE, 4.0, NAN, NAN),
    'sky': (INF, 0, NAN, NONE, 5.0, INF, INF),
    'sky, depth.max': (INF, 0, NAN, NONE, 5.0, INF, INF),
    'unknown': (NAN, 0, NAN, NONE, NONE, NAN, NAN),
    'too near': (-INF, 0, NAN, NONE, NONE, -INF, -INF),
}
TOPICS = {'obstacles': 'depth/points/obstacles', 'clearing': 'depth/points/clearing',
          'rows': 'scan', 'height': 'scan', '16UC1': 'depth/image'}  # fmt: skip


@pytest.mark.parametrize('output', OUTPUTS)
@pytest.mark.parametrize('state', STATES)
def test_a_cell_of_the_table(ros, state, output):
    depth_m, parameters, camera, router = STATES[state]
    topic = TOPICS.get(output, output)
    mode = {'rows': {'scan.rows': 1}, 'height': {'scan.mode': 'height'}}.get(output, {})
    if output == '16UC1':
        mode = {'depth.encoding': '16UC1'}
    bench = Bench(
        FakePredictor(depth_m, router=router), frozenset({topic}),
        **{'scan.enabled': True, **LEVEL, **parameters, **mode},
    )  # fmt: skip
    bench.camera.set_info(camera_info_message(*SIZE, fx=60.0, **{'fy': 60.0, **camera}))
    bench.process(bench.message(np.full((*SIZE, 3), 120, np.uint8)))
    assert bench.drops == {}
    expected = TABLE[state][OUTPUTS.index(output)]
    reported = along_the_axis(output, bench.sent(topic)[0])
    if expected is NONE:
        assert reported is NONE
    else:
        # the sky's camera looks up by 0.02 rad, and 5 m are measured along the floor
        assert reported == pytest.approx(expected, rel=1e-3, nan_ok=True)


def along_the_axis(output, msg):
    row, column = SIZE[0] // 2, SIZE[1] // 2
    if output in ('rows', 'height'):
        return msg.ranges[round(-msg.angle_min / msg.angle_increment)]
    if output in ('depth/image', '16UC1'):
        kind = {'32FC1': np.float32, '16UC1': np.uint16}[msg.encoding]
        return np.frombuffer(msg.data, kind).reshape(SIZE)[row, column]
    points = np.frombuffer(msg.data, np.float32).reshape(-1, 4)[:, :3]
    if output == 'depth/points':
        return points.reshape(*SIZE, 3)[row, column, 2]
    on_axis = points[np.abs(points[:, :2]).max(axis=1) < 1e-6]
    return on_axis[0, 2] if len(on_axis) else NONE


# Scenes of boxes; heights of the scan as the parameters have them by default
LOW_M, HIGH_M, SCAN_M = 0.1, 1.8, 10.0
FLOOR = Box(-9, 99, -40, 40, -1, 0)
WALL = Box(6.0, 6.2, -40, 40, 0, 3)
ROOM = (
    FLOOR,
    WALL,
    Box(2.5, 2.9, -0.3, 0.3, 0, 0.5),  # a crate
    Box(4.2, 4.3, 0.6, 0.7, 0, 1.5),  # a post
)
FAR_M = 500.0


class Seen:
    """The outputs of a node for a scene, and the true values of every pixel."""

    def __init__(self, solids, *, pitch_deg, height_m=1.2, size=(120, 160), vfov_deg=50.0,
                 scale=1.0, **parameters):  # fmt: skip
        fy = size[0] / 2 / math.tan(math.radians(vfov_deg) / 2)
        inner = Intrinsics(fy, fy, (size[1] - 1) / 2, (size[0] - 1) / 2, size[1], size[0])
        grid = rays(CameraModel(inner))
        eye = Eye(0.0, 0.0, height_m, 0.0, math.radians(pitch_deg))
        self.depth_m = np.minimum(look(eye, grid, solids), FAR_M)
        directions = np.concatenate((grid, np.ones((*size, 1))), axis=-1) @ eye.to_world().T
        self.along = np.hypot(directions[..., 0], directions[..., 1])  # per depth
        self.azimuth = np.arctan2(directions[..., 1], directions[..., 0])
        self.climb = directions[..., 2]
        self.eye = eye
        told = {'camera.pitch': math.radians(pitch_deg), 'camera.pitch_tolerance': 0.0}
        bench = Bench(
            FakePredictor(self.depth_m / np.float32(scale), heads=('indoor',)),
            SEGMENTS | {'scan'},
            **{'scan.enabled': True, 'scan.mode': 'height', 'cloud.decimation': 1,
               'filter.edge': False, 'camera.height': height_m, 'depth.scale': scale,
               **told, **parameters},
        )  # fmt: skip
        bench.camera.set_info(camera_info_message(*size, fx=fy, fy=fy))
        bench.process(bench.message(np.full((*size, 3), 120, np.uint8)))
        assert bench.drops == {}
        self.scan = bench.sent('scan')[0]
        self.ranges_m = np.array(self.scan.ranges)
        self.beams = np.rint((self.azimuth - self.scan.angle_min) / self.scan.angle_increment)
        self.beams = self.beams.astype(int).clip(0, len(self.ranges_m) - 1)
        self.clouds = {
            topic: np.frombuffer(bench.sent(topic)[0].data, np.float32).reshape(-1, 4)[:, :3]
            for topic in sorted(SEGMENTS)
        }
        self.clearing = self.clouds['depth/points/clearing'].astype(float)
        pixels = self.clearing[:, :2] / self.clearing[:, 2:] * fy + (inner.cx_px, inner.cy_px)
        columns, rows = np.rint(pixels).astype(int).T
        self.past_surface_m = self.clearing[:, 2] - self.depth_m[rows, columns]

    def beams_that_meet_something(self):
        """Mark beams in which a pixel's own surface is in the way, (beams,)."""
        distance_m = self.depth_m * self.along
        height_m = self.eye.z_m + self.depth_m * self.climb
        slack = 0.01
        hit = (height_m > LOW_M + slack) & (height_m < HIGH_M - slack) & (distance_m < SCAN_M)
        return np.isin(np.arange(len(self.ranges_m)), self.beams[hit])

    def beams_seen_to_the_end(self, measured_m=INF):
        """Mark beams with a pixel whose ray is in the band where the scan ends, (beams,)."""
        end_m = self.eye.z_m + self.climb / self.along * SCAN_M
        seen = np.minimum(self.depth_m, measured_m) * self.along >= SCAN_M
        seen &= (end_m >= LOW_M) & (end_m <= HIGH_M)
        return np.isin(np.arange(len(self.ranges_m)), self.beams[seen])


LIMITS = [
    {},
    {'cloud.max_range': 3.0},
    {'depth.max': 4.0},
    {'cloud.max_range': 2.0, 'depth.max': 5.0},
    {'scale': 0.35},  # a wide lens: the head's range ends at 3.5 m
]


@pytest.mark.parametrize('limits', LIMITS)
@pytest.mark.parametrize('pitch_deg', [-30, -10, 0, 15])
def test_no_limit_makes_a_wall_free(ros, pitch_deg, limits):
    seen = Seen(ROOM, pitch_deg=pitch_deg, **limits)
    meets = seen.beams_that_meet_something()
    assert meets.sum() > 100
    assert not np.isposinf(seen.ranges_m[meets]).any()
    assert not np.isposinf(seen.ranges_m[~seen.beams_seen_to_the_end()]).any()
    assert len(seen.clearing) > 0
    assert seen.past_surface_m.max() < 0.01


def test_a_limit_on_the_cloud_changes_neither_scan_nor_clearing(ros):
    whole, cut = Seen(ROOM, pitch_deg=-10), Seen(ROOM, pitch_deg=-10, **{'cloud.max_range': 3.0})
    np.testing.assert_array_equal(cut.ranges_m, whole.ranges_m)
    np.testing.assert_array_equal(cut.clearing, whole.clearing)
    middle = cut.ranges_m[np.abs(np.arange(len(cut.ranges_m)) - len(cut.ranges_m) / 2) < 3]
    np.testing.assert_allclose(middle, 2.5, rtol=0.01)  # the crate


def test_a_wall_behind_the_limit_is_not_free_because_there_is_sky_above_it(ros):
    low_wall = Box(6.0, 6.2, -40, 40, 0, 1.3)
    for mode in ('height', 'rows'):
        seen = Seen((FLOOR, low_wall), pitch_deg=0, **{'scan.mode': mode, 'scan.rows': 40,
                    'depth.max': 4.0})  # fmt: skip
        assert not np.isposinf(seen.ranges_m).any(), mode


def test_something_too_near_hides_what_is_behind_it(ros):
    table, wall = Box(0.5, 0.6, -40, 40, 0, 1.1), Box(6.0, 6.2, -40, 40, 0, 3)
    seen = Seen((FLOOR, table, wall), pitch_deg=0, **{'depth.min': 1.0})
    middle = seen.ranges_m[60:100]
    assert np.isneginf(middle).all()  # REP 117


@pytest.mark.parametrize('mode', ['rows', 'height'])
@pytest.mark.parametrize(
    ('parameters', 'number'),
    [({'depth.max': 4.0}, '4 m'), ({'depth.max': 9.5}, ''), ({'scan.range_max': 12.0}, '10 m')],
)
def test_a_scan_that_is_longer_than_what_is_measured_is_noticed(ros, mode, parameters, number):
    bench = Bench(
        FakePredictor(2.0, heads=('indoor',)), frozenset({'scan'}),
        **{'scan.enabled': True, 'scan.mode': mode, **LEVEL, **parameters},
    )  # fmt: skip
    bench.process()
    about = [text for text in bench.processor.notices if 'scan.range_max' in text]
    assert [f'measured to {number}' in text for text in about] == ([True] if number else [])
    bench.set({'scan.enabled': False})
    assert not any('scan.range_max' in text for text in bench.processor.notices)


# Pitch and vertical field of view [degrees], height [m]
BLIND = [(-35, 30, 1.2), (-30, 50, 1.2), (-60, 40, 1.0), (-45, 60, 0.5), (25, 30, 1.2)]


@pytest.mark.parametrize(('pitch_deg', 'vfov_deg', 'height_m'), BLIND)
def test_what_no_ray_has_seen_at_these_heights_is_not_free(ros, pitch_deg, vfov_deg, height_m):
    wall = Box(4.0, 4.2, -40, 40, 0, 3)
    seen = Seen((FLOOR, wall), pitch_deg=pitch_deg, vfov_deg=vfov_deg, height_m=height_m)
    assert not np.isposinf(seen.ranges_m).any()
    empty = Seen((FLOOR,), pitch_deg=pitch_deg, vfov_deg=vfov_deg, height_m=height_m)
    free = empty.beams_seen_to_the_end(measured_m=10.0)
    np.testing.assert_array_equal(np.isposinf(empty.ranges_m), free)


@pytest.mark.parametrize('pitch_deg', [-25, -10, 0, 10])
def test_a_level_look_over_an_empty_floor_is_free_where_a_ray_stays_in_the_band(ros, pitch_deg):
    seen = Seen((FLOOR,), pitch_deg=pitch_deg)
    free = seen.beams_seen_to_the_end(measured_m=10.0)  # the indoor head
    assert free.mean() > 0.6
    np.testing.assert_array_equal(np.isposinf(seen.ranges_m), free)
    assert np.isnan(seen.ranges_m[~free]).all()


@pytest.mark.parametrize('height_m', [0.05, 2.5])
def test_a_camera_outside_the_band_has_no_ray_that_stays_in_it(ros, height_m):
    seen = Seen((FLOOR,), pitch_deg=0, height_m=height_m)
    assert np.isnan(seen.ranges_m).all()


@pytest.mark.parametrize('removed_by', ['filter.edge', 'filter.max_uncertainty'])
@pytest.mark.parametrize(('mode', 'top_m'), [('height', 0.9), ('rows', 1.199)])
def test_a_thin_post_that_a_filter_removes_is_not_free(ros, monkeypatch, mode, top_m, removed_by):
    """Rays above it are free as far as the scan, but something was seen in these beams."""
    post = Box(2.0, 2.02, -0.01, 0.01, 0.0, top_m)
    parameters = {'filter.edge': True}
    if removed_by != 'filter.edge':
        parameters = {removed_by: 0.05}
        monkeypatch.setattr(FakePredictor, '_predict', unsure_of(2.0, FakePredictor._predict))
    seen = Seen((FLOOR, post), pitch_deg=0, **parameters, **{'scan.mode': mode})
    assert not np.isfinite(seen.ranges_m).any()
    on_post = np.isin(np.arange(len(seen.ranges_m)), seen.beams[np.abs(seen.depth_m - 2.0) < 1e-3])
    assert np.isnan(seen.ranges_m[on_post]).all()
    assert np.isposinf(seen.ranges_m[~on_post]).mean() > 0.9


def unsure_of(depth_m, predict):
    """Return a prediction that is uncertain where it gives this depth."""

    def changed(self, *arguments):
        result = predict(self, *arguments)
        unsure = np.abs(result.depth_m - depth_m) < 1e-3
        return replace(result, uncertainty_m=np.where(unsure, np.float32(1.0), np.float32(0.01)))

    return changed


def voxel_layer():
    content = yaml.safe_load((CONFIG / 'nav2_voxel.yaml').read_text(encoding='utf-8'))
    return content['local_costmap']['local_costmap']['ros__parameters']['depth_layer']


@pytest.mark.parametrize('limits', LIMITS[1:])
@pytest.mark.parametrize('pitch_deg', [-20, -10, 0, 10])
def test_no_limit_clears_what_a_costmap_has_marked(ros, pitch_deg, limits):
    """By the rules of Nav2's voxel layer: what was marked without limits stays with them."""
    layer = voxel_layer()
    costmap = Costmap((-1.0, -6.0), (12.0, 12.0), 0.05, layer)
    room = (*ROOM, Box(4.5, 4.7, -3.0, -0.5, 0, 1.0))
    whole, cut = Seen(room, pitch_deg=pitch_deg), Seen(room, pitch_deg=pitch_deg, **limits)
    for seen in (whole, cut):
        before = costmap.cells == LETHAL
        sources = [
            (layer[name], in_the_world(seen.clouds[layer[name]['topic'].lstrip('/')], seen.eye))
            for name in layer['observation_sources'].split()
        ]
        costmap.update((0.0, 0.0, seen.eye.z_m), sources)
    assert before.sum() > 20
    assert (costmap.cells[before] == LETHAL).all()
    x, y = costmap.centres()
    standing = occupied([box for box in room if box is not FLOOR], x, y, 0.08)
    assert not ((costmap.cells == LETHAL) & ~standing).any()


def test_in_rooms_made_by_chance_nothing_that_is_seen_is_called_free(ros):
    random = np.random.default_rng(7)
    infinite = finite = 0
    for _ in range(60):
        boxes = [FLOOR]
        for _ in range(random.integers(0, 6)):
            x, y, z = random.uniform((0.8, -4, 0), (9, 4, 1.9))
            w, d, h = random.uniform(0.05, 2.0, 3)
            boxes.append(Box(x, x + w, y, y + d, z, z + h))
        limits = {}
        for name, share in (('cloud.max_range', 0.5), ('depth.max', 0.4)):
            if random.random() < share:
                limits[name] = random.uniform(1.0, 12.0)
        if random.random() < 0.3:
            limits['scale'] = random.uniform(0.2, 1.0)
        seen = Seen(boxes, pitch_deg=random.uniform(-50, 20), height_m=random.uniform(0.2, 1.7),
                    vfov_deg=random.uniform(25, 80), size=(60, 80), **limits)  # fmt: skip
        free = np.isposinf(seen.ranges_m)
        measured_m = min(limits.get('depth.max', INF), 10.0 * limits.get('scale', 1.0))
        assert not free[seen.beams_that_meet_something()].any(), (boxes, limits)
        assert not free[~seen.beams_seen_to_the_end(measured_m)].any(), (boxes, limits)
        if len(seen.clearing):
            assert seen.past_surface_m.max() < 0.02, (boxes, limits)
            assert seen.clearing[:, 2].max() < measured_m + 0.01
        infinite, finite = infinite + free.sum(), finite + np.isfinite(seen.ranges_m).sum()
    assert min(infinite, finite) > 200
