"""Read a ROS parameter file without ROS, so that commands use the settings of a node."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Any

from zoedepth_ros.errors import quoted
from zoedepth_ros.files import parse_yaml, read_text
from zoedepth_ros.pipeline.parameter import table_of
from zoedepth_ros.pipeline.settings import PipelineSettings, settings_from

NODE_NAME = 'zoedepth'


def settings_from_file(
    path: Path,
    *,
    base: PipelineSettings | None = None,
    ignored: Collection[str] = (),
) -> PipelineSettings:
    """Return the settings in a parameter file such as config/depth_node.yaml.

    base: settings for what the file does not contain.  Values of one of several cameras
    (front.depth.rate) do not count.  ignored: names of other parameters of the node, which are no
    error.  Raises ValueError naming file and parameter, and OSError.
    """
    table = table_of(PipelineSettings)
    values = parameters_in(path)
    cameras = values.get('cameras') or []
    if not isinstance(cameras, list):
        raise ValueError(f'{path}: cameras must be a list of strings, got {quoted(cameras)}')
    prefixes = [f'{name}.' for name in cameras if name]
    for name in values:
        prefix = next((prefix for prefix in prefixes if name.startswith(prefix)), '')
        if name.removeprefix(prefix) not in {*table, *ignored}:
            raise ValueError(f'{path}: {name} is not a parameter of the depth node')
    try:
        return settings_from({n: v for n, v in values.items() if n in table}, base)
    except ValueError as error:
        raise ValueError(f'{path}: {error}') from None


def parameters_in(path: Path, node: str = '') -> dict[str, Any]:
    """Return the parameters by full name that a file has for the depth node.

    node: full name of the node, such as '/robot/zoedepth', whose sections alone count; '' for
    those of any namespace.  Sections are applied in their order in the file: '/**' is for all
    nodes.  Raises ValueError for a file without such a section, and OSError.
    """
    try:
        content = parse_yaml(read_text(path))
    except ValueError as error:
        raise ValueError(f'{path}: the file is not YAML: {error}') from None
    values: dict[str, Any] = {}
    found = False
    for name, section in _sections(content):
        if node and not re.fullmatch(_pattern(name), node):
            continue
        parameters = section.get('ros__parameters') if isinstance(section, Mapping) else None
        if not isinstance(parameters, Mapping):
            raise ValueError(
                f'{path}: expected the key ros__parameters in the section {quoted(name)}'
            )
        values.update(flattened(parameters))
        found = True
    if not found:
        raise ValueError(
            f'{path}: expected a section "/**:" or "{node or NODE_NAME}:" with ros__parameters'
        )
    return values


def _sections(tree: Any, namespace: str = '') -> Iterator[tuple[str, Any]]:
    """Yield name and content of each section for the depth node; namespaces may contain some."""
    for key, section in tree.items() if isinstance(tree, Mapping) else ():
        name = f'{namespace}{key}'
        if name.rpartition('/')[2] in ('*', '**', NODE_NAME):
            yield name, section
        elif isinstance(section, Mapping) and 'ros__parameters' not in section:
            yield from _sections(section, f'{name}/')


def _pattern(name: str) -> str:
    """Return the pattern of the nodes of a section: * is one part of a name, ** any number."""
    parts = {'*': r'/\w+', '**': r'(/\w+)*'}
    return ''.join(parts.get(part, f'/{re.escape(part)}') for part in name.strip('/').split('/'))


def flattened(tree: Mapping[Any, Any], prefix: str = '') -> Iterator[tuple[str, Any]]:
    """Yield the names of nested parameters, joined by dots, and their values."""
    for key, value in tree.items():
        if isinstance(value, Mapping):
            yield from flattened(value, f'{prefix}{key}.')
        else:
            yield f'{prefix}{key}', value
