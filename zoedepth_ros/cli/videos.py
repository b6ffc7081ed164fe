"""What `zoedepth predict` does with videos: depth frame by frame, and a video of it for eyes."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import cv2
import numpy as np
from numpy.typing import NDArray

from zoedepth_ros.cli.camera_options import CameraOf
from zoedepth_ros.cli.reporting import progress
from zoedepth_ros.files import name_for_opencv, write_file
from zoedepth_ros.inference.result import DepthPredictor
from zoedepth_ros.media.color import COLOR_RANGE_M, color_range_m, depth_to_bgr
from zoedepth_ros.media.files import write_depth_png
from zoedepth_ros.media.panel import draw_warning
from zoedepth_ros.media.video import chosen_times_s, container_fps, read_video, stated_frames
from zoedepth_ros.pipeline.outputs import DEPTH
from zoedepth_ros.pipeline.sequence import ImageOutputs, SequencePredictor
from zoedepth_ros.pipeline.settings import PipelineSettings

VIDEO_SUFFIXES = ('.avi', '.m4v', '.mkv', '.mov', '.mp4', '.mpeg', '.mpg', '.webm')


@dataclass(frozen=True, slots=True)
class VideoFiles:
    """Hold where the results of one video go."""

    folder: Path
    """One 16-bit PNG in millimetres for each frame, named after its number."""
    color: Path
    """Film of image and depth beside each other."""
    table: Path
    """A line for each frame: number, time, head, probabilities, median depth."""


@dataclass(frozen=True, slots=True)
class VideoReport:
    """What was made of one video."""

    frames: int
    """Frames whose depth was written."""
    color_trouble: str
    """Why there is no video of colours; '' when there is one."""
    missing: int
    """Frames that the video should have and that cannot be read; 0 if not known."""


def is_video(path: Path) -> bool:
    """Return whether a path names a video, by its suffix."""
    return path.suffix.lower() in VIDEO_SUFFIXES


def video_files(target: Path) -> VideoFiles:
    """Return the files for a target, the name of the results without an ending."""
    color, table = (target.with_name(target.name + end) for end in ('_color.mp4', '_frames.csv'))
    return VideoFiles(target.with_name(f'{target.name}_depth'), color, table)


def predict_video(
    path: Path,
    files: VideoFiles,
    predictor: DepthPredictor,
    settings: PipelineSettings,
    rate_hz: float = 0.0,
    camera_of: CameraOf = lambda shape: None,
) -> VideoReport:
    """Write the depth of at most `rate_hz` frames a second (0: all), by the frames' own times.

    camera_of: returns the camera of frames of a shape, None where it is not known.  Depth is
    written even where the video of colours cannot be.  Raises ValueError if OpenCV cannot read
    the video, OSError when depth cannot be written, and InferenceError.
    """
    times_s = list(chosen_times_s(path, rate_hz))
    if not times_s:
        raise ValueError(f'{path}: holds no frame that OpenCV reads')
    frames = _predicted(path, predictor, settings, rate_hz, camera_of)
    with _Writer(files, _mean_fps(times_s), predictor.weights_warning) as writer:
        for count, frame in enumerate(progress(frames, len(times_s), 'frames')):
            writer.write(count, *frame)
    missing = 0 if rate_hz else max(0, stated_frames(path) - len(writer.rows))
    return VideoReport(len(writer.rows), writer.color_trouble, missing)


def _mean_fps(times_s: list[float]) -> float:
    """Return the mean rate of frames [Hz]; of a single one, one a second."""
    return (len(times_s) - 1) / (times_s[-1] - times_s[0]) if len(times_s) > 1 else 1.0


def _predicted(
    path: Path,
    predictor: DepthPredictor,
    settings: PipelineSettings,
    rate_hz: float,
    camera_of: CameraOf,
) -> Iterator[tuple[float, NDArray[np.uint8], ImageOutputs]]:
    """Yield time [s], rgb (H, W, 3) and outputs of each frame."""
    sequence = SequencePredictor(predictor, settings)
    for time_s, rgb in read_video(path, rate_hz):
        yield time_s, rgb, sequence(rgb, camera_of(rgb.shape), time_s, [DEPTH])


class _Writer:
    """Write the results of frames as they come; a context.

    The table is written at the end, of as many frames as there are; the video for eyes gets its
    name when it is whole.
    """

    def __init__(self, files: VideoFiles, fps: float, warning: str) -> None:
        files.folder.mkdir(parents=True, exist_ok=True)
        for old in files.folder.glob('[0-9]*.png'):  # of a longer video of this name
            old.unlink()
        self._files, self._fps, self._warning = files, container_fps(fps), warning
        self._video: cv2.VideoWriter | None = None
        self._video_frames = 0
        self._last_shown: NDArray[np.uint8] | None = None
        self.color_trouble = ''
        """Why the video of colours cannot be written; '' when it can."""
        self._probabilities: dict[str, float] = {}  # of the router's latest run
        self.rows: list[tuple[int | str, ...]] = []
        """A line of the table for each frame."""
        for old in (files.color, files.table):
            old.unlink(missing_ok=True)
        self._workspace = TemporaryDirectory(dir=files.color.parent, prefix='.video-')
        self._unfinished = Path(self._workspace.name) / files.color.name

    def __enter__(self) -> _Writer:
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        with self._workspace:
            if self._video is not None:
                self._video.release()
                if kind is None and not self.color_trouble:
                    self._unfinished.replace(self._files.color)
        text = io.StringIO()
        table = csv.writer(text)
        table.writerow(('frame', 'time_s', 'head', 'indoor', 'outdoor', 'median_depth_m'))
        table.writerows(self.rows)
        write_file(self._files.table, text.getvalue())

    def write(
        self, number: int, time_s: float, rgb: NDArray[np.uint8], found: ImageOutputs
    ) -> None:
        """Write one frame."""
        assert found.depth_m is not None
        write_depth_png(self._files.folder / f'{number:06d}.png', found.depth_m)
        self._probabilities = found.router_probabilities or self._probabilities
        shares = [self._probabilities.get(head, float('nan')) for head in COLOR_RANGE_M]
        known_m = found.depth_m[np.isfinite(found.depth_m)]
        median_m = float(np.median(known_m)) if known_m.size else float('nan')
        row = (f'{time_s:.3f}', found.head, *(f'{p:.3f}' for p in shares), f'{median_m:.3f}')
        self.rows.append((number, *row))
        near_m, far_m = color_range_m(found.head, found.range_m)
        beside = np.hstack([rgb[..., ::-1], depth_to_bgr(found.depth_m, near_m, far_m)])
        beside = np.ascontiguousarray(beside[: len(beside) // 2 * 2])  # codecs want even sides
        self._show(time_s, draw_warning(beside, self._warning) if self._warning else beside)

    def _show(self, time_s: float, bgr: NDArray[np.uint8]) -> None:
        """Add a frame to the video for eyes, at its time: the one before stays until then."""
        if self.color_trouble:
            return
        try:
            if self._video is None:
                self._video = self._opened(bgr.shape[1], bgr.shape[0])
            while self._last_shown is not None and self._video_frames < round(time_s * self._fps):
                self._video.write(self._last_shown)
                self._video_frames += 1
            self._video.write(bgr)
            self._video_frames, self._last_shown = self._video_frames + 1, bgr
        except (ValueError, OSError, cv2.error) as error:
            self.color_trouble = f'{self._files.color}: not written: {error}'

    def _opened(self, width: int, height: int) -> cv2.VideoWriter:
        code = int.from_bytes(b'mp4v', 'little')  # what VideoWriter.fourcc makes
        video = cv2.VideoWriter(
            name_for_opencv(self._unfinished), code, self._fps, (width, height)
        )
        if not video.isOpened():
            size = f'{width} x {height} px, {self._fps:g} frames a second'
            raise OSError(f'OpenCV cannot write a video of {size}')
        return video
