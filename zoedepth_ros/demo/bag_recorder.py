"""The recorder's messages as a ROS 2 bag: their channels as the graph describes them."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rclpy.node import Node

from zoedepth_ros.bags.contents import ABOUT_DEPTH, ABOUT_FIELDS, Channel, Message, Metadata
from zoedepth_ros.bags.definitions import definition_text, share_folders
from zoedepth_ros.bags.errors import RecordingError, require_libraries
from zoedepth_ros.bags.qos import FOREVER_NS, Profile, profiles_text
from zoedepth_ros.demo.record.selection import Selection
from zoedepth_ros.msg import Status

if TYPE_CHECKING:
    from zoedepth_ros.bags.live import LiveRecording

COMPANIONS = frozenset({'truth/depth', 'depth/uncertainty'})
"""As big as depth and seldom looked at one by one: kept once a second."""

LEFT_OUT = frozenset({'depth/color'})
"""What every viewer makes of depth by itself."""

_BYTES_PER_S = 9e6  # before compression, which takes a quarter
_MOST_BYTES = 1.5e9
_SHARE_OF_DISK = 0.25


class BagRecorder:
    """Put a node's messages into a bag; what prevents that is told, not raised."""

    def __init__(self, node: Node, path: Path, duration_s: float) -> None:
        """duration_s: how long it will go on; sizes are limited accordingly."""
        self._node, self.path = node, path
        self._channels: dict[str, Channel] = {}
        self._facts: dict[str, str] = {}
        self._folders = share_folders()
        self.trouble = ''
        """Why there is no bag; '' while there is one."""
        most_bytes = min(_MOST_BYTES, _SHARE_OF_DISK * shutil.disk_usage(path.parent).free)
        self._selection = Selection(min(_BYTES_PER_S, most_bytes / max(1.0, duration_s)))
        self._file: LiveRecording | None = None
        try:
            require_libraries()
            from zoedepth_ros.bags.live import LiveRecording

            self._file = LiveRecording(path)
        except (RecordingError, OSError) as error:
            self.trouble = str(error)

    def add(
        self, topic: str, kind: Any, stamp_ns: int, data: bytes, came_ns: int, published_ns: int
    ) -> None:
        """Take a message as it came."""
        if self._file is None or topic in LEFT_OUT:
            return
        if not self._selection.keeps(stamp_ns, len(data), companion=topic in COMPANIONS):
            return
        if topic not in self._channels:
            self._channels[topic] = self._channel(topic, kind)
        self._file.add(Message(self._channels[topic], came_ns, published_ns, 0, data))

    def note_model(self, status: Status) -> None:
        """Say in the bag what makes its depth."""
        facts = {name: getattr(status, name) for name in ABOUT_FIELDS}
        if self._file is not None and status.model and facts != self._facts:
            self._facts = facts
            self._file.add(Metadata(ABOUT_DEPTH, facts))

    def finish(self) -> dict[str, Any]:
        """Finish the file; gives what a report says about it."""
        file, self._file = self._file, None
        if file is None:
            return {'file': '', 'trouble': self.trouble}
        try:
            written = file.finish()
        except OSError as error:
            self.trouble = str(error)
            return {'file': '', 'trouble': self.trouble}
        size_mb = round(self.path.stat().st_size * 1e-6, 1)
        counts = {topic: written[channel.topic] for topic, channel in self._channels.items()}
        return {'file': self.path.name, 'size_mb': size_mb, 'messages': counts}

    def abandon(self) -> None:
        """Leave no file, unless it is finished."""
        if self._file is not None:
            self._file.abandon()
            self._file = None

    def _channel(self, topic: str, kind: Any) -> Channel:
        """Describe a topic as rosbag2 does, from its publishers' offers."""
        full = self._node.resolve_topic_name(topic)
        offers = self._node.get_publishers_info_by_topic(full)
        type_name = f'{kind.__module__.partition(".")[0]}/msg/{kind.__name__}'
        text = definition_text(type_name, self._folders)
        # Humble does not know hashes.
        hashes = {str(getattr(offer, 'topic_type_hash', '')) for offer in offers}
        metadata = {
            'offered_qos_profiles': profiles_text([_profile(o.qos_profile) for o in offers]),
            'topic_type_hash': min(hashes, default=''),
        }
        encoding = 'ros2msg' if text else ''
        return Channel(full, type_name, encoding, text.encode(), metadata=tuple(metadata.items()))


def _profile(qos: Any) -> Profile:
    def duration_ns(duration: Any) -> int:
        return int(duration.nanoseconds) if duration.nanoseconds else FOREVER_NS

    return Profile(
        history=int(qos.history),
        depth=int(qos.depth),
        reliability=int(qos.reliability),
        durability=int(qos.durability),
        deadline_ns=duration_ns(qos.deadline),
        lifespan_ns=duration_ns(qos.lifespan),
        liveliness=int(qos.liveliness),
        lease_ns=duration_ns(qos.liveliness_lease_duration),
    )
