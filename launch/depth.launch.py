"""Start the depth node: ros2 launch zoedepth_ros depth.launch.py image:=/camera/image_raw."""

from __future__ import annotations

import math
import os
import tempfile
from pathlib import Path
from typing import Any

from ament_index_python.packages import get_package_share_directory
from launch.actions import DeclareLaunchArgument, OpaqueFunction, SetEnvironmentVariable
from launch.conditions import IfCondition
from launch.substitutions import LaunchConfiguration
from launch_ros.actions import Node
from launch_ros.utilities import make_namespace_absolute, prefix_namespace

from launch import LaunchContext, LaunchDescription, LaunchDescriptionEntity
from zoedepth_ros.environment import native_environment, profile_environment
from zoedepth_ros.pipeline.parameter_file import NODE_NAME, parameters_in
from zoedepth_ros.ros.parameters.node_settings import check_cameras

SHARE = Path(get_package_share_directory('zoedepth_ros'))

# Launch argument -> parameter and conversion; a given argument overrides the parameter file.
PARAMETERS = {
    'image_transport': ('image_transport', str),
    'model': ('model', str),
    'weights': ('weights', str),
    'device': ('device', str),
    'precision': ('precision', str),
    'router_mode': ('router.mode', str),
    'autostart': ('autostart', lambda text: text == 'true'),
    'use_sim_time': ('use_sim_time', lambda text: text == 'true'),
}
NOT_GIVEN = ''
CAMERA = '{camera}'
SWITCH = ['true', 'false']
SWITCH_OR_FILE = [NOT_GIVEN, *SWITCH]
FROM_FILE = 'An empty value means the value in params_file.'

ARGUMENTS = [
    DeclareLaunchArgument(
        'namespace', default_value='', description='Namespace of the node and of all its topics.'
    ),
    DeclareLaunchArgument(
        'cameras',
        default_value=NOT_GIVEN,
        description='Names of cameras that share the network, such as front,left,right. The '
        f'topics of a camera begin with its name. {FROM_FILE}',
    ),
    DeclareLaunchArgument(
        'params_file',
        default_value=str(SHARE / 'config' / 'depth_node.yaml'),
        description='YAML file with the parameters of the node.',
    ),
    DeclareLaunchArgument(
        'image',
        default_value='image',
        description='Topic of the camera images; image_transport:=compressed subscribes to '
        '<image>/compressed. With several cameras the topic must contain {camera} in place of the '
        'name, such as /{camera}/image_raw.',
    ),
    DeclareLaunchArgument(
        'camera_info',
        default_value='',
        description='Topic of the calibration (sensor_msgs/CameraInfo). An empty value uses '
        'camera_info in the namespace of the image topic.',
    ),
    DeclareLaunchArgument(
        'image_transport',
        default_value=NOT_GIVEN,
        choices=[NOT_GIVEN, 'raw', 'compressed'],
        description=f'Transport of the camera images. {FROM_FILE}',
    ),
    DeclareLaunchArgument(
        'model',
        default_value=NOT_GIVEN,
        description=f'Name of the model, as listed by `zoedepth models`. {FROM_FILE}',
    ),
    DeclareLaunchArgument(
        'weights',
        default_value=NOT_GIVEN,
        description=f"Weights file, or 'random' for tests without real depth. {FROM_FILE}",
    ),
    DeclareLaunchArgument(
        'device',
        default_value=NOT_GIVEN,
        description=f'Device that runs the network: auto, cpu, cuda or cuda:N. {FROM_FILE}',
    ),
    DeclareLaunchArgument(
        'precision',
        default_value=NOT_GIVEN,
        choices=[NOT_GIVEN, 'auto', 'fp32', 'bf16', 'fp16'],
        description=f'Floating-point type of the network. {FROM_FILE}',
    ),
    DeclareLaunchArgument(
        'router_mode',
        default_value=NOT_GIVEN,
        choices=[NOT_GIVEN, 'auto', 'indoor', 'outdoor'],
        description='Head that predicts depth. auto uses the head that the router selects; indoor '
        f'and outdoor always use that head. {FROM_FILE}',
    ),
    DeclareLaunchArgument(
        'autostart',
        default_value=NOT_GIVEN,
        choices=SWITCH_OR_FILE,
        description='Configure and activate the node at start. With false a lifecycle manager has '
        f'to configure and activate the node. {FROM_FILE}',
    ),
    DeclareLaunchArgument(
        'use_sim_time',
        default_value=NOT_GIVEN,
        choices=SWITCH_OR_FILE,
        description=f'Use the time of /clock, for a simulation or a bag. {FROM_FILE}',
    ),
    DeclareLaunchArgument(
        'respawn',
        default_value='false',
        choices=SWITCH,
        description='Restart the node whenever it exits, for example after a crash or with an '
        'invalid parameter.',
    ),
    DeclareLaunchArgument(
        'respawn_delay',
        default_value='5.0',
        description='Delay before a restart of the node with respawn:=true [s].',
    ),
    DeclareLaunchArgument(
        'rviz', default_value='false', choices=SWITCH, description='Start rviz2.'
    ),
    DeclareLaunchArgument(
        'rviz_frame',
        default_value='camera_optical_frame',
        description='Fixed frame of RViz: the frame_id of the images, or a frame that TF connects '
        'with it.',
    ),
    DeclareLaunchArgument(
        'log_level',
        default_value='info',
        choices=['debug', 'info', 'warn', 'error', 'fatal'],
        description='Log level of the node.',
    ),
]


def node_namespace(context: LaunchContext) -> str:
    """Return the full namespace of the node."""
    outer = context.launch_configurations.get('ros_namespace')  # of PushRosNamespace
    inner = LaunchConfiguration('namespace').perform(context)
    return make_namespace_absolute(prefix_namespace(outer, inner))


def from_file(context: LaunchContext, name: str) -> Any:
    """Return the node's value of a parameter in the parameter file, None if there is none."""
    file = Path(LaunchConfiguration('params_file').perform(context))
    node = prefix_namespace(node_namespace(context), NODE_NAME)
    return parameters_in(file, node).get(name)


def cameras(context: LaunchContext) -> list[str]:
    """Return the names of several cameras; [] for one camera without a name."""
    text = LaunchConfiguration('cameras').perform(context)
    if text == NOT_GIVEN:
        return [name for name in from_file(context, 'cameras') or [] if name]
    names = [name.strip() for name in text.split(',')]
    if wrong := check_cameras(tuple(names)):
        raise ValueError(f'cameras: {wrong}, got {text}')
    return names


def image_transport(context: LaunchContext) -> str:
    """Return the image transport of the argument, else of the parameter file."""
    text = LaunchConfiguration('image_transport').perform(context)
    if text != NOT_GIVEN:
        return text
    return from_file(context, 'image_transport') or 'raw'


def given_parameters(context: LaunchContext) -> dict[str, object]:
    """Return the given arguments as parameters."""
    values = {}
    for argument, (name, convert) in PARAMETERS.items():
        text = LaunchConfiguration(argument).perform(context)
        if text != NOT_GIVEN:
            values[name] = convert(text)
    if LaunchConfiguration('cameras').perform(context) != NOT_GIVEN:
        values['cameras'] = cameras(context)
    return values


def remappings(context: LaunchContext) -> list[tuple[str, str]]:
    """Return the remappings of image and camera_info."""
    given = {name: LaunchConfiguration(name).perform(context) for name in ('image', 'camera_info')}
    given = {name: topic for name, topic in given.items() if topic}
    names = cameras(context)
    if not names:
        return list(given.items())
    given = {name: topic for name, topic in given.items() if topic != name}
    for name, topic in given.items():
        if CAMERA not in topic:
            raise ValueError(
                f'{name}: expected {CAMERA} in the topic because there are several cameras, '
                f'got {topic}'
            )
    return [
        (f'{camera}/{name}', topic.replace(CAMERA, camera))
        for camera in names
        for name, topic in given.items()
    ]


def rviz_view(context: LaunchContext) -> dict[str, object]:
    """Return namespace and remappings of RViz, for the first camera."""
    namespace = node_namespace(context)
    names, mapped = cameras(context), remappings(context)
    if names:
        first = f'{names[0]}/'
        mapped = [
            (name.removeprefix(first), prefix_namespace(namespace, topic))
            for name, topic in mapped
            if name.startswith(first)
        ]
        namespace = prefix_namespace(namespace, names[0])
    # image_transport subscribes to image/compressed.
    if image_transport(context) == 'compressed':
        mapped += [('image/compressed', f'{to}/compressed') for n, to in mapped if n == 'image']
    return {'namespace': namespace, 'remappings': mapped}


def rviz_config(context: LaunchContext) -> str:
    """Return the RViz file; its image display derives the transport from the topic."""
    config = SHARE / 'config' / 'depth.rviz'
    is_wanted = LaunchConfiguration('rviz').perform(context) == 'true'
    if not is_wanted or image_transport(context) != 'compressed':
        return str(config)
    text = config.read_text('utf-8').replace('Value: image\n', 'Value: image/compressed\n')
    copy = Path(tempfile.mkdtemp(prefix='zoedepth_rviz_')) / config.name
    copy.write_text(text)
    return str(copy)


def respawn_delay_s(context: LaunchContext) -> float:
    """Return the delay before a restart [s]."""
    text = LaunchConfiguration('respawn_delay').perform(context)
    try:
        delay_s = float(text)
    except ValueError:
        delay_s = math.nan
    if not 0.1 <= delay_s <= 3600.0:  # also rejects NaN; 0 would restart in a tight loop
        raise ValueError(f'respawn_delay: expected 0.1 to 3600 seconds, got {text!r}')
    return delay_s


def start(context: LaunchContext) -> list[LaunchDescriptionEntity]:
    """Return the actions for the given arguments."""
    params_file = LaunchConfiguration('params_file').perform(context)
    if not Path(params_file).is_file():  # launch_ros would only warn and use the defaults
        raise FileNotFoundError(f'params_file: there is no file {params_file}')
    profile = profile_environment(str(SHARE / 'config' / 'fastdds.xml'), os.environ)
    node = Node(
        package='zoedepth_ros',
        executable='depth_node',
        name=NODE_NAME,
        namespace=LaunchConfiguration('namespace'),
        parameters=[params_file, given_parameters(context)],
        remappings=remappings(context),
        arguments=['--ros-args', '--log-level', LaunchConfiguration('log_level')],
        additional_env=native_environment(os.environ),
        respawn=LaunchConfiguration('respawn').perform(context) == 'true',
        respawn_delay=respawn_delay_s(context),
        output='screen',
        emulate_tty=True,
    )
    rviz = Node(
        package='rviz2',
        executable='rviz2',
        arguments=['-d', rviz_config(context), '-f', LaunchConfiguration('rviz_frame')],
        **rviz_view(context),
        condition=IfCondition(LaunchConfiguration('rviz')),
    )
    # RViz first: if it is missing, launch fails before it starts the node.
    return [*(SetEnvironmentVariable(name, value) for name, value in profile.items()), rviz, node]


def generate_launch_description() -> LaunchDescription:
    """Return arguments and actions."""
    return LaunchDescription([*ARGUMENTS, OpaqueFunction(function=start)])
