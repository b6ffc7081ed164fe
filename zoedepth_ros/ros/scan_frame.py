"""The level frame in which scans are published, and its transform from the optical frame."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from geometry_msgs.msg import Transform, TransformStamped
from std_msgs.msg import Header

from zoedepth_ros.geometry.height_scan import Up, level_rotation
from zoedepth_ros.messages.writers import level_frame
from zoedepth_ros.ros.parameters.node_settings import NodeSettings

try:
    from tf2_msgs.msg import TFMessage as _TFMessage
except ImportError:  # the wheels of PyPI
    _TFMessage = None

TFMessage: Any = _TFMessage

TF, TF_STATIC = '/tf', '/tf_static'


class ScanFrame:
    """Name the frame of a camera's scans, x forward along its view, y left, z up.

    With scan.frame_id it is that frame, whose transform others publish. Otherwise it is
    `<optical frame>_scan` at the camera's position, and the node publishes the transform: with
    camera.base_frame on /tf with every scan, because the camera may tilt; else once on /tf_static.
    """

    def __init__(self) -> None:
        self.notice = ''
        """Why the scan's frame has no transform, in words; '' if it has one."""
        self._published: object = None

    def place(self, msg: Any, up: Up, settings: NodeSettings) -> Iterator[tuple[str, Any]]:
        """Set the frame of a LaserScan, which has the image's header.

        up: unit vector in the optical frame.  Yields (topic, message) of the transform if it
        is due.  Raises ValueError for a camera that looks straight up or down.
        """
        header = msg.header
        self.notice = ''
        name = settings.scan_frame_id
        if not name:
            name = level_frame(header.frame_id)
            if not header.frame_id:
                self.notice = f'images have no frame_id, so the frame {name} has no transform'
            elif TFMessage is None:
                self.notice = (
                    f'no tf2_msgs: no transform from {header.frame_id} to {name} is published; '
                    'publish one or set scan.frame_id'
                )
            else:
                yield from self._transform(header, name, up, settings)
        msg.header = Header(stamp=header.stamp, frame_id=name)

    def _transform(
        self, header: Any, name: str, up: Up, settings: NodeSettings
    ) -> Iterator[tuple[str, Any]]:
        transform = Transform()
        q = transform.rotation
        q.x, q.y, q.z, q.w = level_rotation(up)
        stamped = TransformStamped(header=header, child_frame_id=name, transform=transform)
        if settings.camera_base_frame:
            self._published = None
            yield TF, TFMessage(transforms=[stamped])
        elif self._published != (name, up):
            self._published = name, up
            yield TF_STATIC, TFMessage(transforms=[stamped])
