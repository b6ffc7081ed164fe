"""Start one node for several cameras: ros2 launch zoedepth_ros multi_camera.launch.py.

It has all other arguments of depth.launch.py too.
"""

from __future__ import annotations

from pathlib import Path

from ament_index_python.packages import get_package_share_directory
from launch.actions import DeclareLaunchArgument, IncludeLaunchDescription
from launch.launch_description_sources import PythonLaunchDescriptionSource
from launch.substitutions import LaunchConfiguration

from launch import LaunchDescription

SHARE = Path(get_package_share_directory('zoedepth_ros'))

ARGUMENTS = [
    DeclareLaunchArgument(
        'cameras',
        default_value='',
        description='Names of the cameras, such as front,left,right. An empty value means the '
        'value in params_file.',
    ),
    DeclareLaunchArgument(
        'params_file',
        default_value=str(SHARE / 'config' / 'multi_camera.yaml'),
        description='YAML file with the parameters of the node. Parameters of one camera are '
        'nested below the name of the camera.',
    ),
    DeclareLaunchArgument(
        'image',
        default_value='{camera}/image',
        description='Topic of the camera images with {camera} in place of the name, such as '
        '/{camera}/image_raw.',
    ),
]


def generate_launch_description() -> LaunchDescription:
    """Start the node through its own launch file."""
    depth = IncludeLaunchDescription(
        PythonLaunchDescriptionSource(str(SHARE / 'launch' / 'depth.launch.py')),
        launch_arguments={
            argument.name: LaunchConfiguration(argument.name) for argument in ARGUMENTS
        }.items(),
    )
    return LaunchDescription([*ARGUMENTS, depth])
