from dataclasses import replace

import bags
import cv2
import numpy as np
import pytest

pytest.importorskip('rerun.chunk', reason='pip install rerun-sdk')

from fake_predictor import FakePredictor
from rerun.chunk import RrdReader

from zoedepth_ros.bags.add_depth import add_depth
from zoedepth_ros.bags.plan import Job, make_plan
from zoedepth_ros.geometry.intrinsics import CameraModel, Intrinsics
from zoedepth_ros.pipeline.settings import PipelineSettings, settings_from
from zoedepth_ros.viewing.frame import ViewFrame, adder
from zoedepth_ros.viewing.moments import recording_frames
from zoedepth_ros.viewing.rerun_log import RerunLog, run_log

HFOV_RAD = np.pi / 2


def rgb(height=48, width=64, red=10):
    image = np.full((height, width, 3), 80, np.uint8)
    image[..., 0] = red
    return image


def written(path, frames, predictor=None, **values):
    """Log to a file and read it back: entity -> component -> list of its values."""
    settings = PipelineSettings(**values)
    log = RerunLog(about='about it', hfov_rad=HFOV_RAD, settings=settings)
    log.save(path)
    add = adder(predictor or FakePredictor(2.0), settings, cloud_hfov_rad=HFOV_RAD)
    count = run_log(frames, log, add)
    log.close()
    return count, read(path)


def read(path):
    found = {}
    for chunk in RrdReader(path).stream():
        batch = chunk.to_record_batch()
        entity = str(chunk.entity_path).strip('/')
        for name, column in zip(batch.schema.names, batch.columns, strict=True):
            if ':' in name:
                values = found.setdefault(entity, {}).setdefault(name.split(':')[-1], [])
                values += [value for value in column.to_pylist() if value is not None]
    return found


def floats(entity):
    """Give the first image's values."""
    return np.array(entity['buffer'][0][0], np.uint8).view(np.float32)


def test_a_moment_is_written_with_everything_that_is_shown(tmp_path):
    count, found = written(
        tmp_path / 'a.rrd', [ViewFrame('a.png', 0.0, rgb())], FakePredictor(2.5)
    )
    assert count == 1
    depth = floats(found['depth'])
    np.testing.assert_array_equal(depth, np.full(48 * 64, 2.5, np.float32))
    assert found['depth']['meter'] == [[1.0]]
    sigma = floats(found['uncertainty'])
    np.testing.assert_array_equal(sigma, np.full(48 * 64, 0.1, np.float32))
    assert found['router/indoor']['scalars'] == [[0.9]]
    assert found['router/outdoor']['scalars'] == [[0.1]]
    assert found['head']['text'] == [['a.png: head indoor']]
    assert found['about']['text'] == [['about it']]
    assert found['camera/image']['media_type'] == [['image/jpeg']]


def test_what_a_recordings_depth_comes_from_is_reported_beside_it(tmp_path):
    frame = ViewFrame('a', 0.0, rgb(), np.ones((48, 64), np.float32), about='**Model** fake')
    _, found = written(tmp_path / 'a.rrd', [frame])
    assert found['about']['text'][-1] == ['about it\n\n**Model** fake']


def test_points_lie_where_the_pinhole_model_puts_them_and_have_the_images_colours(tmp_path):
    _, found = written(tmp_path / 'a.rrd', [ViewFrame('a', 0.0, rgb(red=200))], cloud_decimation=2)
    points = np.array(found['points']['positions'][0])
    assert points.shape == (24 * 32, 3)
    # 64 px at 90 degrees: f = 32 px. Column 1 and row 1, 2 m away: x = 2 (1 - 31.5) / 32 ...
    np.testing.assert_allclose(points[0], [-1.90625, -1.40625, 2.0], rtol=1e-6)
    assert set(found['points']['colors'][0]) == {200 << 24 | 80 << 16 | 80 << 8 | 255}
    (matrix,) = found['camera']['image_from_camera'][0]
    np.testing.assert_allclose(
        np.reshape(matrix, (3, 3)).T, [[32, 0, 31.5], [0, 32, 23.5], [0, 0, 1]]
    )
    assert found['camera']['resolution'] == [[[64.0, 48.0]]]


def test_a_known_camera_wins_over_the_field_of_view(tmp_path):
    camera = CameraModel(Intrinsics(50.0, 50.0, 31.5, 23.5, 64, 48))
    _, found = written(tmp_path / 'a.rrd', [ViewFrame('a', 0.0, rgb(), camera=camera)])
    assert found['camera']['image_from_camera'][0][0][0] == 50.0


def test_convention_the_world_is_the_cameras_optical_frame(tmp_path):
    _, found = written(tmp_path / 'a.rrd', [ViewFrame('a', 0.0, rgb())])
    right, down, forward = 3, 2, 5  # rerun.components.ViewCoordinates
    assert found['']['xyz'] == [[[right, down, forward]]]
    assert found['camera']['camera_xyz'] == [[[right, down, forward]]]


def test_large_images_are_shown_smaller_and_stay_in_place(tmp_path):
    frame = ViewFrame('a', 0.0, rgb(960, 2560))
    _, found = written(tmp_path / 'a.rrd', [frame])
    assert found['camera']['resolution'] == [[[1280.0, 480.0]]]
    assert found['camera']['image_from_camera'][0][0][0] == pytest.approx(640.0)
    assert floats(found['depth']).size == 1280 * 480
    assert len(found['points']['positions'][0]) <= 100_000


def test_recorded_depth_is_shown_without_a_prediction(tmp_path):
    depth_m = np.full((48, 64), 4.0, np.float32)
    depth_m[0, :2] = np.nan, np.inf
    frames = [
        ViewFrame('a', 1.7e9, rgb(), depth_m),
        ViewFrame('a', 1.7e9, uncertainty_m=np.full((48, 64), 0.2, np.float32)),
        ViewFrame('a', 1.7e9, head='outdoor', router_probabilities={'indoor': 0.2}),
    ]
    predictor = FakePredictor()
    count, found = written(tmp_path / 'a.rrd', frames, predictor, cloud_decimation=1)
    assert (count, predictor.calls) == (1, 0)
    points = np.array(found['points']['positions'][0])
    assert np.isfinite(points).all()
    assert 48 * 64 - 8 <= len(points) <= 48 * 64 - 2  # the unknown ones and their neighbours
    assert found['router/indoor']['scalars'] == [[0.2]]
    assert len(found['uncertainty']['buffer']) == 1


def test_colours_mean_the_same_metres_as_long_as_the_head_is_the_same(tmp_path):
    depths_m = (2.0, 3.0, 20.0)
    recorded = [
        ViewFrame('a', n, rgb(), np.full((48, 64), d, np.float32)) for n, d in enumerate(depths_m)
    ]
    domain = ViewFrame('a', 2.0, head='outdoor')
    _, found = written(tmp_path / 'a.rrd', [*recorded, domain, recorded[0]])
    ranges = [limits for (limits,) in found['depth']['depth_range']]
    assert ranges[3] == [1.0, 80.0]
    # Without a head: eight parts of what was, two of what is.
    assert [low for low, _ in ranges[:3]] == pytest.approx([2.0, 2.2, 5.76])


def test_it_stops_after_so_many_moments(tmp_path):
    log = RerunLog(about='', hfov_rad=HFOV_RAD)
    log.save(tmp_path / 'a.rrd')
    endless = (ViewFrame('a', float(n), rgb()) for n in iter(int, 1))
    assert run_log(endless, log, adder(FakePredictor(), PipelineSettings()), limit=3) == 3
    log.close()
    assert len(read(tmp_path / 'a.rrd')['depth']['buffer']) == 3


def test_the_head_is_kept_within_a_source_and_chosen_anew_for_every_image():
    predictor = FakePredictor(router={'indoor': 0.55, 'outdoor': 0.45})
    add = adder(predictor, PipelineSettings())
    for number in range(3):
        add(ViewFrame('video', number / 10, rgb()))
    add(ViewFrame('other.png', 0.0, rgb()))
    assert predictor.requested_heads == ['auto', 'indoor', 'indoor', 'auto']
    forced = adder(predictor, PipelineSettings(router_mode='outdoor'))(ViewFrame('a', 0.0, rgb()))
    assert forced.head == 'outdoor'
    assert forced.router_probabilities == {'indoor': 0.55, 'outdoor': 0.45}


def test_depth_is_brought_to_the_camera_that_is_known_or_assumed():
    def looked(hfov_rad, camera=None):
        add = adder(
            FakePredictor(2.0, training_hfov_rad=np.pi / 2),
            PipelineSettings(camera_hfov_rad=hfov_rad),
        )
        return float(add(ViewFrame('a', 0.0, rgb(), camera=camera)).depth_m[0, 0])

    known = CameraModel(Intrinsics.from_hfov(*rgb().shape[1::-1], 2 * np.arctan(0.5)))  # f = W
    assert looked(0.0) == 2.0
    assert looked(0.0, known) == pytest.approx(4.0)
    assert looked(2 * np.arctan(0.25)) == pytest.approx(8.0)
    assert looked(2 * np.arctan(0.25), known) == pytest.approx(4.0)


def test_points_of_recorded_depth_are_those_of_the_recording(tmp_path):
    """Of a small network, whose edges are wide."""
    size, time_ns = (120, 640), 10**18
    coarse = np.random.default_rng(4).uniform(1.0, 6.0, (12, 64)).astype(np.float32)
    depth_m = cv2.resize(coarse, size[::-1], interpolation=cv2.INTER_LINEAR)
    messages = [
        bags.camera_info(time_ns, size=size),
        bags.image(bags.rgb_image(0, size), time_ns),
    ]
    source = bags.write_mcap(tmp_path / 'in.mcap', messages)
    add_depth(
        make_plan(Job(source, tmp_path / 'out.mcap', bags.options(cloud_decimation=1))),
        FakePredictor(lambda rgb, head: depth_m, network=(48, 128)),
    )
    (recorded,) = bags.messages_of(tmp_path / 'out.mcap', '/depth/points')
    expected = recorded.data.view('<f4').reshape(*size, 4)
    (frame,) = [f for f in recording_frames(tmp_path / 'out.mcap') if f.depth_m is not None]
    settings = settings_from({'cloud.decimation': 1})
    log = RerunLog(about='', hfov_rad=1.0, settings=settings, max_points=0)
    points = log._points(frame, frame.camera)
    assert np.isnan(expected[..., 2]).any()
    np.testing.assert_array_equal(points[..., 2], expected[..., 2])
    other = log._points(replace(frame, network_width=0), frame.camera)
    assert (np.isnan(other[..., 2]) != np.isnan(expected[..., 2])).any()
