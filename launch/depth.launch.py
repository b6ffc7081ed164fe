"""Start the depth node: ros2 launch zoedepth_ros depth.launch.py image:=/camera/image_raw."""

from __future__ import annotations

import math
import os
import tempfile
from pathlib import Path

import yaml
from ament_index_python.packages import get_package_share_directory
from launch.actions import DeclareLaunchArgument, OpaqueFunction, SetEnvironmentVariable
from launch.conditions import IfCondition
from launch.substitutions import LaunchConfiguration
from launch_ros.actions import Node

from launch import LaunchContext, LaunchDescription, LaunchDescriptionEntity
from zoedepth_ros.ros.environment import native_environment, profile_environment

SHARE = Path(get_package_share_directory('zoedepth_ros'))

# Launch argument -> parameter, and how its text becomes a value. Given, it wins over the file.
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
FROM_FILE = 'Empty: what params_file says.'

ARGUMENTS = [
    DeclareLaunchArgument(
        'namespace', default_value='', description='Namespace of the node and all its topics.'
    ),
    DeclareLaunchArgument(
        'cameras',
        default_value=NOT_GIVEN,
        description='Names of several cameras that share the network, as front,left,right: each '
        f'has its topics below its name. {FROM_FILE}',
    ),
    DeclareLaunchArgument(
        'params_file',
        default_value=str(SHARE / 'config' / 'depth_node.yaml'),
        description='YAML file with the parameters of the node.',
    ),
    DeclareLaunchArgument(
        'image',
        default_value='image',
        description='Topic of the pictures; with image_transport:=compressed <image>/compressed. '
        'Of several cameras with {camera} for the name, as /{camera}/image_raw.',
    ),
    DeclareLaunchArgument(
        'camera_info',
        default_value='',
        description="Topic of the calibration; empty: 'camera_info' beside the image topic.",
    ),
    DeclareLaunchArgument(
        'image_transport',
        default_value=NOT_GIVEN,
        choices=[NOT_GIVEN, 'raw', 'compressed'],
        description=f'How the pictures come. {FROM_FILE}',
    ),
    DeclareLaunchArgument(
        'model',
        default_value=NOT_GIVEN,
        description=f'Name of the network; `zoedepth models` lists them. {FROM_FILE}',
    ),
    DeclareLaunchArgument(
        'weights',
        default_value=NOT_GIVEN,
        description=f"File with weights, or 'random' for trials without depth. {FROM_FILE}",
    ),
    DeclareLaunchArgument(
        'device',
        default_value=NOT_GIVEN,
        description=f'Where the network runs: auto, cpu, cuda or cuda:N. {FROM_FILE}',
    ),
    DeclareLaunchArgument(
        'precision',
        default_value=NOT_GIVEN,
        choices=[NOT_GIVEN, 'auto', 'fp32', 'bf16', 'fp16'],
        description=f'Arithmetic of the network. {FROM_FILE}',
    ),
    DeclareLaunchArgument(
        'router_mode',
        default_value=NOT_GIVEN,
        choices=[NOT_GIVEN, 'auto', 'indoor', 'outdoor'],
        description=f'Which head measures: auto asks the router, a name forces it. {FROM_FILE}',
    ),
    DeclareLaunchArgument(
        'autostart',
        default_value=NOT_GIVEN,
        choices=SWITCH_OR_FILE,
        description='Whether the node configures and activates itself; false leaves that to a '
        f'lifecycle manager. {FROM_FILE}',
    ),
    DeclareLaunchArgument(
        'use_sim_time',
        default_value=NOT_GIVEN,
        choices=SWITCH_OR_FILE,
        description=f'Take the time from /clock (simulation, bag). {FROM_FILE}',
    ),
    DeclareLaunchArgument(
        'respawn',
        default_value='false',
        choices=SWITCH,
        description='Start the node again whenever it ends, for whatever reason: a crash, or '
        'a wrong parameter.',
    ),
    DeclareLaunchArgument(
        'respawn_delay',
        default_value='5.0',
        description='Pause before the node is started again [s].',
    ),
    DeclareLaunchArgument(
        'rviz', default_value='false', choices=SWITCH, description='Open rviz2 beside it.'
    ),
    DeclareLaunchArgument(
        'rviz_frame',
        default_value='camera_optical_frame',
        description="Fixed frame of rviz: the frame_id of the camera's images, or a frame that TF "
        'connects with it.',
    ),
    DeclareLaunchArgument(
        'log_level',
        default_value='info',
        choices=['debug', 'info', 'warn', 'error', 'fatal'],
        description='How much the node logs.',
    ),
]


def cameras(context: LaunchContext) -> list[str]:
    """Give the names of several cameras; [] for one without a name."""
    text = LaunchConfiguration('cameras').perform(context)
    if text != NOT_GIVEN:
        return [name.strip() for name in text.split(',')]
    content = yaml.safe_load(
        Path(LaunchConfiguration('params_file').perform(context)).read_text('utf-8')
    )
    for node in (content or {}).values():
        names = (node or {}).get('ros__parameters', {}).get('cameras') or []
        if any(names):
            return [name for name in names if name]
    return []


def image_transport(context: LaunchContext) -> str:
    """Give how the images come, by the argument or else by the file."""
    text = LaunchConfiguration('image_transport').perform(context)
    if text != NOT_GIVEN:
        return text
    content = yaml.safe_load(
        Path(LaunchConfiguration('params_file').perform(context)).read_text('utf-8')
    )
    values = [(node or {}).get('ros__parameters', {}) for node in (content or {}).values()]
    return next((v['image_transport'] for v in values if 'image_transport' in v), 'raw')


def given_parameters(context: LaunchContext) -> dict[str, object]:
    """Read those arguments that were given, as parameters."""
    values = {}
    for argument, (name, convert) in PARAMETERS.items():
        text = LaunchConfiguration(argument).perform(context)
        if text != NOT_GIVEN:
            values[name] = convert(text)
    if LaunchConfiguration('cameras').perform(context) != NOT_GIVEN:
        values['cameras'] = cameras(context)
    return values


def remappings(context: LaunchContext) -> list[tuple[str, str]]:
    """Say where the pictures are, and the calibration when it is not beside them."""
    given = {name: LaunchConfiguration(name).perform(context) for name in ('image', 'camera_info')}
    given = {name: topic for name, topic in given.items() if topic}
    names = cameras(context)
    if not names:
        return list(given.items())
    given = {name: topic for name, topic in given.items() if topic != name}
    for name, topic in given.items():
        if CAMERA not in topic:
            raise ValueError(f'{name}: of several cameras, as /{CAMERA}/{name}; got {topic}')
    return [
        (f'{camera}/{name}', topic.replace(CAMERA, camera))
        for camera in names
        for name, topic in given.items()
    ]


def rviz_view(context: LaunchContext) -> dict[str, object]:
    """Say where rviz looks: at the only camera, or at the first of several."""
    namespace = LaunchConfiguration('namespace').perform(context)
    names, own = cameras(context), remappings(context)
    if names:
        ours = f'{names[0]}/'
        own = [(name.removeprefix(ours), topic) for name, topic in own if name.startswith(ours)]
        namespace = f'{namespace}/{names[0]}'.lstrip('/')
    # image_transport subscribes to another topic than image.
    if image_transport(context) == 'compressed':
        own += [('image/compressed', f'{to}/compressed') for name, to in own if name == 'image']
    return {'namespace': namespace, 'remappings': own}


def rviz_config(context: LaunchContext) -> str:
    """Give the file for rviz, whose image panel takes the transport from the topic's name."""
    config = SHARE / 'config' / 'depth.rviz'
    if image_transport(context) != 'compressed':
        return str(config)
    text = config.read_text('utf-8').replace('Value: image\n', 'Value: image/compressed\n')
    copy = Path(tempfile.mkdtemp(prefix='zoedepth_rviz_')) / config.name
    copy.write_text(text)
    return str(copy)


def respawn_delay_s(context: LaunchContext) -> float:
    """Read the pause between the end of the node and its next start [s]."""
    text = LaunchConfiguration('respawn_delay').perform(context)
    try:
        delay_s = float(text)
    except ValueError:
        delay_s = math.nan
    if not 0.1 <= delay_s <= 3600.0:  # false for NaN; 0 would loop on a wrong parameter
        raise ValueError(f'respawn_delay: expected 0.1 to 3600 seconds, got {text}')
    return delay_s


def start(context: LaunchContext) -> list[LaunchDescriptionEntity]:
    """Make the actions once the arguments are known."""
    params_file = LaunchConfiguration('params_file').perform(context)
    if not Path(params_file).is_file():  # launch_ros would only warn, and start with defaults
        raise FileNotFoundError(f'params_file: no such file: {params_file}')
    profile = profile_environment(str(SHARE / 'config' / 'fastdds.xml'), os.environ)
    node = Node(
        package='zoedepth_ros',
        executable='depth_node',
        name='zoedepth',
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
    # rviz first: where it is missing, launch fails before a node runs that it would leave behind.
    return [*(SetEnvironmentVariable(name, value) for name, value in profile.items()), rviz, node]


def generate_launch_description() -> LaunchDescription:
    """Declare the arguments and start."""
    return LaunchDescription([*ARGUMENTS, OpaqueFunction(function=start)])
