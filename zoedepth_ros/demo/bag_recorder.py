"""Write the recorder's messages into a ROS 2 bag of limited size."""

from __future__ import annotations

import os
import shutil
from collections import OrderedDict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rclpy.node import Node

from zoedepth_ros.bags.contents import (
    ABOUT_DEPTH,
    ABOUT_FIELDS,
    NETWORK_WIDTH,
    Channel,
    Message,
    Metadata,
)
from zoedepth_ros.bags.errors import RecordingError, require_libraries
from zoedepth_ros.environment import share_folders
from zoedepth_ros.msg import Status

if TYPE_CHECKING:
    from zoedepth_ros.bags.live import LiveRecording

ONCE_A_SECOND = frozenset({'ground_truth/depth', 'depth/uncertainty'})
"""Topics as large as depth, of which one message per second suffices."""

EXCLUDED = frozenset({'depth/color'})
"""Topics that every viewer can derive from depth."""

SMALL_BYTES = 2**12
"""Messages up to this size are always recorded."""

_BYTES_PER_S = 9e6  # before compression, which saves three quarters
_MAX_BYTES = 1.5e9
_MAX_SHARE_OF_DISK = 0.25
_MAX_DECISIONS = 400  # images whose other messages may still arrive
_HEAD_START_S = 1.0  # otherwise the first image would exclude the second
_NONE, _REDUCED, _ALL = 'none', 'without once-a-second topics', 'all'


class SizeLimit:
    """Record all messages of an image or none, as often as a byte rate allows.

    What small images leave of the rate, larger ones may use later.
    """

    def __init__(self, bytes_per_s: float) -> None:
        """bytes_per_s: maximum growth of the recording, before compression."""
        self._bytes_per_s = bytes_per_s
        self._recorded_bytes = 0
        self._first_ns: int | None = None
        self._last_all_ns: int | None = None
        self._decisions: OrderedDict[int, str] = OrderedDict()

    def accepts(self, stamp_ns: int, size_bytes: int, *, once_a_second: bool = False) -> bool:
        """Decide whether a message is recorded."""
        if size_bytes <= SMALL_BYTES:
            return True
        if stamp_ns not in self._decisions:
            self._decisions[stamp_ns] = self._decide(stamp_ns)
            if len(self._decisions) > _MAX_DECISIONS:
                self._decisions.popitem(last=False)
        accepted = self._decisions[stamp_ns] in ((_ALL,) if once_a_second else (_ALL, _REDUCED))
        self._recorded_bytes += size_bytes * accepted
        return accepted

    def _decide(self, stamp_ns: int) -> str:
        if self._first_ns is None:
            self._first_ns = stamp_ns
        allowed_bytes = self._bytes_per_s * (_HEAD_START_S + 1e-9 * (stamp_ns - self._first_ns))
        if self._recorded_bytes > allowed_bytes:
            return _NONE
        if self._last_all_ns is not None and stamp_ns - self._last_all_ns < 10**9:
            return _REDUCED
        self._last_all_ns = stamp_ns
        return _ALL


class BagRecorder:
    """Write a node's messages into a bag; errors are kept for the report, not raised."""

    def __init__(self, node: Node, path: Path, duration_s: float) -> None:
        """duration_s: expected duration, which limits the byte rate."""
        self._node, self.path = node, path
        self._channels: dict[str, Channel] = {}
        self._about: dict[str, str] = {}
        self.error = ''
        """Why there is no bag; '' while there is one."""
        max_bytes = min(_MAX_BYTES, _MAX_SHARE_OF_DISK * shutil.disk_usage(path.parent).free)
        self._limit = SizeLimit(min(_BYTES_PER_S, max_bytes / max(1.0, duration_s)))
        self._file: LiveRecording | None = None
        try:
            require_libraries()
            from zoedepth_ros.bags.cdr import register_messages
            from zoedepth_ros.bags.live import LiveRecording

            for share in share_folders(os.environ):
                register_messages(share / 'zoedepth_ros' / 'msg')
            self._file = LiveRecording(path)
        except (RecordingError, OSError) as error:
            self.error = str(error)

    def add(
        self,
        topic: str,
        message_type: Any,
        stamp_ns: int,
        data: bytes,
        received_ns: int,
        published_ns: int,
    ) -> None:
        """Record a serialized message, unless the size limit excludes it."""
        if self._file is None or topic in EXCLUDED:
            return
        if not self._limit.accepts(stamp_ns, len(data), once_a_second=topic in ONCE_A_SECOND):
            return
        if topic not in self._channels:
            self._channels[topic] = self._channel(topic, message_type)
        self._file.add(Message(self._channels[topic], received_ns, published_ns, 0, data))

    def add_model(self, status: Status) -> None:
        """Record which model made the depth."""
        about = {name: getattr(status, name) for name in ABOUT_FIELDS}
        about[NETWORK_WIDTH] = str(status.network_width)
        if self._file is not None and status.model and about != self._about:
            self._about = about
            self._file.add(Metadata(ABOUT_DEPTH, about))

    def finish(self) -> dict[str, Any]:
        """Finish the file; returns its part of the report."""
        file, self._file = self._file, None
        if file is not None:
            try:
                written = file.finish()
            except OSError as error:
                self.error = str(error)
        if file is None or self.error:
            return {'file': '', 'error': self.error}
        size_mb = round(self.path.stat().st_size * 1e-6, 1)
        counts = {topic: written[channel.topic] for topic, channel in self._channels.items()}
        return {'file': self.path.name, 'size_mb': size_mb, 'messages': counts}

    def abandon(self) -> None:
        """Delete the file, unless it is finished."""
        if self._file is not None:
            self._file.abandon()
            self._file = None

    def _channel(self, topic: str, message_type: Any) -> Channel:
        """Describe a topic as rosbag2 does, with the QoS of its publishers."""
        from zoedepth_ros.bags.cdr import definition  # with libraries that a recording needs
        from zoedepth_ros.bags.topics import qos_text

        full = self._node.resolve_topic_name(topic)
        publishers = self._node.get_publishers_info_by_topic(full)
        name = f'{message_type.__module__.partition(".")[0]}/msg/{message_type.__name__}'
        text, _ = definition(name)
        # Humble has no type hashes.
        hashes = {str(getattr(one, 'topic_type_hash', '')) for one in publishers}
        metadata = {
            'offered_qos_profiles': qos_text([one.qos_profile for one in publishers]),
            'topic_type_hash': min(hashes, default=''),
        }
        encoding = 'ros2msg' if text else ''
        return Channel(full, name, encoding, text.encode(), metadata=tuple(metadata.items()))
