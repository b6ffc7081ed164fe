"""Which topics of a recording are read, and what the new ones are called."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import yaml
from rosbags.interfaces import (
    Qos,
    QosDurability,
    QosHistory,
    QosLiveliness,
    QosReliability,
    QosTime,
)
from rosbags.rosbag2.metadata import dump_qos_v8, dump_qos_v9

from zoedepth_ros.bags.cdr import definition
from zoedepth_ros.bags.contents import CDR, Channel, RecordingSummary
from zoedepth_ros.bags.errors import RecordingError
from zoedepth_ros.errors import quoted
from zoedepth_ros.messages.camera import COMPRESSED, camera_info_topic
from zoedepth_ros.messages.images import is_depth
from zoedepth_ros.messages.types import (
    CAMERA_INFO,
    COMPRESSED_IMAGE,
    DOMAIN,
    IMAGE,
    LASER_SCAN,
    POINT_CLOUD,
    TF_MESSAGE,
)
from zoedepth_ros.pipeline import outputs

_COMPRESSED_DEPTH = '/compressedDepth'

TF = '/tf'
"""Topic, and name among the outputs, of the transforms of scans' frames."""

Encodings = Callable[[Sequence[str]], Mapping[str, str]]
"""Gives the encodings of topics of Image, as far as they are known."""


@dataclass(frozen=True, slots=True)
class InputTopics:
    """Name what is read."""

    image: str

    camera_info: str
    """Topic of their camera_info; '' when there is none."""

    image_count: int
    """Number of images."""


def find_inputs(
    summary: RecordingSummary,
    image: str,
    camera_info: str,
    besides: str = '',
    encodings: Encodings = lambda topics: {},
    bits: int = 0,
) -> InputTopics:
    """Check the topics that are given, find those that are not ('').

    besides: a topic of depth; when it is there, its neighbours are not taken for candidates, nor
    are topics without camera_info while others have it.  It is the image topic of a recording
    that has no other images.  encodings: keeps depth from being taken for images.  bits: as the
    node's camera.bits, see `is_depth`.  Raises RecordingError listing what there is.
    """
    candidates = summary.of_type(IMAGE, COMPRESSED_IMAGE)
    cameras = summary.of_type(CAMERA_INFO)
    if besides in candidates:
        candidates = [topic for topic in candidates if _folder(topic) != _folder(besides)]
        if not image:  # not ground truth of a simulation: the images of the depth have a camera
            candidates = [t for t in candidates if camera_info_topic(t) in cameras] or candidates
    if not image:
        image = _only(candidates, summary, encodings, bits, besides)
    if image not in candidates and image != besides:
        there = f' ({summary.type_of(image)})' if summary.type_of(image) else ''
        raise RecordingError(
            f'{image}{there} is not an image topic; {_listed(candidates, summary)}'
        )
    wrong = {} if image == besides else _depth_in([image], summary, encodings, bits)
    for topic, encoding in wrong.items():
        raise RecordingError(
            f'{topic} contains depth ({encoding}), expected colour or grey images; '
            f'{_listed(candidates, summary)}'
        )
    if camera_info and camera_info not in cameras:
        raise RecordingError(
            f'{camera_info} is not a camera_info topic; '
            f'{_named("camera_info topics", cameras, summary)}'
        )
    siblings = [camera_info_topic(topic) for topic in (image, besides) if topic]
    camera_info = camera_info or next((topic for topic in siblings if topic in cameras), '')
    return InputTopics(image, camera_info, summary.counts.get(image, 0))


_TYPES = {
    outputs.DEPTH: IMAGE,
    outputs.CAMERA_INFO: CAMERA_INFO,
    outputs.POINTS: POINT_CLOUD,
    outputs.UNCERTAINTY: IMAGE,
    outputs.DOMAIN: DOMAIN,
    outputs.GROUND: POINT_CLOUD,
    outputs.OBSTACLES: POINT_CLOUD,
    outputs.CLEARING: POINT_CLOUD,
    outputs.CLIFFS: POINT_CLOUD,
    outputs.SCAN: LASER_SCAN,
}
"""Output -> type of its messages, in the order in which they follow an image."""


def output_channels(
    summary: RecordingSummary, depth_topic: str, like: str, wanted: Collection[str]
) -> dict[str, Channel]:
    """Name and describe what is added: `depth_topic` and, beside it, the other outputs wanted.

    like: topic whose way to write QoS is kept.  Raises RecordingError when one of the topics is
    there already.
    """
    if not depth_topic.startswith('/') or not _folder(depth_topic):
        raise RecordingError(
            f'--depth-topic {depth_topic!r}: expected a full name of at least two parts, '
            'namespace and name, such as /depth/image'
        )
    topics = {name: topic_of(name, depth_topic) for name in _TYPES if name in wanted}
    taken = [topic for topic in topics.values() if summary.type_of(topic)]
    if taken:
        raise RecordingError(
            f'the recording already contains {", ".join(taken)}; choose another --depth-topic'
        )
    qos = _reliable(next(c.qos for c in summary.channels if c.topic == like))
    channels = {name: _described(topic, _TYPES[name], qos) for name, topic in topics.items()}
    if outputs.SCAN in channels:  # unlike any channel that the recording may have there
        frames = f'frames of {topics[outputs.SCAN]}'
        channels[TF] = _described(TF, TF_MESSAGE, qos, ('zoedepth_ros', frames))
    return channels


def topic_of(output: str, depth_topic: str) -> str:
    """Return the topic of an output of the pipeline, from that of depth.

    /camera/depth/image has /camera/depth/points beside it, and /camera/scan.
    """
    if output == outputs.DEPTH:
        return depth_topic
    folder, beside = output.rpartition('/')[0], _folder(depth_topic)
    if not folder:
        return f'{_folder(beside)}/{output}'
    return f'{beside}/{output.partition("/")[2]}'


def _described(topic: str, type_name: str, qos: str, *more: tuple[str, str]) -> Channel:
    text, type_hash = definition(type_name)
    metadata = (('offered_qos_profiles', qos), ('topic_type_hash', type_hash), *more)
    return Channel(topic, type_name, 'ros2msg', text.encode(), 'cdr', metadata)


_FOREVER = QosTime(9223372036, 854775807)  # RMW_DURATION_INFINITE
_RELIABLE = Qos(
    QosHistory.KEEP_LAST,
    5,
    QosReliability.RELIABLE,
    QosDurability.VOLATILE,
    _FOREVER,
    _FOREVER,
    QosLiveliness.AUTOMATIC,
    _FOREVER,
    avoid_ros_namespace_conventions=False,
)


def qos_text(profiles: Sequence[Any]) -> str:
    """Return QoS profiles of rclpy as rosbag2 writes them, with policies as numbers of rmw."""

    def duration(offered: Any) -> QosTime:
        nanoseconds = offered.nanoseconds
        return QosTime(*divmod(nanoseconds, 10**9)) if nanoseconds else _FOREVER

    offers = [
        Qos(
            QosHistory(int(one.history)),
            one.depth,
            QosReliability(int(one.reliability)),
            QosDurability(int(one.durability)),
            duration(one.deadline),
            duration(one.lifespan),
            QosLiveliness(int(one.liveliness)),
            duration(one.liveliness_lease_duration),
            avoid_ros_namespace_conventions=False,
        )
        for one in profiles
    ]
    return dump_qos_v8(offers)


def _reliable(qos: str) -> str:
    """Return reliable, keep last 5, in the way the given profile is written."""
    # rosbag2 wrote policies as numbers before Jazzy and as names since; one way in one recording.
    by_name = 'reliability: r' in qos or 'reliability: b' in qos
    return yaml.safe_dump(dump_qos_v9([_RELIABLE])) if by_name else dump_qos_v8([_RELIABLE])


def _only(
    candidates: list[str],
    summary: RecordingSummary,
    encodings: Encodings,
    bits: int,
    besides: str,
) -> str:
    used = [topic for topic in candidates if summary.counts.get(topic)]
    used = [topic for topic in used if not _repeats(topic, used)]
    depth = _depth_in(used, summary, encodings, bits)
    images = [topic for topic in used if topic not in depth]
    if not images and summary.counts.get(besides):
        return besides
    used = images or used
    if len(used) == 1 or (used and not images):
        return used[0]
    if not used:
        raise RecordingError(f'the recording contains no images; {_listed(candidates, summary)}')
    raise RecordingError(
        'the recording contains several image topics: choose one with --image; '
        f'{_listed(used, summary)}'
    )


def _depth_in(
    topics: list[str], summary: RecordingSummary, encodings: Encodings, bits: int
) -> dict[str, str]:
    """Return those topics whose images are depth, and the encoding."""
    known = encodings([topic for topic in topics if summary.type_of(topic) == IMAGE])
    known = {topic: name for topic, name in known.items() if is_depth(name, topic, bits)}
    packed = {topic: 'compressedDepth' for topic in topics if topic.endswith(_COMPRESSED_DEPTH)}
    return {**known, **packed}


def _repeats(topic: str, others: list[str]) -> bool:
    """Return whether image_transport made a topic of another one that is there."""
    bases = (topic.removesuffix(_COMPRESSED_DEPTH), topic.removesuffix(COMPRESSED))
    return any(base != topic and base in others for base in bases)


def _listed(candidates: list[str], summary: RecordingSummary) -> str:
    if candidates:
        return _named('image topics', candidates, summary)
    others = sorted({channel.topic for channel in summary.channels})
    return f'{_why_none(summary)}{_named("topics", others, summary)}'


def _why_none(summary: RecordingSummary) -> str:
    """Return why the messages of a recording cannot be read, and the remedy."""
    used = [channel for channel in summary.channels if summary.counts.get(channel.topic)]
    encodings = sorted({c.message_encoding for c in used if c.message_encoding != CDR})
    if 'ros1' in encodings:
        return (
            'the messages of this recording are of ROS 1: convert the original .bag file with '
            'rosbags-convert --src FILE.bag --dst FOLDER; '
        )
    if encodings:
        names = ', '.join(quoted(name) for name in encodings)
        return f'the messages of this recording are encoded as {names}, expected cdr as in ROS 2; '
    if used and not any(channel.type_name for channel in used):
        return (
            'the recording does not contain the types of its messages (its channels have no '
            'schema): record with rosbag2, or add the schemas; '
        )
    return ''


def _named(kind: str, topics: list[str], summary: RecordingSummary) -> str:
    if not topics:
        return f'there are no {kind}'
    listed = (f'{t} ({summary.type_of(t)}, {summary.counts.get(t, 0)} messages)' for t in topics)
    return f'the {kind} are {", ".join(listed)}'


def _folder(topic: str) -> str:
    return topic.rpartition('/')[0]
