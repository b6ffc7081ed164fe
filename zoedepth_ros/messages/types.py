"""Names of message types, and what makes messages of them.

`make('sensor_msgs/msg/Image', encoding='32FC1')` makes a message of a type, with defaults for
fields that are not given, of rclpy or of a library for recordings.
"""

from collections.abc import Callable
from typing import Any

Make = Callable[..., Any]

IMAGE = 'sensor_msgs/msg/Image'
COMPRESSED_IMAGE = 'sensor_msgs/msg/CompressedImage'
CAMERA_INFO = 'sensor_msgs/msg/CameraInfo'
POINT_CLOUD = 'sensor_msgs/msg/PointCloud2'
POINT_FIELD = 'sensor_msgs/msg/PointField'
LASER_SCAN = 'sensor_msgs/msg/LaserScan'
TF_MESSAGE = 'tf2_msgs/msg/TFMessage'
DOMAIN = 'zoedepth_ros/msg/Domain'
TIME = 'builtin_interfaces/msg/Time'
QUATERNION = 'geometry_msgs/msg/Quaternion'
TRANSFORM = 'geometry_msgs/msg/Transform'
TRANSFORM_STAMPED = 'geometry_msgs/msg/TransformStamped'
