"""A camera that looks down or is rolled, through the node: no false obstacle, and a reason."""

import math
import re

import numpy as np
import pytest
import tilted
from fake_predictor import FakePredictor
from processor_bench import Bench
from ros_harness import camera_info_message, rgb_image

from zoedepth_ros.geometry.intrinsics import CameraModel, Intrinsics
from zoedepth_ros.geometry.rays import rays

INNER = Intrinsics(115.0, 115.0, 79.5, 59.5, 160, 120)
RAYS = rays(CameraModel(INNER))
OBSTACLES = 'depth/points/obstacles'
PLAIN = {'filter.edge': False, 'filter.sky': False, 'cloud.decimation': 2}


def bench_of(pitch_deg, roll_deg=0.0, noise=0.02, topics=(OBSTACLES,), **parameters):
    """Make a node that sees the room at a wrong scale of 1 / 1.3."""
    depth_m, is_floor = tilted.look(tilted.ROOMS['room'], RAYS, pitch_deg, roll_deg)
    depth_m = depth_m * tilted.smooth_noise(depth_m.shape, noise, 0) / np.float32(1.3)
    bench = Bench(
        FakePredictor(depth_m, heads=('indoor',)), frozenset(topics), **{**PLAIN, **parameters}
    )
    info = camera_info_message(120, 160, fx=115.0, fy=115.0)
    bench.camera.set_info(info)
    return bench, depth_m, is_floor


def run(bench, images=3, step_s=0.6):
    for _ in range(images):
        bench.process(bench.message(rgb_image(120, 160)))
        bench.now_s += step_s


def false_obstacles(bench, depth_m, is_floor):
    """Count obstacle points that lie on the floor, by the pixel that each is of."""
    (*_, msg) = bench.sent(OBSTACLES)
    points = np.frombuffer(msg.data, np.float32).reshape(-1, 4)[:, :3]
    columns = np.rint(points[:, 0] / points[:, 2] * 115.0 + 79.5).astype(int)
    rows = np.rint(points[:, 1] / points[:, 2] * 115.0 + 59.5).astype(int)
    return int(is_floor[rows, columns].sum()), len(points)


@pytest.mark.parametrize('pitch_deg', [-60, -30, -25])
@pytest.mark.parametrize('known', [{}, {'camera.height': 1.2 / 1.3}])
def test_a_pitch_that_nobody_configured_gives_no_obstacles_and_a_hint(pitch_deg, known):
    bench, *_ = bench_of(pitch_deg, **known)
    run(bench)
    assert not bench.sent(OBSTACLES)
    assert bench.drops == {'no ground': 3}
    (notice,) = bench.processor.notices
    assert 'camera.pitch_tolerance (20 degrees)' in notice
    assert f'camera.pitch (estimate {math.radians(pitch_deg):.1f}' in notice
    assert bench.warnings.count(notice) == 1


@pytest.mark.parametrize('pitch_deg', [-60, -30, -25])
def test_a_scale_by_height_does_not_follow_a_floor_beyond_the_tolerance(pitch_deg):
    reported = {'scale.source': 'height', 'camera.height': 1.2}
    bench, *_ = bench_of(pitch_deg, topics=('depth/points',), **reported)
    run(bench, images=10)
    assert bench.processor.pipeline.scale.state.confidence == 0.0
    assert bench.processor.pipeline.scale.state.target == 1.0
    assert any('camera.pitch_tolerance' in text for text in bench.processor.notices)


@pytest.mark.parametrize(('pitch_deg', 'roll_deg'), [(-60, 0), (-30, 0), (-30, 20), (0, 20)])
def test_configured_pitch_and_roll_bring_obstacles_without_floor_and_the_true_scale(
    pitch_deg, roll_deg
):
    reported = {'camera.pitch': math.radians(pitch_deg), 'camera.roll': math.radians(roll_deg)}
    scaled = {'scale.source': 'height', 'camera.height': 1.2, 'scale.max_rate': 1.0}
    bench, depth_m, is_floor = bench_of(pitch_deg, roll_deg, **reported, **scaled)
    run(bench, images=12)
    assert bench.processor.pipeline.scale.state.target == pytest.approx(1.3, rel=0.06)
    false, every = false_obstacles(bench, depth_m, is_floor)
    assert false <= 0.01 * is_floor.sum()
    assert every > 100 or pitch_deg == -60  # nothing but floor is in view there
    assert bench.processor.notices == ()


@pytest.mark.parametrize('roll_deg', [10, 15, -15])
def test_a_roll_that_nobody_configured_is_noticed_where_the_pitch_is_to_be_trusted(roll_deg):
    reported = {'camera.pitch': math.radians(-15), 'camera.pitch_tolerance': 0.0}
    bench, *_ = bench_of(-15, roll_deg, **reported)
    run(bench)
    (notice,) = bench.processor.notices
    reported_deg = int(re.search(r'roll of (-?\d+)', notice).group(1))
    assert reported_deg == pytest.approx(roll_deg, abs=2)
    assert 'camera.roll' in notice
    assert bench.warnings.count(notice) == 1


def test_what_is_taken_for_the_floor_is_an_assumption_unless_the_height_is_known():
    bench, *_ = bench_of(-10)
    words = 'the lowest large plane in view is used as the floor; set camera.height'
    assert not any(words in text for text in bench.processor.assumptions)
    run(bench)
    assert [words in text for text in bench.processor.assumptions].count(True) == 1
    assert [words in text for text in bench.logged].count(True) == 1
    bench.set({'camera.height': 1.2 / 1.3})
    run(bench)
    assert not any(words in text for text in bench.processor.assumptions)


def test_the_notice_goes_when_the_parameter_is_set():
    bench, *_ = bench_of(-30)
    run(bench)
    assert bench.processor.notices
    bench.set({'camera.pitch': math.radians(-30)})
    run(bench, images=8)
    assert bench.processor.notices == ()
    assert bench.sent(OBSTACLES)


@pytest.mark.parametrize('tolerance', [0.0, 0.35])
def test_a_pitch_of_one_radian_is_not_taken_for_degrees_where_the_floor_confirms_it(tolerance):
    given = {'camera.pitch': -1.0, 'camera.pitch_tolerance': tolerance}
    steep, level = bench_of(math.degrees(-1.0), **given)[0], bench_of(-1.0, **given)[0]
    doubts = []
    for bench in (steep, level):
        run(bench)
        doubts.append(any('-1 degrees would be' in text for text in bench.processor.notices))
    assert doubts == [False, True]


# A street: floor, a crate, a low wall; then sky
STREET = tilted.Room([((2.2, -0.4, 0.0), (2.8, 0.9, 0.9)), ((7.0, -40.0, 0.0), (7.2, -1.0, 1.4))],
                     1e4, 1e4, 1e4)  # fmt: skip


@pytest.mark.parametrize('mode', ['rows', 'height'])
@pytest.mark.parametrize('turns', [1, 2, 3])
def test_a_camera_mounted_on_its_side_or_upside_down_has_the_scan_and_the_sky_of_an_upright_one(
    ros, turns, mode
):
    """Pixels of a turned camera are those of an upright one, turned."""
    upright_m = np.minimum(tilted.look(STREET, RAYS, -4.0, height_m=1.0)[0], 60.0)
    outputs = []
    for quarter in (0, turns):
        depth_m = np.rot90(upright_m, quarter)  # the right side down turns the image to the left
        roll_rad = (quarter + 1) % 4 * math.pi / 2 - math.pi / 2
        bench = Bench(
            FakePredictor(depth_m, router={'indoor': 0.0, 'outdoor': 1.0}),
            frozenset({'depth/image', 'scan'}),
            **{'scan.enabled': True, 'scan.mode': mode, 'cloud.decimation': 1},
            **{'camera.pitch': math.radians(-4.0), 'camera.roll': roll_rad},
        )
        bench.camera.set_info(camera_info_message(*depth_m.shape, fx=115.0, fy=115.0))
        bench.process(bench.message(np.full((*depth_m.shape, 3), 150, np.uint8)))
        image = np.frombuffer(bench.sent('depth/image')[0].data, np.float32)
        outputs.append((np.rot90(image.reshape(depth_m.shape), -quarter), bench.sent('scan')[0]))
    (depth_m, scan), (turned_m, turned) = outputs
    np.testing.assert_array_equal(turned_m, depth_m)
    assert np.isposinf(depth_m).mean() > 0.3
    assert turned.angle_increment == pytest.approx(scan.angle_increment, rel=1e-3)
    assert turned.angle_min == pytest.approx(scan.angle_min, abs=1e-3)
    with np.errstate(invalid='ignore'):
        difference = np.abs(np.subtract(turned.ranges, scan.ranges)) > 0.02
    assert np.mean(difference | (np.isnan(turned.ranges) != np.isnan(scan.ranges))) < 0.03
    assert np.isfinite(scan.ranges).sum() > 20
