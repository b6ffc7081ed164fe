"""Depth for frames that have none."""

from __future__ import annotations

from collections.abc import Callable

from zoedepth_ros.geometry.intrinsics import assumed_camera
from zoedepth_ros.inference.result import DepthPredictor
from zoedepth_ros.pipeline.sequence import SequencePredictor
from zoedepth_ros.pipeline.settings import PipelineSettings
from zoedepth_ros.viewing.frame import ViewFrame


def adder(
    predictor: DepthPredictor, settings: PipelineSettings, *, cloud_hfov_rad: float = 0.0
) -> Callable[[ViewFrame], ViewFrame]:
    """Return a function that adds depth, uncertainty and points to a frame.

    Frames of one name (a video, a recording) are one sequence; each image that stands alone is
    its own.  Images that come without a camera have that of camera.hfov; cloud_hfov_rad: for the
    points of the others.
    """
    sequences: dict[str, SequencePredictor] = {}

    def add(frame: ViewFrame) -> ViewFrame:
        assert frame.rgb is not None
        if frame.name not in sequences:
            sequences.clear()
            sequences[frame.name] = SequencePredictor(
                predictor, settings, cloud_hfov_rad=cloud_hfov_rad
            )
        camera = frame.camera or assumed_camera(frame.rgb.shape, settings.camera_hfov_rad)
        return frame.with_outputs(sequences[frame.name](frame.rgb, camera, frame.time_s))

    return add
