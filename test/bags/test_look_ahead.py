"""camera_info recorded after its image, while two cameras alternate or the calibration changes."""

import struct
from dataclasses import replace

import bags
import pytest
from fake_predictor import FakePredictor

from zoedepth_ros.bags import look_ahead as module
from zoedepth_ros.bags.add_depth import add_depth
from zoedepth_ros.bags.contents import Channel, Message, RecordingSummary
from zoedepth_ros.bags.look_ahead import look_ahead
from zoedepth_ros.messages.camera import OTHER_STAMP
from zoedepth_ros.viewing.moments import recording_frames

FOCAL_PX = (50.0, 70.0, 50.0, 70.0, 90.0, 110.0)
MS = 10**6


def recording(path, late_ns, *, without=()):
    """Write images every 100 ms, each with a camera_info of its stamp recorded `late_ns` later."""
    messages = []
    for number, focal_px in enumerate(FOCAL_PX):
        time_ns = 10**18 + number * 100 * MS
        messages.append(bags.image(bags.rgb_image(number), time_ns))
        info = bags.camera_info(time_ns, focal_px=focal_px)
        if number not in without:
            messages.append(replace(info, time_ns=time_ns + late_ns))
    return bags.write_mcap(path, sorted(messages, key=lambda message: message.time_ns))


def focal_px_in(path):
    return [info.k[0] for info in bags.messages_of(path, '/depth/camera_info')]


def first_points(path):
    clouds = bags.messages_of(path, '/depth/points')
    return [float(cloud.data[:4].view('<f4')[0]) for cloud in clouds]


@pytest.mark.parametrize('late_ns', [-5 * MS, 6, 250 * MS])
def test_an_image_has_the_camera_info_of_its_stamp_though_recorded_after_it(tmp_path, late_ns):
    source = recording(tmp_path / 'in.mcap', late_ns)
    plan = bags.plan(source, tmp_path / 'out.mcap', cloud_decimation=1)
    report = add_depth(plan, FakePredictor(1.0))
    assert focal_px_in(tmp_path / 'out.mcap') == list(FOCAL_PX)
    assert first_points(tmp_path / 'out.mcap') == pytest.approx([-31.5 / f for f in FOCAL_PX])
    assert OTHER_STAMP not in report.assumptions
    frames = list(recording_frames(source))
    assert [f.camera.intrinsics.fx_px for f in frames] == list(FOCAL_PX)


def test_without_its_own_an_image_has_the_newest_before_it_and_that_is_said(tmp_path):
    source = recording(tmp_path / 'in.mcap', 6, without=(3,))
    report = add_depth(bags.plan(source, tmp_path / 'out.mcap'), FakePredictor())
    assert focal_px_in(tmp_path / 'out.mcap') == [50.0, 70.0, 50.0, 50.0, 90.0, 110.0]
    assert report.assumptions[OTHER_STAMP] == OTHER_STAMP
    notes = []
    frames = list(recording_frames(source, note=notes.append))
    assert frames[3].camera.intrinsics.fx_px == 50.0
    assert OTHER_STAMP in notes


def test_a_calibration_that_never_has_the_stamp_of_an_image_is_no_notice(tmp_path):
    messages = [m for m in bags.drive(4) if m.topic != bags.INFO]
    messages.insert(0, bags.camera_info(10**18 - 77))
    messages.insert(4, bags.camera_info(10**18 + 150 * MS, focal_px=60.0))
    source = bags.write_mcap(tmp_path / 'in.mcap', messages)
    report = add_depth(bags.plan(source, tmp_path / 'out.mcap'), FakePredictor())
    assert focal_px_in(tmp_path / 'out.mcap') == [50.0, 50.0, 60.0, 60.0]
    assert OTHER_STAMP not in report.assumptions


def message(topic, time_ns, stamp_ns, size=64):
    stamp = struct.pack('<BBBBII', 0, 1, 0, 0, stamp_ns // 10**9, stamp_ns % 10**9)
    return Message(Channel(topic, '', '', b''), time_ns, time_ns, 0, stamp + bytes(size))


def read_before_the_image(items):
    """Return the messages of camera_info that are found ahead, and how many items are read."""
    read, found = [], []

    def reading():
        for item in items:
            read.append(item)
            yield item

    kept = look_ahead(reading(), RecordingSummary((), {'i': 99}), 'im', 'i', found.append)
    first = next(kept)
    assert first is items[0]
    return found, len(read), kept


def test_what_is_read_ahead_is_bounded_in_time_size_and_number(monkeypatch):
    image = message('im', 0, 5)
    slow = [image, *(message('x', n * 100 * MS, 0) for n in range(100))]
    assert read_before_the_image(slow)[1] == 13  # the first that is more than 1 s later
    monkeypatch.setattr(module, 'MOST_BYTES', 1000)
    large = [image, *(message('x', 1, 0, size=300) for _ in range(100))]
    assert read_before_the_image(large)[1] == 5
    infos = [image, *(message('i', 1, 6 + n, size=0) for n in range(100))]
    found, read, _ = read_before_the_image(infos)
    assert (len(found), read) == (module.MOST_INFOS, 1 + module.MOST_INFOS)


def test_order_and_what_precedes_an_error_are_kept():
    items = [message('im', 0, 5), message('x', 1, 0), message('im', 2, 7), message('i', 3, 5)]

    def failing():
        yield from items
        raise OSError('disk')

    kept = look_ahead(failing(), RecordingSummary((), {'i': 2}), 'im', 'i', lambda message: None)
    assert [next(kept) for _ in items] == items
    with pytest.raises(OSError, match='disk'):
        next(kept)


def test_a_recording_with_one_camera_info_is_not_read_ahead():
    items = [message('im', 0, 5), message('x', 1, 0)]
    read = iter(items)
    kept = look_ahead(read, RecordingSummary((), {'i': 1}), 'im', 'i', lambda message: None)
    assert next(kept) is items[0]
    assert next(read) is items[1]


def test_a_stamp_is_read_in_either_byte_order():
    little = message('i', 0, 10**18 + 7)
    big = little._replace(data=b'\0\0\0\0' + struct.pack('>II', 10**9, 7))
    assert module.stamp_of(little) == module.stamp_of(big) == (10**9, 7)
