"""What the shortcuts of the outputs leave out changes nothing that is published."""

import numpy as np
import pytest
from fake_predictor import FakePredictor
from processor_bench import Bench
from ros_harness import camera_info_message, rgb_image

from zoedepth_ros.geometry.filters import depth_for_points
from zoedepth_ros.synthetic.scene import render_scene

SIZE = (120, 160)


@pytest.fixture(scope='module')
def depth_m():
    return np.nan_to_num(render_scene('indoor', 5, *SIZE).depth_m, nan=9.0)


def bench_for(depth_m, **parameters):
    bench = Bench(FakePredictor(depth_m), **parameters)
    bench.camera.set_info(camera_info_message(*SIZE, fx=120.0, fy=120.0))
    bench.process(bench.message(rgb_image(*SIZE)))
    return bench


@pytest.mark.parametrize('rows', [1, 9, 200])
def test_a_scan_of_a_filtered_strip_is_that_of_the_filtered_image(ros, depth_m, rows):
    bench = bench_for(depth_m, **{'scan.enabled': True, 'scan.rows': rows})
    msg = bench.sent('scan')[0]
    camera = bench.camera.camera(*SIZE, rectified='auto', hfov_rad=0.0)
    whole_m = depth_for_points(
        depth_m, min_m=0.1, edges=True, network_width=bench.predictor.network[1]
    )
    assert np.isnan(whole_m).sum() > 100  # edges that a scan must not show
    expected_m = camera.band(rows, (0.0, -1.0, 0.0)).ranges(
        whole_m, range_min_m=msg.range_min, range_max_m=msg.range_max, measured_to_m=10.0
    )
    np.testing.assert_array_equal(np.array(msg.ranges, np.float32), expected_m)


@pytest.mark.parametrize('step', [1, 4])
@pytest.mark.parametrize('organized', [True, False])
def test_a_cloud_holds_the_points_that_the_filtered_image_has(ros, depth_m, step, organized):
    bench = bench_for(depth_m, **{'cloud.decimation': step, 'cloud.organized': organized})
    msg = bench.sent('depth/points')[0]
    points = np.frombuffer(msg.data, np.float32).reshape(-1, 4)
    whole_m = depth_for_points(
        depth_m, min_m=0.1, edges=True, network_width=bench.predictor.network[1]
    )
    whole_m[whole_m > 10.0] = np.nan
    v, u = np.mgrid[: SIZE[0], : SIZE[1]]
    whole_m[~np.isfinite(whole_m)] = np.nan
    xyz = np.stack(((u - 79.5) / 120 * whole_m, (v - 59.5) / 120 * whole_m, whole_m), axis=-1)
    few = xyz[step // 2 :: step, step // 2 :: step].reshape(-1, 3)
    colors = rgb_image(*SIZE)[step // 2 :: step, step // 2 :: step].reshape(-1, 3).astype(int)
    if not organized:
        kept = np.isfinite(few[:, 2])
        few, colors = few[kept], colors[kept]
    np.testing.assert_allclose(points[:, :3], few, rtol=1e-5, atol=1e-6)
    numbers = np.frombuffer(msg.data, np.uint32).reshape(-1, 4)[:, 3]
    np.testing.assert_array_equal(numbers, colors @ (65536, 256, 1))
