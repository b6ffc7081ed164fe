"""Metric depth from a single camera: ZoeDepth for ROS 2."""

from pkgutil import extend_path

# The generated messages (zoedepth_ros.msg) exist in the installed package only. With this line
# they are also found when Python runs in the source tree, whose folder then comes first.
__path__ = extend_path(__path__, __name__)
