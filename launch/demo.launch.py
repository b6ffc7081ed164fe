"""Start the image source, the depth node and RViz: ros2 launch zoedepth_ros demo.launch.py."""

from __future__ import annotations

import os
from pathlib import Path

from ament_index_python.packages import get_package_share_directory
from launch.actions import (
    DeclareLaunchArgument,
    IncludeLaunchDescription,
    OpaqueFunction,
    SetEnvironmentVariable,
)
from launch.launch_description_sources import PythonLaunchDescriptionSource
from launch.substitutions import LaunchConfiguration
from launch_ros.actions import Node
from launch_ros.parameter_descriptions import ParameterValue

from launch import LaunchContext, LaunchDescription, LaunchDescriptionEntity
from zoedepth_ros.environment import profile_environment
from zoedepth_ros.weights.known_weights import embedded_path

SHARE = Path(get_package_share_directory('zoedepth_ros'))
EMBEDDED = embedded_path('ZoeD_S_NK')

ARGUMENTS = [
    DeclareLaunchArgument('namespace', default_value='', description='Namespace of all nodes.'),
    DeclareLaunchArgument(
        'source',
        default_value='photographs',
        description='Number of a webcam, a video, a folder, an image, photographs for those that '
        'scikit-image and scikit-learn contain, or trajectory for a rendered camera trajectory '
        'with ground_truth/depth.',
    ),
    DeclareLaunchArgument('rate', default_value='10.0', description='Images per second [Hz].'),
    DeclareLaunchArgument(
        'hfov',
        default_value='1.0472',
        description='Horizontal field of view of the images [rad] if camera_info_file is empty.',
    ),
    DeclareLaunchArgument(
        'camera_info_file',
        default_value='',
        description='Calibration file of the camera_calibration package.',
    ),
    DeclareLaunchArgument(
        'model',
        default_value='ZoeD_S_NK' if EMBEDDED else 'ZoeD_M12_NK',
        description='Name of the network; `zoedepth models` lists them.',
    ),
    DeclareLaunchArgument(
        'weights',
        default_value='',
        description="Weight file, or 'random' for tests without real depth; empty: the weights "
        'in the package, or the released ones, downloaded once.',
    ),
    DeclareLaunchArgument(
        'device', default_value='', description='Device of the network: auto, cpu, cuda, cuda:N.'
    ),
    DeclareLaunchArgument(
        'rviz', default_value='true', choices=['true', 'false'], description='Start rviz2.'
    ),
]


def number(context: LaunchContext, name: str) -> float:
    """Return the value of an argument as a number."""
    text = LaunchConfiguration(name).perform(context)
    try:
        return float(text)
    except ValueError:
        raise ValueError(f'{name}: expected a number, got {text}') from None


def start(context: LaunchContext) -> list[LaunchDescriptionEntity]:
    """Start the node through its own launch file, then the source.

    After an error, launch leaves a process running that it has just started. So the source is
    last, and its numbers are converted before.
    """
    profile = profile_environment(str(SHARE / 'config' / 'fastdds.xml'), os.environ)
    source = Node(
        package='zoedepth_ros',
        executable='image_source',
        namespace=LaunchConfiguration('namespace'),
        parameters=[
            {
                'source': ParameterValue(LaunchConfiguration('source'), value_type=str),
                'rate': number(context, 'rate'),
                'hfov': number(context, 'hfov'),
                'camera_info_file': ParameterValue(
                    LaunchConfiguration('camera_info_file'), value_type=str
                ),
                'width': 640,
            }
        ],
        output='screen',
        emulate_tty=True,
    )
    forwarded = ('namespace', 'model', 'weights', 'device', 'rviz')
    depth = IncludeLaunchDescription(
        PythonLaunchDescriptionSource(str(SHARE / 'launch' / 'depth.launch.py')),
        launch_arguments={name: LaunchConfiguration(name) for name in forwarded}.items(),
    )
    environment = [SetEnvironmentVariable(name, value) for name, value in profile.items()]
    return [*environment, depth, source]


def generate_launch_description() -> LaunchDescription:
    """Return arguments and actions."""
    return LaunchDescription([*ARGUMENTS, OpaqueFunction(function=start)])
