"""What was not there a moment ago waits for one image; what stays or moves a little passes."""

import numpy as np
import pytest
from blurred_depth import blur_as_a_network, matches_ground_truth
from fake_predictor import FakePredictor, outputs_of

from zoedepth_ros.geometry.camera import Camera
from zoedepth_ros.geometry.intrinsics import CameraModel, Intrinsics
from zoedepth_ros.pipeline.camera_pipeline import CameraPipeline
from zoedepth_ros.pipeline.settings import settings_from
from zoedepth_ros.pipeline.temporal_filter import TemporalFilter


def wall(depth_m=4.0, shape=(48, 320)):
    return np.full(shape, depth_m, np.float32)


def after(first_m, then_m, *, kinds=('indoor', 'indoor'), times_s=(0.0, 0.1), **where):
    check = TemporalFilter()
    check.take(first_m, kinds[0], times_s[0])
    assert check.unconfirmed() is None  # nothing to compare with
    check.take(then_m, kinds[1], times_s[1])
    return check.unconfirmed(**where)


def test_what_is_imagined_for_one_image_waits_and_the_wall_behind_it_does_too_once():
    bulge_m = wall()
    bulge_m[10:30, 100:140] = 2.0
    held = after(wall(), bulge_m)
    assert held[10:30, 100:140].all()
    held[10:30, 100:140] = False
    assert not held.any()
    behind = after(bulge_m, wall())
    assert behind[14:26, 104:136].all()


def test_what_is_seen_twice_passes():
    thing_m = wall()
    thing_m[10:30, 100:140] = 2.0
    assert not after(thing_m, thing_m.copy()).any()


def test_a_camera_that_comes_nearer_and_one_that_turns_a_little_hold_nothing():
    thing_m = wall()
    thing_m[10:30, 100:140] = 2.0
    assert not after(thing_m, thing_m * np.float32(0.9)).any()  # 2 m/s towards a wall of 2 m
    assert not after(thing_m, np.roll(thing_m, 2, axis=1)).any()  # 2 px of 320


def test_beyond_the_tolerance_everything_waits():
    assert not after(wall(4.0), wall(4.6)).any()  # 0.6 / 4.6 is 13 %
    assert after(wall(4.0), wall(4.8)).all()  # 17 %


def test_sky_that_becomes_a_wall_waits_and_what_is_no_point_is_left_alone():
    before_m, now_m = wall(np.inf), wall(np.inf)
    now_m[20, 30] = 12.0
    now_m[20, 40] = np.nan
    held = after(before_m, now_m)
    assert held[20, 30]
    assert held.sum() == 1
    assert after(wall(np.nan), wall()).all()


@pytest.mark.parametrize(
    'change',
    [
        {'kinds': ('indoor', 'outdoor')},  # another head has another scale
        {'times_s': (0.0, 1.5)},
        {'times_s': (9.0, 0.1)},  # a bag that loops
    ],
)
def test_what_does_not_follow_is_not_compared(change):
    assert after(wall(), wall(1.0), **change) is None


def test_another_size_begins_anew():
    assert after(wall(), wall(1.0, (24, 160))) is None


def test_the_third_image_is_compared_with_the_second():
    check = TemporalFilter()
    for number, depth_m in enumerate((4.0, 2.0, 2.0)):
        check.take(wall(depth_m), 'indoor', 0.1 * number)
    assert not check.unconfirmed().any()


@pytest.mark.parametrize('steps', [(1, 1), (4, 4), (4, 1), (3, 2)])
def test_every_nth_pixel_and_a_band_of_rows_have_the_marks_of_the_whole(steps):
    random = np.random.default_rng(0)
    pair = [wall() * random.uniform(0.5, 2.0, wall().shape).astype(np.float32) for _ in '12']
    whole = after(*pair)
    assert 0.01 < whole.mean() < 0.99
    first, second = steps[0] // 2, steps[1] // 2
    decimated = whole[first :: steps[0], second :: steps[1]]
    np.testing.assert_array_equal(after(*pair, steps=steps), decimated)
    np.testing.assert_array_equal(after(*pair, rows=slice(7, 31)), whole[7:31])


def false_surface(shape, random):
    """Return the share by which a smooth bulge at a random place is nearer, (H, W)."""
    rows, columns = np.ogrid[: shape[0], : shape[1]]
    square = (rows - random.integers(shape[0])) ** 2 + (columns - random.integers(shape[1])) ** 2
    radius_px = random.uniform(0.015, 0.05) * shape[1]
    return (0.6 * np.exp(-square / (2.0 * radius_px**2))).astype(np.float32)


@pytest.mark.parametrize('kind', ['room', 'street'])
def test_on_a_rendered_trajectory_false_surfaces_of_one_image_go_and_true_points_stay(kind):
    pytest.importorskip('numba')
    from zoedepth_ros.synthetic.trajectory import CameraTrajectory

    trajectory, random = CameraTrajectory(kind, 2**40 + 1), np.random.default_rng(1)
    check, false, removed, true, kept = TemporalFilter(), 0, 0, 0, 0
    for frame in (trajectory[number] for number in range(6)):
        depth_m = frame.sample.depth_m
        sigma_px = 1.3 * np.exp(0.3 * random.normal())
        nearer = sum(false_surface(depth_m.shape, random) for _ in '12')
        predicted_m = blur_as_a_network(depth_m, (192, 256), sigma_px) * (1 - nearer.clip(0, 0.9))
        check.take(predicted_m, frame.sample.domain, frame.time_s)
        marked = check.unconfirmed()
        if marked is not None:
            wrong, right = nearer > 0.2, matches_ground_truth(predicted_m, depth_m)
            false, removed = false + wrong.sum(), removed + (marked & wrong).sum()
            true, kept = true + right.sum(), kept + (right & ~marked).sum()
    assert removed > 0.75 * false > 375
    assert kept > 0.95 * true


CAMERA = Camera(CameraModel(Intrinsics.from_hfov(64, 48, 1.0)))
RGB = np.full((48, 64, 3), 120, np.uint8)
REQUESTED = {'scan', 'depth/image', 'depth/points'}


def known(depths_m, **changes):
    """Give, per image, how many points and depths are known, and the share of beams."""
    settings = settings_from({'scan.enabled': True, 'cloud.decimation': 2, **changes})
    predictor = FakePredictor(heads=('indoor',))
    pipeline = CameraPipeline(predictor, settings)
    found = []
    for number, depth_m in enumerate(depths_m):
        predictor.depth = depth_m
        made = outputs_of(pipeline, predictor, RGB, CAMERA, 0.1 * number, REQUESTED)
        found.append(
            {
                'points': int(np.isfinite(made['depth/points'].points[..., 2]).sum()),
                'beams': float(np.isfinite(made['scan'].ranges_m).mean()),
                'depth': int(np.isfinite(made['depth/image'].pixels).sum()),
            }
        )
    return found


ALL = {'points': 24 * 32, 'beams': 1.0, 'depth': 48 * 64}


def test_points_and_beams_that_were_not_there_wait_for_one_image_and_depth_does_not():
    found = known([2.0, 2.1, 3.0, 3.0], **{'filter.temporal': True})
    assert found == [ALL, ALL, {'points': 0, 'beams': 0, 'depth': 48 * 64}, ALL]


def test_without_the_filter_nothing_waits():
    assert known([2.0, 3.0, 2.0]) == [ALL] * 3


def test_a_scan_by_height_and_a_cloud_are_held_at_their_own_pixels():
    floor_m = 0.5 / np.maximum((np.arange(48)[:, None] - 23.5) / 58.6, 0.05) * np.ones((1, 64))
    box_m = floor_m.copy()
    box_m[:, 40:50] = 0.8
    heights = {'scan.mode': 'height', 'camera.height': 0.5, 'camera.pitch_tolerance': 0.0}
    for temporal in (True, False):
        changes = {**heights, 'filter.temporal': temporal, 'filter.edge': False}
        beams = [f['beams'] for f in known([floor_m, box_m, box_m], **changes)]
        assert (beams[1] == beams[0]) is temporal
        assert beams[2] > beams[0]
