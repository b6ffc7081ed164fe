"""A node that publishes images without a camera driver; executable `image_source`."""

from __future__ import annotations

import time
from array import array
from functools import partial
from typing import Any, NoReturn

from numpy.typing import NDArray
from rcl_interfaces.msg import SetParametersResult
from rclpy.duration import Duration
from rclpy.exceptions import ParameterException
from rclpy.node import Node
from rclpy.parameter import Parameter
from sensor_msgs.msg import CameraInfo, Image
from std_msgs.msg import Header

from zoedepth_ros.demo.source_parameters import PARAMETERS
from zoedepth_ros.demo.sources.base import NoImageError, SourceError, SourceImage
from zoedepth_ros.demo.sources.open_source import check_source, has_ground_truth, open_source
from zoedepth_ros.demo.sources.rendered_trajectory import RenderedTrajectory
from zoedepth_ros.demo.sources.resize import CropResize, calibration_of, scaled_to
from zoedepth_ros.errors import printable
from zoedepth_ros.geometry.calibration_file import read_chosen_calibration
from zoedepth_ros.geometry.intrinsics import (
    CalibrationFields,
    CameraError,
    Intrinsics,
    known_distortion,
)
from zoedepth_ros.media.sample import Sample
from zoedepth_ros.msg import Domain
from zoedepth_ros.ros import qos
from zoedepth_ros.ros.parameters.ros_parameters import descriptor
from zoedepth_ros.ros.spin import Finished, end, run_node

NODE_NAME = 'image_source'
_WARN_PERIOD_S = 5.0


class ImageSource(Node):
    """Publish `image` (rgb8) and `camera_info` at a rate, stamped now.

    Rendered images also have `ground_truth/depth` (32FC1 [m]) and `ground_truth/domain`, with the
    header of the image.
    """

    def __init__(self, **node_options: Any) -> None:
        """Open the source; raises SourceError, CameraError or ParameterException."""
        super().__init__(NODE_NAME, **node_options)
        for spec in PARAMETERS:
            described = descriptor(spec)
            described.dynamic_typing = spec.name == 'source'  # a text, a number or a list
            self.declare_parameter(spec.name, spec.default, described)
        check_source(self._value('source'))
        self._frame_id = str(self._value('frame_id'))
        path = str(self._value('camera_info_file'))
        self._calibration = read_chosen_calibration(path) if path else None
        self._make_publishers()
        if has_ground_truth(self._value('source')):
            self.get_logger().info(
                'rendering a camera trajectory, which takes half a minute the first time'
            )
        self._source = open_source(
            self._value('source'),
            loop=self._value('loop'),
            dwell_s=self._value('dwell'),
            warn=lambda text: self.get_logger().warning(printable(text)),
            trajectory=partial(
                RenderedTrajectory,
                kind=self._value('trajectory.kind'),
                seed=self._value('trajectory.seed'),
                duration_s=self._value('trajectory.duration'),
                width=self._value('trajectory.width'),
                rate_hz=self._value('rate'),
            ),
        )
        self._started_s: float | None = None
        self._timer = self.create_timer(1.0 / self._value('rate'), self._publish_next)
        self.add_on_set_parameters_callback(self._change_rate)
        self.get_logger().info(
            f'{self._source.description} at {self._value("rate"):g} Hz; {self._camera_text(path)}'
        )

    def _camera_text(self, path: str) -> str:
        if self._info is None:
            return 'no camera_info'
        assumed = f'an assumed horizontal field of view of {self._value("hfov"):g} rad'
        return f'camera_info from {path or assumed}'

    def _value(self, name: str) -> Any:
        return self.get_parameter(name).value

    def _make_publishers(self) -> None:
        def publisher(kind: Any, topic: str) -> Any:
            # Queue depth 1: only the newest image is worth sending.
            options = qos.overridable()
            return self.create_publisher(
                kind, topic, qos.output(depth=1), qos_overriding_options=options
            )

        self._image = publisher(Image, 'image')
        has_camera = self._calibration is not None or self._value('hfov') > 0.0
        self._info = publisher(CameraInfo, 'camera_info') if has_camera else None
        is_known = has_ground_truth(self._value('source'))
        self._true_depth = publisher(Image, 'ground_truth/depth') if is_known else None
        self._true_domain = publisher(Domain, 'ground_truth/domain') if is_known else None

    def _publish_next(self) -> None:
        if self._started_s is None:
            if self._image.get_subscription_count() < self._value('wait_for_subscribers'):
                return
            self._started_s = time.monotonic()
        try:
            image = self._source.read(time.monotonic() - self._started_s)
        except NoImageError as reason:
            self.get_logger().warning(printable(str(reason)), throttle_duration_sec=_WARN_PERIOD_S)
            return
        if image is None:
            self.get_logger().info(f'the source has ended: {self._source.description}')
            raise Finished
        height, width = image.rgb.shape[:2]
        size = (0, 0) if image.ground_truth else (self._value('width'), self._value('height'))
        crop = CropResize.to(width, height, width=size[0], height=size[1])
        stamp = self.get_clock().now() - Duration(seconds=image.age_s)
        header = Header(stamp=stamp.to_msg(), frame_id=self._frame_id)
        if self._info is not None:
            self._info.publish(camera_info_message(self._calibration_for(crop, image), header))
        if image.ground_truth is not None:
            self._publish_ground_truth(image.ground_truth, header)
        self._image.publish(image_message(crop.image(image.rgb), 'rgb8', header))

    def _calibration_for(self, crop: CropResize, image: SourceImage) -> CalibrationFields:
        if image.ground_truth is not None and image.ground_truth.camera is not None:
            return crop.calibration(calibration_of(image.ground_truth.camera))
        if self._calibration is None:
            hfov_rad = self._value('hfov')
            return calibration_of(Intrinsics.from_hfov(crop.width, crop.height, hfov_rad))
        height, width = image.rgb.shape[:2]
        try:
            return crop.calibration(scaled_to(self._calibration, width, height))
        except CameraError as error:
            raise CameraError(f'{image.name}: {error}') from None

    def _publish_ground_truth(self, known: Sample, header: Header) -> None:
        if self._true_depth is not None and self._true_depth.get_subscription_count() > 0:
            depth_m = known.depth_m.astype('<f4')
            self._true_depth.publish(image_message(depth_m, '32FC1', header))
        if self._true_domain is not None:
            is_indoor = known.domain == 'indoor'
            domain = Domain(header=header, head=known.domain, forced=True)
            domain.indoor_probability = float(is_indoor)
            domain.outdoor_probability = float(not is_indoor)
            self._true_domain.publish(domain)

    def _change_rate(self, parameters: list[Parameter]) -> SetParametersResult:
        # rclpy has checked the range; all other parameters are read-only.
        for parameter in parameters:
            if parameter.name == 'rate':
                self._timer.timer_period_ns = round(1e9 / parameter.value)
        return SetParametersResult(successful=True)

    def close(self) -> None:
        """Close the source."""
        self._source.close()


def image_message(pixels: NDArray[Any], encoding: str, header: Header) -> Image:
    """Return an Image of pixels (H, W) or (H, W, 3)."""
    height, width = pixels.shape[:2]
    data = array('B', pixels.tobytes())  # rclpy copies any other type element by element
    step = len(data) // height
    return Image(
        header=header, height=height, width=width, encoding=encoding, step=step, data=data
    )


def camera_info_message(calibration: CalibrationFields, header: Header) -> CameraInfo:
    """Return the CameraInfo of a calibration."""
    model = calibration.distortion_model
    return CameraInfo(
        header=header,
        width=calibration.width,
        height=calibration.height,
        distortion_model=known_distortion(model) or model,
        d=list(calibration.d),
        k=list(calibration.k),
        r=list(calibration.r),
        p=list(calibration.p),
    )


def main() -> NoReturn:
    """Run the node and end with its exit code."""
    errors = (SourceError, CameraError, ParameterException, OSError)
    end(run_node(ImageSource, name=NODE_NAME, errors=errors, leave_at_any_time=True))
