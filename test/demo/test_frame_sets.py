import cv2
import numpy as np
import pytest

from zoedepth_ros.demo.frame_sets import RecordedFrame, SceneSelection, StampSynchronizer
from zoedepth_ros.demo.report_files import write_frames


@pytest.fixture
def statistics():
    pytest.importorskip('rclpy')
    from zoedepth_ros.demo.topic_statistics import TopicStatistics

    return TopicStatistics()


def image_message(width):
    from sensor_msgs.msg import Image

    return Image(encoding='32FC1', width=width)


def test_rate_is_intervals_over_their_time_and_latency_a_median_and_p95(statistics):
    for index in range(21):
        statistics.add(100.0 + 0.1 * index, float(index), image_message(640))
    summary = statistics.summary()
    assert summary['messages'] == 21
    assert summary['rate_hz'] == pytest.approx(10.0)
    assert summary['latency_ms'] == {'median': 10.0, 'p95': 19.0}
    assert (summary['encoding'], summary['width']) == ('32FC1', 640)


def test_all_different_sizes_of_a_topic_are_reported(statistics):
    for width in (640, 320, 640):
        statistics.add(0.0, 1.0, image_message(width))
    summary = statistics.summary()
    assert (summary['messages'], summary['rate_hz'], summary['width']) == (3, 0.0, [640, 320])


def test_only_messages_of_one_stamp_belong_together():
    synchronizer = StampSynchronizer(('image', 'depth'))
    assert synchronizer.add('image', 1, 'p1') is None
    assert synchronizer.add('image', 2, 'p2') is None
    assert synchronizer.add('depth', 2, 'd2') == {'image': 'p2', 'depth': 'd2'}
    assert synchronizer.add('depth', 3, 'd3') is None


def test_old_stamps_are_forgotten():
    synchronizer = StampSynchronizer(('image', 'depth'), max_incomplete=3)
    for stamp in range(10):
        synchronizer.add('image', stamp, stamp)
    assert synchronizer.add('depth', 0, 'late') is None
    assert synchronizer.add('depth', 9, 'd9') == {'image': 9, 'depth': 'd9'}


def test_an_image_is_kept_while_a_slow_network_works_on_it():
    synchronizer = StampSynchronizer(('image', 'depth'))
    for stamp in range(300):  # half a minute at 10 Hz
        synchronizer.add('image', stamp, stamp)
    assert synchronizer.add('depth', 250, 'd250') == {'image': 250, 'depth': 'd250'}
    assert synchronizer.add('depth', 249, 'd249') is None  # forgotten: depth comes in order
    assert synchronizer.add('depth', 251, 'd251') == {'image': 251, 'depth': 'd251'}


def frame(grey, head='indoor'):
    rgb = np.full((30, 40, 3), grey, np.uint8)
    depth_m = np.linspace(1.0, 4.0, 1200, dtype=np.float32).reshape(30, 40)
    points_m = np.stack([depth_m, depth_m, depth_m], axis=-1).reshape(-1, 3)
    return RecordedFrame(rgb, depth_m, points_m, rgb.reshape(-1, 3), head)


def test_the_newest_frame_of_every_scene_is_kept_up_to_a_number():
    scenes = SceneSelection(max_scenes=2)
    for grey in (10, 200, 14, 120):
        scenes.add(frame(grey))
    assert [int(kept.rgb[0, 0, 0]) for kept in scenes.frames] == [14, 120]


def test_frames_become_one_image_with_a_row_each_and_one_cloud_each(tmp_path):
    names = write_frames(tmp_path, [frame(50), frame(200)], warning='', caption='model')
    assert names == ['demo.png', 'points.ply', 'points_2.ply']
    one = tmp_path / 'one'
    one.mkdir()
    write_frames(one, [frame(50)], warning='', caption='model')
    both, single = cv2.imread(str(tmp_path / 'demo.png')), cv2.imread(str(one / 'demo.png'))
    assert both.shape[0] == 2 * single.shape[0]
    assert b'element vertex 1200\n' in (tmp_path / 'points.ply').read_bytes()
