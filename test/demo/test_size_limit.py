import pytest

pytest.importorskip('rclpy')

from zoedepth_ros.demo.bag_recorder import SizeLimit

MB = 10**6
TENTH_NS = 10**8


def stamps(count, start=0):
    return [10**18 + TENTH_NS * number for number in range(start, start + count)]


def test_below_the_rate_everything_is_recorded():
    limit = SizeLimit(bytes_per_s=25 * MB)
    assert all(limit.accepts(s, MB) and limit.accepts(s, MB) for s in stamps(100))


def test_above_the_rate_an_image_and_its_depth_are_recorded_or_skipped_together():
    limit = SizeLimit(bytes_per_s=10 * MB)
    taken = [(limit.accepts(s, MB), limit.accepts(s, 2 * MB)) for s in stamps(100)]
    assert all(image == depth for image, depth in taken)
    # 10 MB each second, and one second in advance, for sets of 3 MB.
    assert sum(image for image, _ in taken) in (36, 37)
    assert taken[:3] == [(True, True)] * 3


def test_depth_that_arrives_late_is_treated_as_its_image():
    limit = SizeLimit(bytes_per_s=5 * MB)
    images, depths, waiting = [], [], []
    for stamp in stamps(50):
        images.append(limit.accepts(stamp, MB))
        waiting.append(stamp)
        if len(waiting) > 3:  # three images later
            depths.append(limit.accepts(waiting.pop(0), MB))
    assert 0 < sum(images) < 50
    assert depths == images[: len(depths)]


def test_depth_that_arrives_before_its_image_is_treated_the_same():
    limit = SizeLimit(bytes_per_s=5 * MB)
    one, two = stamps(2)
    assert limit.accepts(two, 9 * MB)
    assert [limit.accepts(one, MB), limit.accepts(two, MB)] == [False, True]


def test_small_images_leave_their_share_to_large_ones():
    limit = SizeLimit(bytes_per_s=10 * MB)
    assert all(limit.accepts(s, MB // 2) for s in stamps(100))
    assert all(limit.accepts(s, 2 * MB) for s in stamps(50, start=100))


def test_small_messages_are_always_recorded_and_large_extra_topics_once_a_second():
    limit = SizeLimit(bytes_per_s=MB)
    assert all(limit.accepts(s, 500) for s in stamps(100))
    limit = SizeLimit(bytes_per_s=100 * MB)
    extras = []
    for stamp in stamps(30):
        extras.append(limit.accepts(stamp, MB, once_a_second=True))
        assert limit.accepts(stamp, MB)
    assert [number for number, kept in enumerate(extras) if kept] == [0, 10, 20]
