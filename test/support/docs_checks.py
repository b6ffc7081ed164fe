"""Check documented commands against options, launch arguments, parameters and topics."""

from __future__ import annotations

import contextlib
import io
import re
from collections.abc import Iterator, Mapping
from itertools import pairwise
from typing import Any

import yaml
from docs_pages import ROOT, Words, simple_commands

from zoedepth_ros.cli.main import COMMANDS, _parser, with_command_joined
from zoedepth_ros.demo.source_parameters import PARAMETERS
from zoedepth_ros.pipeline.parameter import why_wrong
from zoedepth_ros.ros.parameters.node_settings import TABLE

CAMERAS = ('front', 'left', 'right', 'rear')  # as the pages call them
FREE_PARAMETERS = {'use_sim_time'}


def source(path: str) -> str:
    return (ROOT / path).read_text()


def launch_arguments(name: str) -> set[str]:
    """Return the arguments that a launch file of this package declares."""
    text = source(f'launch/{name}')
    own = set(re.findall(r"DeclareLaunchArgument\(\s*'(\w+)'", text))
    included = re.findall(r"'launch' / '([\w.]+)'", text)
    return own.union(*(launch_arguments(file) for file in included))


def executables() -> set[str]:
    return set(re.findall(r'^install_executable\((\w+)', source('CMakeLists.txt'), re.M))


def parameters_of(executable: str) -> set[str]:
    """Return the parameters of one of the nodes; read as text, for machines without ROS."""
    if executable == 'depth_node':
        return set(TABLE) | FREE_PARAMETERS
    if executable == 'image_source':
        names = [spec.name for spec in PARAMETERS]
    else:
        text = source('zoedepth_ros/demo/stream_recorder.py')
        names = re.findall(r"declare_parameter\('(\w+)'", text)
    return set(names) | FREE_PARAMETERS


def output_topics() -> set[str]:
    """Return the node's output topics, as they are named in the code."""
    table = re.search(r'^TOPICS.*?^}', source('zoedepth_ros/ros/publishers.py'), re.S | re.M)
    assert table
    return set(re.findall(r"'([\w/]+)':", table[0]))


def private_names() -> set[str]:
    """Return the node's topics and services below its own name."""
    texts = [path.read_text() for path in (ROOT / 'zoedepth_ros' / 'ros').rglob('*.py')]
    return {name for text in texts for name in re.findall(r"'~/(\w+)'", text)}


def make_targets() -> set[str]:
    return set(re.findall(r'^([a-z][\w-]*):', source('Makefile'), re.M))


def problems(line: str) -> Iterator[str]:
    """Return the errors of a documented line that concern this package."""
    for command in simple_commands(line):
        yield from _problems(command)


def _make_reads(variable: str) -> bool:
    text = source('Makefile')
    return f'$({variable})' in text or f'$(call option,{variable},' in text


def _problems(command: Words) -> Iterator[str]:
    words = list(command.words)
    if words[0] == 'zoedepth':
        yield from _cli(words[1:])
    elif 'zoedepth_ros.cli.main' in words:
        yield from _cli(words[words.index('zoedepth_ros.cli.main') + 1 :])
    elif words[0] == 'make':
        for word in words[1:]:
            if '=' not in word and word not in make_targets():
                yield f'make has no target {word}'
            elif '=' in word and not _make_reads(word.partition('=')[0]):
                yield f'the Makefile does not read {word}'
    elif words[0] == 'ros2':
        yield from _ros2(words[1:])


def _cli(arguments: list[str]) -> Iterator[str]:
    arguments = with_command_joined(arguments)
    if len(arguments) == 1 and arguments[0] in COMMANDS:
        return  # in a sentence, where its arguments do not matter
    output = io.StringIO()
    try:
        with contextlib.redirect_stderr(output), contextlib.redirect_stdout(output):
            _parser(arguments).parse_args(arguments)
    except SystemExit as leaving:
        if leaving.code:
            yield output.getvalue().strip().splitlines()[-1]


def _ros2(words: list[str]) -> Iterator[str]:
    verb, rest = words[0], words[1:]
    if verb == 'launch' and rest[0] == 'zoedepth_ros':
        known = launch_arguments(rest[1])
        given = {word.partition(':=')[0] for word in rest[2:] if ':=' in word}
        yield from (f'{rest[1]} has no argument {name}' for name in sorted(given - known))
    elif verb == 'run' and rest[0] == 'zoedepth_ros':
        yield from _run(rest[1], rest[2:])
    elif verb == 'param' and 'zoedepth' in rest[1]:
        yield from parameter_problems({rest[2]: rest[3] if len(rest) > 3 else None})
    elif verb in ('service', 'topic', 'lifecycle') and len(rest) > 1:
        yield from (problem for word in rest for problem in name_problems(word))


def _run(executable: str, words: list[str]) -> Iterator[str]:
    if executable not in executables():
        yield f'no executable {executable}'
        return
    if executable == 'zoedepth':
        yield from _cli(words)
        return
    given = {word.partition(':=')[0] for flag, word in pairwise(words) if flag == '-p'}
    unknown = given - parameters_of(executable)
    yield from (f'{executable} has no parameter {name}' for name in sorted(unknown))


def parameter_problems(values: Mapping[str, Any]) -> Iterator[str]:
    """Check names, and values as YAML gives them or as text; None is no value."""
    for name, value in values.items():
        if name.startswith('qos_overrides.') or name in FREE_PARAMETERS:
            continue
        camera, _, plain = name.partition('.')
        if camera in CAMERAS and plain in TABLE and not TABLE[plain].shared:
            name = plain
        if name not in TABLE:
            yield f'the node has no parameter {name}'
            continue
        spec = TABLE[name]
        value = tuple(value) if isinstance(value, list) else value
        value = yaml.safe_load(value) if isinstance(value, str) and value else value
        if isinstance(spec.default, str) and value is not None:
            value = {False: 'off', True: 'on'}.get(value, str(value)) if value != '' else ''
        reason = None if value is None else why_wrong(spec, value)
        if reason:
            yield reason


def name_problems(name: str) -> Iterator[str]:
    """Check a name that looks like a topic or service of this node."""
    private = re.fullmatch(r'(?:(?:/\w+)*/zoedepth|~)/(?:(\w+)/)?(\w+)', name)
    of_camera = private is None or private[1] in (None, *CAMERAS)
    if private and not (of_camera and private[2] in private_names()):
        yield f'the node has nothing called {name}'
    depth = re.fullmatch(r'(?:(?:/\w+)*/)?(depth/[\w/]+)', name)
    if depth and depth[1] not in output_topics():
        yield f'the node has no topic {name}'
