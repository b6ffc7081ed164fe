"""Messages as bytes (CDR) and back, and what their types look like; big arrays are not copied."""

from __future__ import annotations

from functools import cache
from typing import Any

from rosbags.typesys import Stores, get_types_from_msg, get_typestore
from rosbags.typesys.store import Typestore

from zoedepth_ros.errors import in_one_line

IMAGE = 'sensor_msgs/msg/Image'
COMPRESSED_IMAGE = 'sensor_msgs/msg/CompressedImage'
CAMERA_INFO = 'sensor_msgs/msg/CameraInfo'
POINT_CLOUD = 'sensor_msgs/msg/PointCloud2'
POINT_FIELD = 'sensor_msgs/msg/PointField'
REGION_OF_INTEREST = 'sensor_msgs/msg/RegionOfInterest'
DOMAIN = 'zoedepth_ros/msg/Domain'
_DOMAIN_FIELDS = """
std_msgs/Header header
string head
float32 indoor_probability
float32 outdoor_probability
bool forced
builtin_interfaces/Time last_switch
"""


@cache
def _store() -> Typestore:
    # The types used here are the same in every distribution; Humble is the oldest supported.
    store = get_typestore(Stores.ROS2_HUMBLE)
    store.register(get_types_from_msg(_DOMAIN_FIELDS, DOMAIN))
    return store


def decode(data: bytes | memoryview, type_name: str) -> Any:
    """Give a message with the fields of its type; its arrays are views of `data`.

    Raises ValueError when `data` is no such message.
    """
    try:
        return _store().deserialize_cdr(data, type_name)
    except Exception as error:  # generated code that raises whatever slicing and struct raise
        raise ValueError(f'{len(data)} bytes are no {type_name}: {in_one_line(error)}') from error


def encode(message: Any) -> bytes:
    """Give a message's bytes."""
    return bytes(_store().serialize_cdr(message, message.__msgtype__))


def make(type_name: str, **fields: Any) -> Any:
    """Make a message; every field must be given."""
    return _store().types[type_name](**fields)


def definition(type_name: str) -> tuple[str, str]:
    """Give a type's definition and its hash (REP 2016); both '' for a type that is not common."""
    store = _store()
    if type_name not in store.fielddefs:
        return '', ''
    return store.generate_msgdef(type_name, ros_version=2)[0], store.hash_rihs01(type_name)
