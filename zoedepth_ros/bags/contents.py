"""What a recording holds, whatever its storage."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

if TYPE_CHECKING:
    from mcap.records import Attachment

ROSBAG2_METADATA = 'rosbag2'
"""Name of the record in which rosbag2 keeps a bag's metadata."""

CDR = 'cdr'
"""How messages of ROS 2 are written."""

ABOUT_DEPTH = 'zoedepth_ros'
"""Name of the record about the origin of the depth."""

REQUEST = 'request'
"""Key, in that record, of what was requested."""

ABOUT_FIELDS = ('model', 'weights', 'weights_warning')
"""Fields of the record of every recording that has depth."""

NETWORK_WIDTH = 'network_width'
"""Key, in that record, of the width of the network's input [px], for the edge filter; its value is
'' where the width depends on the image."""


@dataclass(frozen=True, slots=True)
class Channel:
    """Describe one topic as one publisher's messages were recorded."""

    topic: str
    """Name with its namespace."""

    type_name: str
    """Such as sensor_msgs/msg/Image."""

    schema_encoding: str
    """'ros2msg' or 'ros2idl'; '' when the recording has no definition."""

    schema: bytes
    """The definition of the type with everything it contains."""

    message_encoding: str = CDR
    """How payloads are written."""

    metadata: tuple[tuple[str, str], ...] = ()
    """The rest, word for word: offered_qos_profiles, topic_type_hash."""

    @property
    def qos(self) -> str:
        """The offered quality of service as YAML; '' when it was not recorded."""
        return dict(self.metadata).get('offered_qos_profiles', '')


class Message(NamedTuple):
    """Hold one message as it was recorded; a tuple, for there are millions."""

    channel: Channel
    """Where it was published."""

    log_time_ns: int
    """When it was recorded [ns]."""

    publish_time_ns: int
    """When it was published [ns]."""

    sequence: int
    """The publisher's number of it; 0 when unknown."""

    data: bytes
    """The payload."""


@dataclass(frozen=True, slots=True)
class Metadata:
    """Hold names and values that somebody put into a recording."""

    name: str
    """What it is about."""

    values: dict[str, str]


Item: TypeAlias = 'Channel | Message | Attachment | Metadata'


def size_of(item: Item) -> int:
    """Return the size of a message's payload [bytes]; 0 for other items, which are small."""
    return len(item.data) if isinstance(item, Message) else 0


@dataclass(frozen=True, slots=True)
class RecordingSummary:
    """Hold what is known of a recording before it is read."""

    channels: tuple[Channel, ...]
    """Every channel, also those without messages."""

    counts: dict[str, int]
    """Topic -> number of messages."""

    def of_type(self, *type_names: str) -> list[str]:
        """Return the topics of these types whose messages are of ROS 2, by name."""
        found = [c for c in self.channels if full_type_name(c.type_name) in type_names]
        return sorted({c.topic for c in found if c.message_encoding == CDR})

    def type_of(self, topic: str) -> str:
        """Return the type of a topic, in full; '' when there is none."""
        names = (full_type_name(c.type_name) for c in self.channels if c.topic == topic)
        return next(names, '')


def full_type_name(name: str) -> str:
    """Return sensor_msgs/msg/Image for sensor_msgs/Image, as some programs write it."""
    package, slash, rest = name.partition('/')
    return f'{package}/msg/{rest}' if slash and '/' not in rest else name
