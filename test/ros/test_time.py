"""What time does to a stream: late images, bags that loop, cameras that change."""

from types import SimpleNamespace

import numpy as np
import pytest
from fake_predictor import FakePredictor
from processor_bench import ALL, Bench
from rclpy.time import Time
from ros_harness import camera_info_message, rgb_image

from zoedepth_ros.ros.health.statistics import Statistics
from zoedepth_ros.ros.image_processor import AgeFilter, ReceivedImage


def play(bench, stamps_s, lag_s=0.0):
    """Send images of these stamps, each `lag_s` after its stamp unless the clock stands."""
    for stamp_s in stamps_s:
        if lag_s:
            bench.now_s = stamp_s + lag_s
        bench.process(bench.message(stamp_s=stamp_s))


def test_an_image_out_of_order_is_dropped_and_counted_on_every_topic():
    bench = Bench(**{'scan.enabled': True})
    play(bench, [999.7, 999.9, 999.8, 999.9, 1000.0])
    for topic in ALL:
        assert bench.stamps_s(topic) == [999.7, 999.9, 1000.0], topic
    assert bench.drops == {'out of order': 2}
    assert bench.predictor.calls == 3


def test_a_bag_that_loops_with_its_clock_starts_anew_at_once():
    bench = Bench()
    play(bench, [10.0, 10.1, 10.2, 10.0, 10.1], lag_s=0.05)
    assert bench.stamps_s() == [10.0, 10.1, 10.2, 10.0, 10.1]
    assert bench.stamps_s('domain') == bench.stamps_s('depth/points') == bench.stamps_s()
    assert bench.statistics.clock_jumps == 1
    assert 'time jumped back' in bench.warnings[0]


def test_the_last_image_of_the_old_round_is_not_published_in_the_new_one():
    bench = Bench()
    play(bench, [60.0], lag_s=0.05)
    bench.now_s = 10.0
    bench.process(bench.message(stamp_s=60.1))
    play(bench, [10.0, 10.1], lag_s=0.05)
    assert bench.stamps_s() == [60.0, 10.0, 10.1]
    assert bench.drops == {'stamp in the future': 1}


def test_a_bag_without_its_clock_loops_when_any_age_is_taken():
    bench = Bench(max_image_age=0.0)
    play(bench, [10.0, 10.5, 12.0, 10.0, 10.5])
    assert bench.stamps_s() == [10.0, 10.5, 12.0, 10.0, 10.5]
    assert bench.drops == {}


def test_what_was_worked_on_while_time_went_back_is_not_published():
    bench = Bench()

    def rewind(rgb, head):
        bench.now_s = 5.0
        return np.full(rgb.shape[:2], 2.0)

    bench.predictor.depth = rewind
    bench.process()
    assert bench.stamps_s() == bench.stamps_s('domain') == []
    assert bench.drops == {'clock jumped back': 1}


def test_rates_hold_after_time_went_back():
    bench = Bench(**{'depth.rate': 10.0, 'cloud.rate': 10.0})
    once = [10.0 + 0.02 * i for i in range(100)]
    play(bench, once, lag_s=0.001)
    first = len(bench.sent())
    play(bench, once, lag_s=0.001)
    assert first == pytest.approx(20, abs=1)
    assert len(bench.sent()) - first == pytest.approx(20, abs=1)


def test_a_camera_that_changes_size_and_encoding_in_mid_stream_is_followed():
    bench = Bench(FakePredictor(depth=lambda rgb, head: np.full(rgb.shape[:2], rgb.shape[0] / 24)))
    for i, (height, width, encoding, channels) in enumerate(
        [(48, 64, 'rgb8', 3), (24, 32, 'mono8', 1), (96, 128, 'bgra8', 4), (48, 64, 'rgb8', 3)]
    ):
        bench.now_s = 1000.0 + i
        msg = bench.message(rgb_image(height, width))
        msg.encoding, msg.step = encoding, width * channels
        msg.data = type(msg.data)('B', bytes(height * width * channels))
        bench.camera.set_info(camera_info_message(height, width, fx=float(width)))
        bench.process(msg)
    sizes = [(48, 64), (24, 32), (96, 128), (48, 64)]
    assert [(m.height, m.width) for m in bench.sent()] == sizes
    assert [(m.height, m.width) for m in bench.sent('depth/camera_info')] == sizes
    assert [m.k[0] for m in bench.sent('depth/camera_info')] == [64.0, 32.0, 128.0, 64.0]
    for msg, cloud, (height, width) in zip(
        bench.sent(), bench.sent('depth/points'), sizes, strict=True
    ):
        assert len(msg.data) == 4 * height * width
        assert (cloud.height, cloud.width) == (height // 4, width // 4)
        xyz = np.frombuffer(cloud.data, np.float32).reshape(-1, 4)[:, :3]
        assert (xyz[:, 2] == height / 24).all()
        # the rightmost point is 2 px from the border; fx is the width, cx the middle
        assert xyz[-1, 0] == pytest.approx(height / 24 * (width - 2 - (width - 1) / 2) / width)


NEXT, BEHIND, RESTART = 'next', 'behind', 'restart'


@pytest.mark.parametrize(
    ('stamps_s', 'max_age_s', 'expected'),
    [
        ([1.0, 1.2, 1.1, 1.3], 0.5, [NEXT, NEXT, BEHIND, NEXT]),
        ([1.0, 1.0], 0.5, [NEXT, BEHIND]),
        ([0.0, 0.0, 0.0], 0.0, [NEXT, NEXT, NEXT]),  # images without stamps
        # a bag that loops although the clock goes on, and a late image of its second round
        ([10.0, 20.0, 10.0, 10.2, 10.1], 0.0, [NEXT, NEXT, RESTART, NEXT, BEHIND]),
        # farther behind than any image that is not too old
        ([10.0, 8.5], 2.0, [NEXT, BEHIND]),
        ([10.0, 8.5], 1.4, [NEXT, RESTART]),
    ],
)
def test_a_stamp_continues_the_stream_or_restarts_it_or_comes_too_late(
    stamps_s, max_age_s, expected
):
    arrivals = [(stamp_s, float(i)) for i, stamp_s in enumerate(stamps_s)]
    assert orders(arrivals, max_age_s) == expected


def test_a_clock_that_goes_back_begins_anew_however_little():
    assert orders([(s, s) for s in (10.0, 10.2, 10.1)], 0.5) == [NEXT, NEXT, RESTART]


def orders(arrivals, max_age_s):
    """Give what an age filter makes of images with (stamp, time of arrival) [s] in turn."""
    now_s, found = [0.0], []
    clock = SimpleNamespace(now=lambda: SimpleNamespace(nanoseconds=round(1e9 * now_s[0])))
    statistics = Statistics()
    age_filter = AgeFilter(clock, statistics, lambda *_: None, lambda _: None)
    for now_s[0], arrived_s in arrivals:
        stamp = Time(nanoseconds=round(1e9 * now_s[0])).to_msg()
        msg = SimpleNamespace(header=SimpleNamespace(stamp=stamp))
        jumps = statistics.clock_jumps
        is_accepted = age_filter.accepts(ReceivedImage(msg, arrived_s, 0.0), max_age_s)
        restarts = statistics.clock_jumps > jumps
        found.append(BEHIND if not is_accepted else RESTART if restarts else NEXT)
    return found
