"""Recordings for tests, written and read by other implementations: rosbags and mcap."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import pytest

pytest.importorskip('mcap', reason='pip install mcap')
pytest.importorskip('rosbags', reason='pip install rosbags')

from mcap.reader import make_reader
from mcap.writer import Writer as McapWriter
from rosbags.interfaces import (
    Qos,
    QosDurability,
    QosHistory,
    QosLiveliness,
    QosReliability,
    QosTime,
)
from rosbags.rosbag2 import StoragePlugin, Writer
from rosbags.typesys import Stores, get_typestore

STORE = get_typestore(Stores.ROS2_JAZZY)
IMAGE = '/camera/image_raw'
INFO = '/camera/camera_info'
CHATTER = '/chatter'
SIZE = (48, 64)
QOS = Qos(
    QosHistory.KEEP_LAST,
    7,
    QosReliability.BEST_EFFORT,
    QosDurability.VOLATILE,
    QosTime(0, 0),
    QosTime(0, 0),
    QosLiveliness.AUTOMATIC,
    QosTime(0, 0),
    False,
)


@dataclass(frozen=True)
class Written:
    """One message of a test's recording."""

    topic: str
    type_name: str
    time_ns: int
    data: bytes


def header(time_ns: int, frame: str = 'camera_optical'):
    stamp = STORE.types['builtin_interfaces/msg/Time'](time_ns // 10**9, time_ns % 10**9)
    return STORE.types['std_msgs/msg/Header'](stamp, frame)


def serialized(topic: str, time_ns: int, message) -> Written:
    data = bytes(STORE.serialize_cdr(message, message.__msgtype__))
    return Written(topic, message.__msgtype__, time_ns, data)


def rgb_image(number: int, size: tuple[int, int] = SIZE) -> np.ndarray:
    """Return an image whose red value is its number."""
    rgb = np.full((*size, 3), 90, np.uint8)
    rgb[..., 0] = 10 * number
    return rgb


def image(rgb: np.ndarray, time_ns: int, topic: str = IMAGE) -> Written:
    kind = STORE.types['sensor_msgs/msg/Image']
    height, width = rgb.shape[:2]
    message = kind(header(time_ns), height, width, 'rgb8', 0, 3 * width, rgb.reshape(-1))
    return serialized(topic, time_ns + 5, message)  # recorded a little after the stamp


def depth(values: np.ndarray, time_ns: int, topic: str) -> Written:
    """Make an Image of depth of float32 [m] or uint16 [mm]."""
    kind = STORE.types['sensor_msgs/msg/Image']
    (height, width), encoding = values.shape, {'f': '32FC1', 'u': '16UC1'}[values.dtype.kind]
    data = values.reshape(-1).view(np.uint8)
    step = width * values.itemsize
    return serialized(
        topic, time_ns, kind(header(time_ns), height, width, encoding, 0, step, data)
    )


def compressed(rgb: np.ndarray, time_ns: int, topic: str = f'{IMAGE}/compressed') -> Written:
    kind = STORE.types['sensor_msgs/msg/CompressedImage']
    data = cv2.imencode('.png', rgb[..., ::-1])[1]
    return serialized(topic, time_ns + 5, kind(header(time_ns), 'png', data.reshape(-1)))


def camera_info(
    time_ns: int,
    *,
    focal_px: float = 50.0,
    rectified_focal_px: float | None = None,
    size: tuple[int, int] = SIZE,
    topic: str = INFO,
) -> Written:
    height, width = size
    k = np.array([focal_px, 0, (width - 1) / 2, 0, focal_px, (height - 1) / 2, 0, 0, 1])
    p = np.column_stack((k.reshape(3, 3), np.zeros(3))).reshape(-1)
    p[0] = p[5] = focal_px if rectified_focal_px is None else rectified_focal_px
    roi = STORE.types['sensor_msgs/msg/RegionOfInterest'](0, 0, 0, 0, False)
    message = STORE.types['sensor_msgs/msg/CameraInfo'](
        header(time_ns), height, width, 'plumb_bob', np.zeros(5), k, np.eye(3).reshape(-1), p,
        0, 0, roi,
    )  # fmt: skip
    return serialized(topic, time_ns + 1, message)


def text(words: str, time_ns: int, topic: str = CHATTER) -> Written:
    return serialized(topic, time_ns, STORE.types['std_msgs/msg/String'](words))


def drive(images: int = 4) -> list[Written]:
    """Make a recording: images every 100 ms, each with camera_info, and other messages between."""
    messages = []
    for number in range(images):
        time_ns = 10**18 + number * 10**8
        messages += [
            camera_info(time_ns),
            image(rgb_image(number), time_ns),
            text(f'number {number}', time_ns + 20),
        ]
    return messages


def long_recordings(folder: Path, count: int, size: tuple[int, int] = (300, 400)) -> list[Path]:
    """Write recordings of 8 images, by default in several chunks, each at a time of its own."""
    paths = [folder / f'{number}.mcap' for number in range(count)]
    for number, path in enumerate(paths):
        time_ns = 10**18 + number * 10**12
        write_mcap(path, [image(rgb_image(n, size), time_ns + n * 10**8) for n in range(8)])
    return paths


def write_bag(
    path: Path, messages: list[Written], storage: str = 'mcap', version: int = 9
) -> Path:
    """Write a bag's folder with rosbags; returns the folder."""
    plugin = StoragePlugin.MCAP if storage == 'mcap' else StoragePlugin.SQLITE3
    with Writer(path, version=version, storage_plugin=plugin) as writer:
        connections = {}
        for message in messages:
            if message.topic not in connections:
                connections[message.topic] = writer.add_connection(
                    message.topic,
                    message.type_name,
                    typestore=STORE,
                    offered_qos_profiles=[QOS],
                )
            writer.write(connections[message.topic], message.time_ns, message.data)
    return path


def write_mcap(path: Path, messages: list[Written]) -> Path:
    """Write a single .mcap file with rosbags."""
    folder = write_bag(path.with_name(f'{path.name}_folder'), messages)
    next(folder.glob('*.mcap')).rename(path)
    return path


def write_with_mcap(
    path: Path,
    messages: list[Written],
    *,
    profile: str = 'ros2',
    encoding: str = 'cdr',
    schema: bool = True,
    also=lambda writer: None,
    **options,
) -> Path:
    """Write a file with mcap's own writer, which has options; also: writes what else it holds."""
    with path.open('wb') as file:
        writer, channels = McapWriter(file, **options), {}
        writer.start(profile)
        for m in messages:
            kind = m.topic, m.type_name
            if kind not in channels:
                number = writer.register_schema(m.type_name, 'ros2msg', b'') if schema else 0
                channels[kind] = writer.register_channel(m.topic, encoding, number)
            writer.add_message(channels[kind], m.time_ns, m.data, m.time_ns)
        also(writer)
        writer.finish()
    return path


def read_mcap(path: Path) -> list[Written]:
    """Read a file with mcap's own reader, in the order of the file, checksums checked."""
    with path.open('rb') as file:
        reader = make_reader(file, validate_crcs=True)
        return [
            Written(channel.topic, schema.name if schema else '', message.log_time, message.data)
            for schema, channel, message in reader.iter_messages(log_time_order=False)
        ]


def messages_of(path: Path, topic: str) -> list:
    """Read and deserialize the messages of one topic."""
    return [
        STORE.deserialize_cdr(message.data, message.type_name)
        for message in read_mcap(path)
        if message.topic == topic
    ]


def options(**values):
    """Make DepthOptions; names that are not its own are options of outputs or settings."""
    from zoedepth_ros.bags.plan import OPTIONAL, DepthOptions
    from zoedepth_ros.pipeline.settings import PipelineSettings

    names = {'image', 'camera_info', 'depth_topic', 'compression'} & values.keys()
    own = {name: values.pop(name) for name in names}
    chosen = {name: values.pop(name, name == 'points') for name in OPTIONAL}
    own['added'] = frozenset(OPTIONAL[name] for name, is_chosen in chosen.items() if is_chosen)
    return DepthOptions(settings=PipelineSettings(**values), **own)


def plan(source: Path, target: Path, *, overwrite: bool = False, **chosen):
    """Plan the work on a recording; chosen: see `options`."""
    from zoedepth_ros.bags.plan import Job, make_plan

    return make_plan(Job(source, target, options(**chosen), overwrite=overwrite))
