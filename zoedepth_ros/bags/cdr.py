"""Messages as bytes (CDR) and back, and the definitions of their types, by rosbags."""

from __future__ import annotations

from array import array
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from rosbags.interfaces import Nodetype
from rosbags.typesys import Stores, get_types_from_msg, get_typestore
from rosbags.typesys.store import Typestore

from zoedepth_ros.errors import in_one_line
from zoedepth_ros.messages.types import DOMAIN

_DOMAIN_TEXT = """
string HEAD_INDOOR="indoor"
string HEAD_OUTDOOR="outdoor"
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
    store.register(get_types_from_msg(_DOMAIN_TEXT, DOMAIN))
    return store


def register_messages(folder: Path) -> None:
    """Know the messages of this package by their .msg files."""
    found = {f'zoedepth_ros/msg/{path.stem}': path for path in folder.glob('*.msg')}
    for name in found.keys() - _store().types.keys():
        _store().register(get_types_from_msg(found[name].read_text('utf-8'), name))


def decode(data: bytes | memoryview, type_name: str) -> Any:
    """Return a message with the fields of its type; its arrays are views of `data`.

    Raises ValueError when `data` is no such message.
    """
    try:
        return _store().deserialize_cdr(data, type_name)
    except Exception as error:  # generated code that raises whatever slicing and struct raise
        raise ValueError(
            f'{len(data)} bytes are not a message of type {type_name}: {in_one_line(error)}'
        ) from error


def encode(message: Any) -> bytes:
    """Return a message's bytes; an `array.array` in it is an array."""
    for name, value in vars(message).items():
        if isinstance(value, array):
            setattr(message, name, np.frombuffer(value, value.typecode))
    return bytes(_store().serialize_cdr(message, message.__msgtype__))


def make(type_name: str, **fields: Any) -> Any:
    """Make a message; fields that are not given have the defaults of ROS: 0, '' or empty."""
    _, known = _store().fielddefs[type_name]
    values = {name: _default(kind) for name, kind in known if name not in fields}
    return _store().types[type_name](**values, **fields)


def _default(kind: Any) -> Any:
    """Return the value of a field that is not given, from its description by rosbags."""
    node, detail = kind
    if node == Nodetype.BASE:
        return {'string': '', 'bool': False}.get(detail[0], 0)
    if node == Nodetype.NAME:
        return make(detail)
    (element, (name, *_)), length = detail
    if element == Nodetype.BASE and name != 'string':
        return np.zeros(length if node == Nodetype.ARRAY else 0, name)
    return []


def definition(type_name: str) -> tuple[str, str]:
    """Return a type's definition and its hash (REP 2016); '' for an unknown one."""
    store = _store()
    if type_name not in store.fielddefs:
        return '', ''
    return store.generate_msgdef(type_name, ros_version=2)[0], store.hash_rihs01(type_name)
