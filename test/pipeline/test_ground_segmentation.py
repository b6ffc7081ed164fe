"""Ground, obstacles and free rays of one image, and the scale."""

import math
import re

import numpy as np
import pytest
import tilted
from corridor import BOXES, CEILING, FLOOR, WALLS, Box, Eye, look
from fake_predictor import FakePredictor, outputs_of

from zoedepth_ros.geometry.camera import Camera
from zoedepth_ros.geometry.ground import GroundFit, up_from_angles
from zoedepth_ros.geometry.intrinsics import CameraModel, Intrinsics
from zoedepth_ros.geometry.points import depth_to_points
from zoedepth_ros.geometry.rays import rays
from zoedepth_ros.pipeline.camera_pipeline import CameraPipeline
from zoedepth_ros.pipeline.ground_segmentation import CLOUDS, SCAN, GroundSegmentation
from zoedepth_ros.pipeline.outputs import CLEARING, DEPTH, GROUND, OBSTACLES
from zoedepth_ros.pipeline.scaling import Scaling
from zoedepth_ros.pipeline.settings import settings_from

INTRINSICS = Intrinsics.from_hfov(160, 120, 1.2)
MODEL = CameraModel(INTRINSICS)
RAYS = rays(MODEL)
EYE = Eye(0.0, 0.0, 0.8, 0.0, -0.15)
HALL = (FLOOR, CEILING, *WALLS)
RGB = np.random.default_rng(0).integers(0, 255, (120, 160, 3), dtype=np.uint8)


def seen(solids, eye=EYE, scale=1.0):
    depth_m = look(eye, RAYS, solids) * np.float32(scale)
    return depth_m, depth_to_points(depth_m, RAYS)


def look_around(around, points_m, settings, now_s):
    """Take the ground for the clouds, and give the image's own."""
    fit = around.fit(points_m, settings)
    around.take(fit, settings, now_s, CLOUDS)
    return fit.trusted


def test_a_box_on_the_floor_is_an_obstacle_and_the_floor_is_ground():
    settings = settings_from({})
    depth_m, points_m = seen((*HALL, Box(2.0, 2.3, -0.2, 0.2, 0.0, 0.6)))
    around = GroundSegmentation()
    found = look_around(around, points_m, settings, 0.0)
    assert found.height_m == pytest.approx(0.8, rel=0.01)
    clouds = around.segments(points_m, depth_m, RAYS, settings, found)
    ahead = np.abs(clouds.obstacles[:, 0]) < 0.15
    np.testing.assert_allclose(clouds.obstacles[ahead & (clouds.obstacles[:, 2] < 2.5), 2], 2.0,
                               atol=0.15)  # fmt: skip
    assert (ahead & (clouds.obstacles[:, 2] < 2.5)).sum() > 50
    assert np.abs(found.heights(clouds.ground)).max() < 0.1 + 0.03 * 5.0
    assert len(clouds.clearing) > 50


def test_without_a_ground_there_are_no_obstacles_until_the_parameters_say_where_it_is():
    depth_m = np.full((120, 160), 0.5, np.float32)  # nothing but a wall
    points_m = depth_to_points(depth_m, RAYS)
    around = GroundSegmentation()
    assert look_around(around, points_m, settings_from({}), 0.0) is None
    assert around.ground is None
    settings = settings_from({'camera.height': 0.8})
    assert look_around(around, points_m, settings, 0.1) is None
    clouds = around.segments(points_m, depth_m, RAYS, settings, around.ground)
    assert len(clouds.obstacles) > 1000


def test_each_use_of_the_ground_keeps_its_own():
    settings = settings_from({})
    around = GroundSegmentation()
    found = look_around(around, seen(HALL)[1], settings, 10.0)  # for the clouds
    nothing = GroundFit(None)
    assert around.take(nothing, settings, 11.0, SCAN) is None
    assert around.take(nothing, settings, 11.0, CLOUDS) is found


def test_the_last_ground_stands_in_for_two_seconds():
    settings = settings_from({})
    around = GroundSegmentation()
    look_around(around, seen(HALL)[1], settings, 10.0)
    nothing = np.full((120, 160, 3), np.nan, np.float32)
    look_around(around, nothing, settings, 11.9)
    assert around.ground is not None
    look_around(around, nothing, settings, 12.1)
    assert around.ground is None


@pytest.mark.parametrize('by_tf', [True, False])
@pytest.mark.parametrize('now', [(0.1, 0.0), (-0.5, 0.2), (-0.15, 3.1)])
def test_the_last_ground_turns_with_a_camera_that_turns(now, by_tf):
    """It was found 0.02 rad beside the expected pitch, at 0.8 m."""
    around = GroundSegmentation()

    def expect(pitch_rad, roll_rad):
        around.measured_up = up_from_angles(pitch_rad, roll_rad) if by_tf else None
        return settings_from({'camera.pitch': pitch_rad, 'camera.roll': roll_rad})

    assert look_around(around, seen(HALL)[1], expect(-0.13, 0.0), 10.0)
    nothing = np.full((120, 160, 3), np.nan, np.float32)
    look_around(around, nothing, expect(*now), 10.5)
    assert around.ground.height_m == pytest.approx(0.8, rel=0.01)
    assert around.ground.pitch_rad == pytest.approx(now[0], abs=0.025)
    assert around.ground.roll_rad == pytest.approx(now[1], abs=0.025)
    look_around(around, nothing, expect(-0.13, 0.0), 11.0)
    assert around.ground.pitch_rad == pytest.approx(-0.15, abs=0.003)


def test_a_pitch_that_is_known_is_not_searched_for():
    settings = settings_from({'camera.pitch': -0.15, 'camera.pitch_tolerance': 0.0})
    around = GroundSegmentation()
    look_around(around, seen((*HALL, *BOXES))[1], settings, 0.0)
    assert around.ground.pitch_rad == pytest.approx(-0.15, abs=1e-6)
    assert around.ground.height_m == pytest.approx(0.8, rel=0.01)


def result_of(depth_m, head='indoor'):
    return FakePredictor(depth_m)(RGB, head)


@pytest.mark.parametrize('wrong', [0.5, 2.0])
def test_the_height_of_the_camera_corrects_the_scale_while_it_runs(wrong):
    settings = settings_from(
        {'scale.source': 'height', 'camera.height': 0.8, 'scale.max_rate': 0.2}
    )
    depth_m, _ = seen(HALL, scale=wrong)
    scaling, around = Scaling(('indoor', 'outdoor'), settings), GroundSegmentation()
    factors = []
    for i in range(100):
        factor = scaling.factor(result_of(depth_m), RGB, settings, 0.1 * i)
        factors.append(factor)
        points_m = depth_to_points(depth_m * np.float32(factor), RAYS)
        scaling.observe_ground(look_around(around, points_m, settings, 0.1 * i), settings, 0.1 * i)
    assert factors[0] == 1.0
    assert factors[-1] == pytest.approx(1.0 / wrong, rel=0.03)
    assert np.abs(np.diff(np.log(factors))).max() <= 0.1 * math.log(1.2) + 1e-6
    report = scaling.report(around.ground)
    assert report.state.phase == 'converged'
    assert report.state.target == pytest.approx(1.0 / wrong, rel=0.03)
    assert report.applied == factors[-1]


def test_the_other_head_keeps_its_own_scale(tmp_path):
    path = tmp_path / 'scale.yaml'
    path.write_text('format: zoedepth scale 1\nheads:\n  outdoor: {scale: 1.5, confidence: 1.0}\n')
    settings = settings_from({'scale.file': str(path), 'depth.scale': 2.0})
    scaling = Scaling(('indoor', 'outdoor'), settings)
    depth_m = np.full((120, 160), 3.0, np.float32)
    factors = [
        scaling.factor(result_of(depth_m, head), RGB, settings, 0.0)
        for head in ('indoor', 'outdoor')
    ]
    assert factors == pytest.approx([2.0, 3.0])


def test_the_scale_is_saved_where_the_file_states_and_not_before_it_is_known(tmp_path):
    path = tmp_path / 'new.yaml'
    settings = settings_from({'camera.height': 0.8, 'scale.source': 'height'})
    scaling, around = Scaling(('indoor',), settings), GroundSegmentation()
    with pytest.raises(ValueError, match='no scale has been estimated'):
        scaling.save(str(path))
    with pytest.raises(ValueError, match='scale.file is empty'):
        scaling.save('')
    for i in range(20):
        scaling.factor(result_of(np.ones((120, 160))), RGB, settings, 0.5 * i)
        found = look_around(around, seen(HALL, scale=1 / 1.3)[1], settings, 0.5 * i)
        scaling.observe_ground(found, settings, 0.5 * i)
    assert scaling.save(str(path)) == str(path)
    again = Scaling(('indoor',), settings_from({'scale.file': str(path)}))
    target = again.report(None).state.target
    assert target == pytest.approx(scaling.report(None).state.target, rel=1e-4)


def test_a_file_that_is_wrong_or_missing_stops_the_start(tmp_path):
    with pytest.raises(OSError, match='nowhere'):
        Scaling(('indoor',), settings_from({'scale.file': str(tmp_path / 'nowhere.yaml')}))
    path = tmp_path / 'x.yaml'
    path.write_text('hello')
    with pytest.raises(ValueError, match='x.yaml'):
        Scaling(('indoor',), settings_from({'scale.file': str(path)}))


def test_a_still_scene_is_held_and_a_hand_over_is_smooth_when_requested():
    settings = settings_from({'filter.flicker': True, 'router.handover': 2.0})
    scaling = Scaling(('indoor', 'outdoor'), settings)
    base_m, _ = seen(HALL)
    fluctuation = np.exp(0.05 * np.random.default_rng(1).normal(size=60))
    out = [
        t * scaling.factor(result_of(base_m * np.float32(t)), RGB, settings, 0.1 * i)
        for i, t in enumerate(fluctuation)
    ]
    assert np.std(np.log(out[20:])) < np.std(np.log(fluctuation[20:])) / 3
    outdoor = result_of(base_m * np.float32(1.5), 'outdoor')
    after = 1.5 * scaling.factor(outdoor, RGB, settings, 6.0)
    assert after == pytest.approx(out[-1], rel=0.02)


def test_ratios_of_another_sensor_correct_the_scale_and_single_ones_are_gathered():
    settings = settings_from({'scale.max_rate': 1.0})
    for at_a_time in (200, 1):
        scaling = Scaling(('indoor',), settings)
        random = np.random.default_rng(3)
        for i in range(200):
            factor = scaling.factor(result_of(np.ones((120, 160))), RGB, settings, 0.5 * i)
            true = 1.6 * np.exp(0.02 * random.normal(size=at_a_time))
            spoiled = random.random(at_a_time) < 0.3
            scaling.observe_ratios(np.where(spoiled, 3.0, 1.0) * true / factor, 0.5 * i)
        assert scaling.report(None).applied == pytest.approx(1.6, rel=0.03), at_a_time


def test_where_tf_reports_that_up_is_counts_more_than_the_pitch_parameter():
    settings = settings_from({'camera.pitch': 0.2, 'camera.pitch_tolerance': 0.0})
    _, points_m = seen(HALL)  # truly -0.15
    surroundings = GroundSegmentation()
    surroundings.measured_up = up_from_angles(-0.15)
    assert surroundings.expected_up(settings) == surroundings.measured_up
    ground = look_around(surroundings, points_m, settings, 0.0)
    assert ground.pitch_rad == pytest.approx(-0.15, abs=1e-6)
    assert ground.height_m == pytest.approx(0.8, rel=0.01)
    surroundings.measured_up = None  # TF is silent: the parameter holds, and is wrong
    assert (
        look_around(surroundings, points_m, settings, 9.0) is None
        or surroundings.ground.height_m < 0.7
    )


COUNTER = Box(-0.5, 1.9, -9.0, 9.0, 0.0, 0.7)
BEHIND = Box(1.9, 2.1, -9.0, 9.0, 0.0, 2.5)
STANDING = Eye(0.0, 0.0, 1.3, 0.0, -0.3)


def at_a_counter(**known):
    """Take the ground of a floor, then of a counter at a wall; give the notices too."""
    settings = settings_from({'camera.pitch': -0.3, **known})
    around, found, notices = GroundSegmentation(), [], []
    hall = (FLOOR, CEILING, Box(6.0, 6.5, -9.0, 9.0, 0.0, 2.5))
    for now_s, solids in ((0.0, hall), (0.5, (FLOOR, COUNTER, BEHIND)), (3.0, (COUNTER, BEHIND))):
        look_around(around, seen(solids, STANDING)[1], settings, now_s)
        found.append(around.ground)
        notices.append(around.notice)
    return found, notices


def test_a_counter_that_hides_the_floor_is_no_ground_where_the_height_is_known():
    found, notices = at_a_counter(**{'camera.height': 1.3})
    assert found[0].height_m == pytest.approx(1.3, rel=0.02)
    assert (found[1], found[2], notices[0]) == (None, None, '')
    for notice in notices[1:]:
        assert '0.60 m below the camera is not used as the ground' in notice
        assert 'camera.height is 1.3 m' in notice


def test_a_ground_that_rises_at_once_is_doubted_for_two_seconds():
    found, notices = at_a_counter()
    assert found[0].height_m == pytest.approx(1.3, rel=0.02)
    assert found[1] is None
    assert 'the ground was 1.30 m below the camera until now; set camera.height' in notices[1]
    assert found[2].height_m == pytest.approx(0.6, rel=0.02)  # a lift, or a crouching robot


def test_a_ground_that_rises_slowly_is_followed():
    settings, around = settings_from({'camera.pitch': -0.3}), GroundSegmentation()
    for i, height_m in enumerate(np.geomspace(1.5, 0.4, 12)):
        eye = STANDING._replace(z_m=height_m)
        look_around(around, seen((FLOOR, CEILING), eye)[1], settings, 0.5 * i)
        assert around.ground.height_m == pytest.approx(height_m, rel=0.02)


def test_an_unusual_scale_by_the_height_of_the_camera_is_reported():
    values = {'scale.source': 'height', 'camera.height': 1.3, 'camera.pitch': -0.3}
    camera, depths = Camera(MODEL), {}
    for name, solids in (('counter', (COUNTER, BEHIND)), ('floor', (FLOOR, CEILING))):
        depths[name] = seen(solids, STANDING)[0]
    for name, depth_m in depths.items():
        predictor = FakePredictor(depth_m, heads=('indoor',))
        pipeline = CameraPipeline(predictor, settings_from(values))
        for i in range(5):
            outputs_of(pipeline, predictor, RGB, camera, 0.5 * i, [DEPTH])
        assert ('check that the floor is in view' in pipeline.ground_notice) == (name == 'counter')


@pytest.mark.parametrize('roll_deg', [0, 5])
@pytest.mark.parametrize('pitch_deg', [-30, -20, -10])
@pytest.mark.parametrize('room', ['room', 'corridor'])
def test_no_ray_of_a_tilted_camera_ends_behind_what_its_pixel_sees(room, pitch_deg, roll_deg):
    """A costmap clears all rays: one that ends behind a surface would erase it."""
    depth_m, _ = tilted.look(tilted.ROOMS[room], RAYS, pitch_deg, roll_deg)
    tilt = {'camera.pitch': math.radians(pitch_deg), 'camera.roll': math.radians(roll_deg)}
    predictor = FakePredictor(depth_m, heads=('indoor',))
    pipeline = CameraPipeline(predictor, settings_from({'cloud.decimation': 2, **tilt}))
    names = {GROUND, OBSTACLES, CLEARING}
    segments = outputs_of(pipeline, predictor, RGB, Camera(MODEL), 0.0, names)
    assert segments.keys() == names
    for segment in segments.values():
        x, y, z = segment.points.T
        columns = np.rint(x / z * INTRINSICS.fx_px + INTRINSICS.cx_px).astype(int)
        rows = np.rint(y / z * INTRINSICS.fy_px + INTRINSICS.cy_px).astype(int)
        assert len(z) > 0
        assert (z <= depth_m[rows, columns] + 1e-3).all(), segment.name


def near_misses(clearing_m, obstacles_m, within_m):
    """Count pairs of a ray and an obstacle that it passes within a distance, and goes beyond."""
    length_m = np.linalg.norm(clearing_m, axis=1)
    along_m = (clearing_m / length_m[:, None]) @ obstacles_m.T  # (rays, obstacles)
    beside_m = np.sqrt(np.maximum((obstacles_m**2).sum(axis=1) - along_m**2, 0.0))
    return ((beside_m < within_m) & (length_m[:, None] > along_m + 0.05)).sum()


@pytest.mark.parametrize('pitch_deg', [-30, -20, -10])
@pytest.mark.parametrize('margin_m', [0.0, 0.001, 0.1, 0.2])
def test_no_clearing_ray_passes_an_obstacle_of_its_image_within_the_margin(pitch_deg, margin_m):
    """A costmap clears whole voxels, also those that a ray only touches."""
    depth_m, _ = tilted.look(tilted.ROOMS['room'], RAYS, pitch_deg, 5)
    predictor = FakePredictor(depth_m, heads=('indoor',))
    values = {
        'cloud.decimation': 2,
        'camera.pitch': math.radians(pitch_deg),
        'camera.roll': math.radians(5),
        'obstacles.clearing_margin': margin_m,
    }
    pipeline = CameraPipeline(predictor, settings_from(values))
    names = [GROUND, OBSTACLES, CLEARING]
    segments = outputs_of(pipeline, predictor, RGB, Camera(MODEL), 0.0, names)
    parts = {name: segment.points.astype(np.float64) for name, segment in segments.items()}
    near, ground = (p[np.linalg.norm(p, axis=1) < 4.0] for p in (parts[CLEARING], parts[GROUND]))
    on_the_floor = np.abs(near @ tilted.axes(pitch_deg, 5)[2] + 1.2) < 0.05
    if margin_m == 0.0:
        assert not on_the_floor.any()
        return
    missed = near_misses(parts[CLEARING], parts[OBSTACLES], 0.8 * max(margin_m, 0.1))
    assert (missed == 0) if margin_m > 0.05 else (missed > 10)
    assert on_the_floor.sum() > 0.7 * len(ground) > 300


def notices_of_a_trusted_pitch(roll_deg, noise, seeds, room='room', pitch_deg=-30):
    """Give the notice after each image, with camera.roll 0."""
    depth_m, _ = tilted.look(tilted.ROOMS[room], RAYS, pitch_deg, roll_deg)
    values = {'camera.pitch': math.radians(pitch_deg), 'camera.pitch_tolerance': 0.0}
    around, settings = GroundSegmentation(), settings_from(values)
    for i, seed in enumerate(seeds):
        seen_m = depth_m * tilted.smooth_noise(depth_m.shape, noise, seed)
        look_around(around, depth_to_points(seen_m, RAYS), settings, 0.2 * i)
        yield around.notice


@pytest.mark.parametrize('room', ['room', 'corridor'])
@pytest.mark.parametrize(('roll_deg', 'noise'), [(2, 0.0), (-2, 0.02), (3, 0.02), (-3, 0.04)])
def test_a_small_roll_that_was_not_configured_is_reported_by_the_mean_over_images(
    room, roll_deg, noise
):
    """Noise hides it in each image: a roll of 3 degrees makes obstacles of the floor."""
    *_, notice = notices_of_a_trusted_pitch(roll_deg, noise, range(30), room)
    found = re.search(r'a pitch of (\S+) and a roll of (\S+) degrees, expected', notice)
    assert [float(angle) for angle in found.groups()] == pytest.approx([-30, roll_deg], abs=1.5)
    assert 'camera.roll' in notice


@pytest.mark.parametrize('room', ['room', 'corridor'])
@pytest.mark.parametrize('noise', [0.0, 0.02, 0.04])
def test_noise_alone_is_not_reported_as_a_roll(room, noise):
    assert set(notices_of_a_trusted_pitch(0, noise, range(30), room)) == {''}


@pytest.mark.parametrize('room', ['room', 'corridor'])
def test_noise_that_stays_while_the_camera_stands_is_not_reported_as_a_roll(room):
    """Without the error by the residuals 5 of these 16 would be."""
    for seed in range(8):
        assert set(notices_of_a_trusted_pitch(0, 0.02, [seed] * 6, room)) == {''}


def test_the_mean_tilt_of_a_floor_starts_again_with_another_parameter():
    depth_m, _ = tilted.look(tilted.ROOMS['room'], RAYS, -30, 2)
    points_m, around = depth_to_points(depth_m, RAYS), GroundSegmentation()
    notices = []
    for roll_deg in (0, 2):
        values = {'camera.pitch': math.radians(-30), 'camera.roll': math.radians(roll_deg)}
        settings = settings_from({**values, 'camera.pitch_tolerance': 0.0})
        for i in range(6):
            look_around(around, points_m, settings, float(i))
            notices.append('a roll of 2.0 degrees, expected' in around.notice)
    assert notices == [False] * 4 + [True] * 2 + [False] * 6
