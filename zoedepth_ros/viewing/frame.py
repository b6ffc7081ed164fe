"""What is shown of one image, and where its depth and camera come from."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from zoedepth_ros.geometry.intrinsics import CameraModel, assumed_camera
from zoedepth_ros.inference.result import DepthPredictor
from zoedepth_ros.messages.camera import CameraTracker, CameraUnknown
from zoedepth_ros.pipeline.sequence import SequencePredictor
from zoedepth_ros.pipeline.settings import PipelineSettings


@dataclass(frozen=True, slots=True)
class ViewFrame:
    """Hold what is known of one image; what is missing is not shown."""

    name: str
    """File, topic or device of the image."""

    time_s: float
    """Time from the start, or since 1970 [s]."""

    rgb: NDArray[np.uint8] | None = None
    """(H, W, 3)."""

    depth_m: NDArray[np.float32] | None = None
    """(H, W) along z [m], NaN or infinite where unknown."""

    uncertainty_m: NDArray[np.float32] | None = None
    """(H, W) one standard deviation [m]."""

    head: str = ''
    """The head that made the depth."""

    points: NDArray[np.float32] | None = None
    """(..., 4 or 5) numbers of each point, see `Cloud`; None to make them of depth."""

    router_probabilities: dict[str, float] = field(default_factory=dict)
    """Head -> probability."""

    camera: CameraModel | None = None
    """None where it is unknown."""

    about: str = ''
    """Origin of recorded depth, in Markdown; '' when it is the same as before."""

    network_width: int = 0
    """Width of the input of the network that made recorded depth [px]; 0 where it is unknown."""


def adder(
    predictor: DepthPredictor,
    settings: PipelineSettings,
    *,
    cloud_hfov_rad: float = 0.0,
    note: Callable[[str], None] = lambda _: None,
) -> Callable[[ViewFrame], ViewFrame]:
    """Return a function that adds depth, uncertainty and points to a frame.

    Frames of one name (a video, a recording) are one sequence; each image that stands alone is
    its own.  Images that come without a camera have that of camera.hfov; cloud_hfov_rad: for the
    points of the others.  note: called with what is doubtful about depth, in words.
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
        found = sequences[frame.name](frame.rgb, camera, frame.time_s)
        for text in found.notices:
            note(text)
        return replace(
            frame,
            depth_m=found.depth_m,
            uncertainty_m=found.uncertainty_m,
            points=found.points,
            head=found.head,
            router_probabilities=found.router_probabilities or {},
        )

    return add


def noted_camera(
    tracker: CameraTracker,
    shape: tuple[int, ...],
    header: Any,
    rectified: str,
    note: Callable[[str], None],
) -> CameraModel | None:
    """Return the camera of images of a shape, None where it is unknown.

    header: the image's.  rectified: as the node's camera.rectified.  note: called with how it is
    known, or why not.
    """
    try:
        camera = tracker.camera(shape[0], shape[1], header, rectified=rectified, hfov_rad=0.0)
    except CameraUnknown as error:
        note(str(error))
        return None
    for text in camera.remarks:
        note(text)
    return camera.model


def model_text(model: str, weights: str, weights_warning: str) -> str:
    """Return model and weights in Markdown, after a warning if depth is not for real use.

    weights_warning: that warning; '' for none.
    """
    warning = f'# {weights_warning.upper()}\n\n' if weights_warning else ''
    return f'{warning}**Model** {model}\n\n**Weights** {weights}'
