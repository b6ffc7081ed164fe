"""Crop and resize images, and adapt the calibration accordingly. No ROS."""

from __future__ import annotations

from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from zoedepth_ros.geometry.intrinsics import CalibrationFields, CameraError, Intrinsics
from zoedepth_ros.messages.camera import undistorted_fields


@dataclass(frozen=True, slots=True)
class CropResize:
    """A crop and a resize, in this order; all in pixels."""

    left: int
    top: int
    crop_width: int
    crop_height: int
    width: int
    """Width of the result."""
    height: int
    """Height of the result."""

    @classmethod
    def to(cls, image_width: int, image_height: int, *, width: int, height: int) -> CropResize:
        """Plan the way to `width` x `height`; 0 keeps the aspect ratio.

        If both are given, the centre is cropped to their aspect ratio.
        """
        crop_width, crop_height = image_width, image_height
        if width and height:
            crop_width = min(image_width, max(1, round(image_height * width / height)))
            crop_height = min(image_height, max(1, round(image_width * height / width)))
        else:
            factor = width / image_width if width else height / image_height if height else 1.0
            width = width or max(1, round(factor * image_width))
            height = height or max(1, round(factor * image_height))
        left, top = (image_width - crop_width) // 2, (image_height - crop_height) // 2
        return cls(left, top, crop_width, crop_height, width, height)

    def image(self, rgb: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Crop and resize an image (H, W, 3)."""
        crop = rgb[self.top :, self.left :][: self.crop_height, : self.crop_width]
        if crop.shape[:2] == (self.height, self.width):
            return np.ascontiguousarray(crop)
        method = cv2.INTER_AREA if self.width < self.crop_width else cv2.INTER_LINEAR
        return cv2.resize(crop, (self.width, self.height), interpolation=method)

    def calibration(self, calibration: CalibrationFields) -> CalibrationFields:
        """Return the calibration of the cropped and resized image.

        Pixel centres are at integers, so a factor f maps column u to f (u + 0.5) - 0.5.
        """
        factor_x, factor_y = self.width / self.crop_width, self.height / self.crop_height
        transform = np.array(
            [
                [factor_x, 0.0, factor_x * (0.5 - self.left) - 0.5],
                [0.0, factor_y, factor_y * (0.5 - self.top) - 0.5],
                [0.0, 0.0, 1.0],
            ]
        )
        k = transform @ np.reshape(calibration.k, (3, 3))
        p = transform @ np.reshape(calibration.p, (3, 4))
        return replace(
            calibration,
            width=self.width,
            height=self.height,
            k=tuple(k.ravel().tolist()),
            p=tuple(p.ravel().tolist()),
        )


def calibration_of(camera: Intrinsics) -> CalibrationFields:
    """Return the calibration of a camera without distortion."""
    return CalibrationFields(**undistorted_fields(camera))


def scaled_to(calibration: CalibrationFields, width: int, height: int) -> CalibrationFields:
    """Scale a calibration to another image size; CameraError if the aspect ratio differs."""
    if (width, height) == (calibration.width, calibration.height):
        return calibration
    factor_x, factor_y = width / calibration.width, height / calibration.height
    if abs(factor_x - factor_y) * max(calibration.width, calibration.height) > 1.0:
        raise CameraError(
            f'the image is {width} x {height} px, the calibration is for {calibration.width} x '
            f'{calibration.height} px: expected the same aspect ratio'
        )
    whole = CropResize(0, 0, calibration.width, calibration.height, width, height)
    return whole.calibration(calibration)
