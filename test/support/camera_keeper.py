"""The tracker of camera_info as the node makes it, with the node's settings as arguments."""

from sensor_msgs.msg import CameraInfo

from zoedepth_ros.messages.camera import CameraTracker


class CameraKeeper(CameraTracker):
    """Return the camera for settings of the node."""

    def __init__(self, topic=''):
        super().__init__(topic, CameraInfo)

    def camera(self, height, width, settings):
        return super().camera(
            height,
            width,
            rectified=settings.camera_rectified,
            hfov_rad=settings.camera_hfov_rad,
        )
