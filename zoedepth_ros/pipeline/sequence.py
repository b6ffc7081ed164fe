"""Predict images one after the other, for commands that show or write each of them."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from zoedepth_ros.geometry.camera import Camera
from zoedepth_ros.geometry.canonical import OFF
from zoedepth_ros.geometry.intrinsics import CameraModel, assumed_camera
from zoedepth_ros.inference.result import AUTO, DepthPredictor, convention_of
from zoedepth_ros.pipeline import outputs
from zoedepth_ros.pipeline.camera_pipeline import CameraPipeline
from zoedepth_ros.pipeline.outputs import Cloud, DepthImage, Domain, Uncertainty
from zoedepth_ros.pipeline.request import predict
from zoedepth_ros.pipeline.settings import PipelineSettings


@dataclass(slots=True)
class ImageOutputs:
    """Hold the outputs of one image; valid until the next image of the sequence."""

    head: str = ''
    """The head that measured the depth."""

    depth_m: NDArray[np.float32] | None = None
    """(H, W) depth along z [m]: -Inf too near, +Inf too far or sky, NaN unknown."""

    range_m: float = np.inf
    """Depth beyond which nothing is measured, so that there are no points [m]."""

    uncertainty_m: NDArray[np.float32] | None = None
    """(H, W) standard deviation of depth [m]."""

    points: NDArray[np.float32] | None = None
    """Points of POINTS: (h, w, 4 or 5) or (n, 4 or 5), see `Cloud`."""

    notices: tuple[str, ...] = ()
    """What is doubtful about it, in words; every subject once in a sequence."""

    router_probabilities: dict[str, float] | None = None
    """Head -> probability; None when the router did not run."""


class SequencePredictor:
    """Predict the images of one sequence as the node does, every image with every output.

    depth.rate and cloud.rate do not apply; router.rate does, by the times of the images.
    """

    def __init__(
        self,
        predictor: DepthPredictor,
        settings: PipelineSettings,
        *,
        cloud_hfov_rad: float = 0.0,
    ) -> None:
        """cloud_hfov_rad: field of view for points of images of an unknown camera; 0.0 for none.

        Their depth is not corrected for it.  Raises ValueError and OSError for a scale.file that
        cannot be used.
        """
        self._settings = replace(
            settings, depth_rate_hz=0.0, cloud_rate_hz=0.0, depth_encoding='32FC1'
        )
        self._predictor = predictor
        self._pipeline = CameraPipeline(predictor, self._settings)
        self._needs_camera = convention_of(predictor).needs_camera
        self._cloud_hfov_rad = cloud_hfov_rad
        self._camera: Camera | None = None
        self._noted: set[str] = set()

    def __call__(
        self,
        rgb: NDArray[np.uint8],
        camera: CameraModel | None,
        time_s: float,
        names: Collection[str] = (outputs.DEPTH, outputs.UNCERTAINTY, outputs.POINTS),
    ) -> ImageOutputs:
        """Return the outputs of these names and the router's; see `DepthPredictor` for errors.

        rgb: (H, W, 3).  camera: None if unknown.  Raises ValueError where focal_correction needs
        a camera.
        """
        pipeline, settings = self._pipeline, self._settings
        is_known, needs_camera = camera is not None, self._needs_camera
        if not is_known and not needs_camera and settings.focal_correction in (AUTO, OFF):
            settings = replace(settings, focal_correction=OFF)
            camera = assumed_camera(rgb.shape, self._cloud_hfov_rad)
        pipeline.settings = settings
        due = pipeline.due(time_s, frozenset({*names, outputs.DOMAIN}))
        request = pipeline.prepare(rgb, self._of(camera), time_s, due)
        if request is None or not request.due.depth:
            name = f'focal_correction {settings.focal_correction}'
            raise ValueError(
                f'{"the depth of this network" if needs_camera else name} needs the camera '
                'intrinsics of every image: give a calibration or the field of view of the camera'
            )
        found = ImageOutputs()
        for output in pipeline.process(request, predict(self._predictor, request)):
            if isinstance(output, DepthImage):
                found.head, found.range_m = output.head, output.range_m
                found.depth_m = output.pixels
            elif isinstance(output, Uncertainty):
                found.uncertainty_m = output.pixels
            elif isinstance(output, Cloud) and output.name == outputs.POINTS:
                found.points = output.points
            elif isinstance(output, Domain):
                found.router_probabilities = output.probabilities
        new = {k: text for k, text in pipeline.notices.items() if k not in self._noted}
        found.notices = tuple(new.values())
        self._noted.update(new)
        return found

    def _of(self, model: CameraModel | None) -> Camera | None:
        if model is None:
            return None
        if self._camera is None or self._camera.model != model:
            self._camera = Camera(model)
        return self._camera
