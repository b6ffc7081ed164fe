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
        description='Source of the images: the number of a webcam, a video, a folder or an image. '
        'photographs shows the photographs of scikit-image and scikit-learn; trajectory renders '
        'a camera trajectory and publishes ground_truth/depth.',
    ),
    DeclareLaunchArgument('rate', default_value='10.0', description='Rate of the images [Hz].'),
    DeclareLaunchArgument(
        'hfov',
        default_value='1.0472',
        description='Horizontal field of view of the images [rad], used if camera_info_file is '
        'empty.',
    ),
    DeclareLaunchArgument(
        'camera_info_file',
        default_value='',
        description='Calibration file of the camera, for example from the package '
        'camera_calibration. An empty value uses hfov.',
    ),
    DeclareLaunchArgument(
        'model',
        default_value='ZoeD_S_NK' if EMBEDDED else 'ZoeD_M12_NK',
        description='Name of the model, as listed by `zoedepth models`.',
    ),
    DeclareLaunchArgument(
        'weights',
        default_value='',
        description="Weights file, or 'random' for tests without real depth. An empty value uses "
        'the weights in this package for ZoeD_S_NK, and downloads the released weights once for '
        'other models.',
    ),
    DeclareLaunchArgument(
        'device',
        default_value='',
        description='Device that runs the network: auto, cpu, cuda or cuda:N. Empty is auto.',
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

    After an error, launch leaves the processes running that it has started. Therefore the source
    is started last, and its numbers are converted before.
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
