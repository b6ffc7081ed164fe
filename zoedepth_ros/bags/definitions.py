"""What message types look like: their .msg files, put together as rosbag2 does ('ros2msg')."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

_TYPE = re.compile(r'^\s*([A-Za-z]\w*(?:/\w+)*)')
_PRIMITIVE = re.compile(r'(bool|byte|char|w?string|float(32|64)|u?int(8|16|32|64))$')
_BETWEEN = '=' * 80


def share_folders() -> list[Path]:
    """Return the folders in which ROS packages of this environment keep what they share."""
    prefixes = os.environ.get('AMENT_PREFIX_PATH', '').split(os.pathsep)
    return [Path(prefix) / 'share' for prefix in (*prefixes, sys.prefix) if prefix]


def definition_text(type_name: str, folders: Sequence[Path]) -> str:
    """Return a type's definition followed by those of everything in it; '' when one is not found.

    type_name: such as sensor_msgs/msg/Image.
    """
    parts, todo = dict[str, str](), [type_name]
    while todo:
        name = todo.pop(0)
        if name in parts:
            continue
        package, _, short = name.partition('/msg/')
        paths = (folder / package / 'msg' / f'{short}.msg' for folder in folders)
        path = next((path for path in paths if path.is_file()), None)
        if path is None:
            return ''
        parts[name] = path.read_text(encoding='utf-8')
        todo += _contained(parts[name], package)
    texts = [
        text if name == type_name else f'MSG: {name.replace("/msg/", "/")}\n{text}'
        for name, text in parts.items()
    ]
    return f'\n{_BETWEEN}\n'.join(texts)


def _contained(text: str, package: str) -> Iterator[str]:
    for line in text.splitlines():
        match = _TYPE.match(line)
        if match is None or _PRIMITIVE.match(match.group(1)):
            continue
        found = match.group(1).replace('/msg/', '/')
        place, _, short = found.rpartition('/')
        yield f'{place or package}/msg/{short}'
