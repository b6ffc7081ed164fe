import threading

import bags
import pytest

from zoedepth_ros.bags import live
from zoedepth_ros.bags.contents import Channel, Message, Metadata
from zoedepth_ros.bags.live import LiveRecording
from zoedepth_ros.bags.mcap_writer import McapWriter

CHANNEL = Channel('/chatter', 'std_msgs/msg/String', 'ros2msg', b'string data\n')


def message(number, size=8):
    return Message(CHANNEL, 1000 + number, 900 + number, 0, bytes([number]) * size)


def test_everything_is_on_the_disk_in_its_order_and_counted(tmp_path):
    recording = LiveRecording(tmp_path / 'a.mcap')
    assert all(recording.add(message(number, 10**5)) for number in range(30))
    assert recording.add(Metadata('about', {'model': 'fake'}))
    assert recording.finish() == {'/chatter': 30}
    written = bags.read_mcap(tmp_path / 'a.mcap')
    assert [(w.time_ns, w.data[0], len(w.data)) for w in written] == [
        (1000 + number, number, 10**5) for number in range(30)
    ]
    assert (tmp_path / 'a.mcap').stat().st_size < 10**5  # of 3 MB
    assert [path.name for path in tmp_path.iterdir()] == ['a.mcap']


def test_what_an_earlier_attempt_left_is_not_gone_on_with(tmp_path):
    started = LiveRecording(tmp_path / 'b.mcap')
    started.add(message(2))
    started.finish()
    (tmp_path / 'a.mcap.partial').write_bytes((tmp_path / 'b.mcap').read_bytes()[:-20])
    recording = LiveRecording(tmp_path / 'a.mcap')
    recording.add(message(1))
    recording.finish()
    assert len(bags.read_mcap(tmp_path / 'a.mcap')) == 1


def test_another_writers_file_and_somebody_elses_are_left_alone(tmp_path):
    with McapWriter(tmp_path / 'a.mcap') as output:
        output.write(message(1))
        with pytest.raises(OSError, match='another zoedepth process'):
            LiveRecording(tmp_path / 'a.mcap').finish()
    assert len(bags.read_mcap(tmp_path / 'a.mcap')) == 1
    (tmp_path / 'b.mcap.partial').write_bytes(b'a diary')
    with pytest.raises(OSError, match='was not written by zoedepth'):
        LiveRecording(tmp_path / 'b.mcap').finish()
    assert (tmp_path / 'b.mcap.partial').read_bytes() == b'a diary'


def test_an_abandoned_recording_leaves_no_file(tmp_path):
    recording = LiveRecording(tmp_path / 'a.mcap')
    recording.add(message(1))
    recording.abandon()
    assert list(tmp_path.iterdir()) == []


def test_a_disk_that_fails_is_reported_at_the_end_and_leaves_no_file(tmp_path, monkeypatch):
    class FullDisk(live.McapWriter):
        def write(self, item):
            raise OSError(28, 'No space left on device')

    monkeypatch.setattr(live, 'McapWriter', FullDisk)
    recording = LiveRecording(tmp_path / 'a.mcap')
    recording.add(message(1))
    with pytest.raises(OSError, match='No space left'):
        recording.finish()
    assert not recording.add(message(2))
    assert list(tmp_path.iterdir()) == []


def test_a_disk_that_is_slow_costs_messages_and_not_memory(tmp_path, monkeypatch):
    goes_on = threading.Event()

    class SlowDisk(live.McapWriter):
        def write(self, item):
            goes_on.wait(60.0)
            super().write(item)

    monkeypatch.setattr(live, 'McapWriter', SlowDisk)
    recording = LiveRecording(tmp_path / 'a.mcap', most_waiting_bytes=250)
    taken = [recording.add(message(number, 100)) for number in range(5)]
    goes_on.set()
    assert taken == [True, True, False, False, False]
    assert recording.finish() == {'/chatter': 2}
