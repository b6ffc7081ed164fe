from zoedepth_ros.demo.record.selection import Selection

MB = 10**6
TENTH_NS = 10**8


def stamps(count, start=0):
    return [10**18 + TENTH_NS * number for number in range(start, start + count)]


def test_below_the_rate_everything_is_kept():
    selection = Selection(bytes_per_s=25 * MB)
    assert all(selection.keeps(s, MB) and selection.keeps(s, MB) for s in stamps(100))


def test_above_the_rate_a_picture_and_its_depth_are_kept_or_left_out_together():
    selection = Selection(bytes_per_s=10 * MB)
    taken = [(selection.keeps(s, MB), selection.keeps(s, 2 * MB)) for s in stamps(100)]
    assert all(picture == depth for picture, depth in taken)
    # 10 MB each second, and one second's worth of head start, for sets of 3 MB.
    assert sum(picture for picture, _ in taken) in (36, 37)
    assert taken[:3] == [(True, True)] * 3


def test_depth_that_comes_late_goes_with_its_picture():
    selection = Selection(bytes_per_s=5 * MB)
    pictures, depths, waiting = [], [], []
    for stamp in stamps(50):
        pictures.append(selection.keeps(stamp, MB))
        waiting.append(stamp)
        if len(waiting) > 3:  # three pictures later
            depths.append(selection.keeps(waiting.pop(0), MB))
    assert 0 < sum(pictures) < 50
    assert depths == pictures[: len(depths)]


def test_depth_that_is_taken_before_its_picture_goes_with_it_too():
    selection = Selection(bytes_per_s=5 * MB)
    one, two = stamps(2)
    assert selection.keeps(two, 9 * MB)
    assert [selection.keeps(one, MB), selection.keeps(two, MB)] == [False, True]


def test_small_pictures_leave_their_share_to_large_ones():
    selection = Selection(bytes_per_s=10 * MB)
    assert all(selection.keeps(s, MB // 2) for s in stamps(100))
    assert all(selection.keeps(s, 2 * MB) for s in stamps(50, start=100))


def test_small_messages_are_always_kept_and_companions_once_a_second():
    selection = Selection(bytes_per_s=MB)
    assert all(selection.keeps(s, 500) for s in stamps(100))
    selection = Selection(bytes_per_s=100 * MB)
    companions = []
    for stamp in stamps(30):
        companions.append(selection.keeps(stamp, MB, companion=True))
        assert selection.keeps(stamp, MB)
    assert [number for number, kept in enumerate(companions) if kept] == [0, 10, 20]
